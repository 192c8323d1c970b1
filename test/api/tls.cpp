// SPDX-License-Identifier: BSL-1.0
// Servers with TLS, and clients of Asio's own making.
#include "support/printing.hpp"
#include "support/running_server.hpp"
#include "support/tls_client.hpp"
#include "support/tls_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(tls)

namespace {

using namespace std::chrono_literals;
using millipede::close_reason;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::eventually;
using test::recorded;
using test::tls_client;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t enlarge = 2; // answers with 50,000 bytes that begin as the message's data
constexpr std::uint16_t leave = 3;
constexpr std::uint16_t who = 4;
constexpr std::uint16_t pause_receiving = 5; // reads on 50 ms later

// Certificates for all tests.
struct shared_files {
    test::temporary_folder folder;
    test::certificate_authority authority{folder, "authority"};
    test::certificate_authority stranger{folder, "stranger"};
    test::issued server = authority.issue("server");
    test::issued client = authority.issue("client");
    test::issued strange_client = stranger.issue("strange");
};

shared_files const& files() {
    static shared_files const instance{};
    return instance;
}

millipede::options
tls_options_of(test::issued const& server,
               millipede::transport_kind kind = millipede::transport_kind::epoll) {
    auto wanted = test::quiet_options(kind);
    wanted.listen[0].tls = millipede::tls_options{server.certificate_file, server.key_file};
    wanted.handshake_timeout = 1min; // beyond all patience: nothing may depend on it
    return wanted;
}

millipede::options
secure_options(millipede::transport_kind kind = millipede::transport_kind::epoll) {
    return tls_options_of(files().server, kind);
}

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted = secure_options())
        : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
        server.on(enlarge, [](auto& connection, frame const& message) {
            connection.send_bytes(test::bytes_of(large_reply(test::text_of(message.data()))));
        });
        server.on(leave, [](auto& connection, frame const& message) {
            connection.send(message);
            connection.close();
        });
        server.on(who, [](auto& connection, frame const&) {
            auto text = connection.remote_endpoint().address().to_string();
            connection.send_bytes(test::bytes_of(test::frame(who, text)));
        });
        server.on(pause_receiving, [this](auto& connection, frame const&) {
            connection.pause_receiving();
            auto timer = std::make_shared<boost::asio::steady_timer>(connection.get_executor(),
                                                                     std::chrono::milliseconds{50});
            timer->async_wait([this, timer, id = connection.id()](error_code) {
                server.post(id, [](auto& later) { later.resume_receiving(); });
            });
        });
        server.on_open([this](auto& connection) { ids.add(connection.id()); });
        server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
    }
    ~host_type() { stop(); }

    static std::string large_reply(std::string text) {
        text.resize(50'000, 'x');
        return test::frame(enlarge, text);
    }
    boost::asio::ip::tcp::endpoint endpoint() const { return server.endpoints().at(0); }
    tls_client connect(test::tls_client_settings const& settings = {}) {
        return tls_client{endpoint(), settings};
    }
    test::raw_client connect_plainly() { return test::raw_client{endpoint()}; }

    bool answers(tls_client& client) {
        return client.send(test::frame(echo, "ping")) &&
               client.read_frame() == test::frame(echo, "ping");
    }
    error_code only_ending() {
        BOOST_REQUIRE(reasons.wait_for(1));
        BOOST_TEST(eventually([&] { return server.metrics().released == 1; }));
        BOOST_TEST(reasons.size() == 1U);
        return reasons.at(0);
    }

    recorded<millipede::connection_id> ids;
    recorded<error_code> reasons;
};

// A client whose records the test puts together.
struct carried_client {
    carried_client(boost::asio::ip::tcp::endpoint const& endpoint, int version)
        : peer{version}, socket{context} {
        socket.connect(endpoint);
        socket.non_blocking(true);
        BOOST_REQUIRE(eventually([&] {
            receive();
            bool over = peer.shake();
            send(peer.take());
            return over;
        }));
    }
    void send(std::string const& bytes) {
        socket.non_blocking(false); // the server reads in any case
        boost::asio::write(socket, boost::asio::buffer(bytes));
        socket.non_blocking(true);
    }
    void receive() {
        std::array<char, 16'384> room;
        while (!ended) {
            error_code code;
            auto size = socket.read_some(boost::asio::buffer(room), code);
            ended = code && code != boost::asio::error::would_block;
            if (code) return;
            peer.feed({room.data(), size});
        }
    }
    std::string read_to_end() {
        std::string text;
        BOOST_TEST(eventually([&] {
            receive();
            text += peer.text();
            return peer.ended() || ended;
        }));
        return text;
    }

