// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/reassembly.hpp>

#include <millipede/wire/frame.hpp>

#include "unit/support/bytes.hpp"
#include "unit/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

BOOST_AUTO_TEST_SUITE(reassembly)

using millipede::as_bytes;
using millipede::decode_result;
using millipede::detail::buffer_budget;
using millipede::detail::buffer_pool;
using millipede::detail::input_result;
using millipede::detail::spill;
using millipede::test::pattern;
using millipede::test::text_of;
using next = input_result::next;
using texts = std::vector<std::string>;
using decoder = decode_result (*)(std::span<std::byte const>);

namespace {

decode_result frames(std::span<std::byte const> input) {
    static millipede::frame_codec const codec;
    millipede::frame ignored;
    return codec.decode(input, ignored);
}

decode_result frames_and_crlf(std::span<std::byte const> input) {
    static millipede::frame_codec const codec{[] {
        millipede::frame_codec::settings wanted;
        wanted.skip_crlf = true;
        return wanted;
    }()};
    millipede::frame ignored;
    return codec.decode(input, ignored);
}

// The same frames, from a codec that never knows how much is missing.
decode_result frames_of_unknown_size(std::span<std::byte const> input) {
    auto result = frames(input);
    if (result.found == decode_result::status::incomplete) result.size = 0;
    return result;
}

// ... and from one that knows of the next byte only.
decode_result frames_of_one_byte_more(std::span<std::byte const> input) {
    auto result = frames(input);
    if (result.found == decode_result::status::incomplete) result.size = input.size() + 1;
    return result;
}

decode_result lines(std::span<std::byte const> input) {
    auto end = std::ranges::find(input, std::byte{'\n'});
    if (end == input.end()) return decode_result::incomplete();
    return decode_result::complete(static_cast<std::size_t>(end - input.begin()) + 1);
}

std::string frame_of(std::size_t size) {
    auto frame = millipede::frame_codec{}.encode(static_cast<std::uint16_t>(size & 0xfff),
                                                 as_bytes(pattern(size - 8)));
    return text_of(frame.bytes());
}

texts frames_of(std::vector<std::size_t> const& sizes) {
    texts messages;
    for (auto size : sizes)
        messages.push_back(frame_of(size));
    return messages;
}

texts lines_of(std::vector<std::size_t> const& sizes) {
    texts messages;
    for (auto size : sizes)
        messages.push_back(std::string(size - 1, static_cast<char>('a' + size % 26)) + '\n');
    return messages;
}

std::string joined(texts const& messages) {
    std::string all;
    for (auto const& message : messages)
        all += message;
    return all;
}

/// One connection's receiving end: what the engine's dispatcher does with the input.
struct conversation {
    explicit conversation(decoder wanted, std::size_t budget_bytes = 100'000'000)
        : decode{wanted}, budget{budget_bytes} {}
    ~conversation() { rest.release(pool); }
    conversation(conversation const&) = delete;
    conversation& operator=(conversation const&) = delete;

    input_result consume(std::span<std::byte const> input) {
        using status = decode_result::status;
        ++calls;
        std::uint32_t consumed = 0;
        for (;;) {
            auto found = decode(input.subspan(consumed));
            auto size = static_cast<std::uint32_t>(found.size);
            if (found.found == status::incomplete) return {consumed, size, last = next::go_on};
            if (found.found == status::refused) return {consumed, 0, last = next::end};
            auto message = input.subspan(consumed, found.size);
            consumed += size;
            if (found.found == status::skipped) continue;
            messages.push_back(text_of(message));
            addresses.push_back(message.data());
            if (messages.size() == end_after) return {consumed, 0, last = next::end};
            if (pause_every != 0 && messages.size() % pause_every == 0)
                return {consumed, 0, last = next::pause};
        }
    }

    bool feed(std::string_view bytes) {
        return millipede::detail::reassemble(
            rest, as_bytes(bytes), pool,
            [this](std::span<std::byte const> input) { return consume(input); });
    }
    void resume() {
        last = next::go_on;
        millipede::detail::resume(
            rest, pool, [this](std::span<std::byte const> input) { return consume(input); });
    }
    /// Feeds, and goes on after every pause.
    bool feed_and_resume(std::string_view bytes) {
        auto fed = feed(bytes);
        while (last == next::pause)
            resume();
        return fed;
    }

