// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/payload.hpp>

#include "unit/support/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/mman.h>

#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(payload)

using millipede::payload;
using millipede::test::text_of;

BOOST_AUTO_TEST_CASE(a_default_one_is_empty_and_owns_nothing) {
    payload none;
    BOOST_TEST(none.empty());
    BOOST_TEST(none.size() == 0U);
    BOOST_TEST(none.bytes().data() == nullptr);
    BOOST_TEST(none.bytes().empty());
}

BOOST_AUTO_TEST_CASE(it_is_a_copy_of_the_bytes) {
    std::string source{"abc\0def", 7};
    payload copy{millipede::as_bytes(source)};
    source.assign(7, 'x');
    BOOST_TEST(copy.size() == 7U);
    BOOST_TEST(!copy.empty());
    BOOST_TEST((text_of(copy.bytes()) == std::string{"abc\0def", 7}));
}

BOOST_AUTO_TEST_CASE(no_bytes_make_an_empty_one) {
    payload none{std::span<std::byte const>{}};
    BOOST_TEST(none.empty());
    BOOST_TEST(none.bytes().empty());
    payload nothing{{}, {}};
    BOOST_TEST(nothing.empty());
}

BOOST_AUTO_TEST_CASE(two_pieces_stand_one_after_the_other) {
    auto head = millipede::as_bytes("head");
    auto tail = millipede::as_bytes("data");
    BOOST_TEST(text_of(payload{head, tail}.bytes()) == "headdata");
    BOOST_TEST(text_of(payload{head, {}}.bytes()) == "head");
    BOOST_TEST(text_of(payload{{}, tail}.bytes()) == "data");
}

BOOST_AUTO_TEST_CASE(copies_share_the_bytes) {
    payload first{millipede::as_bytes("shared")};
    payload second = first;
    BOOST_TEST(second.bytes().data() == first.bytes().data());
    payload third;
    third = second;
    first = {};
    second = {};
    BOOST_TEST(first.empty());
    BOOST_TEST(text_of(third.bytes()) == "shared");
}

BOOST_AUTO_TEST_CASE(a_moved_from_one_is_empty) {
    payload first{millipede::as_bytes("moved")};
    payload second = std::move(first);
    BOOST_TEST(first.empty()); // NOLINT: that is what is tested
    BOOST_TEST(text_of(second.bytes()) == "moved");
    auto const& same = second;
    second = same;
    BOOST_TEST(text_of(second.bytes()) == "moved");
}

BOOST_AUTO_TEST_CASE(it_is_shared_while_there_are_other_owners) {
    payload none;
    payload none_either = none;
    BOOST_TEST(!none_either.shared());
    payload first{millipede::as_bytes("shared")};
    BOOST_TEST(!first.shared());
    {
        payload second = first;
        BOOST_TEST(first.shared());
        BOOST_TEST(second.shared());
    }
    BOOST_TEST(!first.shared());
}

BOOST_AUTO_TEST_CASE(it_is_a_pointer_in_size) {
    BOOST_TEST(sizeof(payload) == sizeof(void*));
}

BOOST_AUTO_TEST_CASE(a_large_one_is_whole) {
    auto source = millipede::test::pattern(1'000'000);
    BOOST_TEST((text_of(payload{millipede::as_bytes(source)}.bytes()) == source));
}

BOOST_AUTO_TEST_CASE(copies_in_several_threads_keep_the_bytes_until_the_last_is_gone) {
    payload shared{millipede::as_bytes("of all threads")};
    std::vector<int> wrong(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < wrong.size(); ++thread)
        threads.emplace_back([mine = shared, &count = wrong[thread]]() mutable {
            for (int turn = 0; turn < 20'000; ++turn) {
                payload copy = mine;
                payload moved = std::move(copy);
                if (moved.size() != 14 || moved.bytes()[13] != std::byte{'s'}) ++count;
            }
            mine = {};
        });
    shared = {};
    for (auto& thread : threads)
        thread.join();
    for (auto count : wrong)
        BOOST_TEST(count == 0);
}

BOOST_AUTO_TEST_CASE(more_than_4_gib_are_refused) {
    constexpr std::size_t size = (std::size_t{4} << 30) + 4'096;
    auto* memory =
        ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    BOOST_TEST_REQUIRE(memory != MAP_FAILED);
    std::span<std::byte const> bytes{static_cast<std::byte const*>(memory), size};
    BOOST_CHECK_THROW(payload{bytes}, std::bad_alloc);
    BOOST_CHECK_THROW((payload{bytes.first(size / 2), bytes.first(size / 2)}), std::bad_alloc);
    ::munmap(memory, size);
}

BOOST_AUTO_TEST_CASE(text_is_seen_as_bytes) {
    std::string_view text = "xy";
    auto bytes = millipede::as_bytes(text);
    BOOST_TEST(bytes.size() == 2U);
    BOOST_TEST(static_cast<void const*>(bytes.data()) == static_cast<void const*>(text.data()));
    BOOST_TEST(millipede::as_bytes("").empty());
}

BOOST_AUTO_TEST_SUITE_END()
