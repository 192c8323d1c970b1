// SPDX-License-Identifier: BSL-1.0
#include "channels/channel_items.hpp"

#include "wire/json_document.hpp"

#include <limits>

namespace comet {
namespace {

namespace json = boost::json;

constexpr std::size_t depth = 2; // an array of objects

bool take(std::string& to, json::value const& from) {
    auto const* text = from.if_string();
    if (text) to = text_of(*text);
    return text != nullptr;
}

bool take(sequence& to, json::value const& from) {
    auto const* number = from.if_int64();
    using range = std::numeric_limits<sequence>;
    if (!number || *number < range::min() || *number > range::max()) return false;
    to = static_cast<sequence>(*number);
    return true;
}

bool take(bool& to, json::value const& from) {
    auto const* truth = from.if_bool();
    if (truth) to = *truth;
    return truth != nullptr;
}

bool take_member(channel_item& to, std::string_view name, json::value const& from) {
    if (name == "cname") return take(to.cname, from);
    if (name == "seq") return take(to.seq, from);
    if (name == "token") return take(to.token, from);
    if (name == "epoch") return take(to.epoch.emplace(), from);
    if (name == "presence") return take(to.presence, from);
    return false;
}

bool take(channel_item& to, json::value const& from) {
    if (from.is_string()) return take(to.cname, from);
    auto const* object = from.if_object();
    if (!object || !object->contains("cname")) return false;
    for (auto const& [name, value] : *object)
        if (!take_member(to, {name.data(), name.size()}, value)) return false;
    return true;
}

} // namespace

std::optional<std::vector<channel_item>> channel_items_of(json::value const& array) {
    auto const* values = array.if_array();
    if (!values) return std::nullopt;
    std::vector<channel_item> items(values->size());
    for (std::size_t index = 0; index < items.size(); ++index)
        if (!take(items[index], (*values)[index])) return std::nullopt;
    return items;
}

std::optional<std::vector<channel_item>> parse_channel_items(std::string_view json,
                                                             std::size_t items_max) {
    auto document = read_json(json, depth);
    if (!document) return std::nullopt;
    auto const* values = document->if_array();
    if (!values || values->empty() || values->size() > items_max) return std::nullopt;
    return channel_items_of(*document);
}

} // namespace comet
