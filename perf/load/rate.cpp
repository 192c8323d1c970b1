// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

namespace load {

namespace {

// Connect, login, reply, close. The engine's limit of connections in progress is the concurrency,
// its opening rate the timetable.
class rate final : public scenario {
  public:
    rate(engine& machine, options const& settings, work_share share)
        : scenario{machine},
          cycles_{settings.requests > 0 ? share.of(settings.requests) : endless} {}

    // With --requests nothing is expected any more after the last one, which ends the stage.
    void begin_running(std::int64_t now_ns) override { engine_.want(cycles_, now_ns); }
    void begin_draining(std::int64_t) override { engine_.want_no_more(); }
    void on_open(std::uint32_t slot, std::int64_t) override { engine_.close(slot); }
    std::int64_t act(std::int64_t) override { return never_ns; }

  private:
    static constexpr std::uint64_t endless = std::uint64_t{1} << 62;

    std::uint64_t cycles_;
};

} // namespace

std::unique_ptr<scenario> make_rate(engine& machine, options const& settings, work_share share) {
    return std::make_unique<rate>(machine, settings, share);
}

} // namespace load
