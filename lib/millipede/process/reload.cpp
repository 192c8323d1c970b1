// SPDX-License-Identifier: BSL-1.0
// What a running server takes up anew: options, on SIGHUP log files and certificates as well.
#include <millipede/process/basic_server.hpp>

#include <millipede/process/process_role.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

namespace millipede {

options basic_server::limits() const {
    std::lock_guard lock{limits_mutex_};
    return limits_;
}

reload_report basic_server::reload(options wanted) {
    if (!started_) throw std::logic_error{"reload() before the start"};
    auto checked = validated(std::move(wanted));
    auto listeners = limits_.listen;
    auto now = limits_; // nobody else changes them
    now.listen.resize(listeners_given_);
    bool has_heartbeat = std::none_of(protocols_.begin(), protocols_.end(),
                                      [](auto const* each) { return each->heartbeat.empty(); });
    auto report = detail::compare(now, checked, {*started_with_, has_heartbeat});
    detail::apply(report, now, checked);
    now.listen = std::move(listeners);
    auto in_force = std::make_shared<options const>(std::move(now));

    // From here on nothing fails.
    {
        std::lock_guard lock{limits_mutex_};
        detail::apply(report, limits_, checked);
    }
    overflow_.store(in_force->overflow, std::memory_order_relaxed);
    for (auto const& change : report.applied)
        if (change.option == "log.level") set_log_level(in_force->log.level);
    if (!report.applied.empty()) {
        acceptor_->reload(*in_force);
        workers_->reload(in_force);
    }
    return report;
}

void basic_server::on_reload(std::function<void()> f) {
    require_not_started("on_reload()");
    on_hangup_ = std::move(f);
}

void basic_server::wait_for_reload() {
    reload_signals_.add(SIGHUP); // nothing new from the second time on
    reload_signals_.async_wait([this](error_code code, int) {
        if (code) return;
        try {
            role_->reloading();
            hung_up();
        } catch (...) {
            // No memory for a line.
        }
        try {
            role_->reloaded();
        } catch (std::bad_alloc const&) {
            // The service manager takes it that the reload goes on.
        }
        wait_for_reload();
    });
}

// One thing that fails keeps none of the others from being done.
void basic_server::hung_up() {
    try {
        logging::reopen_active();
        log(info) << "SIGHUP: log files reopened";
    } catch (std::exception const& failure) {
        log(error) << "SIGHUP: " << failure.what() << "; the former log file stays in use";
    }
    reload_certificates();
    if (!on_hangup_) return;
    try {
        on_hangup_();
    } catch (std::exception const& failure) {
        log(error) << "nothing was reloaded: " << failure.what();
    } catch (...) {
        log(error) << "nothing was reloaded: not a std::exception";
    }
}

} // namespace millipede
