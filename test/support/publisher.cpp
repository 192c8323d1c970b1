// SPDX-License-Identifier: BSL-1.0
// A server that broadcasts to all its connections, for tests from outside: frames of command 2,
// each with its number from 0 and filled up with a letter that depends on it, and at the end one of
// command 3. A frame of command 1 says how many of them may have been published in all by now.
#include "common/command_line.hpp"
#include "common/duration.hpp"

#include <millipede/server.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

namespace {

using namespace millipede;

constexpr std::uint16_t allow_command = 1;
constexpr std::uint16_t news_command = 2;
constexpr std::uint16_t end_command = 3;

struct publisher_settings {
    options limits{.listen = {"127.0.0.1:0"}};
    std::uint32_t frames = 100;
    std::uint32_t frame_bytes = 1'000;
    std::uint32_t audience = 0;
    std::chrono::milliseconds every = std::chrono::milliseconds{10};
};

bool read_publisher_settings(publisher_settings& settings, int argc, char const* const* argv) {
    settings_table table;
    add_server_settings(table, settings.limits);
    table.add({"frames", "N", "frames to publish", [&](std::string const& text) {
                   settings.frames = static_cast<std::uint32_t>(parse_number(text, 1, 1'000'000));
               }});
    table.add({"frame-bytes", "BYTES", "the size of each", [&](std::string const& text) {
                   settings.frame_bytes =
                       static_cast<std::uint32_t>(parse_number(text, 12, 65'535));
               }});
    table.add({"audience", "N", "begins when so many connections are there",
               [&](std::string const& text) {
                   settings.audience = static_cast<std::uint32_t>(parse_number(text, 0, 1'000'000));
               }});
    table.add({"every", "TIME", "the time between two",
               [&](std::string const& text) { settings.every = parse_duration(text).value; }});
    program about{"millipede-test-publisher", "0", "Broadcasts numbered frames."};
    return read_settings(about, {}, table, argc, argv);
}

struct allowance {
    static constexpr std::uint16_t command = allow_command;
    boost::endian::little_uint32_t frames;
};

class publisher {
  public:
    explicit publisher(publisher_settings const& wanted)
        : settings_{wanted}, server_{wanted.limits} {}

    void serve() {
        server_.on<allowance>([this](auto&, allowance const& given) { allow(given.frames); });
        server_.start();
        for (auto const& endpoint : server_.endpoints())
            std::cout << "listening on " << endpoint << std::endl;
        std::thread publishing{[this] { publish(); }};
        server_.run();
        ended_ = true;
        allow(std::numeric_limits<std::uint32_t>::max());
        publishing.join();
        log_totals();
    }

  private:
    void allow(std::uint32_t frames) {
        allowed_ = frames;
        allowed_.notify_all();
    }

    void wait_until_allowed(std::uint32_t number) {
        for (auto allowed = allowed_.load(); allowed <= number; allowed = allowed_.load())
            allowed_.wait(allowed);
    }

    void publish() {
        wait_until_allowed(0);
        // A client is connected before its worker has it: who comes late would miss something.
        while (!ended_ && server_.metrics().opened < settings_.audience)
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        auto due = std::chrono::steady_clock::now();
        for (std::uint32_t number = 0; number < settings_.frames && !ended_; ++number) {
            wait_until_allowed(number);
            std::string data(settings_.frame_bytes - sizeof(frame_head),
                             static_cast<char>('a' + number % 26));
            boost::endian::little_uint32_t mark{number};
            std::memcpy(data.data(), &mark, sizeof mark);
            broadcast(codec_.encode(news_command, as_bytes(data)));
            std::this_thread::sleep_until(due += settings_.every);
        }
        broadcast(codec_.encode(end_command, {}));
    }

    // Not one of them may be missing: when a worker is behind, it waits.
    void broadcast(payload const& message) {
        while (!ended_ && server_.broadcast(message) == errc::mailbox_full)
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }

    void log_totals() {
        std::ostringstream text;
        auto totals = server_.metrics();
        metrics::for_each(totals, [&](std::string_view name, std::uint64_t value) {
            text << ' ' << name << '=' << value;
        });
        log(info) << "totals:" << text.str();
    }

    publisher_settings settings_;
    frame_codec codec_;
    server<> server_;
    std::atomic<std::uint32_t> allowed_{0};
    std::atomic<bool> ended_{false};
};

} // namespace

int main(int argc, char** argv) {
    return run_program("millipede-test-publisher", [&] {
        publisher_settings settings;
        if (!read_publisher_settings(settings, argc, argv)) return 0;
        logging logs{settings.limits.log};
        publisher{settings}.serve();
        return 0;
    });
}
