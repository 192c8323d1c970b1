// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/thread_stack.hpp>

#include <boost/stacktrace.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <thread>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t frames_max = 64;
constexpr std::size_t line_bytes_max = 300; // names made of templates have no end

// One question at a time. What the handler shares with the thread that asks:
std::mutex one_question;
std::atomic<int> question{0}; // its number; 0: none, negative: being answered
std::atomic<int> answered{0}; // the number of the last one
std::array<void const*, frames_max + 1> frames;
static_assert(std::atomic<int>::is_always_lock_free); // else no signal handler could use it

// Only what a signal handler may call. A question that was given up meanwhile finds nobody.
void answer(int, siginfo_t* info, void*) {
    if (info->si_code != SI_QUEUE) return;
    int errno_before = errno;
    int number = info->si_value.sival_int;
    if (int expected = number; number > 0 && question.compare_exchange_strong(expected, -number)) {
        frames.fill(nullptr);
        boost::stacktrace::safe_dump_to(frames.data(), sizeof frames);
        answered.store(number, std::memory_order_release);
    }
    errno = errno_before;
}

bool install(int signal) {
    struct sigaction present {};
    if (::sigaction(signal, nullptr, &present) != 0) return false;
    if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == answer) return true;
    if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) return false;
    struct sigaction ours {};
    ours.sa_sigaction = answer;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigemptyset(&ours.sa_mask);
    return ::sigaction(signal, &ours, nullptr) == 0;
}

// Whether the thread has filled `frames`.
bool ask(pthread_t thread, int signal, std::chrono::milliseconds patience) {
    static int last_number = 0; // under the mutex
    int number = last_number = last_number == INT_MAX ? 1 : last_number + 1;
    question.store(number, std::memory_order_release);
    sigval value{};
    value.sival_int = number;
    bool sent = ::pthread_sigqueue(thread, signal, value) == 0;
    auto end = std::chrono::steady_clock::now() + patience;
    while (answered.load(std::memory_order_acquire) != number) {
        bool over = !sent || std::chrono::steady_clock::now() > end;
        // Who has begun to answer is waited for: it writes to `frames`.
        if (int expected = number; over && question.compare_exchange_strong(expected, 0))
            return false;
        std::this_thread::sleep_for(1ms);
    }
    question.store(0, std::memory_order_relaxed);
    return true;
}

// The handler itself, and the kernel's trampoline to it.
constexpr std::size_t frames_of_the_signal = 2;

std::vector<std::string> names_of_frames() {
    std::vector<std::string> names;
    for (auto at = frames_of_the_signal; at < frames.size() && frames[at]; ++at) {
        // A return address stands behind its call, and so perhaps on another line.
        boost::stacktrace::frame call{static_cast<char const*>(frames[at]) - 1};
        auto name = boost::stacktrace::to_string(call);
        // From here on, the stacks of all workers are the same.
        if (name.find("millipede::detail::worker::run(") != std::string::npos) break;
        if (name.size() > line_bytes_max) name = name.substr(0, line_bytes_max) + "...";
        names.push_back(std::move(name));
    }
    return names;
}

} // namespace

thread_stack::thread_stack(int signal) : signal_{signal} {
    std::lock_guard lock{one_question};
    usable_ = signal != 0 && install(signal);
}

std::vector<std::string> thread_stack::of(pthread_t thread,
                                          std::chrono::milliseconds patience) const {
    if (!usable_) return {};
    std::lock_guard lock{one_question};
    if (!ask(thread, signal_, patience)) return {};
    return names_of_frames();
}

} // namespace millipede::detail
