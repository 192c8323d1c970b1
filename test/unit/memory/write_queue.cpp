// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/write_queue.hpp>

#include "unit/support/bytes.hpp"
#include "unit/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(write_queue)

using millipede::payload;
using millipede::detail::buffer_budget;
using millipede::detail::output_ledger;
using millipede::test::text_of;

namespace {

// A queue with a ledger of its own, which is empty again in the end.
struct queue {
    static constexpr auto entry_bytes = millipede::detail::write_queue::entry_bytes;

    explicit queue(std::size_t budget_bytes = 100'000'000) : budget{budget_bytes} {}
    ~queue() {
        clear();
        BOOST_TEST(ledger.held_bytes() == 0U);
        BOOST_TEST(budget.used_bytes() == 0U);
    }

    bool push_message(payload message) {
        return subject.push_droppable(std::move(message), ledger);
    }
    bool push_rest(payload bytes) { return subject.push_lasting(std::move(bytes), ledger); }
    void consume(std::size_t bytes) { subject.consume(bytes, ledger); }
    std::size_t drop_oldest(std::size_t bytes) {
        auto before = subject.bytes();
        auto dropped = subject.drop_oldest(bytes, ledger);
        BOOST_TEST(dropped.bytes == before - subject.bytes());
        return dropped.messages;
    }
    void clear() { subject.clear(ledger); }
    bool empty() const { return subject.empty(); }
    std::size_t bytes() const { return subject.bytes(); }
    std::size_t held_bytes() const { return subject.held_bytes(); }
    std::size_t gather(std::span<iovec> buffers) const { return subject.gather(buffers); }

    buffer_budget budget;
    output_ledger ledger{budget};
    millipede::detail::write_queue subject;
};

payload payload_of(std::string_view text) {
    return payload{millipede::as_bytes(text)};
}

// The front of the queue, as one write of so many buffers would send it.
std::string gathered(queue const& waiting, std::size_t buffers_max = 1'000) {
    std::vector<iovec> buffers(buffers_max);
    auto count = waiting.gather(buffers);
    std::string all;
    for (auto const& buffer : std::span{buffers}.first(count)) {
        BOOST_TEST(buffer.iov_len > 0U);
        all.append(static_cast<char const*>(buffer.iov_base), buffer.iov_len);
    }
    return all;
}

// What one entry of so many bytes holds.
constexpr std::size_t held(std::size_t bytes) {
    return bytes + queue::entry_bytes;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_new_one_is_empty) {
    queue waiting;
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.bytes() == 0U);
    BOOST_TEST(gathered(waiting) == "");
    BOOST_TEST(waiting.drop_oldest(10) == 0U);
    waiting.consume(0);
    waiting.clear();
    BOOST_TEST(waiting.empty());
}

BOOST_AUTO_TEST_CASE(entries_are_gathered_in_order) {
    queue waiting;
    waiting.push_message(payload_of("one"));
    waiting.push_rest(payload_of("two"));
    waiting.push_message(payload_of("three"));
    BOOST_TEST(!waiting.empty());
    BOOST_TEST(waiting.bytes() == 11U);
    BOOST_TEST(gathered(waiting) == "onetwothree");
    BOOST_TEST(waiting.bytes() == 11U); // gathering takes nothing away
}

BOOST_AUTO_TEST_CASE(no_more_buffers_are_filled_than_there_are) {
    queue waiting;
    for (auto const* text : {"a", "bc", "def"})
        waiting.push_message(payload_of(text));
    std::array<std::string, 5> const expected{"", "a", "abc", "abcdef", "abcdef"};
    for (std::size_t count = 0; count < expected.size(); ++count)
        BOOST_TEST(gathered(waiting, count) == expected[count]);
    std::array<iovec, 2> buffers;
    BOOST_TEST(waiting.gather(buffers) == 2U);
    waiting.consume(4);
    BOOST_TEST(waiting.gather(buffers) == 1U);
}

BOOST_AUTO_TEST_CASE(shared_bytes_are_not_copied) {
    auto shared = payload_of("shared");
    queue waiting;
    waiting.push_message(shared);
    std::array<iovec, 1> buffers;
    waiting.gather(buffers);
    BOOST_TEST(buffers[0].iov_base == static_cast<void const*>(shared.bytes().data()));
    waiting.consume(2);
    waiting.gather(buffers);
    BOOST_TEST(buffers[0].iov_base == static_cast<void const*>(shared.bytes().data() + 2));
    BOOST_TEST(buffers[0].iov_len == 4U);
}

BOOST_AUTO_TEST_CASE(empty_entries_are_left_out) {
    queue waiting;
    waiting.push_message({});
    waiting.push_rest(payload_of(""));
    BOOST_TEST(waiting.empty());
    std::array<iovec, 4> buffers;
    BOOST_TEST(waiting.gather(buffers) == 0U);
    waiting.push_message(payload_of("a"));
    waiting.push_message({});
    waiting.push_message(payload_of("b"));
    BOOST_TEST(waiting.gather(buffers) == 2U);
}

