// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "connection_table.hpp"
#include "connector.hpp"
#include "frame.hpp"
#include "greeting.hpp"
#include "options.hpp"
#include "pacer.hpp"
#include "random.hpp"
#include "statistics.hpp"
#include "time.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace load {

// One worker's part of the whole run.
struct work_share {
    std::uint32_t worker = 0;
    std::uint32_t workers = 1;

    template <std::unsigned_integral Number>
    Number of(Number total) const {
        return static_cast<Number>(total / workers + (worker < total % workers ? 1 : 0));
    }
    double of(double rate) const { return rate / workers; }
};

// What a mode hears of its connections.
class connection_observer {
  public:
    virtual ~connection_observer() = default;
    virtual void on_open(std::uint32_t slot, std::int64_t now_ns) = 0;
    // The engine sends what on_replies asks for once it returns: one gathered write per read. It
    // may not close the connection.
    virtual void on_replies(std::uint32_t slot, std::uint32_t count, std::int64_t now_ns) = 0;
};

// The connections of one worker on one epoll set, edge-triggered. It opens as many as are wanted,
// sends requests, checks every byte that comes back, and counts. Which and when is the mode's.
class engine {
  public:
    engine(options const& settings, work_share share, statistics& counts);
    ~engine();
    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    void observe(connection_observer& observer) { observer_ = &observer; }

    void want(std::uint64_t count, std::int64_t now_ns); // open so many more connections
    void want_no_more() { wanted_ = 0; }
    bool opening() const { return wanted_ > 0 || in_progress_ > 0; }
    std::uint64_t expected() const { return wanted_ + in_progress_ + table_.open_count(); }

    // One echo; sent by flush(), which says whether the connection lives on.
    void ask(std::uint32_t slot, std::int64_t intended_ns) {
        this->intended_ns(slot, table_[slot].asked++) = intended_ns;
        ++outstanding_;
        counts_.requests.add();
    }
    bool flush(std::uint32_t slot);
    std::uint64_t outstanding() const { return outstanding_; }
    std::uint32_t outstanding(std::uint32_t slot) { return in_flight(table_[slot]); }

    void close(std::uint32_t slot); // as --close says; its requests in flight are abandoned
    // The end of the run; what is still owed to us (logins, echoes) is an error if asked.
    void close_all(bool unanswered_is_error);

    connection_table& table() { return table_; }
    statistics& counts() { return counts_; }
    random_source& random() { return random_; }

    // Opens what is due and returns when to call it next; never_ns leaves that to events.
    std::int64_t open_due(std::int64_t now_ns);
    // Waits for events, until_ns at most, and handles those that came.
    void wait(std::int64_t until_ns);
    void wake(); // ends a wait; from any thread

  private:
    static constexpr std::size_t receive_buffer_bytes = 256 * 1024;
    static constexpr std::size_t send_buffer_bytes = 128 * 1024;
    static constexpr int events_max = 512;

    static std::uint32_t in_flight(connection const& connection) {
        return connection.asked - connection.answered;
    }

    void open_one(std::int64_t intended_ns);
    void start_conversation(std::uint32_t slot, bool connect_may_be_pending);
    void become_open(std::uint32_t slot, std::int64_t now_ns);
    void handle(std::uint32_t slot, std::uint32_t events);
    bool finish_connect(std::uint32_t slot, std::uint32_t events);
    std::uint16_t uid_of(connection const& connection) const;

    // These say whether the connection lives on.
    bool receive(std::uint32_t slot, bool until_end);
    bool finish_receiving(std::uint32_t slot, int error); // 0: the end of the stream
    bool consume(std::uint32_t slot, std::span<std::byte const> bytes);
    bool consume_greeting(std::uint32_t slot, std::span<std::byte const> bytes,
                          std::int64_t now_ns);
    bool consume_echoes(std::uint32_t slot, std::span<std::byte const> bytes, std::int64_t now_ns);

    struct gathered {
        std::size_t bytes = 0;
        std::uint32_t frames = 0;
    };
    gathered gather(connection const& connection);

    void lose_by_content(std::uint32_t slot, std::span<std::byte const> bytes,
                         std::size_t wrong_at);
    void lose(std::uint32_t slot, error_kind kind, std::string_view detail);
    void lose_by_errno(std::uint32_t slot, int error);
    void release(std::uint32_t slot, bool reset);
    bool is_current(std::uint32_t slot, std::uint32_t generation) {
        return table_[slot].generation == generation;
    }

    options const& settings_;
    work_share share_;
    statistics& counts_;
    connection_observer* observer_ = nullptr;

    connection_table table_;
    connector connector_;
    echo_frame frame_;
    greeting greeting_;
    random_source random_;
    pacer open_pacer_;

    std::uint32_t in_progress_max_;
    std::uint32_t in_progress_ = 0; // not yet usable
    std::uint64_t wanted_ = 0;      // not yet begun
    std::uint64_t begun_ = 0;
    std::uint64_t outstanding_ = 0;

    // When each request in flight should have been sent: a ring of depth entries per connection,
    // unless there is only one, which stands in the connection itself.
    std::int64_t& intended_ns(std::uint32_t slot, std::uint32_t request) {
        if (ring_mask_ == 0) return table_[slot].intended_ns;
        return intended_ns_[std::size_t{slot} * (ring_mask_ + 1) + (request & ring_mask_)];
    }
    std::uint32_t ring_mask_;
    std::vector<std::int64_t> intended_ns_;

    std::vector<std::byte> receive_buffer_;
    std::vector<std::byte> send_buffer_;
    int epoll_ = -1;
    int wake_up_ = -1;
};

} // namespace load
