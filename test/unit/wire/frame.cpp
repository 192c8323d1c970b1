// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/frame.hpp>

#include "unit/support/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(frames)

using millipede::counting_sink;
using millipede::decode_data;
using millipede::decode_result;
using millipede::errc;
using millipede::frame;
using millipede::frame_codec;
using millipede::test::bytes_of;
using millipede::test::text_of;
using millipede::test::vector_sink;
using status = decode_result::status;

namespace {

// The sample server's messages, from the specification.
struct login {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t user;
};

struct login_reply {
    static constexpr std::uint16_t command = 0x6101;
};

struct position {
    static constexpr std::uint16_t command = 0x0102;
    boost::endian::little_int32_t x;
    boost::endian::little_uint64_t time;
    std::array<std::byte, 3> colour;
};

/// Of variable length, and with a rule of its own: no text begins with '!'.
struct chat {
    static constexpr std::uint16_t command = 0x0203;
    std::string text{};

    static std::optional<chat> decode(std::span<std::byte const> data) {
        auto read = text_of(data);
        if (!read.empty() && read[0] == '!') return std::nullopt;
        return chat{std::move(read)};
    }
    std::size_t data_size() const { return text.size(); }
    template <millipede::byte_sink Sink>
    void encode(Sink& sink) const {
        auto bytes = millipede::as_bytes(text);
        sink.append(bytes.first(bytes.size() / 2));
        sink.append(bytes.subspan(bytes.size() / 2));
    }
};

struct without_command {
    boost::endian::little_uint16_t user;
};

static_assert(millipede::message<login>);
static_assert(millipede::message<login_reply>);
static_assert(millipede::message<chat>);
static_assert(!millipede::message<without_command>);
static_assert(!millipede::message<int>);
static_assert(millipede::codec<frame_codec>);

template <class Message>
std::vector<std::byte> encoded(Message const& value, frame_codec const& codec = frame_codec{}) {
    vector_sink sink;
    codec.encode(value, sink);
    return sink.bytes;
}

std::vector<std::byte> head_bytes(std::uint32_t magic, unsigned size, unsigned command) {
    return bytes_of({magic & 0xff, magic >> 8 & 0xff, magic >> 16 & 0xff, magic >> 24, size & 0xff,
                     size >> 8, command & 0xff, command >> 8});
}

constexpr std::uint32_t sample_magic = 0x8eb69af7;

// A frame of `size` bytes in all, zeros after the head.
std::vector<std::byte> frame_bytes(unsigned size, unsigned command) {
    auto bytes = head_bytes(sample_magic, size, command);
    bytes.resize(std::max<std::size_t>(size, bytes.size()));
    return bytes;
}

decode_result decoded(std::span<std::byte const> input, frame_codec const& codec = frame_codec{}) {
    frame ignored;
    return codec.decode(input, ignored);
}

bool refused(decode_result const& result, errc why) {
    return result.found == status::refused && result.why == why;
}

bool incomplete(decode_result const& result, std::size_t needed) {
    return result.found == status::incomplete && result.size == needed;
}

frame_codec with_size_max(std::uint32_t size_max) {
    frame_codec::settings wanted;
    wanted.size_max = size_max;
    return frame_codec{wanted};
}

frame_codec with_crlf() {
    frame_codec::settings wanted;
    wanted.skip_crlf = true;
    return frame_codec{wanted};
}

} // namespace

BOOST_AUTO_TEST_CASE(the_sample_servers_login_is_these_ten_bytes) {
    auto expected = bytes_of({0xf7, 0x9a, 0xb6, 0x8e, 0x0a, 0x00, 0x01, 0x61, 0x39, 0x30});
    login request;
    request.user = 12345; // 0x3039
    BOOST_TEST((encoded(request) == expected));

    frame received;
    auto result = frame_codec{}.decode(expected, received);
    BOOST_TEST((result.found == status::complete));
    BOOST_TEST(result.size == 10U);
    BOOST_TEST(received.command == 0x6101);
    auto read = decode_data<login>(received.data());
    BOOST_TEST_REQUIRE(read.has_value());
    BOOST_TEST(read->user == 12345);
}

BOOST_AUTO_TEST_CASE(the_sample_servers_reply_is_these_eight_bytes) {
    auto expected = bytes_of({0xf7, 0x9a, 0xb6, 0x8e, 0x08, 0x00, 0x01, 0x61});
    BOOST_TEST((encoded(login_reply{}) == expected));
    frame received;
    auto result = frame_codec{}.decode(expected, received);
    BOOST_TEST((result.found == status::complete));
    BOOST_TEST(result.size == 8U);
    BOOST_TEST(received.data().empty());
    BOOST_TEST(decode_data<login_reply>(received.data()).has_value());
}

