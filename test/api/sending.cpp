// SPDX-License-Identifier: BSL-1.0
// What is sent: from handlers and from any thread, to one's own connection and to others, to peers
// that read and to peers that do not.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(sending)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::overflow_policy;
using millipede::payload;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

payload frame_payload(std::uint16_t command, std::string_view data) {
    return payload{bytes_of(test::frame(command, data))};
}

// A message whose encoding comes in two pieces, head and data.
struct block {
    static constexpr std::uint16_t command = 9;
    std::string data;

    static std::optional<block> decode(std::span<std::byte const> bytes) {
        return block{test::text_of(bytes)};
    }
    std::size_t data_size() const { return data.size(); }
    void encode(auto& sink) const { sink.append(bytes_of(data)); }
};

// Its encoding fails when `before` bytes of its data are out.
struct torn {
    static constexpr std::uint16_t command = 10;
    std::size_t before = 0;

    static std::optional<torn> decode(std::span<std::byte const>) { return std::nullopt; }
    std::size_t data_size() const { return before + 1; }
    void encode(auto& sink) const {
        sink.append(bytes_of(std::string(before, 't')));
        throw std::runtime_error{"half way"};
    }
};

// Data that begins with its number and tells its length from it, so that every mix-up is seen.
std::string numbered_data(std::uint32_t index, std::size_t size) {
    auto data = number(index);
    while (data.size() < size)
        data += static_cast<char>('a' + (index + data.size()) % 26);
    return data;
}
std::uint32_t checked_number(std::string const& received) {
    auto index = test::little(received.substr(8, 4));
    BOOST_REQUIRE((received.substr(8) == numbered_data(index, received.size() - 8)));
    return index;
}

// Frames up to the end of the stream.
std::vector<std::uint32_t> numbers_to_end(test::raw_client& client) {
    std::vector<std::uint32_t> numbers;
    while (client.readable(test::patience)) {
        try {
            numbers.push_back(checked_number(client.read_frame()));
        } catch (std::runtime_error const&) {
            break;
        }
    }
    return numbers;
}

} // namespace

BOOST_AUTO_TEST_CASE(posts_and_sends_of_every_thread_keep_their_order_and_all_arrive) {
    static constexpr std::uint32_t threads = 4;
    static constexpr std::uint32_t each = 2'000;
    with_both_transports([](auto kind) {
        recorded<connection_id> ids;
        recorded<std::uint32_t> posted;
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 8 * 1024 * 1024;
        running_server<> host{wanted};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.start();
        auto client = host.connect();
        BOOST_REQUIRE(ids.wait_for(1));
        std::atomic<int> refused{0};
        std::vector<std::thread> senders;
        for (std::uint32_t thread = 0; thread < threads; ++thread)
            senders.emplace_back([&, thread] {
                for (std::uint32_t index = 0; index < each; ++index) {
                    auto mark = thread << 24 | index;
                    auto first = host.server.send(ids.at(0), frame_payload(1, number(mark)));
                    auto second = host.server.post(ids.at(0), [&posted, mark](auto& connection) {
                        posted.add(mark);
                        connection.send_bytes(bytes_of(test::frame(2, number(mark))));
                    });
                    if (first || second) ++refused;
                }
            });
        for (auto& sender : senders)
            sender.join();
        BOOST_TEST(refused == 0);
        // For every thread: send 0, post 0, send 1, post 1 ...
        std::map<std::uint32_t, std::uint32_t> next;
        for (std::uint32_t index = 0; index < threads * each * 2; ++index) {
            auto received = client.read_frame();
            auto command = static_cast<unsigned char>(received[6]);
            auto mark = test::little(received.substr(8));
            auto& wanted_next = next[mark >> 24];
            BOOST_REQUIRE((mark & 0xffffff) == wanted_next / 2);
            BOOST_REQUIRE(command == wanted_next % 2 + 1);
            ++wanted_next;
        }
        BOOST_TEST(posted.size() == threads * each);
    });
}

