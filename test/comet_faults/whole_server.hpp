// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "faults/failing_allocations.hpp"
#include "support/raw_client.hpp"
#include "support/running_server.hpp"
#include "support/wait.hpp"

#include "channels/live_settings.hpp"
#include "channels/local_hub.hpp"
#include "ports/admin.hpp"
#include "ports/command_executor.hpp"
#include "ports/front.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace test {

/// A comet server in the test's process, whose workers can be held, flooded and left without
/// memory.
class whole_server {
  public:
    explicit whole_server(millipede::options wanted, comet::channel_limits limits = {})
        : server{std::move(wanted), comet::http_codec{}},
          live_{in_force({.channels = std::move(limits), .front_publishes = true}, server)},
          counters{server.worker_count()},
          channels{server, *live_, counters},
          admins_{server.listen<comet::subscriber>(comet::http_codec{}, "127.0.0.1:0")},
          commands_{channels, counters, *live_, server},
          front_{channels, counters, *live_, server, commands_},
          admin_{channels, counters, *live_, admins_} {
        attach(server, front_);
        attach(admins_, admin_);
        server.start();
        channels.start();
        thread_ = std::thread{[this] { server.run(); }};
    }
    ~whole_server() {
        server.stop();
        thread_.join();
    }
    whole_server(whole_server const&) = delete;
    whole_server& operator=(whole_server const&) = delete;

    /// A client of one of the ports that a worker knows of: 0, for subscribers, or 1.
    raw_client connect(std::size_t port = 0) {
        auto before = opened_.load();
        raw_client made{server.endpoints().at(port)};
        BOOST_REQUIRE(eventually([&] { return opened_ > before; }));
        return made;
    }
    /// The worker of whom was let in last.
    std::uint32_t newest_worker() const { return newest_worker_; }

    /// How many requests and frames have been handled, and connections have ended.
    std::uint64_t heard() const { return server.metrics().messages_received + ended_; }

    /// Has `f()` run on a worker, and waits for its end.
    template <class F>
    void on_worker(std::uint32_t worker, F f) {
        std::promise<void> done;
        auto post = [&] {
            return !server.post_to(worker, [&] {
                f();
                done.set_value();
            });
        };
        BOOST_REQUIRE(eventually(post));
        BOOST_REQUIRE((done.get_future().wait_for(patience) == std::future_status::ready));
    }

    std::uint32_t subscribers(std::string const& channel) {
        std::promise<std::uint32_t> answer;
        auto found = answer.get_future();
        BOOST_REQUIRE(
            channels.look(channel, [&](auto count) { answer.set_value(count.value_or(0)); }));
        BOOST_REQUIRE((found.wait_for(patience) == std::future_status::ready));
        return found.get();
    }

    comet::comet_server server;

  private:
    static std::unique_ptr<comet::settings_in_force> in_force(comet::live_settings const& settings,
                                                              comet::comet_server const& server) {
        auto made = std::make_unique<comet::settings_in_force>();
        made->begin(settings, server.worker_count());
        return made;
    }

    std::unique_ptr<comet::settings_in_force> live_;

  public:
    comet::tally counters;
    comet::local_hub channels;

  private:
    template <class Port>
    void attach(comet::port::service& listener, Port& handlers) {
        using comet::http_connection;
        listener.on_open([&](http_connection& connection) {
            handlers.opened(connection);
            newest_worker_ = connection.worker_index();
            ++opened_;
        });
        listener.on_message([&](http_connection& connection, comet::http_request const& request) {
            handlers.received(connection, request);
        });
        listener.on_close([&](http_connection& connection, auto const&) {
            handlers.ended(connection);
            ++ended_;
        });
    }

    comet::port::service& admins_;
    comet::command_executor commands_;
    comet::front front_;
    comet::admin admin_;
    std::atomic<int> opened_{0};
    std::atomic<std::uint64_t> ended_{0};
    std::atomic<std::uint32_t> newest_worker_{0};
    std::thread thread_;
};

/// A worker that does nothing while this lives.
class held_worker {
  public:
    held_worker(whole_server& host, std::uint32_t worker) : server_{host.server}, worker_{worker} {
        std::promise<void> held;
        BOOST_REQUIRE(!server_.post_to(worker, [&held, go_on = go_on_.get_future().share()] {
            held.set_value();
            go_on.wait();
        }));
        held.get_future().wait();
    }
    ~held_worker() { go_on_.set_value(); }
    held_worker(held_worker const&) = delete;
    held_worker& operator=(held_worker const&) = delete;

    /// Until its mailbox is full.
    void flood() {
        while (!server_.post_to(worker_, [] {})) {
        }
    }

  private:
    comet::comet_server& server_;
    std::uint32_t worker_;
    std::promise<void> go_on_;
};

/// What comes until `mark`, or until the end.
inline std::string hear(raw_client& client, std::string_view mark) {
    std::string heard;
    try {
        while (heard.find(mark) == std::string::npos) {
            BOOST_REQUIRE(client.readable(patience)); // nobody is left to wait
            heard += client.read(1);
        }
    } catch (std::runtime_error const&) {
    }
    return heard;
}

} // namespace test