BOOST_AUTO_TEST_CASE(every_number_of_bytes_can_be_written_at_once_and_twice) {
    std::string const all = "abbcccddddeeeee";
    auto fill = [](queue& waiting) {
        for (auto const* text : {"a", "bb", "ccc", "dddd", "eeeee"})
            waiting.push_message(payload_of(text));
    };
    for (std::size_t first = 0; first <= all.size(); ++first) {
        for (std::size_t second = 0; first + second <= all.size(); ++second) {
            queue waiting;
            fill(waiting);
            waiting.consume(first);
            BOOST_TEST(waiting.bytes() == all.size() - first);
            BOOST_TEST(gathered(waiting) == all.substr(first));
            waiting.consume(second);
            BOOST_TEST(waiting.bytes() == all.size() - first - second);
            BOOST_TEST(gathered(waiting) == all.substr(first + second));
            BOOST_TEST(waiting.empty() == (first + second == all.size()));
            waiting.push_message(payload_of("more"));
            BOOST_TEST(gathered(waiting) == all.substr(first + second) + "more");
        }
    }
}

BOOST_AUTO_TEST_CASE(the_oldest_are_dropped_whole_until_enough_is_free) {
    std::array<std::size_t, 4> const freed{0, held(2), held(2) + held(3),
                                           held(2) + held(3) + held(4)};
    std::array<std::string, 4> const left{"aabbbcccc", "bbbcccc", "cccc", ""};
    for (std::size_t wanted = 0; wanted <= freed.back() + 3; ++wanted) {
        queue waiting;
        for (auto const* text : {"aa", "bbb", "cccc"})
            waiting.push_message(payload_of(text));
        auto before = waiting.held_bytes();
        auto messages = waiting.drop_oldest(wanted);
        std::size_t enough = 0;
        while (enough < 3 && freed[enough] < wanted)
            ++enough;
        BOOST_TEST(messages == enough);
        BOOST_TEST(before - waiting.held_bytes() == freed[enough]);
        BOOST_TEST(gathered(waiting) == left[messages]);
        BOOST_TEST(waiting.bytes() == left[messages].size());
    }
}

