// SPDX-License-Identifier: BSL-1.0
#include <load/request_template.hpp>

#include <boost/test/unit_test.hpp>

#include <stdexcept>

BOOST_AUTO_TEST_SUITE(request_template)

BOOST_AUTO_TEST_CASE(blanks_are_filled_anew_for_each_request) {
    load::request_template asked{"/sub?cname=c{n}&seq={seq}", "127.0.0.1:80", {"Accept: text/x"}};
    BOOST_TEST(asked.render(7, 1) == "GET /sub?cname=c7&seq=1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
                                     "Accept: text/x\r\n\r\n");
    BOOST_TEST(asked.render(18446744073709551615U, 4294967295U)
                   .starts_with("GET /sub?cname=c18446744073709551615&seq=4294967295 HTTP"));
}

BOOST_AUTO_TEST_CASE(a_path_may_have_any_number_of_blanks) {
    BOOST_TEST(load::request_template("/x", "h", {}).render(1, 2) ==
               "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    BOOST_TEST(load::request_template("/{seq}{n}{n}", "h", {}).render(1, 2) ==
               "GET /211 HTTP/1.1\r\nHost: h\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(what_would_be_another_request_is_refused) {
    for (auto const path : {"", "sub", "/a b", "/a\r\n", "/\x80"})
        BOOST_CHECK_THROW(load::request_template(path, "h", {}), std::invalid_argument);
    for (auto const field : {"Accept", "A: b\r\nC: d"})
        BOOST_CHECK_THROW(load::request_template("/", "h", {field}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
