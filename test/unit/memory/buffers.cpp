// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/buffers.hpp>

#include <millipede/wire/payload.hpp>

#include "unit/support/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(buffers)

using millipede::as_bytes;
using millipede::detail::buffer_budget;
using millipede::detail::buffer_pool;
using millipede::detail::spill;
using millipede::test::pattern;
using millipede::test::text_of;

namespace {

/// A budget, a pool and a spill that is given back in the end.
struct one_spill {
    explicit one_spill(std::size_t budget_bytes = 10'000'000) : budget{budget_bytes} {}
    ~one_spill() { kept.release(pool); }
    one_spill(one_spill const&) = delete;
    one_spill& operator=(one_spill const&) = delete;

    bool append(std::string_view text) { return kept.append(as_bytes(text), pool); }
    std::string text() const { return text_of(kept.bytes()); }

    buffer_budget budget;
    buffer_pool pool{budget};
    spill kept;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_budget_grants_up_to_its_bound) {
    buffer_budget budget{100};
    BOOST_TEST(budget.take(60));
    BOOST_TEST(!budget.take(41));
    BOOST_TEST(budget.used_bytes() == 60U);
    BOOST_TEST(budget.take(40));
    BOOST_TEST(!budget.take(1));
    BOOST_TEST(budget.take(0));
    budget.give_back(30);
    BOOST_TEST(budget.used_bytes() == 70U);
    BOOST_TEST(!budget.take(SIZE_MAX));
    BOOST_TEST(budget.take(30));
}

BOOST_AUTO_TEST_CASE(a_budget_of_nothing_grants_nothing) {
    buffer_budget budget{0};
    BOOST_TEST(!budget.take(1));
    BOOST_TEST(budget.take(0));
}

BOOST_AUTO_TEST_CASE(buffers_come_in_a_few_sizes) {
    struct expectation {
        std::size_t wanted;
        std::size_t capacity;
    };
    for (auto const& expected : {expectation{1, 512},
                                 {512, 512},
                                 {513, 4'096},
                                 {4'096, 4'096},
                                 {4'097, 16'384},
                                 {16'384, 16'384},
                                 {16'385, 65'536},
                                 {65'536, 65'536},
                                 {65'537, 131'072},
                                 {131'072, 131'072},
                                 {131'073, 196'608}}) {
        buffer_budget budget{1'000'000};
        buffer_pool pool{budget};
        auto got = pool.take(expected.wanted);
        BOOST_TEST_REQUIRE(bool{got.data});
        BOOST_TEST(got.capacity == expected.capacity);
        BOOST_TEST(budget.used_bytes() == expected.capacity);
        std::fill_n(got.data.get(), got.capacity, std::byte{1}); // so much is really there
        pool.give_back(std::move(got));
        BOOST_TEST(budget.used_bytes() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_buffer_given_back_is_used_again) {
    buffer_budget budget{1'000'000};
    buffer_pool pool{budget};
    for (std::size_t size : {512U, 4'096U, 16'384U, 65'536U}) {
        auto first = pool.take(size);
        auto second = pool.take(size);
        std::set<std::byte*> addresses{first.data.get(), second.data.get()};
        pool.give_back(std::move(first));
        pool.give_back(std::move(second));
        auto third = pool.take(size - 1);
        auto fourth = pool.take(size);
        BOOST_TEST(addresses.count(third.data.get()) == 1U);
        BOOST_TEST(addresses.count(fourth.data.get()) == 1U);
        BOOST_TEST(third.data.get() != fourth.data.get());
        BOOST_TEST(third.capacity == size);
        BOOST_TEST(budget.used_bytes() == 2 * size);
        pool.give_back(std::move(third));
        pool.give_back(std::move(fourth));
    }
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_buffer_of_another_size_is_not_taken_for_it) {
    buffer_budget budget{1'000'000};
    buffer_pool pool{budget};
    auto small = pool.take(512);
    auto* address = small.data.get();
    pool.give_back(std::move(small));
    auto large = pool.take(4'096);
    BOOST_TEST(large.data.get() != address);
    pool.give_back(std::move(large));
}

BOOST_AUTO_TEST_CASE(a_used_up_budget_refuses_and_grants_again_later) {
    buffer_budget budget{5'000};
    buffer_pool pool{budget};
    auto first = pool.take(4'096);
    auto refused = pool.take(513);
    BOOST_TEST(!refused.data);
    BOOST_TEST(refused.capacity == 0U);
    BOOST_TEST(budget.used_bytes() == 4'096U);
    auto small = pool.take(512);
    BOOST_TEST(bool{small.data});
    pool.give_back(std::move(first));
    BOOST_TEST(budget.used_bytes() == 512U);
    auto second = pool.take(4'096);
    BOOST_TEST(bool{second.data});
    pool.give_back(std::move(second));
    pool.give_back(std::move(small));
}

BOOST_AUTO_TEST_CASE(no_buffer_is_given_back_without_harm) {
    buffer_budget budget{1'000};
    buffer_pool pool{budget};
    pool.give_back({});
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(more_buffers_than_are_kept_can_be_given_back) {
    buffer_budget budget{100'000'000};
    buffer_pool pool{budget};
    std::vector<buffer_pool::buffer> taken;
    for (int count = 0; count < 40; ++count)
        taken.push_back(pool.take(65'536));
    for (int count = 0; count < 5; ++count)
        taken.push_back(pool.take(200'000));
    for (auto& each : taken)
        pool.give_back(std::move(each));
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(an_empty_spill_holds_no_buffer) {
    one_spill one;
    BOOST_TEST(one.kept.empty());
    BOOST_TEST(one.kept.size() == 0U);
    BOOST_TEST(one.kept.bytes().empty());
    BOOST_TEST(one.append(""));
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_spill_grows_in_steps_and_keeps_its_bytes) {
    one_spill one;
    auto text = pattern(140'000);
    std::size_t size = 0;
    auto grow_to = [&](std::size_t wanted) {
        BOOST_TEST(one.append(std::string_view{text}.substr(size, wanted - size)));
        size = wanted;
        BOOST_TEST(one.kept.size() == wanted);
        BOOST_TEST((one.text() == text.substr(0, wanted)));
        return one.budget.used_bytes();
    };
    BOOST_TEST(grow_to(1) == 512U);
    BOOST_TEST(grow_to(512) == 512U);
    BOOST_TEST(grow_to(513) == 4'096U);
    BOOST_TEST(grow_to(4'096) == 4'096U);
    BOOST_TEST(grow_to(4'097) == 16'384U);
    BOOST_TEST(grow_to(16'385) == 65'536U);
    BOOST_TEST(grow_to(65'536) == 65'536U);
    BOOST_TEST(grow_to(65'537) == 131'072U);
    BOOST_TEST(grow_to(140'000) == 196'608U);
    one.kept.release(one.pool);
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_large_first_append_takes_the_size_that_fits_at_once) {
    one_spill one{16'384};
    BOOST_TEST(one.append(pattern(10'000)));
    BOOST_TEST(one.budget.used_bytes() == 16'384U);
}

BOOST_AUTO_TEST_CASE(a_refused_append_changes_nothing) {
    one_spill one{4'096 + 512 - 1};
    BOOST_TEST(one.append("abc"));
    BOOST_TEST(!one.append(pattern(600))); // both buffers are held while it grows
    BOOST_TEST(one.text() == "abc");
    BOOST_TEST(one.budget.used_bytes() == 512U);
    BOOST_TEST(one.append("def"));
    BOOST_TEST(one.text() == "abcdef");
}

BOOST_AUTO_TEST_CASE(a_refused_first_append_leaves_the_spill_empty) {
    one_spill one{100};
    BOOST_TEST(!one.append("a"));
    BOOST_TEST(one.kept.empty());
    BOOST_TEST(one.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(the_front_can_be_dropped_at_every_length) {
    std::string const text = "0123456789";
    for (std::size_t count = 0; count <= text.size(); ++count) {
        one_spill one;
        one.append(text);
        one.kept.needed = 20;
        one.kept.drop_front(count, one.pool);
        BOOST_TEST(one.text() == text.substr(count));
        BOOST_TEST(one.kept.size() == text.size() - count);
        BOOST_TEST(one.kept.needed == 0U);
        BOOST_TEST((one.budget.used_bytes() == 0) == (count == text.size()));
        BOOST_TEST(one.append("ab"));
        BOOST_TEST(one.text() == text.substr(count) + "ab");
    }
}

BOOST_AUTO_TEST_CASE(a_released_spill_is_as_new) {
    one_spill one;
    one.append("abc");
    one.kept.needed = 7;
    one.kept.release(one.pool);
    BOOST_TEST(one.kept.empty());
    BOOST_TEST(one.kept.needed == 0U);
    BOOST_TEST(one.budget.used_bytes() == 0U);
    one.kept.release(one.pool);
    BOOST_TEST(one.append("def"));
    BOOST_TEST(one.text() == "def");
}

BOOST_AUTO_TEST_SUITE_END()
