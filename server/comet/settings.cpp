// SPDX-License-Identifier: BSL-1.0
#include "settings.hpp"

#include "common/command_line.hpp"
#include "common/duration.hpp"
#include "icomet_conf.hpp"

#include <millipede/base/connection_id.hpp>
#include <millipede/base/listen_address.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace {

constexpr std::uint32_t count_max = 1'000'000'000;
constexpr std::chrono::hours seconds_max{24};

// Of no use where peers are to be silent and send requests.
constexpr std::array<std::string_view, 6> unused{"heartbeat-interval", "messages-per-second",
                                                 "messages-burst",     "bytes-per-second",
                                                 "bytes-burst",        "over-rate"};

// Of a name that `comet_settings::said` may have: it is kept in `live_settings`, as all but places.
bool is_live(std::string_view name) noexcept {
    return name != "admin" && name != "listen";
}

setting count_setting(std::string name, std::string help, std::uint32_t& target,
                      std::uint32_t least) {
    help += " [" + std::to_string(target) + "]";
    return {std::move(name), "N", std::move(help), [&target, least](std::string const& text) {
                target = static_cast<std::uint32_t>(parse_number(text, least, count_max));
            }};
}

// In whole seconds, as icomet counts.
setting seconds_setting(std::string name, std::string help, std::uint32_t& target,
                        std::uint32_t least) {
    help += " [" + std::to_string(target) + "s]";
    return {std::move(name), "TIME", std::move(help), [&target, least](std::string const& text) {
                auto time = parse_duration(text).value;
                auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
                if (seconds != time || seconds > seconds_max || seconds.count() < least)
                    throw std::invalid_argument{"'" + text + "' is not in " +
                                                std::to_string(least) +
                                                "s to 24h, in whole "
                                                "seconds"};
                target = static_cast<std::uint32_t>(seconds.count());
            }};
}

void add_channel_settings(settings_table& table, comet::channel_limits& channels) {
    table.add({"auth", "HOW", "token: subscribers need the one of /sign; or none [none]",
               [&](std::string const& text) {
                   if (text != "none" && text != "token")
                       throw std::invalid_argument{"'" + text + "' is neither none nor token"};
                   channels.needs_token = text == "token";
               }});
    table.add(count_setting("max-channels", "channels in all", channels.channels_max, 1));
    table.add(count_setting("max-subscribers-per-channel", "subscribers of one channel",
                            channels.subscribers_max, 1));
    table.add(count_setting("channels-per-connection", "channels that one may be subscribed to",
                            channels.channels_per_connection, 1));
    table.add(count_setting("channel-buffer-size", "messages that a channel keeps",
                            channels.buffer_size, 0));
    table.add({"history-max-bytes", "BYTES", "messages of all channels together [1073741824]",
               [&](std::string const& text) {
                   channels.history_max =
                       static_cast<std::size_t>(parse_number(text, 0, std::uint64_t{1} << 44));
               }});
    table.add(seconds_setting("channel-timeout", "free a channel without subscribers after TIME",
                              channels.channel_timeout, 0));
    table.add(seconds_setting("polling-timeout", "tell subscribers when nothing came for TIME",
                              channels.polling_timeout, 1));
}

void add_presence_settings(settings_table& table, comet::channel_limits& channels) {
    table.add({"presence", "WHOM", "who is told which users are there: none, admin, all [admin]",
               [&](std::string const& text) {
                   using level = comet::presence_level;
                   if (text != "none" && text != "admin" && text != "all")
                       throw std::invalid_argument{"'" + text + "' is not none, admin or all"};
                   channels.presence = text == "none"    ? level::none
                                       : text == "admin" ? level::admin
                                                         : level::all;
               }});
    table.add(seconds_setting("presence-linger", "a user is gone so long after he has left",
                              channels.user_linger, 0));
    table.add(count_setting("presence-users", "users kept, of all channels; others are nobody",
                            channels.users_max, 0));
    table.add(count_setting("presence-users-per-channel", "users kept of one channel",
                            channels.users_per_channel_max, 0));
}

void add_http_settings(settings_table& table, comet::http_codec::limits& http) {
    auto bytes = [&](std::string name, std::string help, std::uint32_t& target,
                     std::uint32_t least) {
        help += " [" + std::to_string(target) + "]";
        table.add(
            {std::move(name), "BYTES", std::move(help), [&target, least](std::string const& text) {
                 target = static_cast<std::uint32_t>(parse_number(text, least, 1U << 30));
             }});
    };
    bytes("head-max", "a request's line and fields", http.head_max, 256);
    bytes("body-max", "a request's body", http.body_max, 0);
    bytes("websocket-message-max", "a WebSocket's message", http.websocket_message_max, 125);
}

void add_gate_settings(settings_table& table, comet_settings& settings) {
    table.add(
        {"admin", "ADDR:PORT", "for publishers [127.0.0.1:8000]", [&](std::string const& text) {
             millipede::parse_listen_address(text);
             settings.admin = text;
         }});
    table.add({"listen", "ADDR:PORT", "for framed TCP [nowhere]", [&](std::string const& text) {
                   millipede::parse_listen_address(text);
                   settings.framed = text;
               }});
    // icomet's file may have rules, too; those of a stronger source replace them, of each kind.
    table.add({"admin-allow", "ADDR", "who may publish: an IPv4 address, the beginning of one, all",
               [&](std::string const& text) { settings.live.gate.allow(text); },
               [&] { settings.live.gate.forget_allowed(); }});
    table.add({"admin-deny", "ADDR", "and who may not; with no rule at all, everybody may",
               [&](std::string const& text) { settings.live.gate.deny(text); },
               [&] { settings.live.gate.forget_denied(); }});
}

