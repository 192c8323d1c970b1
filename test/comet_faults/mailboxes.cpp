// SPDX-License-Identifier: BSL-1.0
// Full mailboxes: whoever has asked is answered, later if it must be.
#include "comet_faults/whole_server.hpp"

#include "channels/secret.hpp"

BOOST_AUTO_TEST_SUITE(mailboxes)

namespace {

using namespace comet;
using test::eventually;
using test::hear;
using test::held_worker;
using test::whole_server;

millipede::options small_mailboxes(std::uint32_t workers) {
    auto wanted = test::clients_stay();
    wanted.workers = workers;
    wanted.mailbox_capacity = 16;
    return wanted;
}

// Fills the mailbox of the first worker whenever it has run, until the end.
struct flood {
    comet_server* server;
    std::atomic<bool> const* ends;

    void operator()() const {
        while (!*ends && !server->post_to(0, *this)) {
        }
    }
};

// One that lives on the other worker of two.
std::string channel_away_from(std::uint32_t worker) {
    std::string name{"c"};
    while (name_hash(name) % 2 == worker)
        name += 'c';
    return name;
}

void become_websocket(test::raw_client& client) {
    client.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n");
    BOOST_REQUIRE(hear(client, "\r\n\r\n").starts_with("HTTP/1.1 101 "));
}

// Of less than 126 bytes, with a mask that changes nothing.
std::string websocket_command(std::string const& command) {
    std::string frame{"\x81"};
    frame += static_cast<char>(0x80 | command.size());
    return frame + std::string(4, '\0') + command;
}

} // namespace

BOOST_AUTO_TEST_CASE(polls_end_and_go_on) {
    std::atomic<bool> ends{false};
    whole_server host{small_mailboxes(1)};
    auto last = host.connect();
    last.send("GET /poll?cname=c&seq=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
    auto further = host.connect();
    further.send("GET /poll?cname=c&seq=1 HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\n\r\n");
    BOOST_REQUIRE(eventually([&] { return host.subscribers("c") == 2; }));
    host.on_worker(0, [&] {
        host.channels.publish({"c", "m"}, [](auto) {});
        flood{&host.server, &ends}();
    });
    auto heard = last.read_to_end();
    BOOST_TEST(heard.clean);
    BOOST_TEST((heard.bytes.find(R"("content":"m")") != std::string::npos));
    BOOST_TEST((hear(further, "\"ping\"").find("\"ping\"") != std::string::npos));
    ends = true;
}

BOOST_AUTO_TEST_CASE(the_admin_port_answers) {
    whole_server host{small_mailboxes(2)};
    for (std::string path : {"/sign", "/info", "/check", "/clear", "/presence", "/push"})
        BOOST_TEST_CONTEXT(path) {
            auto client = host.connect(1);
            auto its_worker = host.newest_worker();
            auto channel = channel_away_from(its_worker); // another one than the path before had
            BOOST_REQUIRE(host.channels.publish({channel, "m"}, [](auto) {}));
            host.on_worker(1 - its_worker, [] {});
            auto heard = host.heard();
            std::optional<held_worker> home{std::in_place, host, 1 - its_worker};
            client.send("GET " + path + "?cname=" + channel + " HTTP/1.1\r\n\r\n");
            BOOST_REQUIRE(eventually([&] { return host.heard() > heard; }));
            std::optional<held_worker> its{std::in_place, host, its_worker};
            its->flood();
            home.reset();
            host.on_worker(1 - its_worker, [] {}); // it has answered
            BOOST_TEST((host.server.post_to(its_worker, [] {}) == millipede::errc::mailbox_full));
            its.reset();
            BOOST_TEST(hear(client, "\r\n\r\n").starts_with("HTTP/1.1 200 "));
        }
}

BOOST_AUTO_TEST_CASE(who_publishes_by_a_command_is_answered) {
    whole_server host{small_mailboxes(2)};
    auto client = host.connect();
    auto its_worker = host.newest_worker();
    become_websocket(client);
    auto frame = websocket_command(R"({"publish":{"cname":")" + channel_away_from(its_worker) +
                                   R"(","content":"m"}})");
    auto heard = host.heard();
    std::optional<held_worker> home{std::in_place, host, 1 - its_worker};
    client.send(frame);
    BOOST_REQUIRE(eventually([&] { return host.heard() > heard; }));
    std::optional<held_worker> its{std::in_place, host, its_worker};
    its->flood();
    home.reset();
    host.on_worker(1 - its_worker, [] {});
    its.reset();
    BOOST_TEST((hear(client, R"("ok")").find(R"("ok")") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(who_watches_is_told_by_all_workers) {
    whole_server host{small_mailboxes(2)};
    auto client = host.connect(1);
    auto channel = channel_away_from(host.newest_worker());
    {
        held_worker home{host, 1 - host.newest_worker()};
        home.flood();
        client.send("GET /psub HTTP/1.1\r\n\r\n");
        hear(client, "\r\n\r\n");
    }
    BOOST_REQUIRE(eventually([&] { return host.channels.publish({channel, "m"}, [](auto) {}); }));
    BOOST_TEST((hear(client, "1 c").find("1 c") != std::string::npos));
}

// One connection that subscribes and unsubscribes, while the channel's worker is held: what waits
// there for it is bounded.
BOOST_AUTO_TEST_CASE(who_changes_his_mind_again_and_again_is_refused) {
    auto wanted = test::clients_stay();
    wanted.workers = 2;
    whole_server host{wanted, {.channels_per_connection = 3}};
    auto client = host.connect();
    auto channel = channel_away_from(host.newest_worker());
    become_websocket(client);
    {
        held_worker its{host, 1 - host.newest_worker()};
        for (int count = 0; count < 5; ++count) {
            client.send(websocket_command(R"({"subscribe":[")" + channel + "\"]}"));
            client.send(websocket_command(R"({"unsubscribe":[")" + channel + "\"]}"));
        }
        auto said = hear(client, "\"503\"");
        BOOST_TEST((said.find("\"503\"") != std::string::npos));
    }
    BOOST_REQUIRE(eventually([&] { return host.subscribers(channel) == 0; }));
    host.on_worker(host.newest_worker(), [] {}); // behind the verdicts
    client.send(websocket_command(R"({"subscribe":[")" + channel + "\"]}"));
    BOOST_TEST((hear(client, "\"open\"").find("\"open\"") != std::string::npos));
}

// A line that its worker has no room for: it must not go on as if there had been none.
BOOST_AUTO_TEST_CASE(who_watches_and_misses_a_line_is_ended) {
    whole_server host{small_mailboxes(2)};
    auto client = host.connect(1);
    auto its_worker = host.newest_worker();
    auto channel = channel_away_from(its_worker);
    client.send("GET /psub HTTP/1.1\r\n\r\n");
    hear(client, "\r\n\r\n");
    {
        held_worker its{host, its_worker};
        its.flood();
        BOOST_REQUIRE(host.channels.publish({channel, "m"}, [](auto) {}));
        host.on_worker(1 - its_worker, [] {});
    }
    auto heard = client.read_to_end();
    BOOST_TEST((heard.bytes.find("1 c") == std::string::npos));
    auto again = host.connect(1);
    again.send("GET /psub HTTP/1.1\r\n\r\n");
    hear(again, "\r\n\r\n");
    BOOST_REQUIRE(host.channels.publish({channel + "-other", "m"}, [](auto) {}));
    BOOST_TEST((hear(again, "-other").find("-other") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
