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

BOOST_AUTO_TEST_CASE(the_answer_to_who_asks_beforehand) {
    auto answer = cors{}.answer();
    BOOST_TEST(answer.status == 204);
    BOOST_TEST(answer.fields == "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                                "Access-Control-Allow-Headers: content-type, last-event-id\r\n"
                                "Access-Control-Max-Age: 86400\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
