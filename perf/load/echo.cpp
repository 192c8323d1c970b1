// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

#include <deque>
#include <vector>

namespace load {

namespace {

// Each connection asks again as soon as it was answered.
class closed_loop_echo final : public scenario {
  public:
    closed_loop_echo(engine& machine, std::uint32_t depth) : scenario{machine}, depth_{depth} {}

    void begin_running(std::int64_t) override {
        running_ = true;
        // A copy, for the table's own list changes when a connection is lost.
        for (std::uint32_t position = 0; position < engine_.table().open_count(); ++position)
            unstarted_.push_back(engine_.table().open_at(position));
    }

    void begin_draining(std::int64_t) override {
        running_ = false;
        unstarted_.clear();
    }

    // A few first requests at a time, so that the first replies do not wait for the last requests.
    std::int64_t act(std::int64_t) override {
        for (std::uint32_t starts = 0; starts < starts_per_turn && !unstarted_.empty(); ++starts) {
            auto const slot = unstarted_.back();
            unstarted_.pop_back();
            if (engine_.table()[slot].state != connection_state::open) continue;
            auto const asked_ns = now_ns();
            for (std::uint32_t request = 0; request < depth_; ++request)
                engine_.ask(slot, asked_ns);
            engine_.flush(slot);
        }
        return unstarted_.empty() ? never_ns : now_ns();
    }

    void on_replies(std::uint32_t slot, std::uint32_t count, std::int64_t now_ns) override {
        if (!running_) return;
        for (std::uint32_t request = 0; request < count; ++request)
            engine_.ask(slot, now_ns);
    }

  private:
    static constexpr std::uint32_t starts_per_turn = 32;

    std::uint32_t depth_;
    bool running_ = false;
    std::vector<std::uint32_t> unstarted_;
};

// Requests by the timetable, each on the connection that has been free for longest. If none is
// free the timetable goes on, and the requests that wait keep their intended times.
class open_loop_echo final : public scenario {
  public:
    open_loop_echo(engine& machine, options const& settings, work_share share)
        : scenario{machine},
          depth_{settings.depth},
          pacer_{share.of(settings.rate)},
          requests_{static_cast<std::uint64_t>(
              share.of(settings.rate) * static_cast<double>(settings.duration.count()) / 1e9)} {}

    void begin_running(std::int64_t now_ns) override {
        started_ = true;
        pacer_.start(now_ns);
        for (std::uint32_t round = 0; round < depth_; ++round)
            for (std::uint32_t position = 0; position < engine_.table().open_count(); ++position)
                free_.push_back(engine_.table().open_at(position));
    }

    // What was due before the end is still asked for; more than that if stopped early is not.
    void begin_draining(std::int64_t now_ns) override {
        auto due = pacer_;
        while (due.taken() < requests_ && due.due(now_ns))
            due.take(now_ns);
        requests_ = due.taken();
    }

    std::int64_t act(std::int64_t) override {
        for (std::uint32_t sends = 0; pacer_.taken() < requests_; ++sends) {
            auto const asked_ns = now_ns();
            if (!pacer_.due(asked_ns)) return pacer_.next_ns();
            if (free_.empty()) return never_ns; // a reply will call
            if (sends == sends_per_turn) return asked_ns;
            auto const slot = free_.front();
            free_.pop_front();
            if (engine_.table()[slot].state != connection_state::open) continue;
            engine_.ask(slot, pacer_.take(asked_ns));
            engine_.flush(slot);
        }
        return never_ns;
    }

    void on_replies(std::uint32_t slot, std::uint32_t count, std::int64_t) override {
        free_.insert(free_.end(), count, slot);
    }

    bool settled() const override {
        return scenario::settled() && (!started_ || pacer_.taken() >= requests_);
    }

    void begin_closing(bool unanswered_is_error) override {
        if (started_ && unanswered_is_error && pacer_.taken() < requests_)
            engine_.counts().fail(error_kind::request_unsent,
                                  "no connection was free to send it before the wait was over",
                                  requests_ - pacer_.taken());
    }

  private:
    static constexpr std::uint32_t sends_per_turn = 64;

    std::uint32_t depth_;
    pacer pacer_;
    std::uint64_t requests_;
    bool started_ = false;
    std::deque<std::uint32_t> free_; // one entry per request that a connection may take
};

} // namespace

std::unique_ptr<scenario> make_echo(engine& machine, options const& settings, work_share share) {
    if (settings.rate > 0) return std::make_unique<open_loop_echo>(machine, settings, share);
    return std::make_unique<closed_loop_echo>(machine, settings.depth);
}

} // namespace load
