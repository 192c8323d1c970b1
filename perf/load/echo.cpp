// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

#include <algorithm>
#include <deque>
#include <vector>

namespace load {

namespace {

// What draining did not bring to be asked, though a number was wanted.
void count_unsent(engine& machine, std::uint64_t unsent) {
    if (unsent > 0)
        machine.counts().fail(error_kind::request_unsent,
                              "no connection was free to send it before the wait was over", unsent);
}

// Each connection asks again as soon as it was answered.
class closed_loop_echo final : public scenario {
  public:
    closed_loop_echo(engine& machine, options const& settings, work_share share)
        : scenario{machine},
          depth_{settings.depth},
          counted_{settings.requests > 0},
          left_{counted_ ? share.of(settings.requests) : endless} {}

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
            ask(slot, depth_, now_ns());
            engine_.flush(slot);
        }
        return unstarted_.empty() ? never_ns : now_ns();
    }

    void on_replies(std::uint32_t slot, std::uint32_t count, std::int64_t now_ns) override {
        if (running_) ask(slot, count, now_ns);
    }

    bool finished() const override { return left_ == 0 && engine_.outstanding() == 0; }

    void begin_closing(bool unanswered_is_error) override {
        if (counted_ && unanswered_is_error) count_unsent(engine_, left_);
    }

  private:
    static constexpr std::uint32_t starts_per_turn = 32;
    static constexpr std::uint64_t endless = UINT64_MAX;

    void ask(std::uint32_t slot, std::uint32_t count, std::int64_t now_ns) {
        auto const asked = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, left_));
        for (std::uint32_t request = 0; request < asked; ++request)
            engine_.ask(slot, now_ns);
        left_ -= asked;
    }

    std::uint32_t depth_;
    bool counted_;
    std::uint64_t left_; // to be asked
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
          counted_{settings.requests > 0},
          pacer_{share.of(settings.rate)},
          requests_{counted_ ? share.of(settings.requests) : share_of_duration(settings, share)} {}

    void begin_running(std::int64_t now_ns) override {
        started_ = true;
        pacer_.start(now_ns);
        for (std::uint32_t round = 0; round < depth_; ++round)
            for (std::uint32_t position = 0; position < engine_.table().open_count(); ++position)
                free_.push_back(engine_.table().open_at(position));
    }

    bool finished() const override {
        return counted_ && pacer_.taken() >= requests_ && engine_.outstanding() == 0;
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
            count_unsent(engine_, requests_ - pacer_.taken());
    }

  private:
    static constexpr std::uint32_t sends_per_turn = 64;

    static std::uint64_t share_of_duration(options const& settings, work_share share) {
        auto const seconds = static_cast<double>(settings.duration.count()) / 1e9;
        return static_cast<std::uint64_t>(share.of(settings.rate) * seconds);
    }

    std::uint32_t depth_;
    bool counted_;
    pacer pacer_;
    std::uint64_t requests_;
    bool started_ = false;
    std::deque<std::uint32_t> free_; // one entry per request that a connection may take
};

} // namespace

std::unique_ptr<scenario> make_echo(engine& machine, options const& settings, work_share share) {
    if (settings.rate > 0) return std::make_unique<open_loop_echo>(machine, settings, share);
    return std::make_unique<closed_loop_echo>(machine, settings, share);
}

} // namespace load
