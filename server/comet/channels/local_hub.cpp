// SPDX-License-Identifier: BSL-1.0
#include "channels/local_hub.hpp"

#include "channels/desk.hpp"
#include "wire/http_reply.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace comet {
namespace {

using namespace std::chrono_literals;

// So many broadcasts may wait, over all workers: each is a walk over all channels.
constexpr std::uint32_t broadcasts_max = 1'024;

// So many channels get a broadcast before others have their turn.
constexpr int walk_slice = 256;

// Until a broadcast looks again whether there is room for more messages.
constexpr auto walk_pause = 5ms;

} // namespace

local_hub::local_hub(comet_server& server, settings_in_force& live, tally& counters)
    : server_{server}, live_{live}, counters_{counters} {
    for (std::uint32_t worker = 0; worker < server.worker_count(); ++worker)
        desks_.push_back(std::make_unique<desk>(*this, worker));
}

local_hub::~local_hub() = default;

void local_hub::start() {
    for (auto& each : desks_) {
        each->tick_timer.emplace(server_.get_executor(each->index));
        each->walk_timer.emplace(server_.get_executor(each->index));
        server_.post_to(each->index, [this, &each] {
            each->next_tick = std::chrono::steady_clock::now() + 1s;
            await_tick(*each);
        });
    }
}

local_hub::desk& local_hub::desk_of(std::string_view channel) noexcept {
    return *desks_[name_hash(channel) % desks_.size()];
}

std::uint64_t local_hub::subscribers() const {
    std::uint64_t total = 0;
    for (auto const& each : desks_)
        total += each->subscribers.load();
    return total;
}

// ---------------------------------------------------------------- channels

channel* local_hub::obtain(desk& home, std::string_view name) {
    auto* found = home.owned.find(name);
    if (found) return found;
    found = home.owned.make(name);
    if (found) announce(home, *found, true);
    return found;
}

bool local_hub::publish(publication message, std::function<void(publish_result)> answer) {
    auto& home = desk_of(message.channel);
    return !server_.post_to(home.index,
                            [this, &home, message = std::move(message),
                             answer = std::move(answer)] { publish_at(home, message, answer); });
}

void local_hub::publish_at(desk& home, publication const& message,
                           std::function<void(publish_result)> const& answer) {
    auto refuse = [&](counted what, publish_result why) {
        ++counters_.at(home.index, what);
        answer(why);
    };
    channel* found = nullptr;
    channel_event event;
    try {
        auto const& shown = message.shown_token;
        found = shown ? home.owned.find(message.channel) : obtain(home, message.channel);
        if (shown && (!found || !found->admits(*shown)))
            return refuse(counted::bad_tokens, publish_result::bad_token);
        if (!found) return refuse(counted::channels_full, publish_result::channels_full);
        if (!has_room(home, *found)) return refuse(counted::publish_refused, publish_result::busy);
        event = keep(home, *found, message_type::data, message.content, message.ttl_seconds);
    } catch (std::bad_alloc const&) { // nothing has been published
        refuse(counted::publish_refused, publish_result::busy);
        throw;
    }
    answer_and_send(home, *found, event, answer);
}

// The message is in the channel's history already: all get it, whatever becomes of the answer.
void local_hub::answer_and_send(desk const& home, channel const& to, channel_event const& event,
                                std::function<void(publish_result)> const& answer) {
    try {
        answer(publish_result::taken);
    } catch (std::bad_alloc const&) {
        send_out(home, to, event);
        throw;
    }
    send_out(home, to, event);
}

bool local_hub::has_room(desk const& home, channel const& interested) const noexcept {
    for (auto const& each : interested.interests())
        if (desks_[each.worker]->waiting_bytes->load(std::memory_order_relaxed) >=
            home.limits.waiting_max)
            return false;
    return true;
}

bool local_hub::all_have_room(desk const& home) const noexcept {
    for (auto const& each : desks_)
        if (each->waiting_bytes->load(std::memory_order_relaxed) >= home.limits.waiting_max)
            return false;
    return true;
}

channel_event local_hub::keep(desk& home, channel& to, message_type type, std::string_view content,
                              std::uint32_t ttl_seconds) {
    auto event = home.owned.add(to, type, content, ttl_seconds);
    ++counters_.at(home.index, counted::published);
    home.owned.lift(to);
    return event;
}

void local_hub::send_out(desk const& home, channel const& from, channel_event const& event) {
    channel_key key{home.index, from.serial()};
    for (auto const& each : from.interests()) {
        auto& there = *desks_[each.worker];
        // Bounded by `waiting_max`: who is not told because he ends loses his subscribers with it.
        server_.post_to_admitted(
            there.index,
            [&there, key, event, on_way = load{there.waiting_bytes, event.bytes()}]() mutable {
                there.present.line_up(key, event);
                on_way.arrived();
                there.present.go_on();
            });
    }
}

