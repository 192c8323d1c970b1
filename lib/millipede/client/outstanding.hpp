// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <utility>

namespace millipede::detail {

/// What tells the messages of a protocol apart: a frame's command; codecs without commands have one
/// kind only.
using message_kind = std::uint32_t;
inline constexpr message_kind only_kind = 0x1'0000; // beyond all commands

using moment = std::chrono::steady_clock::time_point;
inline constexpr moment never = moment::max();

/// Requests that have been sent, in their order, and which reply is whose: a message is the reply
/// to the oldest request that awaits its kind. A request that was given up keeps its place, for its
/// reply may still come and must not be taken for that of the next one; when it has not come after
/// as long again, nobody can tell any more whose the next reply is, and the conversation is lost.
///
/// \tparam Request a pointer that owns; an empty one stands for a request that was given up.
template <class Request>
class outstanding_requests {
  public:
    /// `patience` is the time from the request to its `deadline`: so long its place is kept after
    /// it was given up.
    void add(message_kind awaited, moment deadline, std::chrono::milliseconds patience,
             Request request) {
        places_.push_back({awaited, deadline, patience, std::move(request)});
        earliest_ = std::min(earliest_, deadline);
    }

    /// The request that a message of this kind answers; an empty pointer when it was given up;
    /// nothing when nobody awaits such a message.
    std::optional<Request> take(message_kind kind) {
        auto found = std::ranges::find(places_, kind, &place::awaited);
        if (found == places_.end()) return std::nullopt;
        auto request = std::move(found->request);
        places_.erase(found);
        return request;
    }

    /// Gives up the request for which `is_wanted(*request)`; an empty pointer: there is none.
    template <class Predicate>
    Request give_up(Predicate is_wanted) {
        for (auto& each : places_)
            if (each.request && is_wanted(*each.request)) return std::move(each.request);
        return {};
    }

    /// Gives the requests whose time is over to `overdue(request)`, and forgets their moments.
    /// \returns false when the conversation is lost.
    template <class Overdue>
    bool expire(moment now, Overdue overdue) {
        if (now < earliest_) return true;
        bool sane = true;
        earliest_ = never;
        for (auto& each : places_) {
            if (each.deadline <= now) {
                if (!each.late) {
                    each.late = true;
                    each.deadline = now + each.patience;
                    if (each.request) overdue(std::move(each.request));
                    each.request = {};
                } else {
                    sane = false;
                }
            }
            earliest_ = std::min(earliest_, each.deadline);
        }
        return sane;
    }

    /// Not later than the first moment at which `expire` has something to do.
    moment earliest() const noexcept { return earliest_; }
    std::size_t size() const noexcept { return places_.size(); }

    /// Takes all of them, in their order; those given up are left out.
    std::list<Request> take_all() {
        std::list<Request> requests;
        for (auto& each : std::exchange(places_, {}))
            if (each.request) requests.push_back(std::move(each.request));
        earliest_ = never;
        return requests;
    }

  private:
    struct place {
        message_kind awaited;
        moment deadline;
        std::chrono::milliseconds patience;
        Request request;
        bool late = false; // the deadline is that of the place, not of the request
    };

    std::list<place> places_;
    moment earliest_ = never;
};

} // namespace millipede::detail
