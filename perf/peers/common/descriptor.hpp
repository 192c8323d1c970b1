// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace peers {

/// Throws std::system_error with `what` if a system call's `result` is negative; returns it else.
inline int checked(int result, char const* what) {
    if (result < 0) throw std::system_error{errno, std::system_category(), what};
    return result;
}

/// Owns one descriptor.
class descriptor {
  public:
    descriptor() = default;
    explicit descriptor(int number) : number_{number} {}
    descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor() { reset(); }

    int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }
    void reset() {
        if (number_ >= 0) ::close(number_);
        number_ = -1;
    }

  private:
    int number_ = -1;
};

} // namespace peers
