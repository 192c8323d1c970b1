// SPDX-License-Identifier: BSL-1.0
// What reaches handlers, and in which order.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(handlers)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::eventually;
using test::expectations;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

struct login {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t uid;
};
struct welcome {
    static constexpr std::uint16_t command = 0x6101;
};
struct name { // of variable length
    static constexpr std::uint16_t command = 0x0200;
    std::string text;

    static std::optional<name> decode(std::span<std::byte const> data) {
        if (data.empty()) return std::nullopt;
        return name{test::text_of(data)};
    }
    std::size_t data_size() const { return text.size(); }
    void encode(auto& sink) const { sink.append(test::bytes_of(text)); }
};

constexpr std::uint16_t echo = 0x6102;

template <class Session>
void serve_echo(millipede::server<Session>& server) {
    server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
}

} // namespace

BOOST_AUTO_TEST_CASE(a_typed_message_is_decoded_and_its_reply_encoded) {
    with_both_transports([](auto kind) {
        recorded<std::uint16_t> uids;
        recorded<std::string> names;
        expectations expect;
        running_server<> host{quiet_options(kind)};
        host.server.template on<login>([&](auto& connection, login const& message) {
            uids.add(message.uid);
            expect(connection.send(welcome{}));
        });
        host.server.template on<name>([&](auto& connection, name const& message) {
            names.add(message.text);
            connection.send(name{message.text + "!"});
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(0x6101, "\x39\x30"));
        BOOST_TEST((client.read_frame() == test::frame(0x6101)));
        client.send(test::frame(0x0200, "mario"));
        BOOST_TEST((client.read_frame() == test::frame(0x0200, "mario!")));
        BOOST_TEST(uids.at(0) == 12345);
        BOOST_TEST(names.at(0) == "mario");
        BOOST_TEST(expect.broken() == 0);
    });
}

BOOST_AUTO_TEST_CASE(a_raw_handler_gets_the_frame_as_it_was_received) {
    recorded<std::string> seen;
    expectations expect;
    running_server<> host;
    host.server.on(7, [&](auto&, frame const& message) {
        expect(message.command == 7);
        seen.add(test::text_of(message.whole));
        seen.add(test::text_of(message.data()));
    });
    host.start();
    auto client = host.connect();
    auto largest = test::frame(7, std::string(65'527, 'z'));
    client.send(test::frame(7, "data") + test::frame(7) + largest);
    BOOST_REQUIRE(seen.wait_for(6));
    BOOST_TEST((seen.at(0) == test::frame(7, "data")));
    BOOST_TEST(seen.at(1) == "data");
    BOOST_TEST((seen.at(2) == test::frame(7)));
    BOOST_TEST(seen.at(3).empty());
    BOOST_TEST((seen.at(4) == largest));
    BOOST_TEST(expect.broken() == 0);
}

BOOST_AUTO_TEST_CASE(what_the_protocol_does_not_allow_ends_the_connection_with_its_reason) {
    auto bad_magic = test::frame(echo);
    bad_magic[0] = '\xf6';
    auto size_7 = test::frame(echo);
    size_7[4] = 7;
    auto too_large = test::frame(echo);
    too_large[5] = 1; // 264 bytes
    struct trial {
        char const* what;
        std::string bytes;
        errc reason;
    };
    std::vector<trial> trials{
        {"login too short", test::frame(0x6101, "x"), errc::bad_message},
        {"login too long", test::frame(0x6101, "xyz"), errc::bad_message},
        {"refused by its type", test::frame(0x0200), errc::bad_message},
        {"bad magic", bad_magic, errc::bad_magic},
        {"size 7", size_7, errc::bad_size},
        {"size above the limit", too_large, errc::bad_size},
        {"unknown command", test::frame(0x0300), errc::unknown_command},
    };
    for (unsigned command = 0xfffc; command <= 0xffff; ++command)
        trials.push_back({"reserved command", test::frame(static_cast<std::uint16_t>(command)),
                          errc::unknown_command});
    with_both_transports([&](auto kind) {
        recorded<error_code> endings;
        millipede::server<> server{quiet_options(kind), millipede::frame_codec{{.size_max = 200}}};
        server.template on<login>([](auto& connection, auto&) { connection.send(welcome{}); });
        server.template on<name>([](auto&, auto&) {});
        serve_echo(server);
        server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
        server.start();
        std::thread thread{[&] { server.run(); }};
        for (auto const& trial : trials) {
            BOOST_TEST_CONTEXT(trial.what) {
                auto before = endings.size();
                test::raw_client client{server.endpoints()[0]};
                // Replies to what stands before it in the same segment arrive; nothing follows.
                client.send(test::frame(echo, "good") + trial.bytes + test::frame(echo, "after"));
                auto got = client.read_to_end();
                BOOST_TEST((got.bytes == test::frame(echo, "good")));
                BOOST_TEST(got.clean);
                BOOST_TEST(endings.wait_for(before + 1));
                BOOST_TEST(endings.at(before) == trial.reason);
                BOOST_TEST(endings.at(before) == millipede::close_reason::refused);
            }
        }
        BOOST_TEST(endings.size() == trials.size());
        BOOST_TEST(server.metrics().refused_frames == trials.size());
        server.stop();
        thread.join();
    });
}

BOOST_AUTO_TEST_CASE(the_catch_all_gets_what_no_handler_takes) {
    running_server<> host;
    serve_echo(host.server);
    host.server.on_message([](auto& connection, frame const& message) {
        connection.send_bytes(test::bytes_of(test::frame(1, number(message.command))));
    });
    host.start();
    auto client = host.connect();
    client.send(test::frame(0x0300) + test::frame(echo, "own") + test::frame(0xfffb));
    BOOST_TEST((client.read_frame() == test::frame(1, number(0x0300))));
    BOOST_TEST((client.read_frame() == test::frame(echo, "own")));
    BOOST_TEST((client.read_frame() == test::frame(1, number(0xfffb))));
}

BOOST_AUTO_TEST_CASE(on_open_may_greet) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        recorded<boost::asio::ip::tcp::endpoint> peers;
        host.server.on_open([&](auto& connection) {
            peers.add(connection.remote_endpoint());
            connection.send(name{"welcome"});
        });
        host.start();
        auto client = host.connect();
        BOOST_TEST((client.read_frame() == test::frame(0x0200, "welcome")));
        BOOST_TEST((peers.at(0) == client.local_endpoint()));
    });
}

