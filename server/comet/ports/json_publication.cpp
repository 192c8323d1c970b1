// SPDX-License-Identifier: BSL-1.0
#include "ports/json_publication.hpp"

#include "wire/json_document.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <utility>

namespace comet {
namespace {

namespace json = boost::json;

// What is published may be nested, as it is only sent on.
constexpr std::size_t depth_max = 32;

struct expected {
    bool has_channel;
    std::size_t name_max;
};

std::string_view view_of(json::string_view text) noexcept {
    return {text.data(), text.size()};
}

// Sets what the member says. Returns what is wrong with it; empty: nothing.
std::string_view take_member(std::string_view name, json::value const& value,
                             expected const& wanted, publication& to) {
    if (name == "content") {
        to.content = value.is_string() ? json_escaped(text_of(value.get_string()))
                                       : json_escaped(json::serialize(value));
        return {};
    }
    if (!wanted.has_channel) return "the only member is content";
    if (name == "cname") {
        if (!value.is_string()) return "cname is no string";
        to.channel = text_of(value.get_string());
        return to.channel.size() > wanted.name_max ? "cname is too long" : "";
    }
    if (name == "ttl") {
        json::error_code failure;
        auto seconds = value.to_number<std::uint32_t>(failure);
        if (failure || seconds > ttl_seconds_max) return "ttl is no number of seconds";
        to.ttl_seconds = seconds;
        return {};
    }
    if (name == "token") {
        if (!value.is_string()) return "token is no string";
        to.shown_token = std::string{text_of(value.get_string())};
        return {};
    }
    return "the members are cname, content, ttl and token";
}

std::string_view take(json::value const& given, expected const& wanted, publication& to) {
    auto const* object = given.if_object();
    if (!object) return "it is no object";
    for (auto const& each : *object)
        if (auto fault = take_member(view_of(each.key()), each.value(), wanted, to); !fault.empty())
            return fault;
    if (!object->contains("content")) return "there is no content";
    if (wanted.has_channel && !object->contains("cname")) return "there is no cname";
    return {};
}

json_publications read(std::string_view body, expected const& wanted) {
    json_publications found;
    auto document = read_json(body, depth_max);
    if (!document) {
        found.fault = "the body is not JSON";
        return found;
    }
    auto const* array = document->if_array();
    found.is_array = array != nullptr;
    auto count = array ? array->size() : 1;
    if (count > json_publications_max) {
        found.fault = "there are more than " + std::to_string(json_publications_max);
        return found;
    }
    found.all.resize(count);
    for (std::size_t index = 0; index < count; ++index) {
        auto fault = take(array ? (*array)[index] : *document, wanted, found.all[index]);
        if (fault.empty()) continue;
        if (array) found.fault = "at " + std::to_string(index) + ": ";
        found.fault += fault;
        return found;
    }
    return found;
}

} // namespace

json_publications read_publications(std::string_view body, std::size_t name_max) {
    return read(body, {true, name_max});
}

json_publications read_broadcasts(std::string_view body) {
    return read(body, {false, 0});
}

} // namespace comet
