// SPDX-License-Identifier: BSL-1.0
#include <load/frame.hpp>
#include <load/greeting.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

BOOST_AUTO_TEST_SUITE(frame)

namespace {

constexpr std::size_t sizes[] = {8, 9, 15, 16, 23, 24, 25, 64, 1'500, 65'535};
constexpr std::size_t raw_sizes[] = {1, 7, 8, 15, 16, 17, 64, 65'535};

load::echo_frame framed(std::size_t size_bytes) {
    return {load::make_head(0x8eb6'9af7, size_bytes, 0x6102), size_bytes};
}

std::vector<std::byte> written(load::echo_frame const& frame, std::uint64_t key,
                               std::uint32_t sequence, std::size_t offset = 0) {
    std::vector<std::byte> bytes(frame.size_bytes() - offset);
    BOOST_TEST(frame.write(key, sequence, offset, bytes.data()) == bytes.size());
    return bytes;
}

std::vector<load::echo_frame> all_frames() {
    std::vector<load::echo_frame> frames;
    for (auto const size : sizes)
        frames.push_back(framed(size));
    for (auto const size : raw_sizes)
        frames.emplace_back(size);
    return frames;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_head_is_little_endian) {
    auto const octets = load::make_head(0x8eb6'9af7, 0x1234, 0x6102);
    unsigned char const right[] = {0xf7, 0x9a, 0xb6, 0x8e, 0x34, 0x12, 0x02, 0x61};
    for (std::size_t index = 0; index < octets.size(); ++index)
        BOOST_TEST(std::to_integer<unsigned>(octets[index]) == right[index]);
}

BOOST_AUTO_TEST_CASE(what_was_written_is_right_in_any_parts) {
    for (auto const& frame : all_frames()) {
        BOOST_TEST_CONTEXT(frame.size_bytes() << " bytes") {
            auto const whole = written(frame, 7, 3);
            BOOST_TEST(frame.mismatch(7, 3, 0, whole) == whole.size());
            for (auto cut = std::size_t{1}; cut < whole.size(); cut += 1 + cut / 8) {
                auto const rest = written(frame, 7, 3, cut);
                BOOST_TEST(std::ranges::equal(rest, std::span{whole}.subspan(cut)));
                auto const head = std::span{whole}.first(cut);
                BOOST_TEST(frame.mismatch(7, 3, 0, head) == head.size());
                BOOST_TEST(frame.mismatch(7, 3, cut, rest) == rest.size());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_found_at_its_place) {
    for (auto const& frame : all_frames()) {
        auto whole = written(frame, 7, 3);
        for (auto at = std::size_t{0}; at < whole.size(); at += 1 + at / 8) {
            whole[at] ^= std::byte{0x10};
            BOOST_TEST(frame.mismatch(7, 3, 0, whole) == at);
            whole[at] ^= std::byte{0x10};
        }
        whole.back() ^= std::byte{1};
        BOOST_TEST(frame.mismatch(7, 3, 0, whole) == whole.size() - 1);
    }
}

BOOST_AUTO_TEST_CASE(the_reply_of_another_connection_or_request_is_wrong) {
    for (auto const& frame : {framed(24), framed(64), load::echo_frame{16}}) {
        auto const whole = written(frame, 7, 3);
        BOOST_TEST(frame.mismatch(8, 3, 0, whole) < whole.size());
        BOOST_TEST(frame.mismatch(7, 4, 0, whole) < whole.size());
        BOOST_TEST(frame.mismatch(7, 2, 0, whole) < whole.size());
    }
}

BOOST_AUTO_TEST_CASE(a_login_is_answered_by_its_head_alone) {
    load::options settings;
    load::greeting const greeting{settings};
    auto const asked = greeting.make_request(7, 0x0102);
    unsigned char const right[] = {0xf7, 0x9a, 0xb6, 0x8e, 10, 0, 0x01, 0x61, 0x02, 0x01};
    for (std::size_t index = 0; index < asked.size(); ++index)
        BOOST_TEST(std::to_integer<unsigned>(asked[index]) == right[index]);
    auto const head = load::make_head(settings.magic, 8, settings.login_command);
    BOOST_TEST(std::ranges::equal(greeting.reply_to(asked), head));
}

BOOST_AUTO_TEST_CASE(a_raw_greeting_is_another_on_every_connection_and_comes_back_whole) {
    load::options settings;
    settings.codec = load::codec_kind::raw;
    load::greeting const greeting{settings};
    auto const first = greeting.make_request(7, 1);
    auto const second = greeting.make_request(8, 1);
    BOOST_TEST(!std::ranges::equal(first, second));
    BOOST_TEST(std::ranges::equal(greeting.reply_to(first), first));
    BOOST_TEST(greeting.reply_to(first).size() == 10U);
}

BOOST_AUTO_TEST_SUITE_END()
