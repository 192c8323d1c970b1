// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/write_queue.hpp>

#include <algorithm>
#include <utility>

namespace millipede::detail {
namespace {

constexpr std::size_t kept_entries_max = 64;

} // namespace

bool write_queue::push(payload bytes, bool droppable, output_ledger& ledger) {
    if (bytes.empty()) return true;
    entries_.emplace_back(); // first, for this may throw, and then nothing must have been counted
    auto charge = ledger.take(bytes);
    if (charge == output_ledger::charge::none) {
        entries_.pop_back();
        return false;
    }
    bytes_ += bytes.size();
    entries_.back() = {std::move(bytes), 0, droppable, charge};
    return true;
}

std::size_t write_queue::gather(std::span<iovec> buffers) const noexcept {
    std::size_t count = 0;
    for (auto index = front_; index < entries_.size() && count < buffers.size(); ++index) {
        auto bytes = entries_[index].bytes.bytes().subspan(entries_[index].written);
        // iovec is made for reading and for writing, hence its pointer to non-const.
        buffers[count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    }
    return count;
}

void write_queue::consume(std::size_t bytes, output_ledger& ledger) noexcept {
    assert(bytes <= bytes_);
    bytes_ -= bytes;
    while (bytes > 0) {
        auto& entry = entries_[front_];
        auto taken = std::min(bytes, entry.bytes.size() - entry.written);
        entry.written += taken;
        bytes -= taken;
        if (entry.written == entry.bytes.size()) {
            ledger.give_back(entry.bytes, entry.charge);
            entry.bytes = {};
            ++front_;
        }
    }
    compact();
}

write_queue::dropped write_queue::drop_oldest(std::size_t bytes, output_ledger& ledger) noexcept {
    dropped result;
    std::size_t freed = 0;
    auto end = front_;
    for (; end < entries_.size() && freed < bytes; ++end) {
        auto& entry = entries_[end];
        if (!entry.droppable || entry.written != 0) continue;
        freed += entry.bytes.size() + entry_bytes;
        result.bytes += entry.bytes.size();
        ++result.messages;
        ledger.give_back(entry.bytes, entry.charge);
        entry.bytes = {}; // marks it
    }
    bytes_ -= result.bytes;
    // The few that stay among them close up to the rest: moving the long rest would cost a full
    // queue of small messages a walk for each new one.
    auto kept = end;
    for (auto index = end; index-- > front_;) {
        if (entries_[index].bytes.empty()) continue;
        if (--kept != index) entries_[kept] = std::move(entries_[index]);
    }
    front_ = kept;
    compact();
    return result;
}

void write_queue::clear(output_ledger& ledger) noexcept {
    for (; front_ < entries_.size(); ++front_)
        ledger.give_back(entries_[front_].bytes, entries_[front_].charge);
    begin_anew();
}

void write_queue::begin_anew() noexcept {
    // The room of a burst is not kept: it would be counted nowhere.
    if (entries_.capacity() > kept_entries_max)
        entries_ = std::vector<queued>{}; // `= {}` would keep its memory
    else
        entries_.clear();
    front_ = 0;
    bytes_ = 0;
}

void write_queue::compact() noexcept {
    if (bytes_ == 0) return begin_anew();
    // Half of the entries at a time: each one moves O(1) times on average.
    if (front_ == 0 || front_ * 2 < entries_.size()) return;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(front_));
    front_ = 0;
}

} // namespace millipede::detail
