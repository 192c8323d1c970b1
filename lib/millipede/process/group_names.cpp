// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/group_names.hpp>

#include <algorithm>

namespace millipede::detail {

boost::intrusive_ptr<group_state>
group_names::find_or_make(std::string_view name,
                          std::function<boost::intrusive_ptr<group_state>()> const& make) {
    std::lock_guard lock{mutex_};
    if (auto found = groups_.find(name); found != groups_.end()) return found->second;
    if (groups_.size() >= sweep_at_) sweep();
    return groups_.emplace(name, make()).first->second;
}

std::size_t group_names::size() const {
    std::lock_guard lock{mutex_};
    return groups_.size();
}

// Whom we alone hold nobody can get hold of meanwhile: the way to it is under the mutex.
void group_names::sweep() noexcept {
    std::erase_if(groups_, [](auto const& entry) { return entry.second->use_count() == 1; });
    sweep_at_ = std::max<std::size_t>(64, 2 * groups_.size());
}

} // namespace millipede::detail