    test::tls_peer peer;
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket socket;
    bool ended = false;
};

std::string client_hello() {
    test::tls_peer peer;
    peer.shake();
    return peer.take();
}

} // namespace

BOOST_AUTO_TEST_CASE(conversations_in_both_versions) {
    with_both_transports([](auto kind) {
        for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            host_type host{secure_options(kind)};
            host.start();
            auto client = host.connect({.ca_file = files().authority.file(), .version = version});
            for (std::size_t size : {0U, 1U, 1'000U, 16'384U, 40'000U, 65'527U}) {
                auto message = test::frame(echo, std::string(size, 'd'));
                BOOST_REQUIRE(client.send(message));
                BOOST_TEST((client.read(message.size()) == message));
            }
            BOOST_TEST(client.close() == error_code{});
            BOOST_TEST(host.only_ending() == errc::closed_by_peer);
            auto sums = host.server.metrics();
            BOOST_TEST(sums.tls_handshakes == 1U);
            BOOST_TEST(sums.tls_failures == 0U);
            BOOST_TEST(sums.opened == 1U);
            BOOST_TEST(sums.messages_received == 6U);
            BOOST_TEST(sums.bytes_received == sums.bytes_sent);
        }
    });
}

BOOST_AUTO_TEST_CASE(on_open_comes_after_the_handshake_and_never_without) {
    host_type host;
    host.start();
    {
        auto silent = host.connect_plainly();
        auto half = host.connect_plainly();
        half.send(client_hello().substr(0, 50));
        auto client = host.connect();
        BOOST_TEST(host.answers(client));
        BOOST_TEST(host.ids.size() == 1U);
        BOOST_TEST(host.server.metrics().opened == 1U);
    }
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 3; }));
    BOOST_TEST(host.ids.size() == 1U);
    BOOST_TEST(host.reasons.size() == 1U);
    BOOST_TEST(host.server.metrics().abandoned == 1U);
    BOOST_TEST(host.server.metrics().tls_failures == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_can_speak_first) {
    host_type host;
    host.server.on_open([](auto& connection) {
        connection.send_bytes(test::bytes_of(test::frame(echo, "welcome")));
    });
    host.start();
    BOOST_TEST((host.connect().read_frame() == test::frame(echo, "welcome")));
}

BOOST_AUTO_TEST_CASE(who_does_not_speak_tls_is_refused_and_counted) {
    host_type host;
    host.start();
    auto client = host.connect_plainly();
    client.send(test::frame(echo, "plain"));
    auto got = client.read_to_end();
    BOOST_TEST(got.clean); // after an alert
    client.close();
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 1; }));
    BOOST_TEST(host.server.metrics().tls_failures == 1U);
    BOOST_TEST(host.server.metrics().opened == 0U);
}

BOOST_AUTO_TEST_CASE(a_first_flight_cut_at_every_byte_is_counted_and_forgotten) {
    host_type host;
    host.start();
    auto const hello = client_hello();
    for (std::size_t cut = 0; cut < hello.size(); ++cut)
        host.connect_plainly().send(std::string_view{hello}.substr(0, cut));
    BOOST_TEST(eventually([&] { return host.server.metrics().released == hello.size(); }));
    auto sums = host.server.metrics();
    BOOST_TEST(sums.tls_failures + sums.abandoned == hello.size());
    BOOST_TEST(sums.abandoned >= 1U);
    BOOST_TEST(sums.opened == 0U);
    auto client = host.connect();
    BOOST_TEST(host.answers(client));
}

