// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/group.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace millipede::detail {

/// Groups by name. A group that nobody else holds is forgotten, sooner or later: at the latest when
/// there are twice as many as are held. Any thread; a mutex guards it, for a look at a hash table.
class group_names {
  public:
    /// The group of that name; what `make()` gives when there is none. \throws std::bad_alloc
    boost::intrusive_ptr<group_state>
    find_or_make(std::string_view name,
                 std::function<boost::intrusive_ptr<group_state>()> const& make);

    /// How many are remembered.
    std::size_t size() const;

  private:
    struct hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    void sweep() noexcept;

    mutable std::mutex mutex_;
    std::unordered_map<std::string, boost::intrusive_ptr<group_state>, hash, std::equal_to<>>
        groups_;
    std::size_t sweep_at_ = 64;
};

} // namespace millipede::detail