void add_publisher_settings(settings_table& table, comet_settings& settings) {
    table.add(
        {"front-publish", "", "take POST /push and /pub at the front port, too",
         [&](std::string const& text) { settings.live.front_publishes = parse_switch(text); }});
    table.add({"cors-origin", "ORIGIN",
               "whose pages may read the front port: *, an origin, none [*]",
               [&](std::string const& text) { settings.live.pages = comet::cors{text}; }});
    table.add({"web", "HOW", "on: serve comet.js, a chat and a presence page; or off [off]",
               [&](std::string const& text) {
                   if (text != "on" && text != "off")
                       throw std::invalid_argument{"'" + text + "' is neither on nor off"};
                   settings.live.web = text == "on";
               }});
}

// Of all that has been added so far; the stronger source is heard last.
void note_what_is_said(settings_table& table, std::map<std::string, std::string>& said) {
    for (auto& each : table.all()) {
        bool is_list = each.begin_list != nullptr;
        each.apply = [&said, name = each.name, is_list,
                      apply = std::move(each.apply)](std::string const& text) {
            apply(text);
            auto& noted = said[name];
            noted = is_list && !noted.empty() ? noted + "," + text : text;
        };
        if (is_list)
            each.begin_list = [&said, name = each.name, begin = std::move(each.begin_list)] {
                begin();
                said.erase(name);
            };
    }
}

// All that other servers have, but for what would mean nothing here.
void add_common_settings(settings_table& table, comet_settings& settings) {
    auto common = std::make_shared<settings_table>();
    add_server_settings(*common, settings.limits);
    for (auto each : common->all()) {
        if (std::find(unused.begin(), unused.end(), each.name) != unused.end()) continue;
        if (each.name == "listen") {
            each.name = "front";
            constexpr std::string_view elsewhere{"where to listen"};
            each.help.replace(0, elsewhere.size(), "for subscribers");
        }
        if (!table.find(each.name)) table.add(std::move(each)); // else there is one of our own
    }
    table.at_end([common] { common->finish(); });
}

// What help shows first, and what it calls the parts.
void arrange(settings_table& table) {
    auto& all = table.all();
    auto front = std::find_if(all.begin(), all.end(),
                              [](setting const& each) { return each.name == "front"; });
    std::rotate(all.begin(), front, front + 1);
    table.begin_group("front", "Ports and publishers");
    table.begin_group("auth", "Channels");
    table.begin_group("presence", "Users");
    table.begin_group("head-max", "Requests");
    table.begin_group("pid-file", "Operation");
    table.begin_group("tls-certificate", "TLS");
    table.begin_group("workers", "Connections");
    table.begin_group("stall-after", "Supervision and logs");
}

// Each connection may have one question, one answer and one farewell on their way to one worker;
// messages have a bound of their own.
void size_mailboxes(comet_settings& settings) {
    constexpr std::uint64_t room_for_messages = 524'288;
    constexpr std::uint64_t room_unless_told = 4'194'304;
    constexpr std::uint64_t room_max = 1U << 28;
    auto& limits = settings.limits;
    auto workers = limits.workers == 0 ? millipede::connection_id::workers_max : limits.workers;
    auto connections = std::uint64_t{workers} * limits.connections_per_worker;
    auto room = connections == 0 ? room_unless_told : 3 * connections + room_for_messages;
    limits.mailbox_capacity = static_cast<std::uint32_t>(std::min(room, room_max));
}

} // namespace

millipede::reload_report own_changes(comet_settings const& now, comet_settings const& wanted) {
    millipede::reload_report changes;
    changes.need_restart = admin_changes(now.ops, wanted.ops);
    auto all = now.said;
    all.insert(wanted.said.begin(), wanted.said.end());
    auto said_in = [](comet_settings const& settings, std::string const& name) {
        auto found = settings.said.find(name);
        return found == settings.said.end() ? "(default)" : found->second;
    };
    for (auto const& [name, text] : all) {
        auto before = said_in(now, name);
        auto after = said_in(wanted, name);
        if (before == after) continue;
        auto& list = is_live(name) ? changes.applied : changes.need_restart;
        list.push_back({name, before, after});
    }
    return changes;
}

comet_settings taken_up(comet_settings now, comet_settings const& wanted) {
    now.live = wanted.live;
    std::erase_if(now.said, [](auto const& each) { return is_live(each.first); });
    for (auto const& each : wanted.said)
        if (is_live(each.first)) now.said.insert(each);
    return now;
}

bool read_comet_settings(comet_settings& settings, int argc, char const* const* argv) {
    settings_table table;
    add_gate_settings(table, settings);
    add_publisher_settings(table, settings);
    add_channel_settings(table, settings.live.channels);
    add_presence_settings(table, settings.live.channels);
    add_http_settings(table, settings.live.http);
    note_what_is_said(table, settings.said);
    table.add({"pid-file", "FILE", "has the process id while the server runs; must not exist",
               [&](std::string const& text) { settings.limits.pid_file = text; }});
    add_admin_settings(table, settings.ops);
    add_common_settings(table, settings);
    arrange(table);
    foreign_file icomet{
        "icomet-conf", "icomet's own file; --config and the command line win",
        [&](std::string const& file) { settings.warnings = apply_icomet_conf(file, settings); }};
    program about{"millipede-comet", MILLIPEDE_VERSION,
                  "Pushes messages to browsers over HTTP: icomet's server, wire-compatible."};
    if (!read_settings(about, {icomet}, table, argc, argv)) return false;
    auto& channels = settings.live.channels;
    if (channels.channel_timeout == 0) // as icomet does it
        channels.channel_timeout = std::max(channels.polling_timeout / 2, 1U);
    channels.reply_fields = settings.live.pages.fields();
    size_mailboxes(settings);
    return true;
}
