// SPDX-License-Identifier: BSL-1.0
#include "ports/requested_channels.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace comet {
namespace {

// What a browser's event stream had last: it goes on behind it. Others' ids are none of ours.
void go_on_behind(channel_item& item, std::string_view id) {
    auto number = id.substr(0, id.find('@'));
    sequence last = 0;
    auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), last);
    if (failure != std::errc{} || end != number.data() + number.size()) return;
    item.seq = following(last);
    if (number.size() != id.size()) item.epoch = std::string{id.substr(number.size() + 1)};
}

void keep_first_of_each_name(std::vector<channel_item>& items) {
    std::unordered_set<std::string> seen;
    std::erase_if(items, [&](auto const& each) { return !seen.insert(each.cname).second; });
}

} // namespace

std::optional<std::vector<channel_item>> requested_channels(parameters const& given,
                                                            http_request const& request,
                                                            transport how,
                                                            channel_limits const& limits) {
    std::vector<channel_item> items;
    auto epoch = given.find("epoch");
    if (auto several = given.find("channels")) {
        auto parsed = parse_channel_items(*several, limits.channels_per_connection);
        if (!parsed) return std::nullopt;
        items = std::move(*parsed);
        keep_first_of_each_name(items);
        if (epoch)
            for (auto& each : items)
                if (!each.epoch) each.epoch = "";
    } else {
        items.push_back({given.text("cname"), given.number("seq"), given.text("token"), epoch});
        if (how == transport::sse) go_on_behind(items.front(), request.last_event_id);
    }
    if (given.number("presence") == 1)
        for (auto& each : items)
            each.presence = true;
    auto is_too_long = [&](auto const& each) { return each.cname.size() > limits.name_max; };
    if (std::any_of(items.begin(), items.end(), is_too_long)) return std::nullopt;
    return items;
}

} // namespace comet