BOOST_AUTO_TEST_CASE(a_handshake_that_takes_too_long_is_ended) {
    auto wanted = secure_options();
    wanted.handshake_timeout = 1s; // in which the patient one is through
    host_type host{wanted};
    host.start();
    auto const hello = client_hello();
    std::vector<test::raw_client> clients;
    for (std::size_t size : {std::size_t{0}, std::size_t{5}, hello.size()}) {
        clients.push_back(host.connect_plainly());
        clients.back().send(std::string_view{hello}.substr(0, size));
    }
    auto patient = host.connect();
    for (auto& client : clients)
        client.read_to_end();
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 3; }));
    BOOST_TEST(host.server.metrics().tls_failures == 3U);
    BOOST_TEST(host.answers(patient)); // who is in has no such limit
}

BOOST_AUTO_TEST_CASE(many_records_of_one_byte_are_one_message) {
    host_type host;
    host.start();
    auto client = host.connect();
    auto const message = test::frame(echo, std::string(1'000, 'o'));
    for (char byte : message)
        client.send({&byte, 1});
    BOOST_TEST((client.read_frame() == message));
}

BOOST_AUTO_TEST_CASE(a_peer_that_reads_late_gets_every_byte_in_order) {
    host_type host;
    host.start();
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        auto client = host.connect({.version = version, .receive_buffer = 4'096});
        auto const blocked_before = host.server.metrics().writes_blocked;
        constexpr int requests = 200;
        std::string sent;
        for (int number = 0; number < requests; ++number)
            sent += test::frame(enlarge, "reply " + std::to_string(number));
        BOOST_REQUIRE(client.send(sent));
        BOOST_TEST(
            eventually([&] { return host.server.metrics().writes_blocked > blocked_before; }));
        for (int number = 0; number < requests; ++number) {
            auto wanted = host_type::large_reply("reply " + std::to_string(number));
            BOOST_REQUIRE((client.read(wanted.size()) == wanted));
        }
        BOOST_TEST(host.answers(client));
    }
}

// The last record may lie half in the socket and half in our buffer, with nothing behind it that
// would be written and take it along.
BOOST_AUTO_TEST_CASE(what_does_not_fit_leaves_without_another_write) {
    host_type host;
    host.start();
    auto const message = test::frame(echo, std::string(12'000, 'm'));
    std::size_t count = 10'000;
    for (std::size_t attempt = 0; attempt < 4; ++attempt) {
        auto client = host.connect({.receive_buffer = 4'096});
        BOOST_REQUIRE(host.ids.wait_for(attempt + 1));
        auto const before = host.server.metrics();
        std::size_t pushed = 0;
        auto blocked = [&] { return host.server.metrics().writes_blocked > before.writes_blocked; };
        while (pushed < count && !blocked()) {
            host.server.send(host.ids.at(attempt), millipede::payload{test::bytes_of(message)});
            ++pushed;
            BOOST_REQUIRE(eventually([&] {
                auto sent = host.server.metrics().bytes_sent - before.bytes_sent;
                return sent == pushed * message.size() || blocked();
            }));
        }
        for (std::size_t number = 0; number < pushed; ++number)
            BOOST_REQUIRE((client.read(message.size()) == message));
        count = pushed - 1; // next time, the one that found no room does not come
    }
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_reads_is_closed_by_the_write_timeout) {
    auto wanted = secure_options();
    wanted.write_timeout = 300ms;
    host_type host{wanted};
    host.start();
    auto client = host.connect({.receive_buffer = 4'096});
    std::string sent;
    for (int number = 0; number < 400; ++number)
        sent += test::frame(enlarge, "x");
    client.send(sent);
    BOOST_TEST(host.only_ending() == errc::write_timeout);
    BOOST_TEST(host.server.metrics().timeouts == 1U);
}

BOOST_AUTO_TEST_CASE(a_slow_peer_that_takes_some_is_kept) {
    auto wanted = secure_options();
    wanted.write_timeout = 1s;
    host_type host{wanted};
    host.start();
    auto client = host.connect({.receive_buffer = 4'096});
    constexpr int requests = 200;
    std::string sent;
    for (int number = 0; number < requests; ++number)
        sent += test::frame(enlarge, "x");
    client.send(sent);
    auto const reply = host_type::large_reply("x");
    for (int number = 0; number < requests; ++number) {
        if (number % 20 == 0) std::this_thread::sleep_for(150ms);
        BOOST_REQUIRE((client.read(reply.size()) == reply));
    }
    BOOST_TEST(host.reasons.size() == 0U);
}

BOOST_AUTO_TEST_CASE(pushes_from_another_thread_arrive) {
    host_type host;
    host.start();
    auto client = host.connect();
    BOOST_REQUIRE(host.ids.wait_for(1));
    std::string wanted;
    for (int number = 0; number < 100; ++number) {
        auto message = test::frame(echo, "push " + std::to_string(number));
        BOOST_TEST(!host.server.send(host.ids.at(0), millipede::payload{test::bytes_of(message)}));
        wanted += message;
    }
    BOOST_TEST((client.read(wanted.size()) == wanted));
}

BOOST_AUTO_TEST_CASE(what_comes_during_a_pause_is_kept) {
    with_both_transports([](auto kind) {
        host_type host{secure_options(kind)};
        host.start();
        auto client = host.connect();
        std::string wanted;
        std::string sent;
        for (int number = 0; number < 20; ++number) {
            wanted += test::frame(echo, std::to_string(number));
            sent += test::frame(echo, std::to_string(number));
            if (number % 10 == 3) sent += test::frame(pause_receiving);
        }
        client.send(sent);
        BOOST_TEST((client.read(wanted.size()) == wanted));
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_closes_says_so) {
    host_type host;
    host.start();
    auto client = host.connect();
    client.send(test::frame(enlarge, "x") + test::frame(leave));
    auto got = client.read_to_end();
    BOOST_TEST(got.clean(), got.code.message());
    BOOST_TEST((got.bytes == host_type::large_reply("x") + test::frame(leave)));
    client.close();
    client.socket().close();
    BOOST_TEST(host.only_ending() == errc::closed_by_server);
}

// Requests and the end in one segment: no edge of the socket announces the end.
BOOST_AUTO_TEST_CASE(an_end_behind_requests_is_met_after_their_replies) {
    host_type host;
    host.start();
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        carried_client client{host.endpoint(), version};
        auto sealed = client.peer.seal(test::frame(echo, "1"));
        sealed += client.peer.seal(test::frame(echo, "2"));
        sealed += client.peer.close_notify();
        client.send(sealed);
        BOOST_TEST((client.read_to_end() == test::frame(echo, "1") + test::frame(echo, "2")));
        BOOST_TEST(client.peer.ended()); // properly, too
    }
    BOOST_REQUIRE(host.reasons.wait_for(2));
    for (auto const& reason : host.reasons.all())
        BOOST_TEST(reason == errc::closed_by_peer);
}

BOOST_AUTO_TEST_CASE(everything_that_a_client_says_at_once_is_heard) {
    host_type host;
    host.start();
    carried_client client{host.endpoint(), TLS1_3_VERSION};
    std::string sealed, wanted;
    for (int number = 0; number < 2'000; ++number) { // more records than one read takes
        auto message = test::frame(echo, std::to_string(number));
        sealed += client.peer.seal(message);
        wanted += message;
    }
    sealed += client.peer.close_notify();
    client.send(sealed);
    BOOST_TEST((client.read_to_end() == wanted));
    BOOST_TEST(host.only_ending() == errc::closed_by_peer);
}

BOOST_AUTO_TEST_CASE(an_end_without_close_notify_is_truncation) {
    host_type host;
    host.start();
    auto client = host.connect();
    BOOST_TEST(host.answers(client)); // and all that the server has sent is read
    client.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send);
    BOOST_TEST(host.only_ending() == errc::stream_truncated);
    BOOST_TEST((host.reasons.at(0) == close_reason::error));
    BOOST_TEST(host.server.metrics().errors == 1U);
}

BOOST_AUTO_TEST_CASE(garbage_in_the_middle_is_an_error_with_openssls_reason) {
    host_type host;
    host.start();
    auto client = host.connect();
    BOOST_TEST(host.answers(client));
    std::string const garbage(100, '\x17');
    boost::asio::write(client.socket(), boost::asio::buffer(garbage));
    auto reason = host.only_ending();
    BOOST_TEST(reason.category().name() == std::string{"millipede.tls"});
    BOOST_TEST(!reason.message().empty());
    BOOST_TEST((reason == close_reason::error));
}

BOOST_AUTO_TEST_CASE(a_reset_is_the_systems_error) {
    host_type host;
    host.start();
    auto client = host.connect();
    BOOST_TEST(host.answers(client));
    client.socket().set_option(boost::asio::socket_base::linger{true, 0});
    client.socket().close();
    BOOST_TEST(host.only_ending() == boost::asio::error::connection_reset);
}

BOOST_AUTO_TEST_CASE(a_server_that_stops_answers_what_it_has_and_says_goodbye) {
    with_both_transports([](auto kind) {
        host_type host{secure_options(kind)};
        host.start();
        std::vector<tls_client> clients;
        for (int times = 0; times < 20; ++times) {
            clients.push_back(host.connect());
            BOOST_TEST(host.answers(clients.back()));
        }
        auto undecided = host.connect_plainly(); // in the midst of its handshake
        undecided.send(client_hello());
        undecided.read(5);
        for (auto& client : clients)
            client.send(test::frame(echo, "last") + test::frame(enlarge, "words"));
        host.server.stop();
        for (auto& client : clients) {
            auto got = client.read_to_end();
            BOOST_TEST(got.clean(), got.code.message());
            BOOST_TEST((got.bytes == test::frame(echo, "last") + host_type::large_reply("words")));
            client.socket().close();
        }
        undecided.close(); // it would be waited for
        host.join();
        BOOST_TEST(host.server.metrics().stopped == 20U);
        BOOST_TEST(host.server.metrics().abandoned + host.server.metrics().tls_failures == 1U);
        BOOST_TEST(host.server.metrics().cut == 0U);
    });
}

BOOST_AUTO_TEST_CASE(idle_connections_are_told_that_they_end) {
    auto wanted = secure_options();
    wanted.idle_timeout = 500ms;
    host_type host{wanted};
    host.start();
    auto client = host.connect();
    auto got = client.read_to_end();
    BOOST_TEST(got.clean(), got.code.message());
    BOOST_TEST(host.only_ending() == errc::idle_timeout);
}

BOOST_AUTO_TEST_CASE(clients_without_a_good_certificate_do_not_get_in) {
    auto wanted = secure_options();
    wanted.listen[0].tls->client_ca_file = files().authority.file();
    host_type host{wanted};
    host.start();
    auto member = host.connect({.certificate = files().client});
    BOOST_TEST(host.answers(member));
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (auto const& certificate : {test::issued{}, files().strange_client}) {
            std::string alert;
            try {
                auto client = host.connect({.certificate = certificate, .version = version});
                // In TLS 1.3 the client learns of it only when it reads.
                alert = client.read_to_end().code.message();
            } catch (boost::system::system_error const& failure) {
                alert = failure.code().message();
            }
            BOOST_TEST(alert.find("alert") != std::string::npos, alert);
        }
    BOOST_TEST(eventually([&] { return host.server.metrics().tls_failures == 4; }));
    BOOST_TEST(host.server.metrics().opened == 1U);
    BOOST_TEST(host.answers(member));
}

BOOST_AUTO_TEST_CASE(reloaded_certificates_serve_newcomers_and_drop_nobody) {
    test::temporary_folder folder;
    test::certificate_authority authority{folder};
    auto server = authority.issue("server");
    host_type host{tls_options_of(server)};
    host.start();
    auto before = host.connect({.ca_file = authority.file()});
    BOOST_TEST(host.answers(before));

    authority.issue("server");
    auto unchanged = host.connect({.ca_file = authority.file()});
    BOOST_TEST(unchanged.serial() == before.serial());
    BOOST_TEST(host.server.reload_certificates());
    auto after = host.connect({.ca_file = authority.file()});
    BOOST_TEST(after.serial() != before.serial());

    std::ofstream{server.key_file} << "no key";
    BOOST_TEST(!host.server.reload_certificates());
    auto still = host.connect({.ca_file = authority.file()});
    BOOST_TEST(still.serial() == after.serial());
    for (auto* client : {&before, &unchanged, &after, &still})
        BOOST_TEST(host.answers(*client));
    BOOST_TEST(host.server.metrics().closed == 0U);
}

BOOST_AUTO_TEST_CASE(certificates_are_reloaded_while_clients_come_and_go) {
    auto wanted = secure_options();
    wanted.workers = 2;
    host_type host{wanted};
    host.start();
    std::atomic<bool> over{false};
    std::thread reloading{[&] {
        while (!over)
            host.server.reload_certificates();
    }};
    for (int times = 0; times < 100; ++times) {
        auto client = host.connect();
        BOOST_TEST(host.answers(client));
    }
    over = true;
    reloading.join();
}

// A crowd that comes back need not be asked for the expensive part again; a reload ends that.
BOOST_AUTO_TEST_CASE(sessions_are_resumed_until_the_next_reload) {
    host_type host;
    host.start();
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        auto first = host.connect({.version = version});
        BOOST_TEST(host.answers(first)); // the ticket of TLS 1.3 comes after the handshake
        struct free_session {
            void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
        };
        std::unique_ptr<SSL_SESSION, free_session> session{
            SSL_get1_session(first.stream().native_handle())};
        first.close();
        auto resumed = host.connect({.version = version, .session = session.get()});
        BOOST_TEST(SSL_session_reused(resumed.stream().native_handle()) == 1);
        BOOST_TEST(host.answers(resumed));
        BOOST_TEST(host.server.reload_certificates());
        auto anew = host.connect({.version = version, .session = session.get()});
        BOOST_TEST(SSL_session_reused(anew.stream().native_handle()) == 0);
        BOOST_TEST(host.answers(anew));
    }
}

BOOST_AUTO_TEST_CASE(a_proxys_header_comes_before_the_handshake) {
    with_both_transports([](auto kind) {
        auto wanted = secure_options(kind);
        wanted.listen[0].proxy_protocol = true;
        host_type host{wanted};
        host.start();
        auto client = host.connect({.header = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"});
        client.send(test::frame(who));
        BOOST_TEST((client.read_frame() == test::frame(who, "192.0.2.7")));
        BOOST_TEST(host.answers(client));
        BOOST_CHECK_THROW(host.connect(), boost::system::system_error);
        BOOST_CHECK_THROW(host.connect({.header = "PROXY TCP4 192.0.2.7\r\n"}),
                          boost::system::system_error);
        auto plain = host.connect_plainly();
        plain.send("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n" + test::frame(echo));
        BOOST_TEST(plain.read_to_end().clean);
        BOOST_TEST(eventually([&] { return host.server.metrics().tls_failures == 1; }));
        BOOST_TEST(host.server.metrics().bad_proxy_headers == 2U);
        BOOST_TEST(host.server.metrics().opened == 1U);
    });
}

BOOST_AUTO_TEST_CASE(plain_and_secure_listeners_stand_side_by_side) {
    with_both_transports([](auto kind) {
        auto wanted = secure_options(kind);
        wanted.listen.push_back("127.0.0.1:0");
        host_type host{wanted};
        host.start();
        auto secure = host.connect();
        BOOST_TEST(host.answers(secure));
        test::raw_client plain{host.server.endpoints().at(1)};
        plain.send(test::frame(echo));
        BOOST_TEST((plain.read_frame() == test::frame(echo)));
    });
}

BOOST_AUTO_TEST_CASE(a_crowd_that_shakes_hands_at_once_is_served) {
    auto wanted = secure_options();
    wanted.workers = 2;
    host_type host{wanted};
    host.start();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread)
        threads.emplace_back([&] {
            try {
                for (int times = 0; times < 25; ++times) {
                    auto client = host.connect();
                    wrong += host.answers(client) ? 0 : 1;
                }
            } catch (std::exception const&) {
                ++wrong;
            }
        });
    for (auto& each : threads)
        each.join();
    BOOST_TEST(wrong == 0);
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 200; }));
    BOOST_TEST(host.server.metrics().tls_handshakes == 200U);
}

BOOST_AUTO_TEST_CASE(a_server_with_files_that_cannot_be_used_is_not_made) {
    auto wanted = secure_options();
    wanted.listen[0].tls->certificate_file = "/nowhere/certificate.pem";
    BOOST_CHECK_EXCEPTION(millipede::server<>{wanted}, millipede::invalid_option,
                          [](millipede::invalid_option const& refusal) {
                              return refusal.option() == "tls.certificate_file";
                          });
}

BOOST_AUTO_TEST_CASE(a_server_without_tls_has_nothing_to_reload) {
    test::running_server<> host;
    BOOST_TEST(host.server.reload_certificates());
}

BOOST_AUTO_TEST_SUITE_END()