BOOST_AUTO_TEST_CASE(frames_may_be_cut_at_every_byte) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        serve_echo(host.server);
        host.start();
        auto const sent = test::frame(echo) + test::frame(echo, "ab") + test::frame(echo, "c");
        auto client = host.connect();
        std::uint64_t received = 0;
        for (std::size_t cut = 1; cut < sent.size(); ++cut) {
            client.send(std::string_view{sent}.substr(0, cut));
            received += cut;
            BOOST_TEST(
                eventually([&] { return host.server.metrics().bytes_received == received; }));
            client.send(std::string_view{sent}.substr(cut));
            received += sent.size() - cut;
            BOOST_REQUIRE((client.read(sent.size()) == sent));
        }
    });
}

BOOST_AUTO_TEST_CASE(replies_before_close_arrive_and_messages_after_it_are_not_handled) {
    with_both_transports([](auto kind) {
        std::atomic<int> handled{0};
        recorded<error_code> endings;
        expectations expect;
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [&](auto& connection, frame const&) {
            ++handled;
            expect(connection.receiving());
            for (int times = 0; times < 3; ++times)
                connection.send(name{"bye"});
            connection.close();
            connection.close(errc::bad_message); // the first call counts
            expect(!connection.receiving());
            expect(!connection.send(name{"too late"}));
        });
        host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
        host.start();
        auto client = host.connect();
        std::string many;
        for (int times = 0; times < 1'000; ++times)
            many += test::frame(1, "data");
        client.send(many);
        auto got = client.read_to_end();
        auto bye = test::frame(0x0200, "bye");
        BOOST_TEST((got.bytes == bye + bye + bye));
        BOOST_TEST(got.clean);
        client.close();
        BOOST_TEST(eventually([&] { return host.server.metrics().released == 1; }));
        BOOST_TEST(handled == 1);
        BOOST_TEST(expect.broken() == 0);
        BOOST_TEST(endings.size() == 1U);
        BOOST_TEST(endings.at(0) == errc::closed_by_server);
    });
}

