// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/output_ledger.hpp>

#include <cassert>
#include <new>

namespace millipede::detail {

output_ledger::charge output_ledger::take(payload const& bytes) noexcept {
    auto size = bytes.size();
    auto whole = [&] { return take(size + entry_bytes) ? charge::whole : charge::none; };
    if (size < shared_bytes_min || !bytes.shared()) return whole();
    auto place = bytes.bytes().data();
    if (!latest_ || latest_->first != place) {
        try {
            latest_ = &*holders_.try_emplace(place, 0U).first;
        } catch (std::bad_alloc const&) {
            return whole(); // more than it is, and so on the safe side
        }
    }
    bool first = latest_->second == 0;
    if (!take(first ? size + entry_bytes : entry_bytes)) {
        if (first) {
            holders_.erase(place);
            latest_ = nullptr;
        }
        return charge::none;
    }
    ++latest_->second;
    return charge::shared;
}

void output_ledger::give_back(payload const& bytes, charge how) noexcept {
    assert(how != charge::none);
    auto size = bytes.size();
    if (how == charge::whole) return give_back(size + entry_bytes);
    auto place = bytes.bytes().data();
    if (!latest_ || latest_->first != place) {
        auto found = holders_.find(place);
        assert(found != holders_.end());
        latest_ = &*found;
    }
    if (--latest_->second != 0) return give_back(entry_bytes);
    holders_.erase(place);
    latest_ = nullptr;
    give_back(size + entry_bytes);
}

bool output_ledger::take(std::size_t bytes) noexcept {
    if (!budget_->take(bytes)) return false;
    *held_bytes_ += bytes;
    return true;
}

void output_ledger::give_back(std::size_t bytes) noexcept {
    budget_->give_back(bytes);
    *held_bytes_ -= bytes;
}

} // namespace millipede::detail