    decoder decode;
    buffer_budget budget;
    buffer_pool pool{budget};
    spill rest;

    std::size_t pause_every = 0;
    std::size_t end_after = SIZE_MAX;

    texts messages;
    std::vector<std::byte const*> addresses;
    next last = next::go_on;
    int calls = 0;
};

// Whether the stream, cut at those places, makes the messages and leaves nothing behind.
bool arrives(decoder decode, std::string_view stream, std::vector<std::size_t> const& cuts,
             texts const& expected, std::size_t pause_every = 0) {
    conversation one{decode};
    one.pause_every = pause_every;
    std::size_t begin = 0;
    for (auto cut : cuts) {
        if (!one.feed_and_resume(stream.substr(begin, cut - begin))) return false;
        begin = cut;
    }
    if (!one.feed_and_resume(stream.substr(begin))) return false;
    return one.messages == expected && one.rest.empty() && one.budget.used_bytes() == 0;
}

struct stream {
    char const* name;
    decoder decode;
    texts messages;
    std::string bytes = joined(messages);
};

std::vector<stream> streams_of(std::vector<std::size_t> const& frame_sizes,
                               std::vector<std::size_t> const& line_sizes) {
    std::vector<stream> streams;
    streams.push_back({"frames", frames, frames_of(frame_sizes)});
    streams.push_back({"unknown size", frames_of_unknown_size, frames_of(frame_sizes)});
    streams.push_back({"one byte more", frames_of_one_byte_more, frames_of(frame_sizes)});
    streams.push_back({"lines", lines, lines_of(line_sizes)});
    return streams;
}

std::vector<stream> small_streams() {
    auto streams = streams_of({8, 9, 8, 11, 13}, {1, 5, 1, 1, 12, 3});
    stream with_crlf{"crlf", frames_and_crlf, frames_of({8, 9, 10})};
    auto const& messages = with_crlf.messages;
    with_crlf.bytes = "\r\n" + messages[0] + "\r\n\r\n" + messages[1] + messages[2] + "\r\n";
    streams.push_back(with_crlf);
    return streams;
}

std::vector<stream> middle_streams() {
    return streams_of({8, 9, 511, 512, 513, 8, 600, 1'100, 20, 8}, {1, 30, 512, 1, 700, 80, 2});
}

} // namespace

BOOST_AUTO_TEST_CASE(an_uncut_stream_arrives) {
    for (auto const& each : small_streams())
        BOOST_TEST(arrives(each.decode, each.bytes, {}, each.messages), each.name);
    for (auto const& each : middle_streams())
        BOOST_TEST(arrives(each.decode, each.bytes, {}, each.messages), each.name);
}

BOOST_AUTO_TEST_CASE(a_small_stream_cut_anywhere_into_two_and_three_arrives) {
    for (auto const& each : small_streams())
        for (std::size_t first = 0; first <= each.bytes.size(); ++first)
            for (std::size_t second = first; second <= each.bytes.size(); ++second)
                BOOST_TEST(arrives(each.decode, each.bytes, {first, second}, each.messages),
                           each.name << " cut at " << first << " and " << second);
}

BOOST_AUTO_TEST_CASE(a_longer_stream_cut_anywhere_into_two_arrives) {
    for (auto const& each : middle_streams())
        for (std::size_t cut = 0; cut <= each.bytes.size(); ++cut)
            BOOST_TEST(arrives(each.decode, each.bytes, {cut}, each.messages),
                       each.name << " cut at " << cut);
}

BOOST_AUTO_TEST_CASE(a_longer_stream_cut_into_pieces_of_any_size_arrives) {
    for (auto const& each : middle_streams())
        for (std::size_t piece : {1U, 2U, 3U, 7U, 8U, 9U, 64U, 511U, 512U, 513U, 1'000U}) {
            std::vector<std::size_t> cuts;
            for (auto cut = piece; cut < each.bytes.size(); cut += piece)
                cuts.push_back(cut);
            BOOST_TEST(arrives(each.decode, each.bytes, cuts, each.messages),
                       each.name << " in pieces of " << piece);
        }
}

BOOST_AUTO_TEST_CASE(large_frames_cut_near_their_ends_arrive) {
    auto messages = frames_of({65'535, 8, 4'096, 4'097, 16'384, 30'000});
    auto bytes = joined(messages);
    std::size_t end = 0;
    for (auto const& message : messages) {
        for (std::size_t before : {0U, 1U, 7U, 8U, 9U}) {
            for (auto decode : {frames, frames_of_unknown_size}) {
                BOOST_TEST(arrives(decode, bytes, {end + before}, messages));
                auto second = end + message.size() - 1;
                if (second > end + before)
                    BOOST_TEST(arrives(decode, bytes, {end + before, second}, messages));
            }
        }
        end += message.size();
    }
}

BOOST_AUTO_TEST_CASE(paused_anywhere_a_cut_stream_arrives_in_order) {
    for (auto const& each : small_streams())
        for (std::size_t pause_every : {1U, 2U, 3U})
            for (std::size_t first = 0; first <= each.bytes.size(); ++first)
                for (std::size_t second = first; second <= each.bytes.size(); second += 3)
                    BOOST_TEST(arrives(each.decode, each.bytes, {first, second}, each.messages,
                                       pause_every),
                               each.name << " cut at " << first << " and " << second);
}

BOOST_AUTO_TEST_CASE(input_after_a_pause_goes_behind_what_the_pause_kept) {
    // Without a resume in between: the engine may read on when the consumer goes on by itself.
    for (auto const& each : small_streams())
        for (std::size_t pause_every : {1U, 2U, 3U})
            for (std::size_t cut = 0; cut <= each.bytes.size(); ++cut) {
                conversation one{each.decode};
                one.pause_every = pause_every;
                BOOST_TEST(one.feed(std::string_view{each.bytes}.substr(0, cut)));
                BOOST_TEST(one.feed(std::string_view{each.bytes}.substr(cut)));
                while (one.last == next::pause)
                    one.resume();
                BOOST_TEST((one.messages == each.messages), each.name << " cut at " << cut);
                BOOST_TEST(one.rest.empty());
            }
}

BOOST_AUTO_TEST_CASE(nothing_of_nothing_is_consumed) {
    conversation one{frames};
    BOOST_TEST(one.feed(""));
    one.resume();
    BOOST_TEST(one.calls == 0);
    auto frame = frame_of(20);
    one.feed(std::string_view{frame}.substr(0, 5));
    BOOST_TEST(one.calls == 1);
    BOOST_TEST(one.feed(""));
    BOOST_TEST(one.calls == 1);
    BOOST_TEST(one.rest.size() == 5U);
}

BOOST_AUTO_TEST_CASE(the_rest_is_what_no_message_has_taken) {
    auto messages = frames_of({8, 30, 9});
    auto bytes = joined(messages);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        conversation one{frames};
        one.feed(std::string_view{bytes}.substr(0, cut));
        auto taken = joined(one.messages).size();
        BOOST_TEST((text_of(one.rest.bytes()) == bytes.substr(taken, cut - taken)));
    }
}

BOOST_AUTO_TEST_CASE(whole_messages_are_consumed_in_place) {
    auto bytes = joined(frames_of({8, 600, 9}));
    conversation one{frames};
    one.feed(bytes);
    auto const* begin = as_bytes(bytes).data();
    BOOST_TEST((one.addresses == std::vector<std::byte const*>{begin, begin + 8, begin + 608}));
    BOOST_TEST(one.calls == 1);
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(what_follows_a_completed_message_is_consumed_in_place_again) {
    auto bytes = joined(frames_of({600, 9, 700}));
    for (auto decode : {frames, frames_of_one_byte_more}) {
        for (std::size_t cut : {9U, 100U, 599U}) {
            conversation one{decode};
            auto tail = std::string_view{bytes}.substr(cut);
            one.feed(std::string_view{bytes}.substr(0, cut));
            one.feed(tail);
            BOOST_TEST_REQUIRE(one.messages.size() == 3U);
            auto const* begin = as_bytes(tail).data();
            BOOST_TEST(one.addresses[1] == begin + (600 - cut));
            BOOST_TEST(one.addresses[2] == begin + (609 - cut));
            BOOST_TEST(one.budget.used_bytes() == 0U);
        }
    }
}

BOOST_AUTO_TEST_CASE(nobody_is_asked_before_what_is_needed_is_there) {
    auto bytes = frame_of(1'000);
    conversation one{frames};
    for (auto letter : bytes)
        one.feed({&letter, 1});
    BOOST_TEST(one.messages.size() == 1U);
    BOOST_TEST(one.calls == 3); // with 1, 8 and 1000 bytes

    conversation unknown{frames_of_unknown_size};
    for (auto letter : bytes)
        unknown.feed({&letter, 1});
    BOOST_TEST(unknown.messages.size() == 1U);
    BOOST_TEST(unknown.calls == 1'000);
}

BOOST_AUTO_TEST_CASE(a_slow_frame_holds_about_what_it_has_sent) {
    auto bytes = frame_of(60'000);
    conversation one{frames};
    one.feed(std::string_view{bytes}.substr(0, 10));
    BOOST_TEST(one.budget.used_bytes() == 512U);
    one.feed(std::string_view{bytes}.substr(10, 1'000));
    BOOST_TEST(one.budget.used_bytes() == 4'096U);
    one.feed(std::string_view{bytes}.substr(1'010));
    BOOST_TEST(one.messages.size() == 1U);
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_pause_keeps_everything_and_a_resume_goes_on) {
    auto messages = frames_of({8, 9, 10, 11, 12});
    auto bytes = joined(messages);
    conversation one{frames};
    one.pause_every = 2;
    BOOST_TEST(one.feed(std::string_view{bytes}.substr(0, bytes.size() - 1)));
    BOOST_TEST((one.messages == texts{messages[0], messages[1]}));
    BOOST_TEST(one.rest.size() == 10U + 11 + 11);
    BOOST_TEST(one.rest.needed == 0U);
    one.resume();
    BOOST_TEST(one.messages.size() == 4U);
    BOOST_TEST(one.rest.size() == 11U);
    one.resume();
    BOOST_TEST(one.messages.size() == 4U);
    BOOST_TEST((one.last == next::go_on));
    BOOST_TEST(one.rest.needed == 12U);
    BOOST_TEST(one.feed(std::string_view{bytes}.substr(bytes.size() - 1)));
    BOOST_TEST((one.messages == messages));
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_pause_at_the_end_of_the_input_keeps_nothing) {
    conversation one{frames};
    one.pause_every = 1;
    BOOST_TEST(one.feed(frame_of(50)));
    BOOST_TEST((one.last == next::pause));
    BOOST_TEST(one.budget.used_bytes() == 0U);
    auto calls = one.calls;
    one.resume();
    BOOST_TEST(one.calls == calls);
}

BOOST_AUTO_TEST_CASE(a_pause_within_a_completed_message_keeps_the_input_behind_it) {
    auto messages = frames_of({20, 30, 40});
    auto bytes = joined(messages);
    conversation one{frames};
    one.pause_every = 1;
    one.feed(std::string_view{bytes}.substr(0, 10));
    one.feed(std::string_view{bytes}.substr(10));
    BOOST_TEST((one.messages == texts{messages[0]}));
    BOOST_TEST((text_of(one.rest.bytes()) == messages[1] + messages[2]));
    one.resume();
    BOOST_TEST((text_of(one.rest.bytes()) == messages[2]));
    one.resume();
    BOOST_TEST((one.messages == messages));
    BOOST_TEST(one.rest.empty());
}

BOOST_AUTO_TEST_CASE(an_end_frees_the_rest_and_forgets_the_input) {
    auto bytes = joined(frames_of({20, 30, 40, 50}));
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        conversation one{frames};
        one.end_after = 2;
        BOOST_TEST(one.feed(std::string_view{bytes}.substr(0, cut)));
        if (one.last != next::end) BOOST_TEST(one.feed(std::string_view{bytes}.substr(cut)));
        BOOST_TEST((one.last == next::end));
        BOOST_TEST(one.messages.size() == 2U);
        BOOST_TEST(one.rest.empty());
        BOOST_TEST(one.rest.needed == 0U);
        BOOST_TEST(one.budget.used_bytes() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(an_end_at_a_resume_frees_the_rest) {
    conversation one{frames};
    one.pause_every = 1;
    one.end_after = 2;
    one.feed(joined(frames_of({20, 30, 40})));
    BOOST_TEST(one.budget.used_bytes() > 0U);
    one.resume();
    BOOST_TEST((one.last == next::end));
    BOOST_TEST(one.rest.empty());
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(without_a_budget_no_incomplete_message_is_kept) {
    auto bytes = joined(frames_of({20, 30}));
    conversation one{frames, 0};
    BOOST_TEST(!one.feed(std::string_view{bytes}.substr(0, 25)));
    BOOST_TEST(one.messages.size() == 1U); // the whole one was consumed
    BOOST_TEST(one.rest.empty());
    conversation whole{frames, 0};
    BOOST_TEST(whole.feed(bytes)); // whole ones need none
    BOOST_TEST(whole.messages.size() == 2U);
}

BOOST_AUTO_TEST_CASE(an_exhausted_budget_refuses_what_a_message_needs_more) {
    auto bytes = frame_of(1'000);
    conversation one{frames, 600};
    BOOST_TEST(one.feed(std::string_view{bytes}.substr(0, 500)));
    BOOST_TEST(!one.feed(std::string_view{bytes}.substr(500, 100)));
    BOOST_TEST(one.rest.size() == 500U);
    BOOST_TEST(one.messages.empty());
    one.rest.release(one.pool);
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(an_exhausted_budget_refuses_what_a_pause_would_keep) {
    auto messages = frames_of({20, 30, 800});
    auto bytes = joined(messages);
    conversation in_place{frames, 600};
    in_place.pause_every = 1;
    BOOST_TEST(!in_place.feed(bytes));
    BOOST_TEST(in_place.messages.size() == 1U);

    conversation after_rest{frames, 600};
    after_rest.pause_every = 1;
    BOOST_TEST(after_rest.feed(std::string_view{bytes}.substr(0, 10)));
    BOOST_TEST(!after_rest.feed(std::string_view{bytes}.substr(10)));
    BOOST_TEST(after_rest.messages.size() == 1U);
}

BOOST_AUTO_TEST_CASE(random_streams_in_random_pieces_with_random_pauses_arrive) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("reassembly: MILLIPEDE_TEST_SEED=" << seed);
    std::mt19937 random{seed};
    auto below = [&](std::size_t bound) { return random() % bound; };
    for (int round = 0; round < 400; ++round) {
        std::vector<std::size_t> sizes(1 + below(12));
        for (auto& size : sizes)
            size = 8 + below(below(4) == 0 ? 6'000 : 40);
        bool of_lines = below(4) == 0;
        auto messages = of_lines ? lines_of(sizes) : frames_of(sizes);
        auto bytes = joined(messages);
        decoder const frame_decoders[] = {frames, frames_of_unknown_size, frames_of_one_byte_more};

        conversation one{of_lines ? lines : frame_decoders[below(3)]};
        one.pause_every = below(4);
        bool resumes = below(2) == 0;
        bool whole = true;
        for (std::size_t begin = 0; begin < bytes.size();) {
            auto size = std::min(bytes.size() - begin, 1 + below(below(3) == 0 ? 3'000 : 30));
            auto piece = std::string_view{bytes}.substr(begin, size);
            whole = whole && (resumes ? one.feed_and_resume(piece) : one.feed(piece));
            begin += size;
            whole = whole && joined(one.messages).size() + one.rest.size() == begin;
        }
        while (one.last == next::pause)
            one.resume();
        BOOST_TEST(whole, "seed " << seed << " round " << round);
        BOOST_TEST((one.messages == messages), "seed " << seed << " round " << round);
        BOOST_TEST(one.rest.empty());
        BOOST_TEST(one.budget.used_bytes() == 0U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
