// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/mailbox.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(mailbox)

using millipede::detail::mail;
using millipede::detail::mailbox;
using posted = mailbox::posted;

namespace {

/// A request that says who sent it, and counts itself while it lives.
struct letter final : mail {
    letter(int sent_by, int numbered, std::atomic<int>* living_count = nullptr)
        : sender{sent_by}, number{numbered}, living{living_count} {
        if (living) ++*living;
    }
    ~letter() override {
        if (living) --*living;
    }
    letter(letter const&) = delete;
    letter& operator=(letter const&) = delete;
    void run(millipede::detail::worker&) override {}

    int sender;
    int number;
    std::atomic<int>* living;
};

posted post(mailbox& box, int number, std::atomic<int>* living = nullptr) {
    return box.post(std::make_unique<letter>(0, number, living));
}

std::vector<int> taken_from(mailbox& box) {
    std::vector<int> numbers;
    box.take_all([&](mail& each) { numbers.push_back(static_cast<letter&>(each).number); });
    return numbers;
}

using numbers = std::vector<int>;

} // namespace

BOOST_AUTO_TEST_CASE(an_empty_one_gives_nothing) {
    mailbox box{1};
    BOOST_TEST(taken_from(box).empty());
}

BOOST_AUTO_TEST_CASE(what_was_admitted_elsewhere_finds_room_and_keeps_its_place) {
    mailbox box{1};
    BOOST_TEST((post(box, 1) == posted::must_wake));
    BOOST_TEST((post(box, 2) == posted::full));
    BOOST_TEST((box.post_admitted(std::make_unique<letter>(0, 3)) == posted::quietly));
    BOOST_TEST(taken_from(box) == (numbers{1, 3}), boost::test_tools::per_element());
    BOOST_TEST((box.post_admitted(std::make_unique<letter>(0, 4)) == posted::must_wake));
    BOOST_TEST((post(box, 5) == posted::full)); // it counts as one that waits
}

