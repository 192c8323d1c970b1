// SPDX-License-Identifier: BSL-1.0
// A worker without a thread whose connections are coroutines', and no memory at one moment or from
// one moment on: for every moment there is. It costs that connection at most.
#include "faults/failing_allocations.hpp"
#include "support/running_server.hpp"

#include <millipede/worker/conversation_spawn.hpp>

#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

BOOST_AUTO_TEST_SUITE(failing_conversations)

namespace {

using namespace std::chrono_literals;
using namespace millipede::detail;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using millipede::conversation;
using millipede::frame_codec;
using millipede::no_session;
using test::failing_allocations;

constexpr std::uint16_t echo = 1;

// Answers at once, and then after a while, in turn.
awaitable<void> talk(conversation<> peer, int& living) {
    struct alive {
        explicit alive(int& count) : count_{&count} { ++*count_; }
        ~alive() { --*count_; }
        int* count_;
    } here{living};
    for (;;) {
        co_await peer.async_send(co_await peer.async_receive());
        auto message = co_await peer.async_receive();
        boost::asio::steady_timer timer{peer.get_executor(), 1ms};
        co_await timer.async_wait(use_awaitable);
        co_await peer.async_send(message);
        co_await peer.async_send(message);
    }
}

class subject {
  public:
    subject() {
        hold_conversations(speaker_,
                           [this](conversation<> peer) { return talk(std::move(peer), living); });
        test::fragile_scope here;
        worker_.begin();
    }
    ~subject() { disconnect(); }
    subject(subject const&) = delete;
    subject& operator=(subject const&) = delete;

    // Says something in both ways, and leaves.
    void converse() {
        connect();
        expect(test::frame(echo, "now"), 11);
        expect(test::frame(echo, "later") + test::frame(echo, "more"), 26);
        disconnect();
        run();
    }

    // Whoever comes next is served, and all coroutines have ended.
    void check() {
        connect();
        BOOST_TEST((expect(test::frame(echo, "now"), 11) == test::frame(echo, "now")));
        auto twice = test::frame(echo, "later") + test::frame(echo, "later");
        BOOST_TEST((expect(test::frame(echo, "later"), 26) == twice));
        disconnect();
        BOOST_TEST(test::eventually([&] {
            run();
            return worker_.pool().all().in_use() == 0 && living == 0;
        }));
        BOOST_TEST(worker_.counters().opened.load() == worker_.counters().closed.load());
        BOOST_TEST(worker_.pool().budget().used_bytes() == 0U);
    }

    int living = 0;

  private:
    void connect() {
        disconnect();
        int ends[2];
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        client_ = ends[0];
        BOOST_REQUIRE(worker_.incoming().push({ends[1], 0}));
        worker_.wake();
        run();
    }
    void disconnect() {
        if (client_ >= 0) ::close(std::exchange(client_, -1));
    }

    // Sends, and reads until there are so many bytes, or the end.
    std::string expect(std::string const& bytes, std::size_t size) {
        ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        std::string got;
        bool ended = false;
        BOOST_TEST(test::eventually([&] {
            run();
            std::array<char, 256> room;
            auto some = ::recv(client_, room.data(), room.size(), MSG_DONTWAIT);
            if (some > 0) got.append(room.data(), static_cast<std::size_t>(some));
            ended = some == 0 || (some < 0 && errno != EAGAIN);
            return ended || got.size() >= size;
        }));
        return got;
    }

    void run() {
        test::fragile_scope here;
        for (int handlers = 0; handlers < 1'000; ++handlers) {
            try {
                if (worker_.context().poll_one() == 0) break;
            } catch (std::bad_alloc const&) { // of a handler on the executor
            }
        }
    }

    millipede::options limits_ = [] {
        auto wanted = test::quiet_options();
        wanted.connections_per_worker = 4;
        wanted.linger_timeout = 20ms; // ticks of 10 ms
        return wanted;
    }();
    dispatcher<no_session, frame_codec> speaker_{frame_codec{}};
    std::array<protocol*, 1> protocols_{&speaker_};
    int client_ = -1;
    worker worker_{0, limits_, protocols_};
};

std::uint64_t fail_everywhere(failing_allocations::how_many count) {
    for (std::uint64_t number = 1;; ++number)
        BOOST_TEST_CONTEXT("allocation " << number) {
            subject one;
            auto before = test::failed_allocations();
            {
                failing_allocations from_here{number, count};
                one.converse();
            }
            auto failed = test::failed_allocations() - before;
            one.check();
            if (failed == 0) return number - 1;
            BOOST_REQUIRE(number < 2'000U);
        }
}

} // namespace

BOOST_AUTO_TEST_CASE(one_allocation_that_fails_costs_one_conversation_at_most) {
    millipede::set_log_level(millipede::fatal);
    BOOST_TEST(fail_everywhere(failing_allocations::how_many::one) > 5U);
    BOOST_TEST(fail_everywhere(failing_allocations::how_many::all_from_there) > 2U);
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_SUITE_END()
