// SPDX-License-Identifier: BSL-1.0
#include "ports/admin.hpp"

#include "wire/query.hpp"

#include <array>
#include <functional>
#include <utility>

namespace comet {
namespace {

constexpr std::string_view html{"text/html; charset=utf-8"};
constexpr std::string_view json{"application/json; charset=utf-8"};

http_reply page(std::string_view content_type, std::string body) {
    return {.content_type = content_type, .body = std::move(body), .from_icomet = true};
}

http_reply bare(std::uint16_t status) {
    return {.status = status, .from_icomet = true};
}

// A line of JSON, in a call when there is a callback, were it an empty one.
std::string wrapped(std::optional<std::string> const& callback, std::string object) {
    if (!callback) return object.append("\n");
    return std::string{*callback}.append("(").append(object).append(");\n");
}

// For replies that browsers may take for HTML, as icomet names their type.
std::string without_tags(std::string_view text, std::string_view less, std::string_view more) {
    std::string safe;
    for (char letter : text) {
        if (letter == '<')
            safe.append(less);
        else if (letter == '>')
            safe.append(more);
        else
            safe += letter;
    }
    return safe;
}

std::string json_name(std::string_view channel) {
    return without_tags(json_escaped(channel), "\\u003c", "\\u003e");
}

http_reply next_or_unknown(std::string const& channel, std::optional<sequence> next) {
    if (next) return page(html, "ok " + std::to_string(*next) + "\n");
    auto unknown =
        page(html, "channel[" + without_tags(channel, "&lt;", "&gt;") + "] not connected\n");
    unknown.status = 404;
    return unknown;
}

} // namespace

bool admin::is_admitted(http_connection const& connection) const {
    auto const& gate = settings_for(connection).gate;
    if (!gate.has_rules()) return true;
    millipede::error_code code;
    auto peer = connection.remote_endpoint(code);
    return gate.admits(code ? "" : peer.address().to_string());
}

admin::handler admin::handler_at(std::string_view path) noexcept {
    static constexpr std::array<std::pair<std::string_view, handler>, 10> places{
        {{"/pub", &admin::publish_raw},
         {"/push", &admin::publish_text},
         {"/broadcast", &admin::broadcast},
         {"/sign", &admin::sign},
         {"/close", &admin::close},
         {"/clear", &admin::clear},
         {"/info", &admin::info},
         {"/check", &admin::check},
         {"/psub", &admin::watch},
         {"/presence", &admin::presence}}};
    for (auto const& [place, function] : places)
        if (place == path) return function;
    return nullptr;
}

void admin::serve(http_connection& connection, http_request const& request,
                  std::string const& path) {
    auto wanted = handler_at(path);
    if (!wanted) return reply_not_found(connection, request);
    if (!is_admitted(connection)) {
        count(connection, counted::forbidden);
        auto refusal = bare(403);
        refusal.closes = true;
        return reply(connection, refusal, request.terms);
    }
    (this->*wanted)(connection, request);
}

std::optional<std::string> admin::channel_of(http_connection& connection,
                                             http_request const& request) {
    auto channel = parameters{request}.text("cname");
    if (channel.size() <= settings_for(connection).channels.name_max) return channel;
    refuse_parameter(connection, request);
    return std::nullopt;
}

bool admin::is_callback_allowed(http_connection& connection, http_request const& request) {
    if (is_callback(parameters{request}.text("cb"))) return true;
    refuse_parameter(connection, request);
    return false;
}

void admin::refuse_parameter(http_connection& connection, http_request const& request) {
    count(connection, counted::bad_parameters);
    reply(connection, bare(400), request.terms);
}

void admin::publish_raw(http_connection& connection, http_request const& request) {
    publishing_.publish(connection, request, true);
}

void admin::publish_text(http_connection& connection, http_request const& request) {
    publishing_.publish(connection, request, false);
}

void admin::broadcast(http_connection& connection, http_request const& request) {
    publishing_.broadcast(connection, request);
}

void admin::sign(http_connection& connection, http_request const& request) {
    auto channel = channel_of(connection, request);
    if (!channel || !is_callback_allowed(connection, request)) return;
    parameters given{request};
    auto expires = given.number("expires");
    auto answer = answering(connection, request);
    auto begin = "{\"type\":\"sign\",\"cname\":\"" + json_name(*channel) + "\",\"seq\":";
    bool asked = channels_.sign(
        std::move(*channel), expires > 0 ? static_cast<std::uint32_t>(expires) : 0,
        [answer, begin, callback = given.find("cb"),
         timeout = settings_for(connection).channels.polling_timeout](
            std::optional<signature> const& made) {
            if (!made) return answer(bare(429));
            auto object = begin;
            object.append(std::to_string(made->oldest));
            object.append(",\"token\":\"").append(made->token);
            object.append("\",\"expires\":").append(std::to_string(made->expires));
            object.append(",\"sub_timeout\":").append(std::to_string(timeout)).append("}");
            answer(page(html, wrapped(callback, object)));
        });
    unless_asked(asked, connection, bare(503), request);
}

void admin::close(http_connection& connection, http_request const& request) {
    auto channel = channel_of(connection, request);
    if (!channel) return;
    auto answer = answering(connection, request);
    bool asked = channels_.close(*channel, [answer, channel](std::optional<sequence> next) {
        answer(next_or_unknown(*channel, next));
    });
    unless_asked(asked, connection, bare(503), request);
}

void admin::clear(http_connection& connection, http_request const& request) {
    auto channel = channel_of(connection, request);
    if (!channel) return;
    auto answer = answering(connection, request);
    bool asked = channels_.clear(*channel, [answer, channel](std::optional<sequence> next) {
        answer(next_or_unknown(*channel, next));
    });
    unless_asked(asked, connection, bare(503), request);
}

void admin::info(http_connection& connection, http_request const& request) {
    auto channel = channel_of(connection, request);
    if (!channel) return;
    if (channel->empty()) {
        auto body =
            "{\"version\": \"0.2.5\", \"channels\": " + std::to_string(channels_.channels()) +
            ", \"subscribers\": " + std::to_string(channels_.subscribers()) + "}\n";
        return reply(connection, page(json, body), request.terms);
    }
    auto answer = answering(connection, request);
    bool asked =
        channels_.look(*channel, [answer, channel](std::optional<std::uint32_t> subscribers) {
            answer(page(json, "{\"cname\": \"" + json_name(*channel) + "\", \"subscribers\": " +
                                  std::to_string(subscribers.value_or(0)) + "}\n"));
        });
    unless_asked(asked, connection, bare(503), request);
}

void admin::check(http_connection& connection, http_request const& request) {
    auto channel = channel_of(connection, request);
    if (!channel) return;
    auto answer = answering(connection, request);
    bool asked = channels_.look(*channel, [answer, channel](std::optional<std::uint32_t> there) {
        answer(page(json, there ? "{\"" + json_name(*channel) + "\": 1}\n" : "{}\n"));
    });
    unless_asked(asked, connection, bare(503), request);
}

void admin::watch(http_connection& connection, http_request const& request) {
    if (request.terms.bodiless) return reply(connection, page(html, ""), request.terms);
    auto terms = request.terms;
    if (!terms.chunked) terms.keep_alive = false;
    auto head =
        endless_head("Server: icomet 0.2.5\r\nContent-Type: text/html; charset=utf-8\r\n", terms);
    connection->busy = connection->endless = connection->is_watching = true;
    // First: who has seen the head misses nothing.
    auto look_again = [this, id = connection.id()] {
        own_.post(id, [this](http_connection& watcher) {
            if (!is_admitted(watcher)) watcher.close();
        });
    };
    channels_.watch(connection.id(), terms.chunked, parameters{request}.number("users") == 1,
                    look_again);
    connection.send_bytes(millipede::as_bytes(head));
}

void admin::presence(http_connection& connection, http_request const& request) {
    if (settings_for(connection).channels.presence == presence_level::none)
        return reply_not_found(connection, request);
    auto channel = channel_of(connection, request);
    if (!channel) return;
    auto answer = answering(connection, request);
    bool asked = channels_.call_roll(*channel, [answer, channel](channel_roll const& roll) {
        auto text = "{\"cname\":\"" + json_name(*channel) + "\",\"users\":[";
        for (auto const& [user, subscriptions] : roll.users) {
            if (text.back() != '[') text += ',';
            text.append("{\"user\":\"").append(json_name(user));
            text.append("\",\"subscriptions\":").append(std::to_string(subscriptions)) += '}';
        }
        text.append("],\"anonymous\":").append(std::to_string(roll.anonymous)).append("}\n");
        answer(page(json, std::move(text)));
    });
    unless_asked(asked, connection, bare(503), request);
}

} // namespace comet
