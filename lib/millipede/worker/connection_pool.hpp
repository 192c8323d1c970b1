// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/error.hpp>
#include <millipede/base/overflow.hpp>
#include <millipede/memory/buffers.hpp>
#include <millipede/memory/idle_list.hpp>
#include <millipede/memory/output_ledger.hpp>
#include <millipede/memory/size_order.hpp>
#include <millipede/memory/slots.hpp>
#include <millipede/memory/write_queue.hpp>
#include <millipede/worker/slot_appendix.hpp>
#include <millipede/worker/transport.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace millipede::detail {

/// What only some connections need, and only at times: an incomplete message, unsent output, a
/// reason to close, something else than a socket to talk through. An idle connection has none.
struct extension {
    spill input;
    write_queue output;
    error_code close_code;
    bool closed_by_handler = false; ///< Whatever the code: what was sent still goes out.
    overflow_event untold;          ///< Messages dropped that nobody has been told of yet.
    size_place by_size;             ///< Among the blocked, by the output that waits.
    std::uint16_t greeting = 0;     ///< As in accepted_socket, while in that state.
    std::unique_ptr<transport> stream;
    /// Who talks through the proxy that the socket leads to.
    std::unique_ptr<boost::asio::ip::tcp::endpoint> client;
};

/// The engine's part of a slot; the session follows it. One socket's whole life:
///
///     free --open()--> open --end of the conversation--> flushing --> lingering --> free
///
/// greeting: before open where a listener asks for it: PROXY header or TLS handshake under way.
/// open: reads and handlers run. flushing: on_close has run, what is queued still goes out.
/// lingering: our output has ended, input is thrown away until the peer ends too.
struct connection_record {
    // The last two have no conversation: their events take a way of their own.
    enum class state : std::uint8_t { free, open, flushing, lingering, greeting };

    /// Bits of `flags`.
    enum flag : std::uint16_t {
        output_blocked = 1,  ///< The peer takes no more; reading rests until it does.
        input_paused = 2,    ///< `pause_receiving()` was called.
        close_requested = 4, ///< `extension::close_code` says why.
        output_watched = 8,  ///< In the readiness set for output, too.
        needs_settling = 16, ///< On the worker's list of connections to flush or to close.
        input_waits = 32,    ///< On the list of those whose last read left more behind.
        abort_on_close = 64, ///< Ends with a reset: nobody waits for the output any more.
        hung_up = 128,       ///< The peer ended its stream: no edge will come, read to the end.
        throttled = 256,     ///< Over its rate; read again when it may send again.
        awaits_first = 512,  ///< A newcomer without a complete message, and that is timed.
        awaits_rest = 1024,  ///< It has begun a message and not ended it, and that is timed.
        last_words = 2048,   ///< The server ends it: what it has sent is handled at any rate.
        asked = 4096, ///< It was silent, was asked whether it is there, and has not answered.
    };
    /// While one of these is set, no message is handled.
    static constexpr std::uint16_t not_receiving =
        output_blocked | input_paused | close_requested | throttled;

    int descriptor = -1; ///< -1 with a free slot, or when `extra->stream` is talked through.
    std::uint32_t generation = 0;
    list_links links;              ///< On one of the pool's lists, or free.
    std::uint32_t active_tick = 0; ///< For that list.
    state where = state::free;
    std::uint8_t protocol = 0;
    std::uint16_t flags = 0;
    extension* extra = nullptr;

    bool is(flag wanted) const noexcept { return (flags & wanted) != 0; }
    void set(flag wanted) noexcept { flags = static_cast<std::uint16_t>(flags | wanted); }
    void clear(flag unwanted) noexcept { flags = static_cast<std::uint16_t>(flags & ~unwanted); }
    bool receiving() const noexcept { return where == state::open && (flags & not_receiving) == 0; }
    bool has_output() const noexcept { return extra != nullptr && !extra->output.empty(); }
};
static_assert(sizeof(connection_record) == 32);

/// A worker's connections: who is there, by which name, and since when each has been quiet. Does
/// no input or output. One thread.
class connection_pool {
  public:
    using list = idle_list<connection_record>;

    connection_pool(std::uint32_t worker, std::uint32_t count, std::size_t session_bytes,
                    std::size_t buffer_budget_bytes, slot_appendix appendix = {});
    ~connection_pool();

    /// A slot in state `open`, on the idle list; null when all are in use.
    connection_record* open(std::uint32_t protocol, std::uint32_t tick) noexcept;

    /// Gives back the slot and all that the connection held, its transport included.
    void release(connection_record& record) noexcept;

    /// The live connection of that name, else null: the slot may have another owner by now.
    connection_record* find(connection_id id) noexcept;

    /// What a readiness event names its connection by: slot and generation.
    std::uint64_t token_of(connection_record const& record) const noexcept {
        return std::uint64_t{slots_.slot_of(record)} << 32 | record.generation;
    }
    /// The connection of an event; null when that one has ended since.
    connection_record* find_token(std::uint64_t token) noexcept {
        auto& record = slots_[static_cast<std::uint32_t>(token >> 32)];
        return record.generation == static_cast<std::uint32_t>(token) ? &record : nullptr;
    }