BOOST_AUTO_TEST_CASE(a_wire_struct_is_little_endian_and_packed) {
    position where;
    where.x = -2;
    where.time = 0x0102030405060708;
    where.colour = {std::byte{0xaa}, std::byte{0xbb}, std::byte{0xcc}};
    auto expected = bytes_of({0xf7, 0x9a, 0xb6, 0x8e, 0x17, 0x00, 0x02, 0x01, //
                              0xfe, 0xff, 0xff, 0xff,                         //
                              0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, //
                              0xaa, 0xbb, 0xcc});
    BOOST_TEST((encoded(where) == expected));
    auto read = decode_data<position>(std::span{expected}.subspan(8));
    BOOST_TEST_REQUIRE(read.has_value());
    BOOST_TEST(read->x == -2);
    BOOST_TEST(read->time == 0x0102030405060708U);
    BOOST_TEST((read->colour == where.colour));
}

BOOST_AUTO_TEST_CASE(a_self_coding_message_has_the_length_of_its_data) {
    auto expected = bytes_of({0xf7, 0x9a, 0xb6, 0x8e, 0x0b, 0x00, 0x03, 0x02, 'a', 'b', 'c'});
    BOOST_TEST((encoded(chat{"abc"}) == expected));
    auto read = decode_data<chat>(std::span{expected}.subspan(8));
    BOOST_TEST_REQUIRE(read.has_value());
    BOOST_TEST(read->text == "abc");
    BOOST_TEST(encoded(chat{}).size() == 8U);
    BOOST_TEST(decode_data<chat>({}).value().text == "");
}

BOOST_AUTO_TEST_CASE(a_self_coding_message_refuses_by_its_own_rule) {
    BOOST_TEST(!decode_data<chat>(millipede::as_bytes("!abc")).has_value());
}

