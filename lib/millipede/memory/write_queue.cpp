// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/write_queue.hpp>

#include <algorithm>

namespace millipede::detail {
namespace {

constexpr std::size_t kept_entries_max = 64;

} // namespace

void write_queue::push(payload bytes, bool droppable) {
    if (bytes.empty()) return;
    auto size = bytes.size();
    entries_.push_back({std::move(bytes), 0, droppable});
    bytes_ += size;
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

void write_queue::consume(std::size_t bytes) noexcept {
    assert(bytes <= bytes_);
    bytes_ -= bytes;
    while (bytes > 0) {
        auto& entry = entries_[front_];
        auto taken = std::min(bytes, entry.bytes.size() - entry.written);
        entry.written += taken;
        bytes -= taken;
        if (entry.written == entry.bytes.size()) {
            entry.bytes = {};
            ++front_;
        }
    }
    compact();
}

std::size_t write_queue::drop_oldest(std::size_t bytes) noexcept {
    std::size_t messages = 0;
    std::size_t freed = 0;
    auto kept = entries_.begin() + static_cast<std::ptrdiff_t>(front_);
    for (auto entry = kept; entry != entries_.end(); ++entry) {
        if (freed < bytes && entry->droppable && entry->written == 0) {
            freed += entry->bytes.size() + entry_bytes;
            bytes_ -= entry->bytes.size();
            ++messages;
        } else {
            if (kept != entry) *kept = std::move(*entry);
            ++kept;
        }
    }
    entries_.erase(kept, entries_.end());
    return messages;
}

void write_queue::clear() noexcept {
    // The room of a burst is not kept: it would be counted nowhere.
    if (entries_.capacity() > kept_entries_max)
        entries_ = {};
    else
        entries_.clear();
    front_ = 0;
    bytes_ = 0;
}

void write_queue::compact() noexcept {
    if (bytes_ == 0) return clear();
    // Half of the entries at a time: each one moves O(1) times on average.
    if (front_ == 0 || front_ * 2 < entries_.size()) return;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(front_));
    front_ = 0;
}

} // namespace millipede::detail
