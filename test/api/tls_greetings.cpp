// SPDX-License-Identifier: BSL-1.0
// Handshakes that meet an end, a limit, or ask for too much.
#include "support/certificates.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"
#include "support/tls_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

BOOST_AUTO_TEST_SUITE(tls_greetings)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::eventually;
using test::raw_client;
using test::recorded;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
std::string const header = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

test::issued const& files() {
    static test::temporary_folder const folder;
    static test::certificate_authority authority{folder};
    static test::issued const instance = authority.issue("server");
    return instance;
}

millipede::options
secure_options(millipede::transport_kind kind = millipede::transport_kind::epoll) {
    auto wanted = test::quiet_options(kind);
    wanted.listen[0].tls = millipede::tls_options{files().certificate_file, files().key_file};
    wanted.handshake_timeout = 1min; // beyond all patience: nothing may depend on it
    return wanted;
}

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
        server.on_drain([](auto& connection, auto) {
            connection.send(millipede::payload{test::bytes_of("bye")});
        });
        server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
    }
    ~host_type() { stop(); }
    recorded<error_code> reasons;
};

// Brings the peer's handshake to its end over the socket. False when the server ends it.
bool shake(test::tls_peer& peer, raw_client& client) {
    for (;;) {
        bool over = peer.shake();
        client.send(peer.take());
        if (over) return true;
        try {
            peer.feed(client.read(1));
        } catch (std::runtime_error const&) {
            return false;
        }
    }
}

std::string read_to_end(test::tls_peer& peer, raw_client& client) {
    auto got = client.read_to_end();
    BOOST_TEST(got.clean);
    peer.feed(got.bytes);
    auto text = peer.text();
    BOOST_TEST(peer.ended());
    return text;
}

// A ClientHello that is said to have so many bytes, none of which come.
std::string claim(std::size_t size) {
    std::string bytes{"\x16\x03\x01\0\x04\x01", 6};
    for (int shift : {16, 8, 0})
        bytes += static_cast<char>(size >> shift);
    return bytes;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_handshake_that_was_begun_before_a_drain_has_its_time) {
    with_both_transports([](auto kind) {
        host_type host{secure_options(kind)};
        host.server.start();
        test::tls_peer peer;
        peer.shake();
        auto const hello = peer.take();
        auto client = host.connect();
        client.send(std::string_view{hello}.substr(0, 50));
        auto silent = host.connect();
        host.server.drain(20s, 0ms); // comes before any accepting
        host.run();
        BOOST_TEST(silent.read_to_end().clean); // so the turn of both has come
        BOOST_TEST(!client.readable(20ms));
        client.send(std::string_view{hello}.substr(50));
        BOOST_REQUIRE(shake(peer, client));
        auto got = read_to_end(peer, client);
        BOOST_TEST((got == "bye"));
        client.close();
        host.join();
        auto sums = host.server.metrics();
        BOOST_TEST(sums.tls_handshakes == 1U);
        BOOST_TEST(sums.opened == 1U);
        BOOST_TEST(sums.stopped == 1U);
        BOOST_TEST(sums.abandoned == 1U);
        BOOST_TEST(sums.cut == 0U);
        BOOST_REQUIRE(host.reasons.size() == 1U);
        BOOST_TEST(host.reasons.at(0) == errc::stopping);
    });
}

BOOST_AUTO_TEST_CASE(a_handshake_that_does_not_end_is_cut_off_at_the_deadline) {
    auto wanted = secure_options();
    wanted.stop_timeout = 200ms;
    host_type host{wanted};
    host.start();
    test::tls_peer peer;
    peer.shake();
    auto client = host.connect();
    client.send(peer.take());
    client.read(5); // the server's turn was
    host.stop();
    BOOST_TEST(host.server.metrics().abandoned == 1U);
    BOOST_TEST(host.server.metrics().released == 1U);
    BOOST_TEST(host.server.metrics().opened == 0U);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_fails_gives_back_what_its_source_had) {
    auto wanted = secure_options();
    wanted.listen[0].proxy_protocol = true;
    wanted.connections_per_source_max = 1;
    host_type host{wanted};
    host.start();
    for (int times = 1; times <= 3; ++times) {
        auto client = host.connect();
        client.send(header + "this is no TLS");
        BOOST_TEST(client.read_to_end().clean);
        client.close();
        auto count = static_cast<std::uint64_t>(times);
        BOOST_TEST(eventually([&] { return host.server.metrics().released == count; }));
    }
    BOOST_TEST(host.server.metrics().tls_failures == 3U);
    test::tls_peer peer;
    auto client = host.connect();
    client.send(header);
    BOOST_REQUIRE(shake(peer, client));
    // Who is refused learns it before any handshake.
    auto other = host.connect();
    test::tls_peer other_peer;
    other_peer.shake();
    other.send(header + other_peer.take());
    auto got = other.read_to_end();
    BOOST_TEST(got.clean);
    BOOST_TEST(got.bytes.empty());
    BOOST_TEST(host.server.metrics().newcomers_over_source_limit == 1U);
}

BOOST_AUTO_TEST_CASE(a_hello_that_claims_too_much_is_refused_before_it_comes) {
    host_type host{secure_options()};
    host.start();
    constexpr std::uint64_t count = 300;
    for (std::uint64_t times = 1; times <= count; ++times) {
        auto client = host.connect();
        client.send(claim(times % 2 == 0 ? 131'000 : 0xffffff));
        BOOST_REQUIRE(client.read_to_end().bytes.empty());
    }
    BOOST_TEST(eventually([&] { return host.server.metrics().released == count; }));
    BOOST_TEST(host.server.metrics().tls_failures == count);
    test::tls_peer peer;
    auto client = host.connect();
    BOOST_TEST(shake(peer, client));
    client.send(peer.seal(test::frame(echo, "still there")));
    peer.feed(client.read(1));
    BOOST_TEST(eventually([&] {
        auto text = peer.text();
        if (text == test::frame(echo, "still there")) return true;
        peer.feed(client.read(1));
        return false;
    }));
}

BOOST_AUTO_TEST_SUITE_END()
