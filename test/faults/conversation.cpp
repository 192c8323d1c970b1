// SPDX-License-Identifier: BSL-1.0
// A worker without a thread, a socket, and no memory at one moment or from one moment on: for
// every moment there is. Whatever it costs the connection, the worker goes on.
#include "faults/failing_allocations.hpp"

#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/worker.hpp>

#include "support/captured_log.hpp"
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
#include <string>
#include <string_view>
#include <utility>

BOOST_AUTO_TEST_SUITE(failing_memory)

namespace {

using namespace std::chrono_literals;
using millipede::error_code;
using millipede::frame;
using millipede::payload;
using millipede::transport_kind;
using test::failing_allocations;
using test::fragile_scope;
using how_many = failing_allocations::how_many;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t flood = 2; // answers with more than a socket holds
constexpr std::uint16_t later = 3; // answers from the executor
constexpr std::uint16_t leave = 4; // answers and closes

struct session {
    session() noexcept { ++alive; }
    session(session const&) = delete;
    ~session() { --alive; }
    std::string last; // of some memory of its own
    static inline int alive = 0;
};

std::string const large(400'000, 'x');

// A request to the worker that needs memory when it is run.
template <class F>
class request final : public millipede::detail::mail {
  public:
    explicit request(F f) : f_{std::move(f)} {}
    void run(millipede::detail::worker& recipient) override { f_(recipient); }

  private:
    F f_;
};

class bench {
  public:
    using dispatcher_type = millipede::detail::dispatcher<session, millipede::frame_codec>;
    using connection_type = dispatcher_type::connection_type;

    enum class begins { at_once, without_memory };

    explicit bench(transport_kind kind, begins when = begins::at_once) : limits_{options_of(kind)} {
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
        speaker_.open_handler = [this](connection_type& connection) { id_ = connection.id(); };
        speaker_.close_handler = [](connection_type& connection, error_code const&) {
            connection->last.clear();
        };
        failing_allocations from_here{when == begins::at_once ? 0U : 1U, how_many::all_from_there};
        fragile_scope here;
        subject_.begin();
    }
    ~bench() { disconnect(); }

    // Brings the worker a client.
    void connect() {
        disconnect();
        int ends[2];
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        client_ = ends[0];
        BOOST_REQUIRE(subject_.incoming().push({ends[1], 0}));
        subject_.wake();
    }
    void disconnect() {
        if (client_ >= 0) ::close(std::exchange(client_, -1));
    }

    // The worker may have closed the connection.
    void send(std::string_view bytes) { ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

    // Lets the worker work until the client has got so many bytes, or its connection has ended:
    // one of them has to come. Returns what it got.
    std::string expect(std::size_t bytes) {
        std::string got;
        BOOST_TEST(test::eventually([&] {
            run();
            for (;;) {
                std::array<char, 64 * 1024> room;
                auto size = ::recv(client_, room.data(), std::min(room.size(), bytes - got.size()),
                                   MSG_DONTWAIT);
                if (size <= 0) return size == 0 || errno != EAGAIN;
                got.append(room.data(), static_cast<std::size_t>(size));
                if (got.size() == bytes) return true;
            }
        }));
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
        send(test::frame(later));
        expect(8);
        send(test::frame(flood)); // output that waits
        run();
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
    void check_stop() {
        connect();
        send(test::frame(echo, "last"));
        expect(12);
        auto before = test::failed_allocations();
        {
            failing_allocations from_here{1, how_many::all_from_there};
            subject_.stop();
            run();
        }
        BOOST_TEST(test::failed_allocations() > before);
        BOOST_TEST(subject_.pool().all().in_use() == 1U);
        expect(1); // the end of the stream
        disconnect();
        BOOST_TEST(test::eventually([&] {
            run();
            return subject_.context().stopped() && subject_.pool().all().in_use() == 0;
        }));
    }

  private:
    static millipede::options options_of(transport_kind kind) {
        millipede::options limits;
        limits.connections_per_worker = 4;
        limits.transport = kind;
        limits.linger_timeout = 20ms; // ticks of 10 ms
        limits.output_max_bytes = 1024 * 1024;
        return limits;
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

    millipede::options limits_;
    dispatcher_type speaker_{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols_{&speaker_};
    int client_ = -1;
    millipede::connection_id id_;
    millipede::detail::worker subject_{0, limits_, protocols_};
};

// For every allocation of a conversation. Returns how many there were.
std::uint64_t fail_at_every_allocation(transport_kind kind, how_many count) {
    for (std::uint64_t number = 1;; ++number)
        BOOST_TEST_CONTEXT("allocation " << number << " over " << test::name_of(kind)) {
            bench subject{kind};
            auto before = test::failed_allocations();
            {
                failing_allocations from_here{number, count};
                subject.converse();
            }
            auto failed = test::failed_allocations() - before;
            subject.check();
            if (failed == 0) return number - 1;
            BOOST_REQUIRE(number < 2'000U);
        }
}

} // namespace

BOOST_AUTO_TEST_CASE(one_allocation_that_fails_costs_one_connection_at_most) {
    millipede::set_log_level(millipede::fatal);
    for (auto kind : test::both_transports)
        BOOST_TEST(fail_at_every_allocation(kind, how_many::one) > 5U);
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_CASE(a_worker_that_had_no_memory_for_a_while_goes_on_when_there_is_some) {
    millipede::set_log_level(millipede::fatal);
    for (auto kind : test::both_transports)
        BOOST_TEST(fail_at_every_allocation(kind, how_many::all_from_there) > 2U);
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_CASE(a_worker_that_had_no_memory_for_its_first_tick_ticks) {
    auto before = test::failed_allocations();
    bench subject{transport_kind::epoll, bench::begins::without_memory};
    BOOST_TEST(test::failed_allocations() > before);
    subject.converse();
    subject.check();
}

BOOST_AUTO_TEST_CASE(a_stop_without_memory_for_its_deadline_is_tried_again) {
    bench subject{transport_kind::epoll};
    subject.check_stop();
}

BOOST_AUTO_TEST_CASE(lines_that_cannot_be_logged_cost_nothing_but_themselves) {
    test::captured_log logs{millipede::debug};
    for (auto count : {how_many::one, how_many::all_from_there})
        fail_at_every_allocation(transport_kind::epoll, count);
    millipede::log(millipede::error) << "after all that";
    BOOST_TEST(logs.says("after all that"));
}

BOOST_AUTO_TEST_SUITE_END()
