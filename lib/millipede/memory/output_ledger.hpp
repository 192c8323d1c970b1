// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/memory/buffers.hpp>
#include <millipede/wire/payload.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

namespace millipede::detail {

/// What all output queues of a worker hold, counted as it is held: each entry for itself, and a
/// payload that waits in many queues once, until the last of them lets go. Takes it from the
/// worker's buffer budget. One thread; `held_bytes` may be read by any.
class output_ledger {
  public:
    /// What an entry takes beside its bytes (its place in the queue, its heap block): a queue of a
    /// million small messages is mostly that.
    static constexpr std::size_t entry_bytes = 64;

    /// Shared payloads below this size are counted once per queue: to know them costs as much.
    static constexpr std::size_t shared_bytes_min = 256;

    /// How an entry was counted, for `give_back`.
    enum class charge : std::uint8_t {
        none,   ///< The budget is used up.
        whole,  ///< With its bytes.
        shared, ///< Without them: they are counted once for all who hold them.
    };

    explicit output_ledger(buffer_budget& budget) noexcept : budget_{&budget} {}
    output_ledger(output_ledger const&) = delete;
    output_ledger& operator=(output_ledger const&) = delete;

    /// Keeps the sum in `cell`, where others read it. Before the first `take`.
    void count_in(single_writer<std::uint64_t>& cell) noexcept { held_bytes_ = &cell; }

    /// Counts an entry of a queue that is going to hold `bytes`.
    charge take(payload const& bytes) noexcept;
    /// The entry lets go of `bytes`, after this call.
    void give_back(payload const& bytes, charge how) noexcept;

    /// What the queues hold, 64 bytes per entry included.
    std::size_t held_bytes() const noexcept { return held_bytes_->load(); }

  private:
    using key = std::byte const*; // where the bytes lie

    bool take(std::size_t bytes) noexcept;
    void give_back(std::size_t bytes) noexcept;

    buffer_budget* budget_;
    single_writer<std::uint64_t> own_cell_;
    single_writer<std::uint64_t>* held_bytes_ = &own_cell_;
    std::unordered_map<key, std::uint32_t> holders_; // how many entries hold a shared payload
    std::pair<key const, std::uint32_t>* latest_ = nullptr; // in `holders_`: mostly the next, too
};

} // namespace millipede::detail