// Pauses after every message; the test resumes from outside.
BOOST_AUTO_TEST_CASE(pauses_keep_the_order_and_lose_nothing) {
    static constexpr std::uint32_t count = 2'000;
    with_both_transports([](auto kind) {
        recorded<std::uint32_t> seen;
        recorded<error_code> endings;
        expectations expect;
        running_server<> host{quiet_options(kind)};
        auto resume = [](auto& connection) { connection.resume_receiving(); };
        host.server.on(1, [&](auto& connection, frame const& message) {
            seen.add(test::little(test::text_of(message.data()).substr(0, 4)));
            connection.pause_receiving();
            expect(!connection.receiving());
            host.server.post(connection.id(), resume);
        });
        host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
        host.start();
        auto client = host.connect();
        std::string all;
        for (std::uint32_t index = 0; index < count; ++index)
            all += test::frame(1, number(index) + std::string(index % 50, 'x'));
        std::string_view rest = all;
        for (std::size_t piece = 1; !rest.empty(); piece = piece * 7 % 1'009) {
            client.send(rest.substr(0, piece));
            rest.remove_prefix(std::min(piece, rest.size()));
        }
        client.end_output();
        BOOST_TEST(seen.wait_for(count));
        BOOST_TEST(endings.wait_for(1));
        auto numbers = seen.all();
        BOOST_TEST(numbers.size() == count);
        for (std::uint32_t index = 0; index < numbers.size(); ++index)
            BOOST_REQUIRE(numbers[index] == index);
        BOOST_TEST(expect.broken() == 0);
    });
}

BOOST_AUTO_TEST_CASE(while_paused_nothing_is_handled) {
    with_both_transports([](auto kind) {
        recorded<millipede::connection_id> paused;
        std::atomic<int> handled{0};
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [&](auto& connection, frame const&) {
            connection.pause_receiving();
            paused.add(connection.id());
        });
        host.server.on(2, [&](auto& connection, frame const&) {
            ++handled;
            connection.pause_receiving(); // and at once goes on
            connection.resume_receiving();
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(1) + test::frame(2));
        BOOST_TEST(paused.wait_for(1));
        for (int times = 0; times < 100; ++times)
            client.send(test::frame(2));
        std::this_thread::sleep_for(50ms);
        BOOST_TEST(handled == 0);
        host.server.post(paused.at(0), [](auto& connection) { connection.resume_receiving(); });
        BOOST_TEST(eventually([&] { return handled == 101; }));
    });
}

BOOST_AUTO_TEST_CASE(what_the_peer_sent_before_its_end_is_handled_after_a_pause_and_then_the_end) {
    with_both_transports([](auto kind) {
        recorded<millipede::connection_id> paused;
        recorded<error_code> endings;
        std::atomic<int> handled{0};
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [&](auto& connection, frame const&) {
            connection.pause_receiving();
            paused.add(connection.id());
        });
        host.server.on(2, [&](auto&, frame const&) { ++handled; });
        host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
        host.start();
        auto client = host.connect();
        client.send(test::frame(1) + test::frame(2));
        BOOST_TEST(paused.wait_for(1));
        client.send(test::frame(2));
        client.end_output();
        std::this_thread::sleep_for(30ms); // the worker gets to know while it is paused
        host.server.post(paused.at(0), [](auto& connection) { connection.resume_receiving(); });
        BOOST_TEST(endings.wait_for(1));
        BOOST_TEST(handled == 2);
        if (endings.size() == 1) BOOST_TEST(endings.at(0) == errc::closed_by_peer);
    });
}

