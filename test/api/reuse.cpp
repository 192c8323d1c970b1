// SPDX-License-Identifier: BSL-1.0
// A slot has many owners, one after the other. Whatever the one before left behind (half a frame,
// unsent output, a pause, a timer, requests of other threads to its id) is not the next one's.
#include "support/running_server.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(reuse)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::error_code;
using millipede::frame;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::raw_client;
using test::with_both_transports;

constexpr std::uint16_t greeting = 1; // from the server: the owner's secret; all frames begin so
constexpr std::uint16_t ask = 2;      // answers with the data
constexpr std::uint16_t flood = 3;    // answers with 6 MB
constexpr std::uint16_t rest = 4;     // pauses; a timer goes on, and sends, perhaps too late
constexpr std::uint16_t leave = 5;    // answers and closes
constexpr std::uint16_t late = 9;     // from the server: from another thread or a timer

// A sanitizer makes everything some five times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t slowness = 5;
#else
constexpr std::uint32_t slowness = 1;
#endif

struct session {
    std::uint32_t secret = 0;
    bool has_asked = false;
};

// Whose id is whose secret.
class register_of_owners {
  public:
    std::uint32_t add(connection_id id) {
        std::lock_guard lock{mutex_};
        ids_.push_back(id);
        return static_cast<std::uint32_t>(ids_.size());
    }
    bool is(connection_id id, std::uint32_t secret) const {
        std::lock_guard lock{mutex_};
        return secret > 0 && secret <= ids_.size() && ids_[secret - 1] == id;
    }
    // The last ones, most of whom have ended.
    std::vector<std::pair<connection_id, std::uint32_t>> recent() const {
        std::lock_guard lock{mutex_};
        std::vector<std::pair<connection_id, std::uint32_t>> found;
        for (auto secret = ids_.size(); secret > 0 && found.size() < 48; --secret)
            found.emplace_back(ids_[secret - 1], static_cast<std::uint32_t>(secret));
        return found;
    }
    std::uint32_t count() const {
        std::lock_guard lock{mutex_};
        return static_cast<std::uint32_t>(ids_.size());
    }

  private:
    mutable std::mutex mutex_;
    std::vector<connection_id> ids_;
};

struct host_type : test::running_server<session> {
    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on_open([this](auto& connection) {
            expect(connection->secret == 0 && !connection->has_asked);
            connection->secret = owners.add(connection.id());
            connection.send(greeting, bytes_of(number(connection->secret)));
        });
        server.on_close([this](auto& connection, error_code const&) {
            expect(owners.is(connection.id(), connection->secret));
        });
        server.on(ask, [this](auto& connection, frame const& message) {
            expect(owners.is(connection.id(), connection->secret));
            connection->has_asked = true;
            auto data = number(connection->secret) + test::text_of(message.data());
            connection.send(ask, bytes_of(data));
        });
        server.on(flood, [](auto& connection, frame const&) {
            auto data = number(connection->secret) + std::string(60'000, 'f');
            millipede::payload whole{bytes_of(test::frame(flood, data))};
            for (int times = 0; times < 100; ++times)
                connection.send(whole);
        });
        server.on(rest, [this](auto& connection, frame const&) {
            connection.pause_receiving();
            auto timer =
                std::make_shared<boost::asio::steady_timer>(connection.get_executor(), 1ms);
            timer->async_wait(
                [this, timer, id = connection.id(), secret = connection->secret](error_code) {
                    server.send(id, message_of(secret));
                    server.post(id, [this, secret](auto& one) {
                        expect(one->secret == secret);
                        one.resume_receiving();
                    });
                });
        });
        server.on(leave, [](auto& connection, frame const&) {
            connection.send(leave, bytes_of(number(connection->secret)));
            connection.close();
        });
    }
    ~host_type() { stop(); }

    static millipede::payload message_of(std::uint32_t secret) {
        return millipede::payload{bytes_of(test::frame(late, number(secret) + "late"))};
    }

    register_of_owners owners;
    test::expectations expect;
};

// Sends to all who were there lately, with their own secrets.
void address_former_owners(host_type& host, std::atomic<bool> const& done) {
    while (!done) {
        for (auto [id, secret] : host.owners.recent()) {
            host.server.send(id, host_type::message_of(secret));
            host.server.post(id, [&host, wanted = secret](auto& connection) {
                host.expect(connection->secret == wanted);
            });
        }
        std::this_thread::sleep_for(500us);
    }
}

