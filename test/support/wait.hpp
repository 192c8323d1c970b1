// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <source_location>
#include <thread>
#include <utility>
#include <vector>

namespace test {

/// Generous: it is only waited for in full when something is broken.
inline constexpr std::chrono::seconds patience{20};

/// Whether `condition()` becomes true before the deadline; asks again and again.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds deadline = patience) {
    auto end = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

/// Values that one thread records and another one looks at.
template <class T>
class recorded {
  public:
    void add(T value) {
        std::lock_guard lock{mutex_};
        values_.push_back(std::move(value));
    }
    std::vector<T> all() const {
        std::lock_guard lock{mutex_};
        return values_;
    }
    std::size_t size() const {
        std::lock_guard lock{mutex_};
        return values_.size();
    }
    T at(std::size_t index) const {
        std::lock_guard lock{mutex_};
        return values_.at(index);
    }
    /// Whether there come to be `count` values or more before the deadline.
    bool wait_for(std::size_t count, std::chrono::milliseconds deadline = patience) const {
        return eventually([&] { return size() >= count; }, deadline);
    }

  private:
    mutable std::mutex mutex_;
    std::vector<T> values_;
};

/// For what handlers find, on threads where Boost.Test's own macros may not be used.
class expectations {
  public:
    void operator()(bool met,
                    std::source_location where = std::source_location::current()) noexcept {
        if (met) return;
        ++broken_;
        std::fprintf(stderr, "%s(%u): expectation broken\n", where.file_name(),
                     static_cast<unsigned>(where.line()));
    }
    int broken() const noexcept { return broken_; }

  private:
    std::atomic<int> broken_{0};
};

} // namespace test
