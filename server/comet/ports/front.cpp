// SPDX-License-Identifier: BSL-1.0
#include "ports/front.hpp"

#include "channels/user_name.hpp"
#include "ports/requested_channels.hpp"
#include "wire/query.hpp"

#include <array>
#include <optional>
#include <utility>

namespace comet {
namespace {

std::optional<transport> transport_at(std::string_view path) noexcept {
    static constexpr std::array<std::pair<std::string_view, transport>, 5> places{
        {{"/sub", transport::poll},
         {"/poll", transport::poll},
         {"/stream", transport::stream},
         {"/sse", transport::sse},
         {"/iframe", transport::iframe}}};
    for (auto const& [place, how] : places)
        if (place == path) return how;
    return std::nullopt;
}

} // namespace

front::front(hub& channels, tally& counters, settings_in_force const& live, service& own,
             command_executor& commands)
    : port{channels, counters, live, own},
      publishing_{
          *this,
          channels,
          {.from_icomet = false, .heeds_tokens = true, .by_get = false, .believes_escapes = false}},
      websockets_{*this, channels, commands} {}

void front::serve(http_connection& connection, http_request const& request,
                  std::string const& path) {
    auto const& settings = settings_for(connection);
    if (auto how = transport_at(path))
        subscribe(connection, request, *how);
    else if (path == "/ws")
        websockets_.begin(connection, request);
    else if (path == "/ping")
        ping(connection, request);
    else if (settings.front_publishes && (path == "/push" || path == "/pub"))
        publishing_.publish(connection, request, path == "/pub");
    else if (auto const* file = settings.web ? web_file_at(path) : nullptr)
        show(connection, request, *file);
    else
        reply_not_found(connection, request);
}

void front::serve_options(http_connection& connection, http_request const& request) {
    auto const& pages = settings_for(connection).pages;
    if (!pages.answers()) return port::serve_options(connection, request);
    reply(connection, pages.answer(), request.terms);
}

void front::subscribe(http_connection& connection, http_request const& request, transport how) {
    if (request.method != http_method::get) {
        count(connection, counted::wrong_methods);
        return reply(connection, {.status = 405}, request.terms);
    }
    auto const& limits = settings_for(connection).channels;
    parameters given{request};
    auto items = requested_channels(given, request, how, limits);
    auto callback = how == transport::poll ? given.text("cb") : std::string{};
    auto user = given.text("user");
    if (!items || !is_callback(callback) || !is_user_name(user, limits.user_max)) {
        count(connection, counted::bad_parameters);
        return reply(connection, {.status = 400}, request.terms);
    }
    auto& who = connection.session();
    who.busy = true;
    who.endless = is_endless(how);
    who.how = how;
    who.terms = request.terms;
    who.noop = given.number("noop");
    if (!callback.empty()) who.obtain_more().callback = std::move(callback);
    if (!user.empty()) who.obtain_more().user = std::move(user);
    for (auto& each : *items) {
        if (channels_.subscribe(who, std::move(each))) continue;
        channels_.leave(who);
        who.busy = who.endless = false;
        who.more.reset();
        return reply(connection, {.status = 503}, request.terms);
    }
}

void front::show(http_connection& connection, http_request const& request,
                 embedded_file const& file) {
    auto answer = web_reply(request, file);
    if (answer.status == 405) count(connection, counted::wrong_methods);
    auto terms = request.terms;
    terms.bodiless = terms.bodiless || answer.status == 304;
    reply(connection, answer, terms);
}

void front::ping(http_connection& connection, http_request const& request) {
    auto callback = parameters{request}.find("cb").value_or("icomet_cb");
    if (!is_callback(callback)) {
        count(connection, counted::bad_parameters);
        return reply(connection, {.status = 400}, request.terms);
    }
    auto body = std::move(callback);
    body.append("({\"type\":\"ping\",\"sub_timeout\":");
    body.append(std::to_string(settings_for(connection).channels.polling_timeout)).append("});\n");
    reply(connection, {.content_type = "text/html; charset=ISO-8859-1", .body = std::move(body)},
          request.terms);
}

} // namespace comet
