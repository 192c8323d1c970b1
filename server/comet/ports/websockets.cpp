// SPDX-License-Identifier: BSL-1.0
#include "ports/websockets.hpp"

#include "channels/user_name.hpp"
#include "ports/requested_channels.hpp"
#include "wire/query.hpp"
#include "wire/websocket_handshake.hpp"

#include <utility>
#include <vector>

namespace comet {
namespace {

constexpr std::uint16_t switching_protocols = 101;
constexpr std::uint16_t bad_request = 400;
constexpr std::uint16_t forbidden = 403;
constexpr std::uint16_t upgrade_required = 426;

// Takes the next frame, with the pieces before it, which `who` keeps for that time alone.
websocket_event next_event(subscriber& who, websocket_frame const& frame, std::size_t message_max) {
    auto pieces = who.more ? std::move(who.more->pieces) : nullptr;
    auto event = take_websocket_frame(frame, pieces, message_max);
    if (pieces)
        who.obtain_more().pieces = std::move(pieces);
    else
        who.drop_empty_extras();
    return event;
}

publishing_right right_by(live_settings const& settings) noexcept {
    if (!settings.front_publishes) return publishing_right::none;
    return settings.channels.needs_token ? publishing_right::with_token : publishing_right::all;
}

} // namespace

void websockets::begin(http_connection& connection, http_request const& request) {
    if (request.method != http_method::get) {
        at_.count(connection, counted::wrong_methods);
        return at_.reply(connection, {.status = 405}, request.terms);
    }
    auto const& settings = at_.settings_for(connection);
    parameters given{request};
    client_commands first;
    auto refuse_parameters = [&] {
        at_.count(connection, counted::bad_parameters);
        at_.reply(connection, {.status = bad_request}, request.terms);
    };
    auto user = given.text("user");
    if (!is_user_name(user, settings.channels.user_max)) return refuse_parameters();
    if (given.find("cname") || given.find("channels")) {
        auto items = requested_channels(given, request, transport::websocket, settings.channels);
        if (!items) return refuse_parameters();
        first.subscribe = std::move(*items);
    }
    auto handshake = answer_handshake(request.raw, connection.get_executor());
    if (handshake.status != switching_protocols)
        return refuse(connection, request, handshake.status);
    if (!settings.pages.admits(handshake.origin, handshake.host)) {
        at_.count(connection, counted::forbidden);
        return at_.reply(connection, error_page(forbidden), request.terms);
    }
    at_.count(connection, counted::websockets);
    connection.send_bytes(millipede::as_bytes(handshake.reply));
    auto& who = connection.session();
    who.busy = who.endless = who.is_begun = who.is_websocket = true;
    who.how = transport::websocket;
    who.terms = {.chunked = false};
    if (!user.empty()) who.obtain_more().user = std::move(user);
    channels_.attend(who);
    commands_.carry_out(who, std::move(first), right_by(settings));
}

void websockets::refuse(http_connection& connection, http_request const& request,
                        std::uint16_t status) {
    at_.count(connection, counted::refused_requests);
    auto page = error_page(status);
    if (status == upgrade_required)
        page.fields = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    at_.reply(connection, page, request.terms);
}

void websockets::take(http_connection& connection, http_request const& request) {
    if (request.what == http_request::kind::bad_frame) return refuse(connection, request.fault, "");
    auto event = next_event(connection.session(), request.frame,
                            at_.settings_for(connection).http.websocket_message_max);
    switch (event.what) {
    case websocket_event::kind::nothing:
        break;
    case websocket_event::kind::text:
        obey(connection, event.data);
        break;
    case websocket_event::kind::ping: {
        std::string pong;
        append_websocket_frame(pong, websocket_opcode::pong, event.data);
        connection.send_bytes(millipede::as_bytes(pong));
        break;
    }
    case websocket_event::kind::closed:
        close(connection, event.code);
        break;
    case websocket_event::kind::fault:
        refuse(connection, event.code, "");
        break;
    }
}

void websockets::obey(http_connection& connection, std::string const& text) {
    auto const& settings = at_.settings_for(connection);
    auto parsed = parse_client_commands(text, settings.channels.name_max);
    if (parsed.found)
        return commands_.carry_out(connection.session(), std::move(*parsed.found),
                                   right_by(settings));
    refuse(connection, parsed.is_json ? close_code::policy_violation : close_code::bad_data,
           parsed.why);
}

void websockets::refuse(http_connection& connection, close_code why, std::string_view reason) {
    at_.count(connection, counted::bad_commands);
    close(connection, why, reason);
}

void websockets::drain(http_connection& connection) {
    if (connection->is_websocket) close(connection, close_code::going_away);
}

void websockets::close(http_connection& connection, close_code why, std::string_view reason) {
    connection.send_bytes(millipede::as_bytes(websocket_close_frame(why, reason)));
    connection.close();
}

} // namespace comet