bool local_hub::broadcast(std::string content) {
    auto all = static_cast<std::uint32_t>(desks_.size());
    if (broadcasts_.fetch_add(all, std::memory_order_relaxed) >= broadcasts_max) {
        broadcasts_.fetch_sub(all, std::memory_order_relaxed);
        return false;
    }
    for (auto& each : desks_) {
        bool posted = !server_.post_to_admitted(each->index, [this, &home = *each, content] {
            home.broadcasts.push_back(content);
            if (!home.walks) walk(home);
        });
        if (!posted) broadcasts_.fetch_sub(1, std::memory_order_relaxed); // the server ends
    }
    return true;
}

// Messages to many workers: as long as all have room for one more, as nobody knows whose is next.
void local_hub::walk(desk& home) {
    home.walks = false; // unless it will be called again: nobody else would, if that failed
    for (int count = 0; count < walk_slice && !home.broadcasts.empty(); ++count) {
        if (!std::exchange(home.walk_begun, true)) home.owned.begin_walk();
        if (!all_have_room(home)) {
            home.walk_timer->expires_after(walk_pause);
            home.walk_timer->async_wait([this, &home](millipede::error_code code) {
                if (!code) walk(home);
            });
            home.walks = true;
            return;
        }
        if (auto* each = home.owned.next_in_walk()) {
            send_out(home, *each,
                     keep(home, *each, message_type::broadcast, home.broadcasts.front()));
            continue;
        }
        home.broadcasts.pop_front();
        home.walk_begun = false;
        broadcasts_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (home.broadcasts.empty()) return;
    boost::asio::post(server_.get_executor(home.index), [this, &home] { walk(home); });
    home.walks = true;
}

bool local_hub::sign(std::string channel, std::uint32_t expires,
                     std::function<void(std::optional<signature>)> answer) {
    auto& home = desk_of(channel);
    return !server_.post_to(home.index, [this, &home, channel = std::move(channel), expires,
                                         answer = std::move(answer)] {
        auto* found = obtain(home, channel);
        if (!found) {
            ++counters_.at(home.index, counted::channels_full);
            return answer(std::nullopt);
        }
        auto seconds = expires == 0 ? home.limits.channel_timeout : expires;
        home.owned.set_idle(*found, seconds);
        answer(signature{found->oldest(), found->own_token().text(), seconds});
    });
}

bool local_hub::close(std::string channel, std::function<void(std::optional<sequence>)> answer) {
    auto& home = desk_of(channel);
    return !server_.post_to(
        home.index, [this, &home, channel = std::move(channel), answer = std::move(answer)] {
            auto* found = home.owned.find(channel);
            if (!found) return answer(std::nullopt);
            answer(found->next());
            send_out(home, *found, found->closing());
            home.subscribers -= found->subscribers();
            end(home, *found);
            home.owned.free(*found);
        });
}

bool local_hub::clear(std::string channel, std::function<void(std::optional<sequence>)> answer) {
    auto& home = desk_of(channel);
    return !server_.post_to(home.index,
                            [&home, channel = std::move(channel), answer = std::move(answer)] {
                                auto* found = home.owned.find(channel);
                                if (!found) return answer(std::nullopt);
                                home.owned.clear(*found);
                                answer(found->next());
                            });
}

bool local_hub::look(std::string channel,
                     std::function<void(std::optional<std::uint32_t>)> answer) {
    auto& home = desk_of(channel);
    return !server_.post_to(home.index,
                            [&home, channel = std::move(channel), answer = std::move(answer)] {
                                auto* found = home.owned.find(channel);
                                if (!found) return answer(std::nullopt);
                                answer(found->subscribers());
                            });
}

// ---------------------------------------------------------------- time

void local_hub::await_tick(desk& each) {
    each.tick_timer->expires_at(each.next_tick);
    each.tick_timer->async_wait([this, &each](millipede::error_code code) {
        if (code) return;
        each.next_tick += 1s;
        await_tick(each); // before anything that might fail
        tick(each);
    });
}

void local_hub::tick(desk& each) {
    live_.take_up(each.index); // cannot fail, as others might
    each.retry();
    each.owned.tick([&](channel& expired) { end(each, expired); });
    dismiss_absent(each);
    if (!each.watchers.empty()) {
        each.owned.follow_timeout();
        each.owned.for_each_in_phase([&](channel const& one) { announce(each, one, true); });
    }
    each.present.tick();
    counters_.at(each.index, counted::noops) = each.present.noops();
    for (auto const& watcher : each.watchers)
        if (watcher.look_again) watcher.look_again();
}

} // namespace comet