    connection_id id_of(connection_record const& record) const noexcept {
        return {worker_, slots_.slot_of(record), record.generation};
    }
    void* session_of(connection_record& record) noexcept { return &record + 1; }
    /// Where the connection came from; only when the slots have an appendix for it.
    source_key& source_of(connection_record& record) noexcept {
        return appendix_.source_in(appendix_of(record));
    }
    /// What it has sent lately; only when the slots have an appendix for it.
    pace& pace_of(connection_record& record) noexcept {
        return appendix_.pace_in(appendix_of(record));
    }

    /// The bytes of a slot whose session takes `session_bytes`.
    static std::size_t slot_bytes(std::size_t session_bytes, slot_appendix appendix) noexcept;

    /// The connection's extension, made when it has none.
    /// \throws std::bad_alloc
    extension& extend(connection_record& record);
    /// Takes the extension back when it holds nothing.
    void trim(connection_record& record) noexcept;

    /// Call it when the output of a blocked connection has grown or shrunk.
    void weigh(connection_record& record) noexcept {
        if (record.extra && record.is(connection_record::output_blocked))
            by_size.place(record.extra->by_size, slots_.slot_of(record),
                          record.extra->output.held_bytes());
    }

    /// A slot that was just opened: its peer has to greet first, since `tick`.
    void greet(connection_record& record, std::uint32_t tick) noexcept;
    /// It has: the conversation begins.
    void welcome(connection_record& record, std::uint32_t tick) noexcept;
    /// The peer takes no more output, since `tick`.
    void block(connection_record& record, std::uint32_t tick) noexcept;
    /// It does again.
    void unblock(connection_record& record, std::uint32_t tick) noexcept;
    /// The output has ended: waits for the peer's end, since `tick`.
    void linger(connection_record& record, std::uint32_t tick) noexcept;
    /// The peer sent something, or took some of the blocked output.
    void touch(connection_record& record, std::uint32_t tick) noexcept {
        if (record.active_tick != tick) touch_on_list(record, tick);
    }

    /// An idle one is asked whether it is there. Its time goes on.
    void ask(connection_record& record) noexcept;
    /// The first message of a newcomer is awaited, since `tick`.
    void await_first(connection_record& record, std::uint32_t tick) noexcept;
    /// What input came to: whether a message was `completed`, and whether the rest of one is
    /// awaited now; since `tick`, unless it was begun before.
    void progress(connection_record& record, bool completed, bool rest_awaited,
                  std::uint32_t tick) noexcept;
    /// The peer has sent more than it may, at `tick` ...
    void throttle(connection_record& record, std::uint32_t tick) noexcept;
    /// ... and may send again.
    void unthrottle(connection_record& record, std::uint32_t tick) noexcept;
    /// The time of its list begins anew.
    void restart(connection_record& record, std::uint32_t tick) noexcept;

    // When limits change; each looks at all slots that have ever been used.

    /// Nobody owes any rate anything. Only when the slots have an appendix for it.
    void forgive_rates() noexcept;
    /// `awaited`, one of `awaits_first` and `awaits_rest`, is not timed any more.
    void await_no_more(connection_record::flag awaited, std::uint32_t tick) noexcept;
    /// A tick is as long as `now` from now on: the time of all lists goes on as well as ticks can
    /// tell, by up to one former tick less than has passed, and never more.
    void count_anew(std::uint32_t tick, std::chrono::milliseconds before,
                    std::chrono::milliseconds now) noexcept;

    slots<connection_record>& all() noexcept { return slots_; }
    buffer_budget& budget() noexcept { return budget_; }
    buffer_pool& buffers() noexcept { return buffers_; }
    /// What the output queues hold.
    output_ledger& ledger() noexcept { return ledger_; }

  private:
    template <class F>
    void for_each_used(F f) noexcept;
    list& list_of(connection_record const& record) noexcept;
    void touch_on_list(connection_record& record, std::uint32_t tick) noexcept;
    template <class Change>
    void move(connection_record& record, std::uint32_t tick, Change change) noexcept;
    std::byte* appendix_of(connection_record& record) noexcept {
        return reinterpret_cast<std::byte*>(&record) + appendix_offset_;
    }

    std::uint32_t worker_;
    slot_appendix appendix_;
    std::size_t appendix_offset_;
    slots<connection_record> slots_;
    buffer_budget budget_;
    buffer_pool buffers_{budget_};
    output_ledger ledger_{budget_};
    std::vector<std::unique_ptr<extension>> spare_extensions_;

  public:
    // Each connection is on one of these, in the order of the tick that its time counts from.
    list idle{slots_};       ///< Open, and on none of the others: since the last input.
    list asked{slots_};      ///< Idle, and asked whether they are there: since the last input.
    list newcomers{slots_};  ///< Their first message is awaited: since they came.
    list incomplete{slots_}; ///< The rest of a message is awaited: since it was begun.
    list throttled{slots_};  ///< Over their rate: since they were looked at.
    list blocked{slots_};    ///< Their peers take no output, since the last; open or flushing.
    list lingering{slots_};  ///< Their output has ended: since then.
    list greeting{slots_};   ///< Their conversation has not begun: since they came.
    size_order by_size;      ///< The blocked ones, by the output that waits.
};

} // namespace millipede::detail
