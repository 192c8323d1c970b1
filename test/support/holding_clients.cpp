// SPDX-License-Identifier: BSL-1.0
// Many clients of the library in one process, on one io_context: connects COUNT of them to HOST
// PORT, logs each in, prints "connected COUNT, BYTES bytes each" and, for every line on standard
// input, has all of them ask at once and prints "answered COUNT". Ends with its standard input.
#include <millipede/client.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/endian/arithmetic.hpp>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <string>

namespace {

namespace asio = boost::asio;
using millipede::client;

struct login_done {
    static constexpr std::uint16_t command = 0x6101;
};
struct login {
    static constexpr std::uint16_t command = 0x6101;
    using reply_type = login_done;
    boost::endian::little_uint16_t uid;
};
struct count {
    static constexpr std::uint16_t command = 0x6102;
    using reply_type = count;
    boost::endian::little_uint32_t number;
};

class crowd {
  public:
    crowd(asio::io_context& context, std::size_t size, std::string host, std::string port)
        : context_{&context}, host_{std::move(host)}, port_{std::move(port)}, size_{size} {}

    // A few at a time, each after another one has come in.
    void begin() {
        before_ = ::mallinfo2().uordblks;
        for (std::size_t started = 0; started < 200; ++started)
            add();
    }
    void ask() {
        answered_ = 0;
        for (auto& each : clients_) {
            auto number = ++asked_;
            each.async_request(count{number}, [this, number](auto code, count reply) {
                if (code || reply.number != number) std::abort();
                if (++answered_ == size_) std::cout << "answered " << size_ << std::endl;
            });
        }
    }

  private:
    void add() {
        if (clients_.size() == size_) return;
        using namespace std::chrono_literals;
        auto& added = clients_.emplace_back(
            *context_, millipede::client_options{
                           .connect_timeout = 60s,
                           .request_timeout = 60s,
                           .heartbeat_interval = 60s,
                           .heartbeat_timeout = 60s,
                           .reconnect = millipede::reconnect_options{.from_the_start = true}});
        added.async_connect(host_, port_, [this, &added](auto code) {
            if (code) return fail(code);
            added.async_request(login{1}, [this](auto why, login_done) {
                if (why) return fail(why);
                add();
                if (++logged_in_ == size_) tell();
            });
        });
    }
    void tell() {
        auto bytes = (::mallinfo2().uordblks - before_) / size_;
        std::cout << "connected " << size_ << ", " << bytes << " bytes each" << std::endl;
    }
    void fail(boost::system::error_code const& why) {
        std::cerr << "a client failed: " << why.message() << std::endl;
        context_->stop();
    }

    asio::io_context* context_;
    std::string host_;
    std::string port_;
    std::size_t size_;
    std::deque<client> clients_;
    std::size_t before_ = 0;
    std::size_t logged_in_ = 0;
    std::size_t answered_ = 0;
    std::uint32_t asked_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    asio::io_context context{1};
    crowd clients{context, std::strtoul(argv[3], nullptr, 10), argv[1], argv[2]};
    clients.begin();
    asio::posix::stream_descriptor input{context, ::dup(STDIN_FILENO)};
    std::string line;
    std::function<void()> listen = [&] {
        asio::async_read_until(input, asio::dynamic_buffer(line), '\n',
                               [&](auto code, std::size_t size) {
                                   if (code) return context.stop();
                                   line.erase(0, size);
                                   clients.ask();
                                   listen();
                               });
    };
    listen();
    context.run();
}
