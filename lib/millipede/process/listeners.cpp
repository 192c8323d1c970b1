// SPDX-License-Identifier: BSL-1.0
// What a server keeps for its listeners with PROXY protocol or TLS, and how it reads it again.
#include <millipede/process/basic_server.hpp>

#include <csignal>
#include <exception>
#include <memory>

namespace millipede {

void basic_server::prepare_greetings() {
    for (auto const& listener : limits_.listen) {
        if (!listener.proxy_protocol && !listener.tls) {
            greeting_of_listener_.push_back(0);
            continue;
        }
        detail::greeting wanted{listener.proxy_protocol};
        if (listener.tls) {
            tls_.push_back(std::make_unique<detail::tls_context>(listener));
            wanted.tls = tls_.back().get();
        }
        greetings_.push_back(wanted);
        greeting_of_listener_.push_back(static_cast<std::uint16_t>(greetings_.size()));
    }
}

bool basic_server::reload_certificates() {
    bool all_used = true;
    for (auto& each : tls_) {
        try {
            each->reload();
        } catch (std::exception const& failure) {
            all_used = false;
            log(error) << failure.what() << "; the former certificate stays in use";
        }
    }
    if (all_used && !tls_.empty()) log(info) << "certificates reloaded";
    return all_used;
}

void basic_server::wait_for_reload() {
    reload_signals_.add(SIGHUP); // nothing new from the second time on
    reload_signals_.async_wait([this](error_code code, int) {
        if (code) return;
        reload_certificates();
        wait_for_reload();
    });
}

} // namespace millipede
