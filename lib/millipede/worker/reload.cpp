// SPDX-License-Identifier: BSL-1.0
// New limits for a worker that runs: taken up on its own thread, between two turns.
#include <millipede/base/option_changes.hpp>
#include <millipede/worker/ticks.hpp>
#include <millipede/worker/worker.hpp>

#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;
using flag = connection_record::flag;

rate_limit message_rate_of(options const& limits) noexcept {
    return {limits.messages_per_second, limits.messages_burst};
}
rate_limit byte_rate_of(options const& limits) noexcept {
    return {limits.bytes_per_second, limits.bytes_burst};
}

} // namespace

void worker::reload(std::shared_ptr<options const> wanted) noexcept {
    if (live_.ask(std::move(wanted)))
        post_reserved(context_, wakeups_.reload, [this] { take_limits(); });
}

void worker::take_limits() noexcept {
    auto wanted = live_.take();
    if (!wanted) return;
    note(activity::engine);
    auto& limits = live_.in_force;
    auto newcomers_were_timed = limits.first_message_timeout > 0ms;
    auto messages_were_timed = limits.message_timeout > 0ms;
    auto noted_input = notes_input_;
    auto former_rates = std::pair{message_rate_, byte_rate_};
    apply_live(limits, *wanted);

    message_rate_ = message_rate_of(limits);
    byte_rate_ = byte_rate_of(limits);
    input_.set_rates(limits);
    if (former_rates != std::pair{message_rate_, byte_rate_}) pool_.forgive_rates();
    // Whose time is not limited any more must not be left without the idle timeout.
    if (newcomers_were_timed && limits.first_message_timeout == 0ms)
        pool_.await_no_more(flag::awaits_first, tick_);
    if (messages_were_timed && limits.message_timeout == 0ms)
        pool_.await_no_more(flag::awaits_rest, tick_);
    notes_input_ = limits.first_message_timeout > 0ms || limits.message_timeout > 0ms ||
                   message_rate_.on() || byte_rate_.on();
    if (notes_input_ && !noted_input) { // what came before is nobody's
        messages_noted_ = counters_.messages_received.load();
        bytes_noted_ = counters_.bytes_received.load();
    }
    auto length = tick_length_for(limits);
    if (length != tick_length_)
        pool_.count_anew(tick_, std::exchange(tick_length_, length), length);
    watch_growth();
}

} // namespace millipede::detail
