// SPDX-License-Identifier: BSL-1.0
// What a peer may not do: keep a message waiting for its rest, or send more than its rate allows.
// With every limit off, none of this is called.
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;
using flag = connection_record::flag;

// So many throttled connections are looked after at a time, before others have their turn.
constexpr std::uint32_t slice = 1'024;

} // namespace

// After each read, and after what a pause kept was handled. No other connection's input has been
// handled since the last time, so what the counters have gained is this one's.
void worker::note_input(connection_record& record) noexcept {
    auto messages = counters_.messages_received.load();
    auto bytes = counters_.bytes_received.load();
    bool completed = std::exchange(messages_noted_, messages) != messages;
    auto read = bytes - std::exchange(bytes_noted_, bytes);
    if (byte_rate_.on() && read != 0) charge(record, byte_rate_, pool_.pace_of(record).bytes, read);
    if (record.is(flag::close_requested)) return;
    // What waits while we do not read may be whole messages: nothing to blame the peer for.
    bool rest_awaited = limits_->message_timeout > 0ms && record.receiving() && record.extra &&
                        !record.extra->input.empty();
    pool_.progress(record, completed, rest_awaited, tick_);
}

void worker::charge_message(connection_record& record) noexcept {
    charge(record, message_rate_, pool_.pace_of(record).messages, 1);
}

void worker::charge(connection_record& record, rate_limit const& rate, rate_limit::bucket& from,
                    std::uint64_t count) noexcept {
    auto now = rate_limit::clock::now();
    rate.take(from, count, now);
    if (limits_->over_rate == rate_policy::close) {
        if (!rate.in_debt(from, now) || record.is(flag::close_requested)) return;
        ++counters_.too_fast;
        output_.request_close(record, errc::too_fast);
    } else if (!rate.has_one(from, now) && !record.is(flag::throttled) &&
               !record.is(flag::last_words)) {
        ++counters_.rate_pauses;
        pool_.throttle(record, tick_);
    }
}

void worker::expire_slow(connection_record& record, errc reason) {
    if (!record.receiving()) return pool_.restart(record, tick_); // it is we who do not read
    if (reason == errc::first_message_timeout)
        ++counters_.first_message_timeouts;
    else
        ++counters_.message_timeouts;
    bool told = false;
    converse(record, [&](basic_connection& connection) {
        told = protocols_[record.protocol]->on_message_timeout(connection, reason);
    });
    // What the handler has sent still leaves, as before every end that the server wants.
    if (told) output_.request_close(record, reason, output::closer::handler);
    if (record.is(flag::close_requested)) return settle(record);
    close(record, reason);
}

// Each throttled connection is looked at once per tick: there is no timer per connection, and those
// whose bucket is fuller may stand behind others. True when there are more to look at.
bool worker::wake_throttled() {
    auto now = rate_limit::clock::now();
    for (std::uint32_t count = 0; count < slice; ++count) {
        auto slot = pool_.throttled.overdue(tick_, 1);
        if (slot == no_slot) return false;
        auto& record = pool_.all()[slot];
        auto const& sent = pool_.pace_of(record);
        if (message_rate_.has_one(sent.messages, now) && byte_rate_.has_one(sent.bytes, now)) {
            read_again_later(record);
            pool_.unthrottle(record, tick_);
        } else {
            pool_.restart(record, tick_);
        }
    }
    return true;
}

} // namespace millipede::detail
