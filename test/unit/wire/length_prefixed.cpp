// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/length_prefixed.hpp>

#include "support/codec_reader.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(length_prefixed)

using millipede::errc;
using millipede::length_prefixed_codec;
using test::conversation;
using test::encoded;
using test::read_whole;
using test::reads_the_same_cut_anywhere;
using namespace std::string_literals;

namespace {

struct form {
    unsigned bits;
    std::endian order;
    std::string three; ///< The length of three bytes.
};

std::array<form, 8> const forms{{
    {8, std::endian::big, "\3"s},
    {8, std::endian::little, "\3"s},
    {16, std::endian::big, "\0\3"s},
    {16, std::endian::little, "\3\0"s},
    {32, std::endian::big, "\0\0\0\3"s},
    {32, std::endian::little, "\3\0\0\0"s},
    {64, std::endian::big, "\0\0\0\0\0\0\0\3"s},
    {64, std::endian::little, "\3\0\0\0\0\0\0\0"s},
}};

length_prefixed_codec codec_of(form const& wanted, std::uint32_t data_max = 200) {
    return length_prefixed_codec{
        {.bits = wanted.bits, .order = wanted.order, .data_max = data_max}};
}

} // namespace

BOOST_AUTO_TEST_CASE(every_width_and_order_is_written_as_it_is_read) {
    for (auto const& each : forms) {
        BOOST_TEST_CONTEXT(each.bits << " bits, " << (each.order == std::endian::big)) {
            auto codec = codec_of(each);
            auto empty = std::string(each.bits / 8, '\0');
            BOOST_TEST(encoded(codec, "abc"s) == each.three + "abc");
            BOOST_TEST(encoded(codec, millipede::as_bytes("abc")) == each.three + "abc");
            BOOST_TEST(encoded(codec, ""s) == empty);
            BOOST_TEST(encoded(codec, std::span<std::byte const>{}) == empty);
            auto stream = each.three + "abc" + empty + each.three + "def" + each.three + "gh";
            conversation expected{{"abc", "", "def"}, {}};
            BOOST_TEST((read_whole(codec, stream) == expected));
            BOOST_TEST(reads_the_same_cut_anywhere(codec, stream, expected));
        }
    }
}

BOOST_AUTO_TEST_CASE(lengths_beyond_one_byte_keep_their_order) {
    auto text = std::string(0x0102, 'x');
    auto big = codec_of({16, std::endian::big, {}}, 1'000);
    auto little = codec_of({32, std::endian::little, {}}, 1'000);
    BOOST_TEST(encoded(big, text) == "\1\2" + text);
    BOOST_TEST(encoded(little, text) == "\2\1\0\0"s + text);
    BOOST_TEST((read_whole(big, "\1\2" + text) == conversation{{text}, {}}));
    BOOST_TEST((read_whole(little, "\2\1\0\0"s + text) == conversation{{text}, {}}));
}

BOOST_AUTO_TEST_CASE(the_longest_message_is_read_and_a_longer_one_refused_at_its_length) {
    for (auto const& each : forms) {
        auto codec = codec_of(each, 3);
        auto four = each.three;
        four[four.find('\3')] = '\4';
        conversation expected{{"abc"}, errc::bad_size};
        BOOST_TEST((read_whole(codec, each.three + "abc" + four) == expected));
        BOOST_TEST(
            reads_the_same_cut_anywhere(codec, each.three + "abc" + four + "defg", expected));
        BOOST_TEST(encoded(codec, "abc"s) == each.three + "abc");
        BOOST_CHECK_THROW(encoded(codec, "abcd"s), std::length_error);
        BOOST_TEST(codec.size_max() == 3 + each.bits / 8);
    }
}

BOOST_AUTO_TEST_CASE(the_largest_numbers_are_refused) {
    for (auto const& each : forms) {
        auto codec = codec_of(each);
        auto largest = std::string(each.bits / 8, '\xff');
        BOOST_TEST((read_whole(codec, largest + "data") == conversation{{}, errc::bad_size}));
    }
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_work_are_refused) {
    for (unsigned bits : {0U, 1U, 7U, 9U, 24U, 65U, 128U})
        BOOST_CHECK_THROW(codec_of({bits, std::endian::big, {}}), std::invalid_argument);
    BOOST_CHECK_THROW(codec_of({8, std::endian::big, {}}, 256), std::invalid_argument);
    BOOST_CHECK_THROW(codec_of({16, std::endian::big, {}}, 65'536), std::invalid_argument);
    BOOST_CHECK_THROW(codec_of({32, std::endian::big, {}}, (1U << 30) + 1), std::invalid_argument);
    BOOST_CHECK_THROW(codec_of({64, std::endian::big, {}}, (1U << 30) + 1), std::invalid_argument);
    BOOST_TEST(codec_of({8, std::endian::big, {}}, 255).size_max() == 256U);
    BOOST_TEST(codec_of({16, std::endian::big, {}}, 65'535).size_max() == 65'537U);
    BOOST_TEST(codec_of({64, std::endian::big, {}}, 1U << 30).size_max() == (1U << 30) + 8);
    BOOST_TEST(length_prefixed_codec{}.size_max() == 65'539U);
}

BOOST_AUTO_TEST_SUITE_END()