BOOST_AUTO_TEST_CASE(messages_beyond_the_bytes_are_refused_until_others_are_taken) {
    std::atomic<int> living{0};
    mailbox box{10, 100};
    auto post_bytes = [&](std::size_t bytes) {
        return box.post(std::make_unique<letter>(0, 1, &living), bytes) != posted::full;
    };
    BOOST_TEST(post_bytes(60));
    for (int times = 0; times < 20; ++times)
        BOOST_TEST(!post_bytes(41)); // who is refused takes neither place nor bytes
    BOOST_TEST(post_bytes(40));
    BOOST_TEST(!post_bytes(1));
    BOOST_TEST(post_bytes(0)); // a function
    BOOST_TEST(living == 3);
    BOOST_TEST(taken_from(box).size() == 3U);
    BOOST_TEST(post_bytes(1'000)); // an empty one takes one message of any size
    BOOST_TEST(!post_bytes(1));
    BOOST_TEST(taken_from(box).size() == 1U);
    BOOST_TEST(post_bytes(100));
}

BOOST_AUTO_TEST_CASE(requests_come_out_oldest_first) {
    mailbox box{10};
    for (int number : {1, 2, 3})
        post(box, number);
    BOOST_TEST((taken_from(box) == numbers{1, 2, 3}));
    BOOST_TEST(taken_from(box).empty());
    post(box, 4);
    BOOST_TEST((taken_from(box) == numbers{4}));
}

BOOST_AUTO_TEST_CASE(only_the_first_into_an_empty_box_must_wake) {
    mailbox box{10};
    for (int turn = 0; turn < 3; ++turn) {
        BOOST_TEST((post(box, 1) == posted::must_wake));
        BOOST_TEST((post(box, 2) == posted::quietly));
        BOOST_TEST((post(box, 3) == posted::quietly));
        taken_from(box);
    }
}

BOOST_AUTO_TEST_CASE(what_is_posted_while_taking_must_wake_again) {
    mailbox box{10};
    post(box, 1);
    std::vector<posted> results;
    numbers seen;
    box.take_all([&](mail& each) {
        seen.push_back(static_cast<letter&>(each).number);
        results.push_back(post(box, 2));
        results.push_back(post(box, 3));
    });
    BOOST_TEST((seen == numbers{1})); // the new ones wait for the next time
    BOOST_TEST((results == std::vector<posted>{posted::must_wake, posted::quietly}));
    BOOST_TEST((taken_from(box) == numbers{2, 3}));
}

BOOST_AUTO_TEST_CASE(answers_are_taken_beyond_the_capacity) {
    mailbox box{1};
    post(box, 1);
    for (int each : {2, 3}) {
        auto answer = std::make_unique<letter>(0, each);
        BOOST_TEST((box.post_admitted(std::move(answer)) == posted::quietly));
    }
    BOOST_TEST((post(box, 4) == posted::full));
    BOOST_TEST((taken_from(box) == numbers{1, 2, 3}));
    BOOST_TEST((post(box, 5) == posted::must_wake)); // as much room as before
    BOOST_TEST((post(box, 6) == posted::full));
}

BOOST_AUTO_TEST_CASE(beyond_the_capacity_requests_are_refused_and_destroyed) {
    std::atomic<int> living{0};
    mailbox box{3};
    BOOST_TEST((post(box, 1, &living) == posted::must_wake));
    BOOST_TEST((post(box, 2, &living) == posted::quietly));
    BOOST_TEST((post(box, 3, &living) == posted::quietly));
    for (int refused = 0; refused < 10; ++refused)
        BOOST_TEST((post(box, 4, &living) == posted::full));
    BOOST_TEST(living == 3);
    BOOST_TEST((taken_from(box) == numbers{1, 2, 3}));
    BOOST_TEST(living == 0);
    BOOST_TEST((post(box, 6, &living) == posted::must_wake)); // there is room again
    BOOST_TEST((taken_from(box) == numbers{6}));
}

BOOST_AUTO_TEST_CASE(a_request_makes_room_before_it_runs_and_lives_while_it_does) {
    std::atomic<int> living{0};
    mailbox box{2};
    post(box, 1, &living);
    post(box, 2, &living);
    std::vector<int> living_then;
    box.take_all([&](mail& each) {
        living_then.push_back(living);
        BOOST_TEST((post(box, static_cast<letter&>(each).number + 10) != posted::full));
    });
    BOOST_TEST((living_then == numbers{2, 1}));
    BOOST_TEST((taken_from(box) == numbers{11, 12}));
}

BOOST_AUTO_TEST_CASE(what_never_ran_is_destroyed_with_the_box) {
    std::atomic<int> living{0};
    {
        mailbox box{10};
        for (int number : {1, 2, 3})
            post(box, number, &living);
        BOOST_TEST(living == 3);
    }
    BOOST_TEST(living == 0);
}

BOOST_AUTO_TEST_CASE(several_senders_lose_nothing_and_keep_their_order) {
    constexpr int senders_count = 4;
    constexpr int letters_each = 10'000;
    std::atomic<int> living{0};
    std::atomic<int> wakes_count{0};
    mailbox box{1'000'000};
    std::counting_semaphore<> wakes{0};

    std::vector<std::thread> senders;
    for (int sender = 0; sender < senders_count; ++sender)
        senders.emplace_back([&, sender] {
            for (int number = 0; number < letters_each; ++number) {
                auto result = box.post(std::make_unique<letter>(sender, number, &living));
                if (result != posted::must_wake) continue;
                ++wakes_count;
                wakes.release();
            }
        });

    std::array<int, senders_count> next{};
    int received = 0;
    int rounds = 0;
    bool ordered = true;
    bool woken = true;
    while (received < senders_count * letters_each && woken) {
        woken = wakes.try_acquire_for(std::chrono::seconds{20});
        auto before = received;
        box.take_all([&](mail& each) {
            auto& one = static_cast<letter&>(each);
            ordered = ordered && next.at(static_cast<std::size_t>(one.sender))++ == one.number;
            ++received;
        });
        // Exactly one wake for each time that the box was not empty.
        if (received > before) ++rounds;
    }
    for (auto& sender : senders)
        sender.join();
    BOOST_TEST(woken);
    BOOST_TEST(received == senders_count * letters_each);
    BOOST_TEST(ordered);
    BOOST_TEST(rounds == wakes_count);
    BOOST_TEST(living == 0);
}

BOOST_AUTO_TEST_CASE(a_full_box_of_several_senders_holds_its_capacity_at_most) {
    constexpr std::uint32_t capacity = 100;
    std::atomic<int> living{0};
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    {
        mailbox box{capacity};
        std::vector<std::thread> senders;
        for (int sender = 0; sender < 4; ++sender)
            senders.emplace_back([&] {
                for (int number = 0; number < 1'000; ++number) {
                    if (post(box, number, &living) == posted::full)
                        ++refused;
                    else
                        ++accepted;
                }
            });
        for (auto& sender : senders)
            sender.join();
        BOOST_TEST(accepted == static_cast<int>(capacity));
        BOOST_TEST(refused == 4'000 - static_cast<int>(capacity));
        BOOST_TEST(living == static_cast<int>(capacity));
        BOOST_TEST(taken_from(box).size() == capacity);
    }
    BOOST_TEST(living == 0);
}

BOOST_AUTO_TEST_CASE(what_an_exception_leaves_is_kept_and_comes_first) {
    mailbox box{10};
    for (int number : {1, 2, 3, 4})
        post(box, number);
    numbers seen;
    auto fail_at_2 = [&](mail& each) {
        seen.push_back(static_cast<letter&>(each).number);
        if (seen.back() == 2) throw 7;
    };
    BOOST_CHECK_THROW(box.take_all(fail_at_2), int);
    BOOST_TEST((post(box, 5) == posted::must_wake)); // it was taken as a whole
    box.take_rest([&](mail& each) {
        seen.push_back(static_cast<letter&>(each).number);
        if (seen.back() == 3) post(box, 6);
    });
    BOOST_TEST((seen == numbers{1, 2, 3, 4}));
    BOOST_TEST((taken_from(box) == numbers{5, 6}));
}

BOOST_AUTO_TEST_CASE(the_rest_comes_before_what_was_posted_since) {
    mailbox box{10};
    for (int number : {1, 2})
        post(box, number);
    BOOST_CHECK_THROW(box.take_all([](mail&) { throw 7; }), int);
    post(box, 3);
    BOOST_TEST((taken_from(box) == numbers{2, 3}));
}

BOOST_AUTO_TEST_CASE(the_rest_is_destroyed_with_the_box) {
    std::atomic<int> living{0};
    {
        mailbox box{10};
        for (int number : {1, 2, 3})
            post(box, number, &living);
        BOOST_CHECK_THROW(box.take_all([](mail&) { throw 7; }), int);
        BOOST_TEST(living == 2);
    }
    BOOST_TEST(living == 0);
}

BOOST_AUTO_TEST_SUITE_END()
