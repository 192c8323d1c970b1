// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/buffers.hpp>

#include <algorithm>

namespace millipede::detail {

buffer_pool::buffer buffer_pool::take(std::size_t bytes) {
    auto fitting = std::lower_bound(sizes.begin(), sizes.end(), bytes);
    bool pooled = fitting != sizes.end();
    auto capacity = pooled ? *fitting : (bytes + sizes.back() - 1) / sizes.back() * sizes.back();
    if (!budget_->take(capacity)) return {};
    if (pooled) {
        auto& kept = kept_[static_cast<std::size_t>(fitting - sizes.begin())];
        if (!kept.empty()) {
            buffer reused{std::move(kept.back()), capacity};
            kept.pop_back();
            return reused;
        }
    }
    try {
        return {std::make_unique_for_overwrite<std::byte[]>(capacity), capacity};
    } catch (...) {
        budget_->give_back(capacity);
        throw;
    }
}

void buffer_pool::give_back(buffer returned) noexcept {
    if (!returned.data) return;
    budget_->give_back(returned.capacity);
    auto size = std::find(sizes.begin(), sizes.end(), returned.capacity);
    if (size == sizes.end()) return;
    auto& kept = kept_[static_cast<std::size_t>(size - sizes.begin())];
    if ((kept.size() + 1) * returned.capacity > kept_bytes_per_size) return;
    try {
        kept.push_back(std::move(returned.data));
    } catch (std::bad_alloc const&) {
        // Then it is not kept: returned goes out of scope.
    }
}

bool spill::append(std::span<std::byte const> bytes, buffer_pool& pool) {
    if (bytes.empty()) return true;
    auto wanted = size_ + bytes.size();
    if (wanted > buffer_.capacity) {
        // Large messages grow by half at least, so that their bytes are copied O(1) times each.
        auto grown = buffer_.capacity >= 64 * 1024 ? buffer_.capacity / 2 * 3 : 0;
        auto larger = pool.take(std::max(wanted, grown));
        if (!larger.data && grown > wanted) larger = pool.take(wanted);
        if (!larger.data) return false;
        if (size_ != 0) std::memcpy(larger.data.get(), buffer_.data.get(), size_);
        pool.give_back(std::exchange(buffer_, std::move(larger)));
    }
    std::memcpy(buffer_.data.get() + size_, bytes.data(), bytes.size());
    size_ = wanted;
    return true;
}

void spill::drop_front(std::size_t count, buffer_pool& pool) noexcept {
    assert(count <= size_);
    if (count == size_) return release(pool);
    if (count != 0) std::memmove(buffer_.data.get(), buffer_.data.get() + count, size_ - count);
    size_ -= count;
    needed = 0;
}

void spill::release(buffer_pool& pool) noexcept {
    pool.give_back(std::exchange(buffer_, {}));
    size_ = 0;
    needed = 0;
}

} // namespace millipede::detail
