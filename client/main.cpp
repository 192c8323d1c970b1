// SPDX-License-Identifier: BSL-1.0
#include "commands.hpp"

#include <millipede/base/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace {

boost::asio::awaitable<void> run(client_settings const& settings) {
    if (settings.verb == "login") return login(settings);
    if (settings.verb == "send") return send(settings);
    return watch(settings);
}

std::string explained(boost::system::system_error const& failure) {
    if (failure.code() == millipede::errc::closed_by_peer) return "the server ended the connection";
    return failure.code().message();
}

} // namespace

int main(int argc, char** argv) {
    client_settings settings;
    try {
        settings = read_settings(argc, argv);
        if (settings.verb.empty()) return 0;
        boost::asio::io_context context{1};
        auto result = boost::asio::co_spawn(context, run(settings), boost::asio::use_future);
        context.run();
        result.get();
        return 0;
    } catch (usage_error const& refusal) {
        std::cerr << "millipede-client: " << refusal.what() << "; see --help\n";
        return 2;
    } catch (boost::system::system_error const& failure) {
        std::cerr << "millipede-client: " << settings.host << ':' << settings.port << ": "
                  << explained(failure) << '\n';
    } catch (std::exception const& failure) {
        std::cerr << "millipede-client: " << failure.what() << '\n';
    }
    return 1;
}
