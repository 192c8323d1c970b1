// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/raw_client.hpp"
#include "support/wait.hpp"

#include <millipede/server.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <string_view>
#include <thread>

namespace test {

inline constexpr std::array both_transports{millipede::transport_kind::epoll,
                                            millipede::transport_kind::asio};

inline std::string_view name_of(millipede::transport_kind kind) {
    return kind == millipede::transport_kind::epoll ? "epoll" : "asio";
}

/// Calls `test(kind)` for both.
template <class Test>
void with_both_transports(Test test) {
    for (auto kind : both_transports)
        BOOST_TEST_CONTEXT("transport " << name_of(kind)) {
            test(kind);
        }
}

/// One small worker on a port of the system's choice, which logs nothing and leaves signals alone.
/// What the server ends has all the time that a slow machine needs: see `clients_stay`.
inline millipede::options
quiet_options(millipede::transport_kind kind = millipede::transport_kind::epoll) {
    millipede::options wanted;
    wanted.listen = {"127.0.0.1:0"};
    wanted.workers = 1;
    wanted.connections_per_worker = 512;
    wanted.transport = kind;
    wanted.handle_signals = false;
    wanted.linger_timeout = patience;
    wanted.stop_timeout = patience;
    wanted.log.level = millipede::fatal;
    return wanted;
}

/// For a test whose clients do not leave when they are told the end: they are not waited for.
inline millipede::options clients_stay(millipede::options wanted = quiet_options()) {
    wanted.linger_timeout = std::chrono::milliseconds{400};
    return wanted;
}

/// A server that runs in a thread of its own. Set the handlers of `server`, then `start()`.
template <class Session = millipede::no_session>
class running_server {
  public:
    explicit running_server(millipede::options wanted = quiet_options())
        : server{std::move(wanted)} {}
    ~running_server() { stop(); }

    void start() {
        server.start();
        run();
    }
    /// Accepts in the background; after `server.start()`.
    void run() {
        thread_ = std::thread{[this] {
            try {
                server.run();
            } catch (...) {
                failed = true;
            }
            ended = true;
        }};
    }
    /// Stops and waits for the end.
    void stop() {
        server.stop();
        join();
    }
    void join() {
        if (thread_.joinable()) thread_.join();
    }

    raw_client connect(int receive_buffer = 0) {
        return raw_client{server.endpoints().at(0), receive_buffer};
    }

    millipede::server<Session> server;
    std::atomic<bool> ended{false};  ///< `run()` is over ...
    std::atomic<bool> failed{false}; ///< ... because of an exception.

  private:
    std::thread thread_;
};

} // namespace test
