// SPDX-License-Identifier: BSL-1.0
// A server among processes: who started it is told how it goes, and another takes its place.
#include <millipede/process/basic_server.hpp>

#include <millipede/process/process_role.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millipede {

void basic_server::hand_over() {
    boost::asio::post(context_, [this] { role_->hand_over(); }); // start() makes it
}

void basic_server::begin_role() {
    role_ = std::make_unique<detail::process_role>(
        context_, limits_,
        detail::process_role::questions{
            .healthy =
                [this] {
                    return limits_.stall_policy != stall_policy::watchdog ||
                           supervisor_->counters().stalled == 0;
                },
            .status = [this] { return status(); },
            .heirlooms = [this] { return heirlooms(); },
            .inherit = [this] { acceptor_->own_paths(); },
            .leave = [this] { leave_place(); },
        });
}

std::string basic_server::status() const {
    auto sums = metrics(); // each is exact, but not of the same moment
    auto text = std::to_string(sums.opened - std::min(sums.opened, sums.closed)) + " connections";
    if (sums.stalled > 0) text += ", " + std::to_string(sums.stalled) + " stalled workers";
    return stopping_ ? "draining, " + text : text;
}

std::vector<detail::heirloom> basic_server::heirlooms() {
    auto all = acceptor_->heirlooms();
    for (auto& each : detail::heritage::of_process().offered())
        all.push_back(std::move(each));
    return all;
}

// As after a signal, but for the sockets, which are another's now.
void basic_server::leave_place() {
    acceptor_->leave();
    detail::heritage::of_process().leave();
    begin_stop(plan_after_signal());
}

} // namespace millipede
