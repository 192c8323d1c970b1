// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "crowd.hpp"
#include "news.hpp"
#include "options.hpp"
#include "progress.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace load {

// What a run of mode subscribe found out.
struct subscribe_result {
    statistics total;
    std::uint64_t messages = 0;
    std::uint32_t messages_least = 0; // of a subscriber
    std::uint32_t messages_most = 0;
    std::uint64_t rounds = 0; // messages that every subscriber has had
    std::uint64_t silent_replies = 0;
    std::uint64_t bytes = 0;
    double opening_seconds = 0;
    double running_seconds = 0;
    double busiest_thread_seconds = 0; // of the processor
    bool opened_all = false;
    bool interrupted = false;
};

// Mode subscribe: crowds in threads, and a word of each round of messages.
class subscribe_run {
  public:
    explicit subscribe_run(options const& settings);
    subscribe_run(subscribe_run const&) = delete;
    subscribe_run& operator=(subscribe_run const&) = delete;

    void run(subscribe_result& result);

  private:
    void await_all_open(subscribe_result& result, std::int64_t until_ns);
    void await_messages(subscribe_result& result, std::int64_t until_ns);
    void tell_rounds(subscribe_result& result);
    bool must_stop(subscribe_result const& result) const;
    void wait_for_news(subscribe_result& result, std::int64_t until_ns);
    void show_progress(std::int64_t now_ns);
    std::uint64_t sum(std::uint64_t (crowd::*which)() const) const;

    options const& settings_;
    progress progress_;
    news news_; // before the crowds, who tell it
    std::vector<std::unique_ptr<crowd>> crowds_;
};

// One line that says why it failed; empty if every expectation held.
std::string failure_reason(options const& settings, subscribe_result const& result);
std::string as_text(options const& settings, subscribe_result const& result);
std::string as_json(options const& settings, subscribe_result const& result);

} // namespace load
