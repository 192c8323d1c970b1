// SPDX-License-Identifier: BSL-1.0
#include "common/admission_settings.hpp"

#include "common/setting_kinds.hpp"

#include <cstdint>
#include <stdexcept>

namespace {

constexpr std::uint32_t per_second_max = 1'000'000;

setting over_rate_setting(millipede::rate_policy& target) {
    return {"over-rate", "POLICY", "pause or close a connection over its rate [pause]",
            [&target](std::string const& text) {
                if (text == "pause")
                    target = millipede::rate_policy::pause;
                else if (text == "close")
                    target = millipede::rate_policy::close;
                else
                    throw std::invalid_argument{"'" + text + "' is neither pause nor close"};
            }};
}

void add_newcomer_settings(settings_table& table, millipede::options& limits) {
    table.add(number_setting("connections-max", "connections in all [no limit]",
                             limits.connections_max, 0, UINT32_MAX));
    table.add(number_setting("connections-per-source-max",
                             "connections per IPv4 address or IPv6 /64 [no limit]",
                             limits.connections_per_source_max, 0, UINT32_MAX));
    table.add(number_setting("accepts-per-second", "new connections per second [no limit]",
                             limits.accepts_per_second, 0, per_second_max));
    table.add(number_setting("accepts-burst", "... so many at once [a second's worth]",
                             limits.accepts_burst, 0, per_second_max));
    table.add(number_setting("accepts-per-second-per-source", "... of one source [no limit]",
                             limits.accepts_per_second_per_source, 0, per_second_max));
    table.add(number_setting("accepts-burst-per-source", "... so many at once [a second's worth]",
                             limits.accepts_burst_per_source, 0, per_second_max));
}

void add_peer_settings(settings_table& table, millipede::options& limits) {
    constexpr std::uint64_t bytes_max = 10'000'000'000;
    table.add(time_setting("first-message-timeout",
                           "close when no whole message came in TIME; 0s: never",
                           limits.first_message_timeout));
    table.add(time_setting("message-timeout",
                           "close when a message is not whole in TIME; 0s: never",
                           limits.message_timeout));
    table.add(number_setting("messages-per-second", "messages of one connection [no limit]",
                             limits.messages_per_second, 0, per_second_max));
    table.add(number_setting("messages-burst", "... so many at once [a second's worth]",
                             limits.messages_burst, 0, per_second_max));
    table.add(number_setting("bytes-per-second", "bytes of one connection [no limit]",
                             limits.bytes_per_second, 0, bytes_max));
    table.add(number_setting("bytes-burst", "... so many at once [a second's worth]",
                             limits.bytes_burst, 0, bytes_max));
    table.add(over_rate_setting(limits.over_rate));
}

void add_dead_peer_settings(settings_table& table, millipede::options& limits) {
    table.add(time_setting("tcp-user-timeout",
                           "end when nothing is acknowledged for TIME; 0s: system's",
                           limits.tcp_user_timeout));
    table.add(time_setting("keepalive-idle", "probe a peer that is silent for TIME; 0s: do not",
                           limits.keepalive_idle));
    table.add(time_setting("keepalive-interval", "... again after TIME; 0s: system's",
                           limits.keepalive_interval));
    table.add(number_setting("keepalive-probes", "... and end after N probes [system's]",
                             limits.keepalive_probes, 0, 127));
}

} // namespace

void add_admission_settings(settings_table& table, millipede::options& limits) {
    add_newcomer_settings(table, limits);
    add_peer_settings(table, limits);
    add_dead_peer_settings(table, limits);
}