BOOST_AUTO_TEST_CASE(a_message_begun_is_not_dropped) {
    queue waiting;
    for (auto const* text : {"aa", "bbb", "cccc"})
        waiting.push_message(payload_of(text));
    waiting.consume(1);
    BOOST_TEST(waiting.drop_oldest(1'000) == 2U);
    BOOST_TEST(gathered(waiting) == "a");
    BOOST_TEST(waiting.bytes() == 1U);
    BOOST_TEST(waiting.held_bytes() == held(1));
}

BOOST_AUTO_TEST_CASE(a_rest_is_not_dropped) {
    queue waiting;
    waiting.push_rest(payload_of("rest1"));
    waiting.push_message(payload_of("aa"));
    waiting.push_rest(payload_of("rest2"));
    waiting.push_message(payload_of("bb"));
    waiting.push_message(payload_of("cc"));
    BOOST_TEST(waiting.drop_oldest(held(2) + 1) == 2U);
    BOOST_TEST(gathered(waiting) == "rest1rest2cc");
    BOOST_TEST(waiting.drop_oldest(3) == 1U);
    BOOST_TEST(waiting.drop_oldest(3) == 0U);
    BOOST_TEST(gathered(waiting) == "rest1rest2");
}

BOOST_AUTO_TEST_CASE(many_small_messages_hold_more_than_their_bytes_and_leave_nothing) {
    queue waiting;
    for (int count = 0; count < 1'000; ++count)
        waiting.push_message(payload_of("x"));
    BOOST_TEST(waiting.held_bytes() == 1'000 * held(1));
    waiting.consume(400);
    BOOST_TEST(waiting.held_bytes() == 600 * held(1));
    waiting.consume(600);
    BOOST_TEST(waiting.held_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(dropping_works_behind_entries_that_were_written) {
    for (std::size_t written = 0; written <= 8; ++written) {
        queue waiting;
        std::string all;
        for (char letter = 'a'; letter < 'i'; ++letter) {
            waiting.push_message(payload_of({&letter, 1}));
            all += letter;
        }
        waiting.consume(written);
        auto dropped = waiting.drop_oldest(held(1) + 1);
        BOOST_TEST(dropped == std::min<std::size_t>(2, 8 - written));
        BOOST_TEST(gathered(waiting) == all.substr(std::min<std::size_t>(8, written + 2)));
        waiting.push_message(payload_of("z"));
        waiting.consume(waiting.bytes());
        BOOST_TEST(waiting.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_cleared_one_is_as_new) {
    queue waiting;
    for (auto const* text : {"aa", "bbb", "cccc", "d"})
        waiting.push_message(payload_of(text));
    waiting.consume(3);
    waiting.clear();
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.bytes() == 0U);
    BOOST_TEST(gathered(waiting) == "");
    waiting.push_message(payload_of("x"));
    BOOST_TEST(gathered(waiting) == "x");
    BOOST_TEST(waiting.drop_oldest(1) == 1U); // not taken for begun
}

BOOST_AUTO_TEST_CASE(written_payloads_are_let_go_of) {
    // Seen by the address sanitizer's leak check; here: many entries through one queue.
    queue waiting;
    std::size_t pushed = 0;
    for (int turn = 0; turn < 5'000; ++turn) {
        for (int count = 0; count < 3; ++count)
            waiting.push_message(payload_of("1234567"));
        pushed += 21;
        waiting.consume(turn % 2 == 0 ? 20 : 22);
    }
    BOOST_TEST(waiting.bytes() == pushed - 5'000 * 21);
    BOOST_TEST(waiting.empty());
}

BOOST_AUTO_TEST_CASE(a_used_up_budget_refuses_and_leaves_the_queue_as_it_was) {
    queue waiting{2 * held(3)};
    BOOST_TEST(waiting.push_message(payload_of("abc")));
    BOOST_TEST(!waiting.push_message(payload_of("abcd")));
    BOOST_TEST(!waiting.push_rest(payload_of("abcd")));
    BOOST_TEST(waiting.held_bytes() == held(3));
    BOOST_TEST(waiting.push_rest(payload_of("def")));
    BOOST_TEST(gathered(waiting) == "abcdef");
    waiting.consume(4);
    BOOST_TEST(waiting.push_rest(payload_of("ghi")));
    BOOST_TEST(gathered(waiting) == "efghi");
}

BOOST_AUTO_TEST_CASE(what_is_held_is_given_back_with_its_last_byte) {
    queue waiting;
    waiting.push_message(payload_of("abcdef"));
    waiting.consume(5);
    BOOST_TEST(waiting.bytes() == 1U);
    BOOST_TEST(waiting.ledger.held_bytes() == held(6)); // the block is whole as long as it lives
    waiting.consume(1);
    BOOST_TEST(waiting.ledger.held_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(one_payload_in_many_queues_is_counted_once) {
    buffer_budget budget{10'000'000};
    output_ledger ledger{budget};
    std::vector<millipede::detail::write_queue> waiting(100);
    payload shared{millipede::as_bytes(std::string(50'000, 's'))};
    for (auto& each : waiting)
        BOOST_TEST(each.push_droppable(shared, ledger));
    BOOST_TEST(ledger.held_bytes() == 50'000 + 100 * queue::entry_bytes);
    BOOST_TEST(waiting[7].held_bytes() == held(50'000)); // the queue's own limit counts it whole
    waiting[0].consume(50'000, ledger);
    BOOST_TEST(waiting[1].drop_oldest(1, ledger).messages == 1U);
    BOOST_TEST(ledger.held_bytes() == 50'000 + 98 * queue::entry_bytes);
    for (auto& each : waiting)
        each.clear(ledger);
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_random_history_is_that_of_a_simple_model) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("write_queue: MILLIPEDE_TEST_SEED=" << seed);
    std::mt19937 random{seed};
    auto below = [&](std::size_t bound) { return random() % bound; };

    struct entry {
        std::string text;
        bool droppable;
        bool begun = false;
    };
    for (int round = 0; round < 50; ++round) {
        queue waiting;
        std::deque<entry> model;
        auto model_text = [&](std::size_t entries_max) {
            std::string all;
            for (auto const& each : model) {
                if (entries_max-- == 0) break;
                all += each.text;
            }
            return all;
        };
        char letter = 'a';
        for (int step = 0; step < 200; ++step) {
            switch (below(8)) {
            case 0:
            case 1:
            case 2: {
                std::string text(below(9), letter);
                letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1);
                bool droppable = below(4) != 0;
                if (droppable)
                    waiting.push_message(payload_of(text));
                else
                    waiting.push_rest(payload_of(text));
                if (!text.empty()) model.push_back({text, droppable});
                break;
            }
            case 3:
            case 4: {
                auto bytes = below(std::min<std::size_t>(waiting.bytes(), 20) + 1);
                waiting.consume(bytes);
                while (bytes > 0) {
                    auto& front = model.front();
                    auto taken = std::min(bytes, front.text.size());
                    front.text.erase(0, taken);
                    front.begun = true;
                    bytes -= taken;
                    if (front.text.empty()) model.pop_front();
                }
                break;
            }
            case 5: {
                auto bytes = below(5 * held(3));
                auto dropped = waiting.drop_oldest(bytes);
                std::size_t expected = 0;
                std::size_t freed = 0;
                for (auto each = model.begin(); each != model.end();) {
                    if (freed < bytes && each->droppable && !each->begun) {
                        ++expected;
                        freed += held(each->text.size());
                        each = model.erase(each);
                    } else {
                        ++each;
                    }
                }
                BOOST_TEST(dropped == expected, "seed " << seed << " round " << round);
                break;
            }
            case 6: {
                auto count = below(6);
                BOOST_TEST(gathered(waiting, count) == model_text(count),
                           "seed " << seed << " round " << round);
                break;
            }
            default:
                if (below(20) != 0) break;
                waiting.clear();
                model.clear();
            }
            auto expected = model_text(SIZE_MAX);
            BOOST_TEST(waiting.bytes() == expected.size());
            BOOST_TEST(waiting.empty() == expected.empty());
            BOOST_TEST(gathered(waiting) == expected, "seed " << seed << " round " << round);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
