// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "connector.hpp"
#include "engine.hpp"
#include "options.hpp"
#include "pacer.hpp"
#include "reply_reader.hpp"
#include "request_template.hpp"
#include "statistics.hpp"
#include "text_counter.hpp"
#include "time.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

namespace load {

// HTTP subscribers of one thread: each asks, counts the messages in what it gets, and asks again
// when the reply has ended. One epoll set, edge-triggered; what comes is read before anybody asks
// again, so that the time of a message's arrival is not that of the generator's own work.
class crowd {
  public:
    // notify is called from the crowd's thread whenever there is news.
    crowd(options const& settings, work_share share, std::function<void()> notify);
    ~crowd();
    crowd(crowd const&) = delete;
    crowd& operator=(crowd const&) = delete;

    void start();
    void end(); // waits for the thread

    // For any thread.
    bool all_open() const { return counts_.opened.get() >= members_.size(); }
    std::uint64_t opened() const { return counts_.opened.get(); }
    std::uint64_t messages() const { return messages_.get(); }
    // So often has every member had a message; and when the last of them had it for that time: when
    // it was read, or with --arrivals when it came to this machine.
    std::uint64_t rounds() const { return rounds_.load(); }
    std::int64_t round_ended_ns() const { return round_ended_ns_.load(); }
    bool failed() const { return counts_.errors.get() >= settings_.errors_max; }
    statistics const& counts() const { return counts_; }

    // Once it has ended.
    std::uint32_t messages_least() const;
    std::uint32_t messages_most() const;
    std::uint64_t silent_replies() const { return silent_replies_; }
    std::uint64_t bytes() const { return bytes_; }

  private:
    struct member {
        reply_reader replies;
        int descriptor = -1;
        std::uint32_t messages = 0;
        text_counter::position found = 0; // of the text that is counted
        bool asked = false;               // its first request is on its way
        bool open = false;
        bool waits = false; // for a reply, or for more of it
        bool heard = false; // a message in this reply
    };
    struct step {                         // from one number of messages to the next
        std::uint32_t members = 0;        // who have had so many
        std::int64_t last_arrival_ns = 0; // of the last of these messages, since 1970
    };
    struct pause {
        std::uint32_t index;
        std::int64_t until_ns;
    };
    static constexpr int events_max = 512;
    static constexpr std::size_t receive_buffer_bytes = 64 * 1024;

    void run();
    std::int64_t open_due(std::int64_t now_ns); // when to call it next
    void open_one();
    std::int64_t ask_again(std::int64_t now_ns); // the same
    bool wait(std::int64_t until_ns);            // whether all that was ready has been looked at
    void handle(std::uint32_t index, std::uint32_t events);
    void receive(std::uint32_t index, bool until_end);
    bool take(std::uint32_t index, std::string_view bytes); // whether the connection lives on
    void count_messages(member& one, std::uint32_t count);
    void end_rounds();
    void become_open(member& one);
    void reply_ended(std::uint32_t index);
    void ask(std::uint32_t index);
    void lose_by_errno(std::uint32_t index);
    void lose(std::uint32_t index, error_kind kind, std::string_view detail);

    options const& settings_;
    work_share share_;
    std::function<void()> notify_;
    connector connector_;
    request_template request_;
    text_counter counted_;
    pacer open_pacer_;
    std::uint32_t in_progress_max_;

    statistics counts_;
    counter messages_;
    std::uint64_t silent_replies_ = 0;
    std::uint64_t bytes_ = 0;

    std::vector<member> members_;
    std::deque<step> steps_;          // by numbers of messages, from rounds_ on
    std::uint32_t begun_ = 0;         // members that were told to connect
    std::uint32_t in_progress_ = 0;   // of these, not yet open
    std::deque<std::uint32_t> again_; // who asks next
    std::deque<pause> later_;         // who got nothing, the first due first
    std::int64_t arrived_ns_ = 0;     // what is taken now, since 1970; with --arrivals only
    std::vector<std::byte> receive_buffer_;
    std::atomic<std::uint64_t> rounds_{0};
    std::atomic<std::int64_t> round_ended_ns_{0};
    std::atomic<bool> ending_{false};
    std::thread thread_;
    std::int64_t awake_until_ns_ = 0;
    int epoll_ = -1;
    int wake_up_ = -1;
};

} // namespace load
