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

publishing_right right_of(bool publishes, bool needs_token) noexcept {
    if (!publishes) return publishing_right::none;
    return needs_token ? publishing_right::with_token : publishing_right::all;
}

} // namespace

front::front(hub& channels, tally& counters, service& own, command_executor& commands,
             settings wanted)
    : port{channels, counters, own, wanted.pages.fields()},
      limits_{wanted.channels},
      cors_{std::move(wanted.pages)},
      with_web_{wanted.with_web},
      websockets_{*this,
                  channels,
                  commands,
                  limits_,
                  {.message_max = wanted.websocket_message_max,
                   .right = right_of(wanted.publishes, limits_.needs_token),
                   .pages = cors_}} {
    if (wanted.publishes)
        publishing_.emplace(*this, channels,
                            publishing::settings{.from_icomet = false,
                                                 .needs_token = limits_.needs_token,
                                                 .by_get = false,
                                                 .believes_escapes = false,
                                                 .name_max = limits_.name_max});
}

void front::serve(http_connection& connection, http_request const& request,
                  std::string const& path) {
    if (auto how = transport_at(path))
        subscribe(connection, request, *how);
    else if (path == "/ws")
        websockets_.begin(connection, request);
    else if (path == "/ping")
        ping(connection, request);
    else if (publishing_ && (path == "/push" || path == "/pub"))
        publishing_->publish(connection, request, path == "/pub");
    else if (auto const* file = with_web_ ? web_file_at(path) : nullptr)
        show(connection, request, *file);
    else
        reply_not_found(connection, request);
}

void front::serve_options(http_connection& connection, http_request const& request) {
    if (!cors_.answers()) return port::serve_options(connection, request);
    reply(connection, cors_.answer(), request.terms);
}

void front::subscribe(http_connection& connection, http_request const& request, transport how) {
    if (request.method != http_method::get) {
        count(connection, counted::wrong_methods);
        return reply(connection, {.status = 405}, request.terms);
    }
    parameters given{request};
    auto items = requested_channels(given, request, how, limits_);
    auto callback = how == transport::poll ? given.text("cb") : std::string{};
    auto user = given.text("user");
    if (!items || !is_callback(callback) || !is_user_name(user, limits_.user_max)) {
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
    body.append(std::to_string(limits_.polling_timeout)).append("});\n");
    reply(connection, {.content_type = "text/html; charset=ISO-8859-1", .body = std::move(body)},
          request.terms);
}

} // namespace comet
