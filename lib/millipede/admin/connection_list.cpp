// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/connection_list.hpp>

#include <millipede/admin/json_text.hpp>
#include <millipede/worker/ticks.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using flag = connection_record::flag;

// So many slots are looked at in one turn of a worker ...
constexpr std::uint32_t slots_per_slice = 1'024;
// ... and so many connections are asked for their peer, which is a system call each.
constexpr std::uint32_t found_per_slice = 128;
// A list ends after so many turns, whatever it has found: there is a cursor to go on with.
constexpr std::uint32_t slices_per_list = 1'024;
constexpr auto patience = 2s;

struct listed {
    connection_id id;
    std::string peer;
    connection_record::state where;
    std::uint64_t idle_ticks;
    std::uint64_t unsent_bytes;
    bool blocked;
    bool paused;
    bool tls;
};

// What a worker found.
struct finding {
    std::vector<listed> connections{};
    std::uint32_t next = 0; // the first slot that was not looked at
    bool is_last = false;   // there are no further ones
};

// Who waits for it, on a thread of its own.
struct waiting {
    explicit waiting(boost::asio::any_io_executor const& on) : timer{on} {}

    boost::asio::steady_timer timer;
    std::optional<finding> result{};
};

listed describe(worker& owner, connection_record& record) {
    auto const* extra = record.extra;
    return {.id = owner.pool().id_of(record),
            .peer = owner.peer_name(record),
            .where = record.where,
            .idle_ticks = owner.out().tick - record.active_tick,
            .unsent_bytes = extra ? extra->output.held_bytes() : 0,
            .blocked = record.is(flag::output_blocked),
            .paused = record.is(flag::input_paused) || record.is(flag::throttled),
            .tls = extra && extra->stream && extra->stream->encrypts()};
}

class look_around final : public mail {
  public:
    look_around(std::uint32_t first, std::uint32_t limit, std::shared_ptr<waiting> asker)
        : first_{first},
          limit_{std::min(limit, found_per_slice)},
          executor_{asker->timer.get_executor()},
          asker_{std::move(asker)} {}

    void run(worker& owner) override {
        finding result;
        auto& slots = owner.pool().all();
        auto end = std::min(slots.touched(), first_ + slots_per_slice);
        for (result.next = first_; result.next < end && result.connections.size() < limit_;
             ++result.next)
            if (auto& record = slots[result.next]; record.where != connection_record::state::free)
                result.connections.push_back(describe(owner, record));
        result.is_last = result.next >= slots.touched();
        boost::asio::post(executor_, [asker = asker_, result = std::move(result)]() mutable {
            asker->result = std::move(result);
            asker->timer.cancel();
        });
    }

  private:
    std::uint32_t first_;
    std::uint32_t limit_;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<waiting> asker_;
};

// Nothing when the worker does not answer.
awaitable<std::optional<finding>> ask(worker& subject, std::uint32_t first, std::uint32_t limit) {
    auto asker = std::make_shared<waiting>(co_await boost::asio::this_coro::executor);
    if (subject.post_admitted(std::make_unique<look_around>(first, limit, asker)))
        co_return std::nullopt;
    asker->timer.expires_after(patience);
    co_await asker->timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    co_return std::move(asker->result);
}

char const* name_of(connection_record::state where) {
    switch (where) {
    case connection_record::state::greeting:
        return "greeting";
    case connection_record::state::open:
        return "open";
    default:
        return "closing";
    }
}

void put(json_text& text, listed const& each, double tick_seconds) {
    text.begin_object()
        .member("id", std::to_string(each.id.value())) // more bits than a number in JavaScript has
        .member("worker", each.id.worker())
        .member("peer", each.peer)
        .member("state", name_of(each.where))
        .member("idle_seconds", static_cast<double>(each.idle_ticks) * tick_seconds)
        .member("unsent_bytes", each.unsent_bytes)
        .member("blocked", each.blocked)
        .member("paused", each.paused)
        .member("tls", each.tls)
        .end_object();
}

} // namespace

list_request list_request::from(http_target const& target, std::uint32_t workers) {
    target.allow_only({"limit", "cursor"});
    list_request wanted;
    wanted.limit = static_cast<std::uint32_t>(target.number("limit", 100, 1, 1'000));
    auto const* cursor = target.find("cursor");
    if (!cursor) return wanted;
    auto const* end = cursor->data() + cursor->size();
    auto [dot, bad_worker] = std::from_chars(cursor->data(), end, wanted.worker);
    if (bad_worker == std::errc{} && dot != end && *dot == '.') {
        auto [stop, bad_slot] = std::from_chars(dot + 1, end, wanted.slot);
        if (bad_slot == std::errc{} && stop == end && wanted.worker < workers &&
            wanted.slot < connection_id::slots_max)
            return wanted;
    }
    throw bad_request{"'cursor' is what 'next' said before"};
}

awaitable<std::string> list_connections(engine_view engine, list_request wanted) {
    auto tick_seconds = std::chrono::duration<double>{tick_length_for(engine.limits())}.count();
    json_text text;
    text.begin_object().key("connections").begin_array();
    std::vector<std::uint32_t> unanswered;
    std::uint32_t found = 0;
    auto at = wanted;
    for (std::uint32_t looks = 0; looks < slices_per_list && found < wanted.limit; ++looks) {
        if (at.worker >= engine.limits().workers) break;
        auto part = co_await ask(engine.workers()[at.worker], at.slot, wanted.limit - found);
        if (!part) unanswered.push_back(at.worker);
        if (part) {
            for (auto const& each : part->connections)
                put(text, each, tick_seconds);
            found += static_cast<std::uint32_t>(part->connections.size());
            at.slot = part->next;
        }
        if (!part || part->is_last) at = {.worker = at.worker + 1, .slot = 0};
    }
    text.end_array().key("next");
    if (at.worker < engine.limits().workers)
        text.value(std::to_string(at.worker) + "." + std::to_string(at.slot));
    else
        text.null();
    text.key("unanswered_workers").begin_array();
    for (auto worker : unanswered)
        text.value(worker);
    text.end_array().end_object();
    co_return std::move(text).take();
}

} // namespace millipede::detail
