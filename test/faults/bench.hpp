// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "faults/failing_allocations.hpp"

#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/group_errands.hpp>
#include <millipede/worker/worker.hpp>

#include "support/printing.hpp"
#include "support/running_server.hpp"
#include "support/wait.hpp"
#include "support/wire.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace test::faults {

using namespace std::chrono_literals;
using millipede::error_code;
using millipede::frame;
using millipede::overflow_policy;
using millipede::payload;
using millipede::transport_kind;
using greeting_type = millipede::detail::greeting;
using how_many = failing_allocations::how_many;

inline std::string const large(400'000, 'x');
inline std::string const goodbye = "goodbye";

/// A request to the worker that needs memory when it is run.
template <class F>
class request final : public millipede::detail::mail {
  public:
    explicit request(F f) : f_{std::move(f)} {}
    void run(millipede::detail::worker& recipient) override { f_(recipient); }

  private:
    F f_;
};

/// A worker without a thread, and one client of it at a time.
class bench {
    static constexpr std::uint16_t echo = 1;
    static constexpr std::uint16_t flood = 2; // answers with more than a socket holds
    static constexpr std::uint16_t later = 3; // answers from the executor
    static constexpr std::uint16_t leave = 4; // answers and closes

    struct session {
        session() noexcept { ++alive; }
        session(session const&) = delete;
        ~session() { --alive; }
        std::string last; // of some memory of its own
        static inline int alive = 0;
    };

  public:
    using dispatcher_type = millipede::detail::dispatcher<session, millipede::frame_codec>;
    using connection_type = dispatcher_type::connection_type;

    enum class begins { at_once, without_memory };

    /// \param asked of the client before its first message.
    explicit bench(transport_kind kind, begins when = begins::at_once,
                   std::optional<greeting_type> asked = {})
        : limits_{options_of(kind)}, asked_{asked} {
        speaker_.handler_of(echo) = [](connection_type& connection, frame const& message) {
            connection->last = std::string(100, 'y');
            connection.send(message);
        };
        speaker_.handler_of(flood) = [](connection_type& connection, frame const&) {
            connection.send(payload{test::bytes_of(large)});
        };
        speaker_.handler_of(later) = [this](connection_type& connection, frame const&) {
            boost::asio::post(connection.get_executor(),
                              [this, id = connection.id(),
                               message = payload{test::bytes_of(test::frame(later))}] {
                                  subject_.send(id, message);
                              });
        };
        speaker_.handler_of(leave) = [](connection_type& connection, frame const& message) {
            connection.send(message);
            connection.close();
        };
        speaker_.overflow_handler = [](connection_type& connection, auto const& event) {
            connection->last = std::string(100 + event.messages, 'z');
        };
        speaker_.drain_handler = [](connection_type& connection, auto) {
            connection.send(payload{test::bytes_of(goodbye)});
        };
        speaker_.open_handler = [this](connection_type& connection) { id_ = connection.id(); };
        speaker_.close_handler = [](connection_type& connection, error_code const&) {
            connection->last.clear();
        };
        failing_allocations from_here{when == begins::at_once ? 0U : 1U, how_many::all_from_there};
        fragile_scope here;
        subject_.begin();
    }
    virtual ~bench() { disconnect(); }
    bench(bench const&) = delete;
    bench& operator=(bench const&) = delete;

    // Brings the worker a client.
    void connect() {
        disconnect();
        int ends[2];
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        client_ = ends[0];
        millipede::detail::source_key source{boost::asio::ip::make_address("192.0.2.1")};
        BOOST_REQUIRE(subject_.incoming().push(
            {ends[1], 0, source, static_cast<std::uint16_t>(asked_ ? 1 : 0)}));
        subject_.wake();
        subject_.departed().take_all([](auto) {});
        greet();
    }
    void disconnect() {
        if (client_ >= 0) ::close(std::exchange(client_, -1));
    }

    // The worker may have closed the connection.
    void send(std::string_view bytes) { say(sealed(bytes)); }

    // Lets the worker work until the client has got so many bytes, or its connection has ended:
    // one of them has to come. Returns what it got.
    std::string expect(std::size_t bytes) {
        std::string got;
        bool ended = false;
        bool came = eventually([&] {
            run();
            // In the clear no more is taken than is asked for: what follows is for the next.
            while (!ended && got.size() < bytes)
                if (auto heard = hear(bytes - got.size(), ended); !heard.empty())
                    got += opened(heard);
                else
                    break;
            return ended || got.size() >= bytes;
        });
        BOOST_TEST(came, "expected " << bytes << " bytes, got " << got.size());
        return got;
    }

    template <class F>
    void post(F f) {
        BOOST_REQUIRE(!subject_.post(std::make_unique<request<F>>(std::move(f))));
    }

    // All that a connection may be in need of, step by step.
    void converse() {
        connect();
        run();
        send(test::frame(echo, "half").substr(0, 9)); // an incomplete message
        run();
        send(test::frame(echo, "half").substr(9));
        expect(12);
        post([this, message = payload{test::bytes_of(test::frame(echo, "sent"))}](auto& worker) {
            worker.send(id_, message);
        });
        post([this](auto& worker) {
            worker.with(id_,
                        [](auto& connection) { connection.send_bytes(test::bytes_of("with")); });
        });
        expect(16);
        auto news = payload{test::bytes_of(test::frame(echo, "news"))};
        using millipede::detail::broadcast;
        using millipede::detail::broadcast_mail;
        BOOST_REQUIRE(!subject_.post_admitted(std::make_unique<broadcast_mail>(
            std::make_unique<broadcast>(news, overflow_policy::close))));
        expect(12);
        visit_a_group(news);
        post([this](auto& worker) { worker.owe(id_); });
        post([this, news](auto& worker) { worker.answer(id_, news, {}); });
        expect(12);
        send(test::frame(later));
        expect(8);
        send(test::frame(flood)); // output that waits
        run();
        auto too_much = payload{test::bytes_of(std::string(1'000'000, 'd'))};
        post([this, too_much](auto& worker) {
            worker.send(id_, too_much, overflow_policy::drop_newest);
        });
        send(test::frame(echo, "while it waits"));
        expect(large.size() + 22);
        send(test::frame(leave));
        expect(9); // its last answer, and the end
    }

    // A worker that is not lost serves the next client, ticks, and ends what there is.
    void check() {
        connect();
        send(test::frame(echo, "next"));
        BOOST_TEST((expect(12) == test::frame(echo, "next")));
        disconnect();
        auto beats = subject_.beats();
        BOOST_TEST(test::eventually([&] {
            run();
            return subject_.pool().all().in_use() == 0 && subject_.beats() > beats;
        }));
        auto const& counters = subject_.counters();
        BOOST_TEST(counters.opened.load() == counters.closed.load());
        BOOST_TEST(counters.released.load() == 2U); // one of the conversation, and this one
        BOOST_TEST(subject_.pool().budget().used_bytes() == 0U);
        BOOST_TEST(session::alive == 0);
    }

    // Stops the worker, which has no memory at first.
    void check_stop(millipede::detail::stop_plan const& plan) {
        connect();
        send(test::frame(echo, "last"));
        expect(12);
        auto before = test::failed_allocations();
        {
            failing_allocations from_here{1, how_many::all_from_there};
            subject_.stop(plan);
            run();
        }
        BOOST_TEST(test::failed_allocations() > before);
        // Who was to be told goodbye without memory for it has been closed, if its turn had come.
        if (!plan.says_goodbye) BOOST_TEST(subject_.pool().all().in_use() == 1U);
        expect(goodbye.size() + 1); // at the most, and the end of the stream
        disconnect();
        BOOST_TEST(test::eventually([&] {
            run();
            return subject_.context().stopped() && subject_.pool().all().in_use() == 0;
        }));
    }

  protected:
    // Who has no memory to join is closed: it would miss what it counts on.
    void visit_a_group(payload const& news) {
        using millipede::detail::broadcast_mail;
        using millipede::detail::membership_change;
        boost::intrusive_ptr room{new millipede::detail::group_state{1, nullptr}};
        auto carry_out = [this](auto errand) {
            BOOST_REQUIRE(
                !subject_.post_admitted(std::make_unique<broadcast_mail>(std::move(errand))));
        };
        using kind = membership_change::kind;
        carry_out(std::make_unique<membership_change>(room, id_, kind::joins));
        carry_out(
            std::make_unique<millipede::detail::group_send>(room, news, overflow_policy::close));
        carry_out(std::make_unique<membership_change>(room, id_, kind::leaves));
        expect(12);
        run();
        BOOST_TEST(room->size() == 0U);
        BOOST_TEST(subject_.groups().empty());
    }

    // What a client with TLS does otherwise.
    virtual void greet() {
        if (!asked_) return;
        say("PROXY TCP4 192.0.2.1 "); // and the rest once that has been looked at
        run();
        say("198.51.100.1 4 5\r\n");
        run();
    }
    virtual std::string sealed(std::string_view bytes) { return std::string{bytes}; }
    virtual std::string opened(std::string_view bytes) { return std::string{bytes}; }

    void say(std::string_view bytes) { ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

    std::string hear(std::size_t bytes_max, bool& ended) {
        std::array<char, 64 * 1024> room;
        auto size = ::recv(client_, room.data(), std::min(room.size(), bytes_max), MSG_DONTWAIT);
        ended = size == 0 || (size < 0 && errno != EAGAIN);
        return {room.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
    }

    // As the worker's thread does.
    void run() {
        fragile_scope here;
        for (int handlers = 0; handlers < 1'000; ++handlers) { // what is tried again has no end
            try {
                if (subject_.context().poll_one() == 0) break;
            } catch (std::bad_alloc const&) { // of a handler on the executor
            }
        }
    }

  private:
    static millipede::options options_of(transport_kind kind) {
        millipede::options limits;
        limits.connections_per_worker = 4;
        limits.transport = kind;
        limits.linger_timeout = 20ms; // ticks of 10 ms
        limits.output_max_bytes = 1024 * 1024;
        limits.connections_per_source_max = 4;
        limits.messages_per_second = 1'000'000;
        limits.first_message_timeout = limits.message_timeout = 10s;
        return limits;
    }

    millipede::options limits_;
    dispatcher_type speaker_{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols_{&speaker_};
    std::optional<greeting_type> asked_;
    std::array<greeting_type, 1> greetings_{asked_.value_or(greeting_type{})};
    int client_ = -1;
    millipede::connection_id id_;
    millipede::detail::worker subject_{0, limits_, protocols_, greetings_};
};

/// For every allocation of a conversation. `make()` makes a bench. Returns how many there were.
template <class Make>
std::uint64_t fail_at_every_allocation(how_many count, Make make) {
    for (std::uint64_t number = 1;; ++number)
        BOOST_TEST_CONTEXT("allocation " << number) {
            auto subject = make();
            auto before = failed_allocations();
            {
                failing_allocations from_here{number, count};
                subject->converse();
            }
            auto failed = failed_allocations() - before;
            subject->check();
            if (failed == 0) return number - 1;
            BOOST_REQUIRE(number < 2'000U);
        }
}

} // namespace test::faults
