// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/limits.hpp"
#include "wire/address_gate.hpp"
#include "wire/cors.hpp"
#include "wire/http_codec.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace comet {

/// What of the settings a running server can take up anew.
struct live_settings {
    channel_limits channels{};
    address_gate gate{};          ///< Who may use the admin port, and publish by framed TCP.
    cors pages{};                 ///< Whose may read the front port.
    bool front_publishes = false; ///< The front port takes /push and /pub, too.
    bool web = false;             ///< It serves the files that browsers need.
    http_codec::limits http{};    ///< How large requests may be.
};

static_assert(std::is_nothrow_move_assignable_v<live_settings>, "workers cannot fail to take them");

/// The settings that the workers go by: each has a copy of its own, which its thread alone reads
/// and changes. New ones are left for each of them, and it takes them up when it comes to that.
class settings_in_force final : public http_codec::changing_limits {
  public:
    /// For each worker one.
    using copies = std::vector<std::unique_ptr<live_settings>>;

    settings_in_force() = default;
    settings_in_force(settings_in_force const&) = delete;
    settings_in_force& operator=(settings_in_force const&) = delete;

    /// For so many workers, who do not run yet. Once, before anything else.
    void begin(live_settings const& at_start, std::uint32_t workers);
    /// A worker's. They change where they are: references stay good. On its thread.
    live_settings const& of(std::uint32_t worker) const noexcept {
        return workers_[worker]->in_force;
    }
    http_codec::limits const& http_limits(std::uint32_t worker) const noexcept override {
        return of(worker).http;
    }

    /// What `leave` needs. Any thread. \throws std::bad_alloc
    copies copies_of(live_settings const& wanted) const;
    /// Leaves each worker its copy. What was left before, and has not been taken up, is passed
    /// over. Any thread.
    void leave(copies wanted) noexcept;
    /// Takes up what was left for a worker, if there is anything. On its thread.
    void take_up(std::uint32_t worker) noexcept;

  private:
    static constexpr std::size_t cache_line = 64;
    struct alignas(cache_line) place { // two workers never share a cache line
        explicit place(live_settings const& at_start) : in_force{at_start} {}
        place(place const&) = delete;
        place& operator=(place const&) = delete;
        ~place() { delete left.load(std::memory_order_relaxed); }

        live_settings in_force;
        std::atomic<live_settings*> left{nullptr}; // whoever exchanges it owns what was there
    };

    std::vector<std::unique_ptr<place>> workers_;
};

} // namespace comet
