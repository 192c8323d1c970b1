// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "engine.hpp"

#include <cstdint>
#include <memory>

namespace load {

// The run's stages, the same for all workers at a time: the conductor leads from one to the next.
enum class stage : std::uint32_t { opening, running, draining, closing, finished };

// What a mode does with one worker's connections. Called by that worker's thread only.
class scenario : public connection_observer {
  public:
    explicit scenario(engine& machine) : engine_{machine} {}

    void on_open(std::uint32_t, std::int64_t) override {}
    void on_replies(std::uint32_t, std::uint32_t, std::int64_t) override {}

    virtual void begin_running(std::int64_t now_ns) = 0;
    virtual void begin_draining(std::int64_t) {}
    virtual void begin_round(std::int64_t) {}
    // A last word about what was not even asked for, before everything is closed.
    virtual void begin_closing(bool /*unanswered_is_error*/) {}

    // Does what is due while running or draining and returns when to call it next.
    virtual std::int64_t act(std::int64_t now_ns) = 0;

    // The load has come to its own end before that of the duration.
    virtual bool finished() const { return false; }

    // Nothing is left of what this stage or round was for.
    virtual bool settled() const { return !engine_.opening() && engine_.outstanding() == 0; }

  protected:
    engine& engine_;
};

std::unique_ptr<scenario> make_hold(engine& machine, options const& settings, work_share share);
std::unique_ptr<scenario> make_echo(engine& machine, options const& settings, work_share share);
std::unique_ptr<scenario> make_rate(engine& machine, options const& settings, work_share share);
std::unique_ptr<scenario> make_churn(engine& machine, options const& settings, work_share share);

} // namespace load
