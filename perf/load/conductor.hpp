// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "news.hpp"
#include "progress.hpp"
#include "run_result.hpp"
#include "worker.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace load {

// Leads all workers through the stages of a run, watches the clock, the errors and the signals.
class conductor {
  public:
    explicit conductor(options const& settings);
    conductor(conductor const&) = delete;
    conductor& operator=(conductor const&) = delete;

    // Fills the result, which outlives a run that had to be given up with threads still in it.
    void run(run_result& result);

  private:
    enum class outcome { reached, time_over, stopped };

    outcome await(std::function<bool()> const& reached, std::int64_t until_ns, bool stoppable);
    void wait_for_news(std::int64_t until_ns);
    bool must_stop(std::int64_t now_ns);

    void open();
    void run_load();
    void run_rounds();
    void drain();
    void close();
    void lead_to(stage wanted);
    // Takes a look at the observed process; the first failure ends the looking.
    void observe(std::function<void(observed_process const&, observation&)> const& look);
    bool all_completed(stage which) const;
    std::uint64_t sum(counter statistics::*which) const;
    void show_progress(std::int64_t now_ns);
    std::string progress_of_opening(double opened_per_second) const;
    std::string progress_of_load(double done_per_second, std::int64_t now_ns) const;
    std::uint64_t operations() const;

    options const& settings_;
    run_result* result_ = nullptr;
    std::optional<observed_process> observed_;
    std::string observation_failure_;
    news news_; // before the workers, who tell it
    std::vector<std::unique_ptr<worker>> workers_;
    progress progress_;
    stage stage_ = stage::opening;
    std::int64_t began_ns_ = 0;
    std::int64_t stage_began_ns_ = 0;
    std::int64_t deadline_ns_ = 0;
    std::int64_t interrupted_ns_ = 0;
};

} // namespace load
