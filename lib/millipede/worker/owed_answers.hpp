// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/error.hpp>

#include <cstdint>
#include <unordered_map>
#include <utility>

namespace millipede::detail {

/// Which connections of a worker are owed answers that other threads are making. A connection that
/// is to end gets them first: its end is put off until the last one has come. Those that are owed
/// nothing cost nothing. One thread.
class owed_answers {
  public:
    /// One answer more. \throws std::bad_alloc
    void add(connection_id id) { ++owed_[id].count; }

    /// Puts off the end of `id`, if it is owed anything. The first reason to end counts.
    /// \returns false when there is nothing to wait for.
    bool put_off_end(connection_id id, errc reason) noexcept {
        if (owed_.empty()) return false; // the common case
        auto found = owed_.find(id);
        if (found == owed_.end()) return false;
        if (auto& ends = found->second.ends; !ends) ends = reason;
        return true;
    }

    /// One answer has come, or will never.
    /// \returns why to end the connection now: that was the last, and the end had been put off.
    error_code settle(connection_id id) noexcept {
        auto found = owed_.find(id);
        if (found == owed_.end() || --found->second.count != 0) return {};
        auto ends = std::exchange(found->second.ends, error_code{});
        owed_.erase(found);
        return ends;
    }

    bool empty() const noexcept { return owed_.empty(); }

  private:
    struct debt {
        std::uint32_t count = 0;
        error_code ends; ///< Why, once the answers have come; success: it does not.
    };
    std::unordered_map<connection_id, debt> owed_;
};

} // namespace millipede::detail
