// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace test {

/// Choices, one byte each, from whoever writes them: a fuzzer, random numbers, a test.
class script {
  public:
    explicit script(std::span<std::uint8_t const> bytes) noexcept : bytes_{bytes} {}

    bool over() const noexcept { return bytes_.empty(); }

    /// The next byte; 0 behind the end.
    std::uint8_t byte() noexcept {
        if (bytes_.empty()) return 0;
        auto next = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return next;
    }
    /// The next choice out of `bound`, which is 1 to 256.
    std::size_t below(std::size_t bound) noexcept { return byte() % bound; }

    /// The next `size` bytes, or as many as there are.
    std::string text(std::size_t size) {
        auto taken = bytes_.first(std::min(size, bytes_.size()));
        bytes_ = bytes_.subspan(taken.size());
        return {taken.begin(), taken.end()};
    }

    std::span<std::uint8_t const> rest() const noexcept { return bytes_; }

  private:
    std::span<std::uint8_t const> bytes_;
};

} // namespace test