BOOST_AUTO_TEST_CASE(more_than_one_read_full_of_frames_and_the_end_behind_it_are_seen) {
    with_both_transports([](auto kind) {
        std::atomic<int> handled{0};
        recorded<error_code> endings;
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [&](auto&, frame const&) { ++handled; });
        host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
        host.server.start();
        // All of it waits in the kernel before anybody accepts.
        auto client = host.connect();
        std::string all;
        for (int times = 0; times < 100; ++times)
            all += test::frame(1, std::string(992, 'x'));
        BOOST_TEST(client.send(all));
        client.end_output();
        host.run();
        BOOST_TEST(endings.wait_for(1));
        BOOST_TEST(handled == 100);
        if (endings.size() == 1) BOOST_TEST(endings.at(0) == errc::closed_by_peer);
    });
}

namespace {

struct counted_session {
    counted_session() noexcept { ++made; }
    ~counted_session() { ++destroyed; }
    counted_session(counted_session const&) = delete;
    std::string secret; // would leak
    std::uint32_t messages = 0;
    static inline std::atomic<int> made{0};
    static inline std::atomic<int> destroyed{0};
};

} // namespace

BOOST_AUTO_TEST_CASE(every_connection_has_a_fresh_session_of_its_own) {
    with_both_transports([](auto kind) {
        counted_session::made = counted_session::destroyed = 0;
        expectations expect;
        auto wanted = quiet_options(kind);
        wanted.connections_per_worker = 4; // so that slots are used again and again
        {
            running_server<counted_session> host{wanted};
            host.server.on_open([&](auto& connection) {
                expect(connection->secret.empty());
                expect(connection->messages == 0U);
            });
            host.server.on(1, [](auto& connection, frame const& message) {
                connection->secret += test::text_of(message.data());
                ++connection->messages;
                connection.send(name{connection->secret});
            });
            host.server.on_close([&](auto& connection, error_code const&) {
                expect(connection->secret.size() == connection->messages * 64U);
            });
            host.start();
            for (int round = 0; round < 25; ++round) {
                std::vector<test::raw_client> clients;
                for (int each = 0; each < 4; ++each) {
                    auto closed = static_cast<std::uint64_t>(round * 4);
                    BOOST_REQUIRE(
                        eventually([&] { return host.server.metrics().released >= closed; }));
                    clients.push_back(host.connect());
                    std::string secret(64, static_cast<char>('a' + each));
                    clients.back().send(test::frame(1, secret) + test::frame(1, secret));
                    BOOST_TEST((clients.back().read_frame() == test::frame(0x0200, secret)));
                    BOOST_TEST(
                        (clients.back().read_frame() == test::frame(0x0200, secret + secret)));
                    if (round % 2) clients.back().send(test::frame(1).substr(0, 5));
                }
            }
        }
        BOOST_TEST(expect.broken() == 0);
        BOOST_TEST(counted_session::made == 100);
        BOOST_TEST(counted_session::destroyed == counted_session::made);
    });
}

BOOST_AUTO_TEST_CASE(a_connection_that_never_pauses_does_not_hold_up_the_others) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        host.server.on(1, [](auto&, frame const&) {});
        serve_echo(host.server);
        host.start();
        std::atomic<bool> done{false};
        std::thread sender{[&] {
            auto client = host.connect();
            std::string many;
            for (int times = 0; times < 1'000; ++times)
                many += test::frame(1, "data");
            while (!done)
                client.send(many);
        }};
        BOOST_TEST(eventually([&] { return host.server.metrics().messages_received > 10'000; }));
        auto client = host.connect();
        for (int times = 0; times < 50; ++times) {
            client.send(test::frame(echo, "ping"));
            BOOST_TEST((client.read_frame() == test::frame(echo, "ping")));
        }
        done = true;
        sender.join();
    });
}

BOOST_AUTO_TEST_SUITE_END()
