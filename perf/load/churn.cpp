// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

#include <algorithm>

namespace load {

namespace {

// Drops one connection at random and wants another in its place.
void replace_one(engine& machine, std::int64_t now_ns) {
    auto& table = machine.table();
    if (table.open_count() == 0) return;
    machine.close(table.open_at(machine.random().below(table.open_count())));
    machine.want(1, now_ns);
}

// Drops, openings and echoes evenly over each second, for as long as the run lasts.
class even_churn final : public scenario {
  public:
    even_churn(engine& machine, options const& settings, work_share share)
        : scenario{machine},
          drops_{share.of(double{1} * settings.churn_per_second)},
          sends_{share.of(double{1} * settings.sends_per_second)} {}

    void begin_running(std::int64_t now_ns) override {
        running_ = true;
        drops_.start(now_ns);
        sends_.start(now_ns);
    }

    void begin_draining(std::int64_t) override { running_ = false; }

    std::int64_t act(std::int64_t now_ns) override {
        if (!running_) return never_ns;
        auto next_ns = never_ns;
        if (drops_.paced()) {
            for (; drops_.due(now_ns); drops_.take(now_ns))
                replace_one(engine_, now_ns);
            next_ns = std::min(next_ns, drops_.next_ns());
        }
        if (sends_.paced()) {
            for (; sends_.due(now_ns); sends_.take(now_ns))
                send_one(sends_.next_ns());
            next_ns = std::min(next_ns, sends_.next_ns());
        }
        return next_ns;
    }

  private:
    void send_one(std::int64_t intended_ns) {
        auto& table = engine_.table();
        // One request in flight per connection; a few tries find a free one unless all are slow.
        for (int tries = 0; tries < 8 && table.open_count() > 0; ++tries) {
            auto const slot = table.open_at(engine_.random().below(table.open_count()));
            if (engine_.outstanding(slot) > 0) continue;
            engine_.ask(slot, intended_ns);
            engine_.flush(slot);
            return;
        }
    }

    bool running_ = false;
    pacer drops_;
    pacer sends_;
};

// Everything of a second in one burst, then quiet: the conductor starts the rounds.
class settling_churn final : public scenario {
  public:
    settling_churn(engine& machine, options const& settings, work_share share)
        : scenario{machine},
          connections_{share.of(settings.connections)},
          drops_{share.of(settings.churn_per_second)},
          sends_{share.of(settings.sends_per_second)} {}

    void begin_running(std::int64_t) override {}
    std::int64_t act(std::int64_t) override { return never_ns; }

    void begin_round(std::int64_t now_ns) override {
        for (std::uint32_t drop = 0; drop < drops_; ++drop)
            replace_one(engine_, now_ns);
        // What the server closed (an error already) is made up for, or the counts would drift.
        if (engine_.expected() < connections_)
            engine_.want(connections_ - engine_.expected(), now_ns);
        // Distinct ones at random: the front of a shuffle that is carried only so far.
        auto& table = engine_.table();
        for (std::uint32_t send = 0; send < sends_ && send < table.open_count(); ++send) {
            table.swap_open(send, send + engine_.random().below(table.open_count() - send));
            auto const slot = table.open_at(send);
            engine_.ask(slot, load::now_ns());
            engine_.flush(slot);
        }
    }

  private:
    std::uint32_t connections_;
    std::uint32_t drops_;
    std::uint32_t sends_;
};

} // namespace

std::unique_ptr<scenario> make_churn(engine& machine, options const& settings, work_share share) {
    if (settings.settle) return std::make_unique<settling_churn>(machine, settings, share);
    return std::make_unique<even_churn>(machine, settings, share);
}

} // namespace load
