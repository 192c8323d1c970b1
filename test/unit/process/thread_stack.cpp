// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/thread_stack.hpp>

#include "support/wait.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(thread_stack)

namespace {

using namespace std::chrono_literals;
using subject_type = millipede::detail::thread_stack;
using functions = std::vector<std::string>;

constexpr auto patience = std::chrono::milliseconds{test::patience};

bool mentions(functions const& stack, std::string_view name) {
    return std::any_of(stack.begin(), stack.end(),
                       [&](std::string const& one) { return one.find(name) != std::string::npos; });
}

std::atomic<bool> over{false};
std::atomic<bool> there{false};

[[gnu::noinline]] void wait_until_it_is_over() {
    there = true;
    while (!over)
        std::this_thread::sleep_for(1ms);
    there = false;
}

void set_blocked(int signal, bool is) {
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal);
    ::pthread_sigmask(is ? SIG_BLOCK : SIG_UNBLOCK, &only, nullptr);
}

// A thread that is to be found in a function of a known name.
struct waiting_thread {
    waiting_thread() {
        over = false;
        thread = std::thread{wait_until_it_is_over};
        BOOST_REQUIRE(test::eventually([] { return there.load(); }));
    }
    ~waiting_thread() {
        over = true;
        thread.join();
    }
    std::thread thread;
};

} // namespace

BOOST_AUTO_TEST_CASE(another_thread_is_found_where_it_is) {
    subject_type subject{SIGRTMIN + 8};
    BOOST_TEST(subject.usable());
    waiting_thread other;
    for (int times = 0; times < 3; ++times) {
        auto stack = subject.of(other.thread.native_handle(), patience);
        BOOST_TEST(mentions(stack, "wait_until_it_is_over"));
        BOOST_TEST(!mentions(stack, "answer(")); // how it was asked is not of interest
    }
}

BOOST_AUTO_TEST_CASE(several_share_a_signal) {
    subject_type first{SIGRTMIN + 8};
    subject_type second{SIGRTMIN + 8};
    BOOST_TEST(second.usable());
    waiting_thread other;
    BOOST_TEST(mentions(second.of(other.thread.native_handle(), patience), "wait_until"));
}

BOOST_AUTO_TEST_CASE(without_a_signal_there_are_no_stacks) {
    subject_type subject{0};
    BOOST_TEST(!subject.usable());
    waiting_thread other;
    BOOST_TEST(subject.of(other.thread.native_handle(), patience).empty());
}

BOOST_AUTO_TEST_CASE(a_signal_that_somebody_else_uses_is_left_alone) {
    int number = SIGRTMIN + 9;
    ::signal(number, SIG_IGN);
    subject_type subject{number};
    BOOST_TEST(!subject.usable());
    BOOST_TEST((::signal(number, SIG_DFL) == SIG_IGN));
}

BOOST_AUTO_TEST_CASE(whoever_does_not_answer_is_waited_for_so_long_only) {
    int number = SIGRTMIN + 8;
    subject_type subject{number};
    set_blocked(number, true); // and so in the thread that is made here
    waiting_thread other;
    set_blocked(number, false);
    BOOST_TEST(subject.of(other.thread.native_handle(), 30ms).empty());
    BOOST_TEST(subject.of(other.thread.native_handle(), 30ms).empty());
}

// A signal may arrive when nobody waits for its answer any more.
BOOST_AUTO_TEST_CASE(a_late_answer_is_none) {
    int number = SIGRTMIN + 8;
    subject_type subject{number};
    static std::atomic<bool> unblock{false};
    unblock = false;
    set_blocked(number, true);
    std::thread late{[number] {
        while (!unblock)
            std::this_thread::sleep_for(1ms);
        set_blocked(number, false); // here the old question arrives
        wait_until_it_is_over();
    }};
    set_blocked(number, false);
    over = false;
    BOOST_TEST(subject.of(late.native_handle(), 30ms).empty());
    unblock = true;
    BOOST_TEST(test::eventually([] { return there.load(); }));
    BOOST_TEST(mentions(subject.of(late.native_handle(), patience), "wait_until_it_is_over"));
    over = true;
    late.join();
}

BOOST_AUTO_TEST_SUITE_END()
