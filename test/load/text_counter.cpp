// SPDX-License-Identifier: BSL-1.0
#include <load/text_counter.hpp>

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(text_counter)

BOOST_AUTO_TEST_CASE(a_text_is_found_wherever_the_stream_is_cut) {
    load::text_counter const counter{"aab"};
    std::string const stream{"aaab.aab.aaabaab"};
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        load::text_counter::position where = 0;
        auto found = counter.count(stream.substr(0, cut), where);
        found += counter.count(stream.substr(cut), where);
        BOOST_TEST(found == 4U);
    }
}

BOOST_AUTO_TEST_CASE(texts_that_overlap_count_once) {
    load::text_counter::position where = 0;
    BOOST_TEST(load::text_counter{"abab"}.count("ababab", where) == 1U);
    where = 0;
    BOOST_TEST(load::text_counter{"a"}.count("aba", where) == 2U);
}

BOOST_AUTO_TEST_CASE(a_text_has_1_to_255_bytes) {
    BOOST_CHECK_THROW(load::text_counter{""}, std::invalid_argument);
    BOOST_CHECK_THROW(load::text_counter{std::string(256, 'x')}, std::invalid_argument);
    load::text_counter::position where = 0;
    BOOST_TEST(load::text_counter{std::string(255, 'x')}.count(std::string(510, 'x'), where) == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
