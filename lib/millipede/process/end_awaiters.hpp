// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/completion.hpp>
#include <millipede/base/error.hpp>
#include <millipede/process/drain_report.hpp>

#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace millipede::detail {

/// Who waits for the end of a server. Any thread.
class end_awaiters {
  public:
    using awaiter = completion_ptr<error_code, drain_report>;

    /// Calls `done` at the end; when that is over, with `not_running`.
    /// \throws std::bad_alloc; then it is not called.
    void add(awaiter done) {
        {
            std::lock_guard lock{mutex_};
            if (!over_) {
                awaiting_.push_back(std::move(done));
                return;
            }
        }
        done.release()->post(errc::not_running, {});
    }

    /// It is over. Whoever has no memory for that is not called. Only the first call counts.
    /// \returns whether somebody waited.
    bool complete(error_code const& result, drain_report const& report) noexcept {
        std::vector<awaiter> called;
        {
            std::lock_guard lock{mutex_};
            over_ = true;
            called = std::exchange(awaiting_, {});
        }
        for (auto& each : called) {
            try {
                each.release()->post(result, report);
            } catch (std::exception const&) {
                // Asio found no memory, and the handler has been destroyed.
            }
        }
        return !called.empty();
    }

  private:
    std::mutex mutex_;
    std::vector<awaiter> awaiting_;
    bool over_ = false;
};

} // namespace millipede::detail
