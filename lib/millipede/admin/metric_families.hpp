// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

namespace millipede::detail {

/// Metrics in the making, grouped by their name.
class metric_families {
  public:
    using label = prometheus::ClientMetric::Label;

    /// Begins a family; what follows belongs to it.
    metric_families& gauge(std::string name, std::string help) {
        return begin(std::move(name), std::move(help), prometheus::MetricType::Gauge);
    }
    metric_families& counter(std::string name, std::string help) {
        return begin(std::move(name), std::move(help), prometheus::MetricType::Counter);
    }
    metric_families& histogram(std::string name, std::string help) {
        return begin(std::move(name), std::move(help), prometheus::MetricType::Histogram);
    }

    /// A value of the family, a gauge's or a counter's.
    metric_families& add(double value, std::vector<label> labels = {}) {
        prometheus::ClientMetric metric;
        metric.label = std::move(labels);
        (all_.back().type == prometheus::MetricType::Gauge ? metric.gauge.value
                                                           : metric.counter.value) = value;
        all_.back().metric.push_back(std::move(metric));
        return *this;
    }
    template <class Number>
    metric_families& add(Number value, std::vector<label> labels = {}) {
        return add(static_cast<double>(value), std::move(labels));
    }
    metric_families& add(prometheus::ClientMetric metric) {
        all_.back().metric.push_back(std::move(metric));
        return *this;
    }
    void append(std::vector<prometheus::MetricFamily> more) {
        for (auto& each : more)
            all_.push_back(std::move(each));
    }

    std::vector<prometheus::MetricFamily> const& all() const noexcept { return all_; }

  private:
    metric_families& begin(std::string name, std::string help, prometheus::MetricType type) {
        all_.push_back({std::move(name), std::move(help), type, {}});
        return *this;
    }

    std::vector<prometheus::MetricFamily> all_;
};

} // namespace millipede::detail