BOOST_AUTO_TEST_CASE(data_of_a_wrong_length_is_no_message) {
    auto data = bytes_of({1, 2, 3, 4});
    for (std::size_t size = 0; size <= data.size(); ++size) {
        auto some = std::span{data}.first(size);
        BOOST_TEST(decode_data<login>(some).has_value() == (size == 2));
        BOOST_TEST(decode_data<login_reply>(some).has_value() == (size == 0));
        BOOST_TEST(!decode_data<position>(some).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_received_frame_goes_out_as_it_came) {
    auto bytes = frame_bytes(20, 7);
    bytes[10] = std::byte{0x55};
    frame received;
    frame_codec{}.decode(bytes, received);
    BOOST_TEST(static_cast<void const*>(received.whole.data()) == bytes.data());
    BOOST_TEST(static_cast<void const*>(received.data().data()) == bytes.data() + 8);
    BOOST_TEST((encoded(received) == bytes));
}

BOOST_AUTO_TEST_CASE(a_frame_is_encoded_once_for_many) {
    auto data = bytes_of({1, 2, 3});
    auto encoded_once = frame_codec{}.encode(0xabcd, data);
    auto expected = bytes_of({0xf7, 0x9a, 0xb6, 0x8e, 0x0b, 0x00, 0xcd, 0xab, 1, 2, 3});
    BOOST_TEST(std::ranges::equal(encoded_once.bytes(), expected));
    auto empty = frame_codec{}.encode(0x6101, std::span<std::byte const>{});
    BOOST_TEST(empty.size() == 8U);
}

BOOST_AUTO_TEST_CASE(only_the_first_frame_of_the_input_is_decoded) {
    auto bytes = frame_bytes(11, 1);
    auto second = frame_bytes(8, 2);
    bytes.insert(bytes.end(), second.begin(), second.end());
    frame received;
    auto result = frame_codec{}.decode(bytes, received);
    BOOST_TEST(result.size == 11U);
    BOOST_TEST(received.command == 1);
    BOOST_TEST(received.whole.size() == 11U);
}

BOOST_AUTO_TEST_CASE(at_every_length_it_is_known_how_much_is_needed) {
    auto bytes = frame_bytes(300, 5);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        auto result = decoded(std::span{bytes}.first(size));
        BOOST_TEST(incomplete(result, size < 8 ? 8 : 300));
    }
    BOOST_TEST((decoded(bytes).found == status::complete));
}

BOOST_AUTO_TEST_CASE(a_frame_stands_at_any_address) {
    auto bytes = frame_bytes(12, 0x1234);
    for (std::size_t offset = 0; offset < 8; ++offset) {
        std::vector<std::byte> shifted(offset);
        shifted.insert(shifted.end(), bytes.begin(), bytes.end());
        frame received;
        auto result = frame_codec{}.decode(std::span{shifted}.subspan(offset), received);
        BOOST_TEST((result.found == status::complete));
        BOOST_TEST(received.command == 0x1234);
    }
}

BOOST_AUTO_TEST_CASE(every_bit_of_the_magic_matters) {
    for (unsigned bit = 0; bit < 32; ++bit) {
        auto bytes = head_bytes(sample_magic ^ (1U << bit), 8, 1);
        BOOST_TEST(refused(decoded(bytes), errc::bad_magic));
    }
}

BOOST_AUTO_TEST_CASE(another_magic_can_be_agreed_on) {
    frame_codec::settings wanted;
    wanted.magic = 0x01020304;
    frame_codec codec{wanted};
    BOOST_TEST(codec.magic() == 0x01020304U);
    auto expected = bytes_of({4, 3, 2, 1, 8, 0, 0x01, 0x61});
    BOOST_TEST((encoded(login_reply{}, codec) == expected));
    BOOST_TEST((decoded(expected, codec).found == status::complete));
    BOOST_TEST(refused(decoded(frame_bytes(8, 1), codec), errc::bad_magic));
}

BOOST_AUTO_TEST_CASE(a_size_below_the_heads_is_refused) {
    for (unsigned size = 0; size < 8; ++size)
        BOOST_TEST(refused(decoded(frame_bytes(size, 1)), errc::bad_size));
    BOOST_TEST((decoded(frame_bytes(8, 1)).found == status::complete));
}

BOOST_AUTO_TEST_CASE(a_size_above_the_limit_is_refused_by_its_head_alone) {
    auto codec = with_size_max(1500);
    BOOST_TEST(codec.size_max() == 1500U);
    BOOST_TEST((decoded(frame_bytes(1500, 1), codec).found == status::complete));
    BOOST_TEST(incomplete(decoded(head_bytes(sample_magic, 1500, 1), codec), 1500));
    for (unsigned size : {1501U, 65535U})
        BOOST_TEST(refused(decoded(head_bytes(sample_magic, size, 1), codec), errc::bad_size));
}

BOOST_AUTO_TEST_CASE(the_longest_frame_is_decoded) {
    BOOST_TEST(frame_codec{}.size_max() == 65'535U);
    BOOST_TEST(decoded(frame_bytes(65'535, 1)).size == 65'535U);
}

BOOST_AUTO_TEST_CASE(reserved_commands_are_refused_and_all_others_taken) {
    for (unsigned command : {0U, 1U, 0x6101U, 0xfffaU, 0xfffbU})
        BOOST_TEST((decoded(frame_bytes(8, command)).found == status::complete));
    for (unsigned command : {0xfffcU, 0xfffdU, 0xfffeU, 0xffffU}) {
        BOOST_TEST(refused(decoded(frame_bytes(8, command)), errc::unknown_command));
        // ... by the head alone.
        auto head = head_bytes(sample_magic, 100, command);
        BOOST_TEST(refused(decoded(head), errc::unknown_command));
    }
}

BOOST_AUTO_TEST_CASE(the_first_fault_of_a_head_is_the_one_told) {
    BOOST_TEST(refused(decoded(head_bytes(1, 0, 0xffff)), errc::bad_magic));
    BOOST_TEST(refused(decoded(head_bytes(sample_magic, 0, 0xffff)), errc::bad_size));
}

BOOST_AUTO_TEST_CASE(a_refused_or_incomplete_frame_leaves_the_result_alone) {
    auto whole = frame_bytes(9, 3);
    frame result;
    frame_codec{}.decode(whole, result);
    frame_codec{}.decode(std::span{whole}.first(8), result);
    frame_codec{}.decode(frame_bytes(0, 1), result);
    BOOST_TEST(result.command == 3);
    BOOST_TEST(result.whole.size() == 9U);
}

BOOST_AUTO_TEST_CASE(crlf_is_no_frame_unless_it_is_asked_for) {
    auto bytes = bytes_of({'\r', '\n'});
    BOOST_TEST(incomplete(decoded(bytes), 8));
    auto frame_after = frame_bytes(8, 1);
    bytes.insert(bytes.end(), frame_after.begin(), frame_after.end());
    BOOST_TEST(refused(decoded(bytes), errc::bad_magic));
}

BOOST_AUTO_TEST_CASE(crlf_is_skipped_wherever_the_input_is_cut) {
    auto codec = with_crlf();
    auto bytes = bytes_of({'\r', '\n'});
    auto frame_after = frame_bytes(8, 1);
    bytes.insert(bytes.end(), frame_after.begin(), frame_after.end());
    BOOST_TEST(incomplete(decoded({}, codec), 8));
    BOOST_TEST(incomplete(decoded(std::span{bytes}.first(1), codec), 2));
    for (std::size_t size = 2; size <= bytes.size(); ++size) {
        auto result = decoded(std::span{bytes}.first(size), codec);
        BOOST_TEST((result.found == status::skipped));
        BOOST_TEST(result.size == 2U);
    }
    BOOST_TEST((decoded(frame_after, codec).found == status::complete));
}

BOOST_AUTO_TEST_CASE(half_a_crlf_is_refused) {
    auto codec = with_crlf();
    for (auto const& bytes : {bytes_of({'\r', '\r'}), bytes_of({'\r', 0xf7}), bytes_of({'\r', 0})})
        BOOST_TEST(refused(decoded(bytes, codec), errc::bad_magic));
    auto line_feed = bytes_of({'\n', 0, 0, 0, 0, 0, 0, 0});
    BOOST_TEST(refused(decoded(line_feed, codec), errc::bad_magic));
}

BOOST_AUTO_TEST_CASE(crlf_within_a_frame_is_data) {
    auto bytes = frame_bytes(12, 1);
    bytes[8] = std::byte{'\r'};
    bytes[9] = std::byte{'\n'};
    BOOST_TEST(decoded(bytes, with_crlf()).size == 12U);
}

BOOST_AUTO_TEST_CASE(bad_settings_are_refused) {
    for (std::uint32_t size_max : {0U, 7U, 65'536U, 0xffffffffU})
        BOOST_CHECK_THROW(with_size_max(size_max), std::invalid_argument);
    for (std::uint32_t size_max : {8U, 65'535U})
        BOOST_CHECK_NO_THROW(with_size_max(size_max));

    frame_codec::settings carriage_return;
    carriage_return.magic = 0x1122330d;
    BOOST_CHECK_NO_THROW(frame_codec{carriage_return});
    carriage_return.skip_crlf = true;
    BOOST_CHECK_THROW(frame_codec{carriage_return}, std::invalid_argument);
    carriage_return.magic = 0x0d332211; // its last byte, on the wire
    BOOST_CHECK_NO_THROW(frame_codec{carriage_return});
}

BOOST_AUTO_TEST_CASE(a_message_beyond_the_limit_is_not_encoded) {
    auto codec = with_size_max(16);
    vector_sink sink;
    BOOST_CHECK_NO_THROW(codec.encode(chat{"12345678"}, sink));
    BOOST_TEST(sink.bytes.size() == 16U);
    BOOST_CHECK_THROW(codec.encode(chat{"123456789"}, sink), std::length_error);
    BOOST_CHECK_THROW(codec.encode(position{}, sink), std::length_error);
    BOOST_TEST(sink.bytes.size() == 16U); // not even the head
    std::vector<std::byte> data(9);
    BOOST_CHECK_THROW(codec.encode(1, data), std::length_error);
    BOOST_CHECK_THROW(codec.encode(0xfffc, {}), std::invalid_argument);
    BOOST_CHECK_THROW(codec.encode(0xffff, {}, sink), std::invalid_argument);
    BOOST_TEST(codec.encode(1, std::span{data}.first(8)).size() == 16U);
}

BOOST_AUTO_TEST_CASE(the_longest_message_is_encoded_and_no_longer_one) {
    std::vector<std::byte> data(65'528);
    auto longest = frame_codec{}.encode(1, std::span{data}.first(65'527));
    BOOST_TEST(longest.size() == 65'535U);
    BOOST_TEST((decoded(longest.bytes()).found == status::complete));
    BOOST_CHECK_THROW(frame_codec{}.encode(1, data), std::length_error);
    BOOST_CHECK_THROW(frame_codec{}.encode(1, std::vector<std::byte>(65'536)), std::length_error);
}

BOOST_AUTO_TEST_CASE(a_message_is_measured_without_bytes) {
    counting_sink sink;
    frame_codec{}.encode(login{}, sink);
    BOOST_TEST(sink.size == 10U);
    frame_codec{}.encode(chat{"abc"}, sink);
    BOOST_TEST(sink.size == 21U);
}

BOOST_AUTO_TEST_SUITE_END()
