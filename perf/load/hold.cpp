// SPDX-License-Identifier: BSL-1.0
#include "scenario.hpp"

namespace load {

namespace {

// The engine has opened the connections and sees every close and every unasked byte by itself.
class hold final : public scenario {
  public:
    using scenario::scenario;

    void begin_running(std::int64_t) override {}
    std::int64_t act(std::int64_t) override { return never_ns; }
};

} // namespace

std::unique_ptr<scenario> make_hold(engine& machine) {
    return std::make_unique<hold>(machine);
}

} // namespace load
