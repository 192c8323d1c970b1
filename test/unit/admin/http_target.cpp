// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/http_target.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

BOOST_AUTO_TEST_SUITE(http_target)

using millipede::detail::bad_request;
using target_type = millipede::detail::http_target;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_CASE(a_path_and_its_parameters) {
    target_type target{"/a%2fb+c?x=1&y=a+b%26&z&&=empty"};
    BOOST_TEST(target.path() == "/a/b+c");
    BOOST_TEST(*target.find("x") == "1");
    BOOST_TEST(*target.find("y") == "a b&");
    BOOST_TEST(*target.find("z") == "");
    BOOST_TEST(*target.find("") == "empty");
    BOOST_TEST(!target.find("w"));
    BOOST_TEST(target_type{"/"}.path() == "/");
    BOOST_TEST(target_type{"/?"}.path() == "/");
}

BOOST_AUTO_TEST_CASE(what_is_no_target) {
    for (std::string text : {"", "*", "http://host/", "a", "/%", "/%4", "/%4g", "/%00", "/?a=%zz",
                             "/?%=1", "/% 1", "/%+1"})
        BOOST_CHECK_THROW(target_type{text}, bad_request);
}

BOOST_AUTO_TEST_CASE(parameters_that_are_not_known_or_come_twice) {
    target_type target{"/?limit=1&cursor=2"};
    target.allow_only({"limit", "cursor", "more"});
    BOOST_CHECK_THROW(target.allow_only({"limit"}), bad_request);
    BOOST_CHECK_THROW(target_type{"/?limit=1&limit=1"}.allow_only({"limit"}), bad_request);
}

BOOST_AUTO_TEST_CASE(numbers) {
    BOOST_TEST(target_type{"/"}.number("n", 7, 1, 10) == 7U);
    BOOST_TEST(target_type{"/?n=1"}.number("n", 7, 1, 10) == 1U);
    BOOST_TEST(target_type{"/?n=10"}.number("n", 7, 1, 10) == 10U);
    for (std::string text : {"/?n=0", "/?n=11", "/?n=", "/?n", "/?n=-1", "/?n=1x", "/?n=+1",
                             "/?n=18446744073709551617"})
        BOOST_CHECK_THROW(target_type{text}.number("n", 7, 1, 10), bad_request);
}

BOOST_AUTO_TEST_CASE(times) {
    auto time = [](std::string const& text) { return *target_type{"/?t=" + text}.time("t"); };
    BOOST_TEST(!target_type{"/"}.time("t"));
    BOOST_TEST((time("0s") == milliseconds{0}));
    BOOST_TEST((time("500ms") == milliseconds{500}));
    BOOST_TEST((time("30s") == milliseconds{30'000}));
    BOOST_TEST((time("5m") == milliseconds{300'000}));
    BOOST_TEST((time("8760h") == std::chrono::hours{8'760}));
    for (std::string text : {"", "5", "s", "-1s", "1.5s", "8761h", "5 s", "5d", "31536000001ms",
                             "99999999999999999999s"})
        BOOST_CHECK_THROW(time(text), bad_request);
}

BOOST_AUTO_TEST_SUITE_END()