// A handler finds what was sent before it, in the same turn, and not yet written.
BOOST_AUTO_TEST_CASE(a_send_and_a_post_of_one_turn_leave_in_their_order_and_at_once) {
    with_both_transports([](auto kind) {
        recorded<connection_id> ids;
        std::atomic<int> holding{0};
        std::atomic<int> goes_on{0};
        running_server<> host{quiet_options(kind)};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.server.on(1, [&](auto&, frame const&) {
            auto turn = ++holding;
            eventually([&] { return goes_on >= turn; });
        });
        host.start();
        auto holder = host.connect();
        BOOST_REQUIRE(ids.wait_for(1));
        auto client = host.connect();
        BOOST_REQUIRE(ids.wait_for(2));
        for (int turn = 1; turn <= 3; ++turn) {
            holder.send(test::frame(1));
            BOOST_TEST(eventually([&] { return holding == turn; }));
            for (int times = 0; times < 2; ++times) {
                host.server.send(ids.at(1), payload{bytes_of("sent,")});
                host.server.post(ids.at(1), [](auto& connection) {
                    connection.send_bytes(bytes_of("posted;"));
                });
            }
            ++goes_on;
            BOOST_TEST_CONTEXT("turn " << turn) {
                BOOST_REQUIRE(client.readable(test::patience));
                BOOST_TEST(client.read(24) == "sent,posted;sent,posted;");
                // An Asio stream has one write under way at a time.
                if (kind == millipede::transport_kind::epoll)
                    BOOST_TEST(host.server.metrics().writes_blocked == 0U);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(ids_that_name_nobody_are_refused) {
    with_both_transports([](auto kind) {
        recorded<connection_id> ids;
        std::atomic<int> ran{0};
        running_server<> host{quiet_options(kind)};
        auto touch = [&](auto&) { ++ran; };
        connection_id nobody{200, 0, 1};
        BOOST_TEST(host.server.send(nobody, payload{}) == errc::not_running);
        BOOST_TEST(host.server.post(nobody, touch) == errc::not_running);
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.start();
        BOOST_TEST(host.server.send(nobody, payload{}) == errc::stale_connection);
        BOOST_TEST(host.server.post(nobody, touch) == errc::stale_connection);
        {
            auto client = host.connect();
            BOOST_REQUIRE(ids.wait_for(1));
        }
        BOOST_TEST(eventually([&] { return host.server.metrics().released == 1; }));
        // The worker exists, so only there it turns out.
        auto slot_never_used = connection_id{0, 100, 1};
        auto slot_out_of_range = connection_id{0, connection_id::slots_max - 1, 1};
        for (auto id : {ids.at(0), slot_never_used, slot_out_of_range, connection_id{}}) {
            BOOST_TEST(!host.server.send(id, frame_payload(1, "")));
            BOOST_TEST(!host.server.post(id, touch));
        }
        BOOST_TEST(eventually([&] { return host.server.metrics().stale_requests == 8; }));
        auto former = ids.at(0);
        host.stop();
        BOOST_TEST(host.server.send(former, payload{}) == errc::not_running);
        BOOST_TEST(host.server.post(former, touch) == errc::not_running);
        BOOST_TEST(ran == 0);
    });
}

// Threads go on sending to every id there ever was, with a secret of its owner, while slots are
// given to new owners all the time.
BOOST_AUTO_TEST_CASE(nothing_for_a_former_owner_of_a_slot_reaches_the_next_one) {
    static constexpr std::uint32_t rounds = 150;
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.connections_per_worker = 2;
        wanted.mailbox_capacity = 4'096;
        recorded<connection_id> ids; // the index is the owner's secret
        struct session {
            std::uint32_t secret = 0;
        };
        std::mutex opening;
        std::atomic<int> strangers{0};
        running_server<session> host{wanted};
        host.server.on_open([&](auto& connection) {
            std::lock_guard lock{opening};
            connection->secret = static_cast<std::uint32_t>(ids.size());
            connection.send_bytes(bytes_of(test::frame(1, number(connection->secret))));
            ids.add(connection.id());
        });
        host.start();
        std::atomic<bool> done{false};
        std::vector<std::thread> senders;
        for (int thread = 0; thread < 2; ++thread)
            senders.emplace_back([&, thread] {
                while (!done) {
                    auto all = ids.all();
                    for (std::uint32_t secret = 0; secret < all.size() && !done; ++secret) {
                        if (thread == 0)
                            host.server.send(all[secret], frame_payload(2, number(secret)));
                        else
                            host.server.post(all[secret], [&, secret](auto& connection) {
                                if (connection->secret != secret) ++strangers;
                            });
                    }
                    std::this_thread::yield();
                }
            });
        for (std::uint32_t round = 0; round < rounds; ++round) {
            BOOST_REQUIRE(eventually([&] {
                return host.server.metrics().released >= static_cast<std::uint64_t>(round * 2);
            }));
            auto first = host.connect();
            auto second = host.connect();
            for (auto* client : {&first, &second}) {
                auto greeting = client->read_frame();
                auto secret = greeting.substr(8);
                BOOST_TEST((greeting == test::frame(1, secret)));
                for (int times = 0; times < 3; ++times)
                    BOOST_REQUIRE((client->read_frame() == test::frame(2, secret)));
            }
        }
        done = true;
        for (auto& sender : senders)
            sender.join();
        host.stop();
        BOOST_TEST(strangers == 0);
        BOOST_TEST(host.server.metrics().stale_requests > 0U);
        BOOST_TEST(host.server.metrics().full == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_handler_sends_to_another_connection_here_and_elsewhere) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        recorded<connection_id> ids;
        running_server<> host{wanted};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.server.on(1, [&](auto& connection, frame const& message) {
            // To everybody else, in the order of the messages.
            for (auto id : ids.all())
                if (id != connection.id()) host.server.send(id, payload{message.whole});
        });
        host.start();
        std::vector<test::raw_client> clients;
        for (std::size_t count = 1; count <= 4; ++count) {
            clients.push_back(host.connect());
            BOOST_REQUIRE(ids.wait_for(count));
        }
        std::map<std::uint32_t, int> per_worker;
        for (auto id : ids.all())
            ++per_worker[id.worker()];
        BOOST_TEST(per_worker[0] == 2);
        BOOST_TEST(per_worker[1] == 2);
        std::string many;
        for (std::uint32_t index = 0; index < 200; ++index)
            many += test::frame(1, number(index));
        clients[0].send(many);
        for (std::size_t each = 1; each < clients.size(); ++each)
            BOOST_TEST((clients[each].read(many.size()) == many));
    });
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_refuses_and_loses_nothing_it_took) {
    auto wanted = quiet_options();
    wanted.mailbox_capacity = 4;
    recorded<connection_id> ids;
    std::atomic<bool> goes_on{false};
    running_server<> host{wanted};
    host.server.on(1, [&](auto& connection, frame const&) {
        ids.add(connection.id());
        eventually([&] { return goes_on.load(); });
    });
    host.start();
    auto client = host.connect();
    client.send(test::frame(1));
    BOOST_REQUIRE(ids.wait_for(1)); // the worker is held now
    for (std::uint32_t index = 0; index < 4; ++index)
        BOOST_TEST(!host.server.send(ids.at(0), frame_payload(2, number(index))));
    BOOST_TEST(host.server.send(ids.at(0), frame_payload(2, "")) == errc::mailbox_full);
    BOOST_TEST(host.server.post(ids.at(0), [](auto&) {}) == errc::mailbox_full);
    goes_on = true;
    for (std::uint32_t index = 0; index < 4; ++index)
        BOOST_TEST((client.read_frame() == test::frame(2, number(index))));
    BOOST_TEST(!host.server.send(ids.at(0), frame_payload(2, "again")));
    BOOST_TEST((client.read_frame() == test::frame(2, "again")));
}

BOOST_AUTO_TEST_CASE(a_mailbox_full_of_bytes_refuses_messages_and_takes_functions) {
    auto wanted = quiet_options();
    wanted.mailbox_max_bytes = 64 * 1024;
    recorded<connection_id> ids;
    std::atomic<bool> goes_on{false};
    running_server<> host{wanted};
    host.server.on(1, [&](auto& connection, frame const&) {
        ids.add(connection.id());
        eventually([&] { return goes_on.load(); });
    });
    host.start();
    auto client = host.connect();
    client.send(test::frame(1));
    BOOST_REQUIRE(ids.wait_for(1)); // the worker is held now
    std::string const half(32 * 1024 - 8, 'x');
    for (int times = 0; times < 2; ++times)
        BOOST_TEST(!host.server.send(ids.at(0), frame_payload(2, half)));
    BOOST_TEST(host.server.send(ids.at(0), frame_payload(2, "")) == errc::mailbox_full);
    BOOST_TEST(!host.server.broadcast(frame_payload(2, half))); // they have as much of their own
    BOOST_TEST(!host.server.broadcast(frame_payload(2, half)));
    BOOST_TEST(host.server.broadcast(frame_payload(2, "")) == errc::mailbox_full);
    std::atomic<bool> called{false};
    BOOST_TEST(!host.server.post(ids.at(0), [&](auto&) { called = true; }));
    goes_on = true;
    for (int times = 0; times < 4; ++times)
        BOOST_TEST((client.read_frame() == test::frame(2, half)));
    BOOST_TEST(eventually([&] { return called.load(); }));
    BOOST_TEST(!host.server.send(ids.at(0), frame_payload(2, half)));
    BOOST_TEST((client.read_frame() == test::frame(2, half)));
    BOOST_TEST(eventually([&] { return !host.server.broadcast(frame_payload(2, half)); }));
}

BOOST_AUTO_TEST_CASE(a_handler_may_send_to_itself_both_ways_in_one_order) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [&](auto& connection, frame const&) {
            connection.send(block{"a"});
            host.server.send(connection.id(), frame_payload(9, "b"));
            connection.send(block{std::string(20'000, 'c')});
            host.server.send(connection.id(), frame_payload(9, std::string(20'000, 'd')));
            connection.send_bytes(bytes_of(test::frame(9, "e")));
            host.server.send(connection.id(), block{"f"});
            connection.send(block{"g"});
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(1));
        for (auto data :
             {std::string{"a"}, std::string{"b"}, std::string(20'000, 'c'),
              std::string(20'000, 'd'), std::string{"e"}, std::string{"f"}, std::string{"g"}})
            BOOST_TEST((client.read_frame() == test::frame(9, data)));
    });
}

namespace {

// How a handler or a thread sends a numbered message, in the ways there are.
enum class way { message, bytes, shared, from_outside };

void flood(millipede::server<>& server, millipede::connection<>& connection, way how,
           std::uint32_t index, std::size_t size) {
    auto data = numbered_data(index, size);
    switch (how) {
    case way::message:
        connection.send(block{data});
        break;
    case way::bytes:
        connection.send_bytes(bytes_of(test::frame(9, data)));
        break;
    case way::shared:
        connection.send(frame_payload(9, data));
        break;
    case way::from_outside:
        server.send(connection.id(), frame_payload(9, data));
        break;
    }
}

} // namespace

// In one handler, to a peer that does not read meanwhile, small and large in all ways by turns.
BOOST_AUTO_TEST_CASE(frames_to_a_blocked_peer_stay_whole_and_in_order) {
    static constexpr std::uint32_t count = 3'000;
    with_both_transports([](auto kind) {
        for (auto scratch : {4'096U, 65'536U}) {
            auto wanted = quiet_options(kind);
            wanted.scratch_bytes = scratch;
            wanted.output_max_bytes = wanted.buffer_budget_bytes = 200'000'000;
            running_server<> host{wanted};
            std::atomic<bool> sent{false};
            host.server.on(1, [&](auto& connection, frame const&) {
                for (std::uint32_t index = 0; index < count; ++index) {
                    auto size = 4 + index * 7'919 % (index % 10 == 0 ? 60'000 : 3'000);
                    flood(host.server, connection, static_cast<way>(index % 4), index, size);
                }
                sent = true;
            });
            host.start();
            auto client = host.connect(8 * 1024);
            client.send(test::frame(1));
            BOOST_TEST(eventually([&] { return sent.load(); }));
            for (std::uint32_t index = 0; index < count; ++index)
                BOOST_REQUIRE(checked_number(client.read_frame()) == index);
        }
    });
}

BOOST_AUTO_TEST_CASE(small_messages_in_a_row_to_a_blocked_peer_stay_in_order) {
    static constexpr std::uint32_t count = 20'000;
    with_both_transports([](auto kind) {
        for (auto how : {way::message, way::bytes, way::shared, way::from_outside}) {
            auto wanted = quiet_options(kind);
            wanted.output_max_bytes = wanted.buffer_budget_bytes = 200'000'000;
            running_server<> host{wanted};
            std::atomic<bool> sent{false};
            host.server.on(1, [&](auto& connection, frame const&) {
                for (std::uint32_t index = 0; index < count; ++index)
                    flood(host.server, connection, how, index, 500);
                sent = true;
            });
            host.start();
            auto client = host.connect(8 * 1024);
            client.send(test::frame(1));
            BOOST_TEST(eventually([&] { return sent.load(); }));
            BOOST_TEST_CONTEXT("way " << static_cast<int>(how)) {
                for (std::uint32_t index = 0; index < count; ++index)
                    BOOST_REQUIRE(checked_number(client.read_frame()) == index);
            }
        }
    });
}

namespace {

struct overflow_result {
    std::vector<std::uint32_t> received;
    millipede::metrics metrics;
    std::vector<error_code> reasons;
};

constexpr std::uint32_t overflow_count = 16'000;
constexpr std::size_t overflow_frame_size = 1'000;
constexpr std::size_t overflow_output_max = 100'000;

// 16 MB for a peer that reads only after all was sent.
overflow_result overflow(millipede::transport_kind kind, overflow_policy policy, way how) {
    auto wanted = quiet_options(kind);
    wanted.overflow = policy;
    wanted.output_max_bytes = overflow_output_max;
    recorded<error_code> reasons;
    recorded<connection_id> ids;
    std::atomic<bool> sent{false};
    running_server<> host{wanted};
    host.server.on(1, [&](auto& connection, frame const&) {
        for (std::uint32_t index = 0; index < overflow_count; ++index)
            flood(host.server, connection, how, index, overflow_frame_size - 8);
        sent = true;
    });
    host.server.on(2, [&](auto& connection, frame const&) { connection.close(); });
    host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
    host.server.on_close([&](auto&, error_code const& reason) { reasons.add(reason); });
    host.start();
    auto client = host.connect(8 * 1024);
    if (how == way::from_outside) {
        BOOST_TEST(ids.wait_for(1));
        for (std::uint32_t index = 0; index < overflow_count; ++index) {
            auto data = numbered_data(index, overflow_frame_size - 8);
            auto code = host.server.send(ids.at(0), frame_payload(9, data));
            BOOST_TEST(!code);
        }
        host.server.post(ids.at(0), [&](auto&) { sent = true; });
    } else {
        client.send(test::frame(1));
    }
    BOOST_TEST(eventually([&] { return sent || reasons.size() != 0; }));
    overflow_result result;
    result.metrics = host.server.metrics();
    client.send(test::frame(2)); // ends the stream behind what was sent
    result.received = numbers_to_end(client);
    client.close();
    host.stop();
    result.reasons = reasons.all();
    for (std::size_t index = 1; index < result.received.size(); ++index)
        BOOST_REQUIRE(result.received[index - 1] < result.received[index]);
    return result;
}

void check_bounds(overflow_result const& result) {
    auto dropped = result.metrics.messages_dropped;
    BOOST_TEST(dropped > 0U);
    BOOST_TEST(result.received.size() + dropped == overflow_count);
    // Neither in the kernel nor dropped: what the worker held.
    auto held = (overflow_count - dropped) * overflow_frame_size - result.metrics.bytes_sent;
    BOOST_TEST(held <= overflow_output_max + millipede::options{}.scratch_bytes);
    BOOST_REQUIRE(result.reasons.size() == 1U);
    BOOST_TEST(result.reasons[0] == errc::closed_by_server);
}

} // namespace

BOOST_AUTO_TEST_CASE(drop_newest_keeps_the_first_messages) {
    with_both_transports([](auto kind) {
        for (auto how : {way::message, way::shared, way::from_outside}) {
            BOOST_TEST_CONTEXT("way " << static_cast<int>(how)) {
                auto result = overflow(kind, overflow_policy::drop_newest, how);
                check_bounds(result);
                // A handler meets no reader: once dropped, all later ones are dropped, too.
                if (how != way::from_outside)
                    BOOST_TEST(result.received.back() + 1 == result.received.size());
                BOOST_TEST(result.received.front() == 0U);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(drop_oldest_keeps_the_last_messages) {
    with_both_transports([](auto kind) {
        for (auto how : {way::message, way::shared, way::from_outside}) {
            BOOST_TEST_CONTEXT("way " << static_cast<int>(how)) {
                auto result = overflow(kind, overflow_policy::drop_oldest, how);
                check_bounds(result);
                BOOST_TEST(result.received.front() == 0U); // the kernel had it
                BOOST_TEST(result.received.back() == overflow_count - 1);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(close_sheds_the_peer_that_does_not_read) {
    with_both_transports([](auto kind) {
        auto result = overflow(kind, overflow_policy::close, way::shared);
        BOOST_TEST(result.received.size() < overflow_count);
        if (!result.received.empty())
            BOOST_TEST(result.received.back() + 1 == result.received.size());
        BOOST_TEST(result.metrics.shed == 1U);
        BOOST_REQUIRE(result.reasons.size() == 1U);
        BOOST_TEST(result.reasons[0] == errc::output_full);
    });
}

// The bound is for peers that do not take their output, not for bursts to those that do. (An Asio
// stream cannot tell within one turn: it has one write under way at a time.)
BOOST_AUTO_TEST_CASE(a_burst_to_a_peer_that_reads_is_not_shed) {
    recorded<connection_id> ids;
    running_server<> host; // output_max_bytes = 256 KiB
    host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
    host.server.on(1, [&](auto&, frame const&) {
        for (std::uint32_t index = 0; index < 600; ++index)
            host.server.send(ids.at(1), frame_payload(9, numbered_data(index, 992)));
    });
    host.start();
    auto publisher = host.connect();
    BOOST_REQUIRE(ids.wait_for(1));
    auto reader = host.connect();
    BOOST_REQUIRE(ids.wait_for(2));
    // Most of it fits into the kernel's buffers, which on loopback hold megabytes.
    publisher.send(test::frame(1));
    std::uint32_t arrived = 0;
    try {
        while (arrived < 600 && checked_number(reader.read_frame()) == arrived)
            ++arrived;
    } catch (std::runtime_error const&) {
    }
    BOOST_TEST(arrived == 600U);
    BOOST_TEST(host.server.metrics().shed == 0U);
}

BOOST_AUTO_TEST_CASE(sixteen_mebibytes_of_large_payloads_arrive_whole_through_a_slow_reader) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 32 * 1024 * 1024;
        running_server<> host{wanted};
        std::string pattern;
        for (std::uint32_t index = 0; pattern.size() < 1024 * 1024; ++index)
            pattern += number(index * 2'654'435'761U);
        payload shared{bytes_of(pattern)};
        host.server.on(1, [&](auto& connection, frame const&) {
            for (int times = 0; times < 16; ++times)
                connection.send(shared);
            connection.close();
        });
        host.start();
        auto client = host.connect(16 * 1024);
        client.send(test::frame(1));
        for (int times = 0; times < 16; ++times) {
            std::this_thread::sleep_for(5ms);
            BOOST_TEST((client.read(pattern.size()) == pattern));
        }
        auto end = client.read_to_end();
        BOOST_TEST(end.bytes.empty());
        BOOST_TEST(end.clean);
    });
}

BOOST_AUTO_TEST_CASE(one_payload_goes_to_many) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        recorded<connection_id> ids;
        running_server<> host{wanted};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.start();
        std::vector<test::raw_client> clients;
        for (int times = 0; times < 40; ++times)
            clients.push_back(host.connect());
        BOOST_REQUIRE(ids.wait_for(clients.size()));
        auto news = host.server.encode(block{std::string(30'000, 'n')});
        for (auto id : ids.all())
            BOOST_TEST(!host.server.send(id, news));
        auto wanted_frame = test::frame(9, std::string(30'000, 'n'));
        for (auto& client : clients)
            BOOST_TEST((client.read_frame() == wanted_frame));
    });
}

// Whether it throws; on a worker's thread, where nothing may be checked.
template <class Connection, class Message>
int fails_to_send(Connection& connection, Message const& message) {
    try {
        connection.send(message);
    } catch (std::runtime_error const&) {
        return 1;
    }
    return 0;
}

// The head of a message that was never finished would make one of the next message's bytes.
BOOST_AUTO_TEST_CASE(a_message_whose_encoding_fails_leaves_nothing_behind) {
    with_both_transports([](auto kind) {
        std::atomic<int> failures{0};
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [&](auto& connection, frame const& request) {
            connection.send(2, request.data());
            failures += fails_to_send(connection, torn{100});
            connection.send(3, request.data());
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(1, "x"));
        BOOST_TEST(client.read_frame() == test::frame(2, "x"));
        BOOST_TEST(client.read_frame() == test::frame(3, "x"));
        client.send(test::frame(1, "y"));
        BOOST_TEST(client.read_frame() == test::frame(2, "y"));
        BOOST_TEST(failures == 2);
    });
}

BOOST_AUTO_TEST_CASE(when_a_torn_message_is_on_its_way_already_the_connection_is_closed) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.scratch_bytes = 4096; // the head leaves before so much data
        std::atomic<int> failures{0};
        recorded<error_code> reasons;
        running_server<> host{wanted};
        host.server.on(1, [&](auto& connection, frame const&) {
            failures += fails_to_send(connection, torn{5'000});
            connection.send(3, {});
        });
        host.server.on_close([&](auto&, error_code const& code) { reasons.add(code); });
        host.start();
        auto client = host.connect();
        client.send(test::frame(1, "x"));
        BOOST_REQUIRE(reasons.wait_for(1));
        BOOST_TEST((reasons.at(0) == errc::handler_failed));
        BOOST_TEST(failures == 1);
    });
}

BOOST_AUTO_TEST_SUITE_END()
