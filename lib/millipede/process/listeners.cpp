// SPDX-License-Identifier: BSL-1.0
// What a server keeps for its listeners: what they speak, and what those with PROXY protocol or TLS
// ask first.
#include <millipede/process/basic_server.hpp>

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

namespace millipede {

void basic_server::prepare_listener(listen_options const& listener, std::uint8_t protocol) {
    std::uint16_t number = 0;
    if (listener.proxy_protocol || listener.tls) {
        detail::greeting wanted{listener.proxy_protocol};
        if (listener.tls) {
            tls_.push_back(std::make_unique<detail::tls_context>(listener));
            wanted.tls = tls_.back().get();
        }
        greetings_.push_back(wanted);
        number = static_cast<std::uint16_t>(greetings_.size());
    }
    greeting_of_listener_.push_back(number);
    protocol_of_listener_.push_back(protocol);
}

void basic_server::keep(std::unique_ptr<detail::protocol> speaker) {
    require_not_started("listen()");
    constexpr std::size_t protocols_max = 256; // what a connection's record can name
    if (protocols_.size() == protocols_max)
        throw std::length_error{"listen(): a server has up to 256 codecs"};
    kept_.push_back(std::move(speaker));
    protocols_.push_back(kept_.back().get());
}

void basic_server::listen(detail::protocol const& speaker, listen_options where) {
    require_not_started("listen()");
    check_listener(where);
    auto number = std::find(protocols_.begin(), protocols_.end(), &speaker) - protocols_.begin();
    prepare_listener(where, static_cast<std::uint8_t>(number));
    limits_.listen.push_back(std::move(where));
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

} // namespace millipede
