// SPDX-License-Identifier: BSL-1.0
// The library's clients over TLS: whom they trust, and what becomes of streams.
#include "support/certificates.hpp"
#include "support/client_bench.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <millipede/base/options.hpp>

#include <openssl/x509_vfy.h>

#include <optional>

BOOST_AUTO_TEST_SUITE(tls_clients)

using namespace std::chrono_literals;
using millipede::client_options;
using millipede::client_state;
using millipede::client_tls;
using millipede::client_tls_options;
using millipede::errc;
using millipede::error_code;
using test::awaitable;
using test::client_bench;
using test::outcome;
using test::use_awaitable;

namespace {

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t leave = 2;

struct shared_files {
    test::temporary_folder folder;
    test::certificate_authority authority{folder, "authority"};
    test::certificate_authority stranger{folder, "stranger"};
    test::issued server = authority.issue("localhost");
    test::issued client = authority.issue("client");
    test::issued strange_client = stranger.issue("strange");
};

shared_files const& files() {
    static shared_files const instance{};
    return instance;
}

struct host_type : test::running_server<> {
    explicit host_type(std::string const& client_ca = {}) : running_server{options_of(client_ca)} {
        server.on(echo, [](auto& connection, auto const& frame) { connection.send(frame); });
        server.on(leave, [](auto& connection, auto const&) { connection.close(); });
        start();
    }
    ~host_type() { stop(); }
    static millipede::options options_of(std::string const& client_ca) {
        auto wanted = test::quiet_options();
        wanted.listen[0].tls = millipede::tls_options{files().server.certificate_file,
                                                      files().server.key_file, client_ca};
        return wanted;
    }
    std::string port() const { return std::to_string(server.endpoints().at(0).port()); }
};

client_tls_options trusting() {
    return {.ca_file = files().authority.file()};
}

// What comes of an attempt to connect.
error_code result_of(host_type& host, client_tls_options wanted, std::string name = "localhost") {
    client_bench bench;
    millipede::client client{bench.context, {.tls = client_tls{std::move(wanted)}}};
    outcome result;
    client.async_connect(std::move(name), host.port(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    return result.code;
}

bool is_refused_certificate(error_code const& code, int reason) {
    return code.category() == millipede::certificate_category() && code.value() == reason;
}

} // namespace

BOOST_AUTO_TEST_CASE(talks_and_ends_properly) {
    host_type host;
    client_bench bench;
    millipede::client client{bench.context, {.tls = client_tls{trusting()}}};
    bench.play([&]() -> awaitable<void> {
        co_await client.async_connect("localhost", host.port(), use_awaitable);
        for (auto size : {0UL, 1UL, 20'000UL, 65'527UL}) {
            std::string data(size, 'x');
            auto reply =
                co_await client.async_request(echo, millipede::as_bytes(data), use_awaitable);
            BOOST_TEST((test::text_of(reply->data()) == data));
        }
        error_code end;
        co_await client.async_request(leave, millipede::as_bytes(""),
                                      boost::asio::redirect_error(use_awaitable, end));
        BOOST_TEST(end == errc::closed_by_peer); // by close_notify, and not just cut
    });
}

BOOST_AUTO_TEST_CASE(much_at_once_goes_through_in_its_order) {
    host_type host;
    client_bench bench;
    millipede::client client{bench.context,
                             {.tls = client_tls{trusting()}, .output_max_bytes = 64 * 1024 * 1024}};
    client.async_connect("localhost", host.port(), boost::asio::detached);
    std::string got;
    std::string expected;
    for (int count = 0; count < 200; ++count) {
        auto letter = static_cast<char>('a' + count % 26);
        expected += letter;
        client.async_request(echo, millipede::as_bytes(std::string(50'000, letter)),
                             [&](auto code, auto reply) {
                                 if (!code) got += test::text_of(reply->data())[49'999];
                             });
    }
    BOOST_REQUIRE(bench.run_until([&] { return got.size() == expected.size(); }));
    BOOST_TEST(got == expected);
}

BOOST_AUTO_TEST_CASE(the_certificate_must_be_trusted_and_for_that_name) {
    host_type host;
    auto strange = client_tls_options{.ca_file = files().stranger.file()};
    auto other_name = trusting();
    other_name.server_name = "example.org";
    auto same_name = trusting();
    same_name.server_name = "localhost";
    auto careless = client_tls_options{.verify_server = false};
    BOOST_TEST(!result_of(host, trusting()));
    BOOST_TEST(!result_of(host, same_name, "127.0.0.1"));
    BOOST_TEST(!result_of(host, careless, "127.0.0.1"));
    auto unknown = result_of(host, strange);
    BOOST_TEST((is_refused_certificate(unknown, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)),
               unknown.message());
    auto untrusted = result_of(host, {}); // by what the system trusts
    BOOST_TEST((untrusted.category() == millipede::certificate_category()), untrusted.message());
    auto mismatch = result_of(host, other_name);
    BOOST_TEST((is_refused_certificate(mismatch, X509_V_ERR_HOSTNAME_MISMATCH)),
               mismatch.message());
    auto address = result_of(host, trusting(), "127.0.0.1");
    BOOST_TEST((is_refused_certificate(address, X509_V_ERR_IP_ADDRESS_MISMATCH)),
               address.message());
    BOOST_TEST((mismatch.message().find("ostname mismatch") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_client_shows_its_certificate) {
    host_type host{files().authority.file()};
    client_bench bench;
    auto answers = [&](test::issued const& certificate) {
        auto wanted = trusting();
        wanted.certificate_file = certificate.certificate_file;
        wanted.private_key_file = certificate.key_file;
        millipede::client client{bench.context, {.tls = client_tls{wanted}}};
        outcome answered;
        client.async_connect("localhost", host.port(), boost::asio::detached);
        client.async_request(echo, millipede::as_bytes("x"),
                             [&](auto code, auto) { answered.done()(code); });
        BOOST_REQUIRE(bench.run_until([&] { return answered.over(); }));
        return !answered.code;
    };
    BOOST_TEST(answers(files().client));
    BOOST_TEST(!answers(files().strange_client));
    BOOST_TEST(!answers({}));
}

BOOST_AUTO_TEST_CASE(servers_without_tls_are_an_error) {
    client_bench bench;
    bench.serve([](test::scripted_connection& connection, std::size_t index) -> awaitable<void> {
        if (index == 0) co_await connection.write("HTTP/1.1 400 Bad Request\r\n\r\n");
        if (index <= 1) co_return;
        co_await test::pause(1h); // takes the greeting and says nothing
    });
    std::vector<error_code> codes;
    for (int count = 0; count < 3; ++count) {
        millipede::client client{
            bench.context,
            {.connect_timeout = count == 2 ? 100ms : 1min, .tls = client_tls{trusting()}}};
        outcome result;
        client.async_connect(bench.endpoint(), result.done());
        BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
        codes.push_back(result.code);
    }
    BOOST_TEST(codes[0].category().name() == std::string{"asio.ssl"});
    BOOST_TEST(codes[1].failed()); // cut, or reset
    BOOST_TEST(codes[2] == errc::connect_timeout);
}

BOOST_AUTO_TEST_CASE(many_share_what_was_loaded_once) {
    host_type host;
    client_bench bench;
    client_tls const shared{trusting()};
    std::vector<std::unique_ptr<millipede::client>> clients;
    std::size_t connected = 0;
    for (int count = 0; count < 50; ++count) {
        clients.push_back(
            std::make_unique<millipede::client>(bench.context, client_options{.tls = shared}));
        clients.back()->async_connect("localhost", host.port(),
                                      [&](auto code) { connected += !code; });
    }
    BOOST_REQUIRE(bench.run_until([&] { return connected == clients.size(); }));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_used_are_named) {
    auto const& all = files();
    auto with = [](auto change) {
        auto wanted = trusting();
        change(wanted);
        return wanted;
    };
    std::pair<char const*, client_tls_options> const wrong[] = {
        {"tls.ca_file", {.ca_file = "/none"}},
        {"tls.certificate_file", with([](auto& each) {
             each.certificate_file = "/none", each.private_key_file = "/none";
         })},
        {"tls.private_key_file", with([&](auto& each) {
             each.certificate_file = all.client.certificate_file;
             each.private_key_file = all.strange_client.key_file;
         })},
        {"tls.private_key_file",
         with([&](auto& each) { each.certificate_file = all.client.certificate_file; })},
        {"tls.certificate_file",
         with([&](auto& each) { each.private_key_file = all.client.key_file; })}};
    for (auto const& [name, options] : wrong)
        BOOST_CHECK_EXCEPTION(client_tls{options}, millipede::invalid_option,
                              [&](auto const& refusal) { return refusal.option() == name; });
}

BOOST_AUTO_TEST_SUITE_END()
