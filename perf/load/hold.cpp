// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

namespace load {

namespace {

// The engine has opened the connections and sees every close and every unasked byte by itself. That
// they still serve is seen by samples, in rounds a second apart.
class hold final : public scenario {
  public:
    hold(engine& machine, options const& settings, work_share share)
        : scenario{machine}, samples_{share.of(settings.samples)} {}

    void begin_running(std::int64_t now_ns) override {
        running_ = samples_ > 0;
        rounds_.start(now_ns);
    }

    void begin_draining(std::int64_t) override { running_ = false; }

    std::int64_t act(std::int64_t) override {
        if (!running_) return never_ns;
        for (std::uint32_t sends = 0; sends < sends_per_turn; ++sends) {
            auto const asked_ns = now_ns();
            if (sampled_ == samples_) {
                if (!rounds_.due(asked_ns)) return rounds_.next_ns();
                rounds_.take(asked_ns);
                sampled_ = 0;
            }
            sample_one(asked_ns);
        }
        return now_ns();
    }

  private:
    static constexpr std::uint32_t sends_per_turn = 64;

    // Distinct ones within a round: the front of a shuffle that is carried only so far.
    void sample_one(std::int64_t asked_ns) {
        auto& table = engine_.table();
        auto const position = sampled_++;
        if (position >= table.open_count()) return;
        table.swap_open(position, position + engine_.random().below(table.open_count() - position));
        auto const slot = table.open_at(position);
        // Still owed from an earlier round: the report will tell if it never comes.
        if (engine_.outstanding(slot) > 0) return;
        engine_.ask(slot, asked_ns);
        engine_.flush(slot);
    }

    std::uint32_t samples_;
    std::uint32_t sampled_ = samples_; // in this round
    bool running_ = false;
    pacer rounds_{1};
};

} // namespace

std::unique_ptr<scenario> make_hold(engine& machine, options const& settings, work_share share) {
    return std::make_unique<hold>(machine, settings, share);
}

} // namespace load
