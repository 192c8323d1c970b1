// SPDX-License-Identifier: BSL-1.0
#include "wire/cors.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(cross_origin)

using comet::cors;

BOOST_AUTO_TEST_CASE(origins) {
    BOOST_TEST(cors{}.fields() == "Access-Control-Allow-Origin: *\r\n");
    for (std::string origin : {"https://example.com", "http://a-b.example:8080", "http://[::1]:1",
                               "capacitor://localhost"}) {
        cors rules{origin};
        BOOST_TEST(rules.fields() == "Access-Control-Allow-Origin: " + origin + "\r\n");
        BOOST_TEST(rules.answers());
    }
    BOOST_TEST(cors{"none"}.fields().empty());
    BOOST_TEST(!cors{"none"}.answers());
}

BOOST_AUTO_TEST_CASE(what_is_none) {
    for (std::string text : {"", "example.com", "https://", "://x", "https://example.com/",
                             "https://example.com/path", "https://a b", "https://a\r\nX: y",
                             "https://EXAMPLE.com", "HTTPS://example.com", "null", "**"})
        BOOST_CHECK_THROW(cors{text}, std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(who_begins_a_websocket) {
    cors one{"https://example.com"};
    cors none{"none"};
    for (auto const* rules : {&one, &none}) {
        BOOST_TEST(rules->admits("", "push.example")); // no page's
        BOOST_TEST(rules->admits("https://push.example", "push.example"));
        BOOST_TEST(rules->admits("http://push.example:81", "push.example:81"));
        for (auto other : {"https://other.example", "https://push.example.evil.example", "null",
                           "http://push.example:81", "https://example.com.evil.example"})
            BOOST_TEST(!rules->admits(other, "push.example"), other);
    }
    BOOST_TEST(one.admits("https://example.com", "push.example"));
    BOOST_TEST(!none.admits("https://example.com", "push.example"));
    BOOST_TEST(cors{}.admits("https://other.example", "push.example"));
    BOOST_TEST(cors{}.admits("null", "push.example"));
}

BOOST_AUTO_TEST_CASE(the_answer_to_who_asks_beforehand) {
    auto answer = cors{}.answer();
    BOOST_TEST(answer.status == 204);
    BOOST_TEST(answer.fields == "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                                "Access-Control-Allow-Headers: content-type, last-event-id\r\n"
                                "Access-Control-Max-Age: 86400\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
