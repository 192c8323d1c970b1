// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/gatekeeper.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>

BOOST_AUTO_TEST_SUITE(gatekeeper)

using gatekeeper_type = millipede::detail::gatekeeper;
using millipede::detail::http_request;

namespace {

http_request asked_by(std::string host) {
    http_request request;
    request.has_host = true;
    request.host = std::move(host);
    return request;
}

unsigned status(std::optional<millipede::detail::http_response> const& refusal) {
    return refusal ? refusal->status : 200;
}

unsigned authorized(std::string authorization) {
    static gatekeeper_type const keeper{"0123456789abcdef", {}};
    auto request = asked_by("anything.example");
    request.authorization = std::move(authorization);
    return status(keeper.refuse(request, false));
}

unsigned changed(std::string origin, std::string site = "") {
    auto request = asked_by("127.0.0.1:9082");
    request.origin = std::move(origin);
    request.fetch_site = std::move(site);
    return status(gatekeeper_type{"", {}}.refuse_change(request));
}

} // namespace

BOOST_AUTO_TEST_CASE(without_a_token_only_addresses_and_known_names_are_answered) {
    gatekeeper_type const keeper{"", {"gateway.internal"}};
    for (auto const* host :
         {"127.0.0.1", "127.0.0.1:9082", "10.0.0.5:1", "[::1]:9082", "[::1]", "localhost",
          "LocalHost:9082", "gateway.internal", "Gateway.Internal:1"})
        BOOST_TEST(status(keeper.refuse(asked_by(host), false)) == 200U, host);
    for (auto const* host :
         {"evil.example", "evil.example:9082", "", ":9082", "localhost.evil.example",
          "127.0.0.1.evil.example", "127.0.0.1.nip.io:9082", "[", "[evil]", "[]"})
        BOOST_TEST(status(keeper.refuse(asked_by(host), true)) == 421U, host);
}

BOOST_AUTO_TEST_CASE(a_request_of_http_1_1_has_a_host) {
    gatekeeper_type const keeper{"", {}};
    http_request request;
    BOOST_TEST(status(keeper.refuse(request, true)) == 400U);
    request.is_http_10 = true;
    BOOST_TEST(status(keeper.refuse(request, true)) == 200U);
}

BOOST_AUTO_TEST_CASE(the_token_has_to_be_right) {
    BOOST_TEST(authorized("Bearer 0123456789abcdef") == 200U);
    BOOST_TEST(authorized("bearer   0123456789abcdef") == 200U);
    for (auto const* wrong :
         {"", "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Bearer 0123456789abcde",
          "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "Digest 0123456789abcdef",
          "0123456789abcdef"})
        BOOST_TEST(authorized(wrong) == 401U, wrong);
}

BOOST_AUTO_TEST_CASE(a_refusal_says_how_to_ask) {
    gatekeeper_type const keeper{"0123456789abcdef", {}};
    auto refusal = keeper.refuse(asked_by("localhost"), false);
    BOOST_REQUIRE(refusal);
    BOOST_TEST(refusal->fields.at(0).first == "WWW-Authenticate");
    BOOST_TEST(refusal->fields.at(0).second.starts_with("Bearer"));
    BOOST_TEST(!keeper.refuse(asked_by("localhost"), true)); // open to all
}

BOOST_AUTO_TEST_CASE(no_other_site_changes_anything) {
    BOOST_TEST(changed("") == 200U);
    BOOST_TEST(changed("http://127.0.0.1:9082", "same-origin") == 200U);
    BOOST_TEST(changed("https://127.0.0.1:9082") == 200U);
    BOOST_TEST(changed("", "none") == 200U);
    BOOST_TEST(changed("http://evil.example") == 403U);
    BOOST_TEST(changed("http://127.0.0.1:9083") == 403U);
    BOOST_TEST(changed("null") == 403U);
    BOOST_TEST(changed("http://127.0.0.1:9082.evil.example") == 403U);
    BOOST_TEST(changed("", "cross-site") == 403U);
    BOOST_TEST(changed("", "same-site") == 403U);
}

BOOST_AUTO_TEST_SUITE_END()
