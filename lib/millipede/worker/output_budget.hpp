// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace millipede::detail {

/// How much unsent output all workers together may hold. Each worker counts its own, without locks
/// or locked instructions; whoever has grown adds up what all hold, and finds out whose connections
/// hold the most. That worker is asked to shed them: nobody touches another's connections.
class output_budget {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    /// No worker.
    static constexpr std::uint32_t nobody = UINT32_MAX;

    /// A worker that was asked and has not come to it for so long is passed over: something holds
    /// its thread, and the others must not wait for it.
    static constexpr std::chrono::seconds patience{1};

    /// \param max_bytes 0: there is no such limit.
    /// \param ask has a worker look, on its own thread.
    output_budget(std::size_t max_bytes, std::uint32_t workers,
                  std::function<void(std::uint32_t worker)> ask);

    /// What `worker` holds, and the `size_order::classes` of its connections. Before the start.
    void join(std::uint32_t worker, single_writer<std::uint64_t> const& held_bytes,
              single_writer<std::uint64_t> const& size_classes) noexcept;

    /// Another limit than before; any thread. Workers notice when they look again.
    void set_max(std::size_t max_bytes) noexcept {
        max_bytes_.store(max_bytes, std::memory_order_relaxed);
    }

    // Any worker's thread.

    /// Whether all hold so much that some have to be shed. That is a sixteenth before the limit: it
    /// takes until a worker has looked, and until the asked one has come to it.
    bool exceeded() const noexcept;

    /// The worker that has the connection with the most unsent output, to within a factor of two;
    /// of several the one that holds the most in all. `nobody` when no connection holds any.
    std::uint32_t holder_of_the_largest(time_point now) const noexcept;

    /// Has `worker` look, unless it is about to.
    void ask(std::uint32_t worker, time_point now) noexcept;
    /// `worker` is looking now.
    void answered(std::uint32_t worker) noexcept;

    /// After how much growth a worker looks again; 0 when there is no limit.
    std::size_t step_bytes() const noexcept { return max_bytes() / (32 * members_.size()); }

  private:
    using ticks = std::chrono::steady_clock::rep;

    struct member {
        single_writer<std::uint64_t> const* held_bytes = nullptr;
        single_writer<std::uint64_t> const* size_classes = nullptr;
        std::atomic<ticks> asked_at{0}; ///< 0: it has not been asked, or has answered.
    };

    std::size_t max_bytes() const noexcept { return max_bytes_.load(std::memory_order_relaxed); }

    std::atomic<std::size_t> max_bytes_;
    std::vector<member> members_;
    std::function<void(std::uint32_t)> ask_;
};

} // namespace millipede::detail
