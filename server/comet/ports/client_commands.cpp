// SPDX-License-Identifier: BSL-1.0
#include "ports/client_commands.hpp"

#include "channels/hub.hpp"
#include "wire/json_document.hpp"

#include <algorithm>
#include <utility>

namespace comet {
namespace {

namespace json = boost::json;

constexpr std::size_t depth = 3; // an object of arrays of objects

constexpr std::string_view not_json{"not JSON"};
constexpr std::string_view not_an_object{"not an object"};
constexpr std::string_view unknown_member{"unknown command"};
constexpr std::string_view bad_subscribe{"subscribe: not an array of channels"};
constexpr std::string_view bad_unsubscribe{"unsubscribe: not an array of names"};
constexpr std::string_view bad_publish{"publish: not a message"};
constexpr std::string_view long_name{"a channel's name is too long"};

bool take(std::vector<std::string>& names, json::value const& from) {
    auto const* values = from.if_array();
    if (!values) return false;
    for (auto const& each : *values) {
        auto const* name = each.if_string();
        if (!name) return false;
        names.emplace_back(text_of(*name));
    }
    return true;
}

bool take(std::string& text, json::value const& from) {
    auto const* value = from.if_string();
    if (value) text = text_of(*value);
    return value != nullptr;
}

bool take(std::uint32_t& seconds, json::value const& from) {
    auto const* number = from.if_int64();
    if (!number || *number < 0 || *number > ttl_seconds_max) return false;
    seconds = static_cast<std::uint32_t>(*number);
    return true;
}

bool take_member(client_publication& to, std::string_view name, json::value const& from) {
    if (name == "cname") return take(to.cname, from);
    if (name == "content") return take(to.content, from);
    if (name == "ttl") return take(to.ttl_seconds, from);
    if (name == "token") return take(to.token, from);
    return false;
}

bool take(std::optional<client_publication>& to, json::value const& from) {
    auto const* object = from.if_object();
    if (!object || !object->contains("cname") || !object->contains("content")) return false;
    auto& publication = to.emplace();
    for (auto const& [name, value] : *object)
        if (!take_member(publication, {name.data(), name.size()}, value)) return false;
    return true;
}

// What is wrong; empty for nothing.
std::string_view take(client_commands& to, client_command which, json::value const& from) {
    switch (which) {
    case client_command::subscribe: {
        auto items = channel_items_of(from);
        if (!items) return bad_subscribe;
        to.subscribe = std::move(*items);
        break;
    }
    case client_command::unsubscribe:
        if (!take(to.unsubscribe, from)) return bad_unsubscribe;
        break;
    case client_command::publish:
        if (!take(to.publish, from)) return bad_publish;
        break;
    }
    return {};
}

std::optional<client_command> command_named(std::string_view name) noexcept {
    if (name == "subscribe") return client_command::subscribe;
    if (name == "unsubscribe") return client_command::unsubscribe;
    if (name == "publish") return client_command::publish;
    return std::nullopt;
}

std::string_view take_all(client_commands& to, json::value const& from) {
    auto const* object = from.if_object();
    if (!object) return not_an_object;
    for (auto const& [name, value] : *object) {
        auto which = command_named({name.data(), name.size()});
        if (!which) return unknown_member;
        if (auto why = take(to, *which, value); !why.empty()) return why;
    }
    return {};
}

bool has_long_name(client_commands const& commands, std::size_t name_max) noexcept {
    auto is_long = [&](auto const& item) { return item.cname.size() > name_max; };
    return std::any_of(commands.subscribe.begin(), commands.subscribe.end(), is_long) ||
           (commands.publish && is_long(*commands.publish));
}

template <class Take>
parsed_commands parse(std::string_view text, std::size_t name_max, Take take_from) {
    auto document = read_json(text, depth);
    if (!document) return {.is_json = false, .why = not_json};
    client_commands commands;
    if (auto why = take_from(commands, *document); !why.empty()) return {.why = why};
    if (has_long_name(commands, name_max)) return {.why = long_name};
    return {.found = std::move(commands)};
}

} // namespace

parsed_commands parse_client_commands(std::string_view json, std::size_t name_max) {
    return parse(json, name_max,
                 [](client_commands& to, json::value const& from) { return take_all(to, from); });
}

parsed_commands parse_client_command(client_command which, std::string_view json,
                                     std::size_t name_max) {
    return parse(json, name_max, [which](client_commands& to, json::value const& from) {
        return take(to, which, from);
    });
}

} // namespace comet