// One owner of a slot: every frame it reads has its own secret.
class owner {
  public:
    owner(host_type& host, std::mt19937& random)
        : host_{&host},
          random_{&random},
          floods_{random() % 64 == 0},
          client_{host.connect(floods_ ? 4'096 : 0)} {}

    // False when it was turned away, because those before are not gone yet.
    bool live() {
        if (!client_.readable(test::patience)) return fail();
        try {
            secret_ = client_.read_frame().substr(8);
        } catch (std::runtime_error const&) {
            return false;
        }
        auto token = number(static_cast<std::uint32_t>((*random_)()));
        client_.send(test::frame(ask, token));
        if (answer_to(ask) != token) return fail();
        go(token);
        return true;
    }

  private:
    bool fail(std::source_location where = std::source_location::current()) {
        host_->expect(false, where);
        return true;
    }

    std::string next_frame() {
        auto next = client_.read_frame();
        host_->expect(next.substr(8, 4) == secret_);
        return next;
    }
    std::string answer_to(std::uint16_t command) {
        for (;;) {
            auto next = next_frame();
            if (test::little(std::string_view{next}.substr(6, 2)) == command)
                return next.substr(12);
        }
    }
    void read_to_end() {
        auto got = client_.read_to_end().bytes;
        for (std::string_view left = got; left.size() >= 12;) {
            auto size = test::little(left.substr(4, 2));
            host_->expect(size >= 12 && left.substr(8, 4) == secret_);
            left.remove_prefix(std::min<std::size_t>(left.size(), std::max(size, 12U)));
        }
    }

    void go(std::string const& token) {
        auto unfinished = test::frame(ask, token + std::string(200, 'x'));
        auto some = 1 + (*random_)() % (unfinished.size() - 1);
        if (floods_) { // more output than the kernel holds, which nobody reads
            auto blocked = [this] { return host_->server.metrics().writes_blocked; };
            auto before = blocked();
            client_.send(test::frame(flood));
            eventually([&] { return blocked() > before; }, 1s);
            return client_.reset();
        }
        switch ((*random_)() % 7) {
        case 0: // half a frame
            client_.send(unfinished.substr(0, some));
            return client_.reset();
        case 1: // half a frame that was read, and the end
            client_.send(unfinished.substr(0, some));
            client_.end_output();
            return read_to_end();
        case 2: // a pause, with messages behind it
            client_.send(test::frame(rest) + unfinished + unfinished.substr(0, some));
            return client_.reset();
        case 3: // a pause, and the end behind it
            client_.send(test::frame(rest) + test::frame(ask, token));
            client_.end_output();
            host_->expect(answer_to(ask) == token);
            return read_to_end();
        case 4: // refused
            client_.send(test::frame(0x7777) + unfinished);
            client_.end_output();
            return read_to_end();
        case 5: // closed by the server
            client_.send(test::frame(leave) + unfinished);
            client_.end_output();
            return read_to_end();
        default:
            return client_.reset();
        }
    }

    host_type* host_;
    std::mt19937* random_;
    bool floods_;
    raw_client client_;
    std::string secret_;
};

} // namespace

BOOST_AUTO_TEST_CASE(under_churn_nobody_sees_anything_of_a_former_owner) {
    auto seed = std::random_device{}();
    BOOST_TEST_MESSAGE("reuse: seed " << seed);
    with_both_transports([seed](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.connections_per_worker = 4;
        wanted.output_max_bytes = 8 * 1024 * 1024;
        wanted.mailbox_capacity = 4'096;
        host_type host{wanted};
        host.start();
        std::uint32_t const lives =
            (kind == millipede::transport_kind::epoll ? 24'000U : 6'000U) / slowness;
        std::atomic<bool> done{false};
        std::atomic<std::uint32_t> turned_away{0};
        std::thread other{[&] { address_former_owners(host, done); }};
        std::vector<std::thread> visitors;
        for (std::uint32_t thread = 0; thread < 3; ++thread)
            visitors.emplace_back([&, thread] {
                std::mt19937 random{seed + thread};
                try {
                    while (host.owners.count() < lives)
                        if (!owner{host, random}.live()) ++turned_away;
                } catch (std::exception const& failure) {
                    std::fprintf(stderr, "reuse: a visitor: %s\n", failure.what());
                    host.expect(false);
                }
            });
        for (auto& each : visitors)
            each.join();
        done = true;
        other.join();
        BOOST_TEST(eventually([&] {
            auto sums = host.server.metrics();
            return sums.opened == host.owners.count() && sums.released == sums.accepted - sums.full;
        }));
        host.stop();
        BOOST_TEST(host.expect.broken() == 0);
        auto sums = host.server.metrics();
        BOOST_TEST(sums.closed == host.owners.count());
        BOOST_TEST(sums.stale_requests > 0U);
        BOOST_TEST(sums.writes_blocked > 0U); // output that waits is among what is left behind
        BOOST_TEST(sums.callback_failures == 0U);
        BOOST_TEST_MESSAGE("reuse: " << host.owners.count() << " owners of 8 slots, " << turned_away
                                     << " turned away, " << sums.stale_requests
                                     << " requests to former owners");
    });
}

// The stream of requests ends behind every byte, by a reset or in peace.
BOOST_AUTO_TEST_CASE(wherever_a_stream_ends_all_is_given_back) {
    auto const requests = test::frame(ask) + test::frame(ask, "a") + test::frame(rest) +
                          test::frame(ask, std::string(60, 'b')) + test::frame(leave, "c");
    with_both_transports([&](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.connections_per_worker = 2;
        host_type host{wanted};
        host.start();
        std::uint64_t gone = 0;
        for (std::size_t cut = 0; cut <= requests.size(); ++cut)
            for (bool in_peace : {false, true}) {
                auto client = host.connect();
                client.send(requests.substr(0, cut));
                if (in_peace) {
                    client.end_output();
                    BOOST_TEST(client.read_to_end().clean);
                    client.close();
                } else {
                    if (cut % 2 == 0) client.read_frame(); // the greeting: the server has seen it
                    client.reset();
                }
                ++gone;
                BOOST_REQUIRE(eventually([&] { return host.server.metrics().released == gone; }));
            }
        auto sums = host.server.metrics();
        BOOST_TEST(sums.opened == gone);
        BOOST_TEST(sums.closed == gone);
        BOOST_TEST(sums.handler_failures == 0U);
        host.stop();
        BOOST_TEST(host.expect.broken() == 0);
    });
}

BOOST_AUTO_TEST_SUITE_END()
