// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/codec.hpp>

#include "unit/support/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string_view>

BOOST_AUTO_TEST_SUITE(codec)

using millipede::counting_sink;
using millipede::decode_result;
using millipede::errc;

namespace {

// The smallest codec: messages of one byte.
struct byte_codec {
    using message_type = std::byte;
    decode_result decode(std::span<std::byte const> input, std::byte& message) const {
        if (input.empty()) return decode_result::incomplete(1);
        message = input[0];
        return decode_result::complete(1);
    }
    std::size_t size_max() const { return 1; }
    template <millipede::byte_sink Sink>
    void encode(std::byte message, Sink& sink) const {
        sink.append({&message, 1});
    }
};

struct without_message_type {
    decode_result decode(std::span<std::byte const>, std::byte&) const;
    std::size_t size_max() const;
    void encode(std::byte, counting_sink&) const;
};

struct without_decode {
    using message_type = std::byte;
    std::size_t size_max() const;
    void encode(std::byte, counting_sink&) const;
};

struct with_a_decode_of_another_result {
    using message_type = std::byte;
    bool decode(std::span<std::byte const>, std::byte&) const;
    std::size_t size_max() const;
    void encode(std::byte, counting_sink&) const;
};

struct with_a_decode_that_changes_the_codec {
    using message_type = std::byte;
    decode_result decode(std::span<std::byte const>, std::byte&);
    std::size_t size_max() const;
    void encode(std::byte, counting_sink&) const;
};

struct without_size_max {
    using message_type = std::byte;
    decode_result decode(std::span<std::byte const>, std::byte&) const;
    void encode(std::byte, counting_sink&) const;
};

struct without_encode {
    using message_type = std::byte;
    decode_result decode(std::span<std::byte const>, std::byte&) const;
    std::size_t size_max() const;
};

struct not_copyable : byte_codec {
    std::unique_ptr<int> owned;
};

static_assert(millipede::codec<byte_codec>);
static_assert(!millipede::codec<without_message_type>);
static_assert(!millipede::codec<without_decode>);
static_assert(!millipede::codec<with_a_decode_of_another_result>);
static_assert(!millipede::codec<with_a_decode_that_changes_the_codec>);
static_assert(!millipede::codec<without_size_max>);
static_assert(!millipede::codec<without_encode>);
static_assert(!millipede::codec<not_copyable>);
static_assert(!millipede::codec<int>);

static_assert(millipede::byte_sink<counting_sink>);
static_assert(millipede::byte_sink<millipede::test::vector_sink>);
static_assert(!millipede::byte_sink<int>);

} // namespace

BOOST_AUTO_TEST_CASE(results_say_what_they_are_made_of) {
    using status = decode_result::status;
    auto complete = decode_result::complete(7);
    BOOST_TEST((complete.found == status::complete));
    BOOST_TEST(complete.size == 7U);
    auto skipped = decode_result::skipped(2);
    BOOST_TEST((skipped.found == status::skipped));
    BOOST_TEST(skipped.size == 2U);
    auto incomplete = decode_result::incomplete(9);
    BOOST_TEST((incomplete.found == status::incomplete));
    BOOST_TEST(incomplete.size == 9U);
    BOOST_TEST(decode_result::incomplete().size == 0U);
    auto refused = decode_result::refused(errc::bad_size);
    BOOST_TEST((refused.found == status::refused));
    BOOST_TEST((refused.why == errc::bad_size));
    BOOST_TEST(refused.size == 0U);
}

BOOST_AUTO_TEST_CASE(a_counting_sink_adds_up_what_it_is_given) {
    counting_sink sink;
    byte_codec{}.encode(std::byte{1}, sink);
    auto more = millipede::test::bytes_of({1, 2, 3});
    sink.append(more);
    sink.append({});
    BOOST_TEST(sink.size == 4U);
}

BOOST_AUTO_TEST_CASE(a_small_codec_brings_back_what_it_was_given) {
    byte_codec settings;
    millipede::test::vector_sink sink;
    settings.encode(std::byte{0x2a}, sink);
    std::byte message{};
    auto result = settings.decode(sink.bytes, message);
    BOOST_TEST((result.found == decode_result::status::complete));
    BOOST_TEST((message == std::byte{0x2a}));
}

BOOST_AUTO_TEST_SUITE_END()
