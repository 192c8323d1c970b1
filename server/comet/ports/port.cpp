// SPDX-License-Identifier: BSL-1.0
#include "ports/port.hpp"

#include "wire/query.hpp"

#include <algorithm>
#include <utility>

namespace comet {
namespace {

constexpr std::string_view continue_line{"HTTP/1.1 100 Continue\r\n\r\n"};
constexpr std::uint16_t not_found = 404;
constexpr std::uint16_t request_timeout = 408;
constexpr std::uint16_t not_implemented = 501;

} // namespace

void port::opened(http_connection& connection) {
    connection->id = connection.id();
}

void port::ended(http_connection& connection) {
    if (std::exchange(connection->is_watching, false)) channels_.unwatch(connection.id());
    channels_.leave(connection.session());
}

void port::received(http_connection& connection, http_request const& request) {
    switch (request.what) {
    case http_request::kind::whole:
        count(connection, counted::requests);
        if (parameters{request.query}.is_void()) count(connection, counted::void_queries);
        if (request.method == http_method::options)
            serve_options(connection, request);
        else
            serve(connection, request, percent_decoded(request.path, false));
        break;
    case http_request::kind::wants_continue:
        connection.send_bytes(millipede::as_bytes(continue_line));
        break;
    case http_request::kind::behind:
        connection->behind = true;
        connection.pause_receiving();
        break;
    case http_request::kind::frame:
    case http_request::kind::bad_frame:
        serve_frame(connection, request);
        break;
    case http_request::kind::refused:
        count(connection, counted::refused_requests);
        reply(connection, error_page(request.status), request.terms);
        break;
    }
}

void port::reply(http_connection& connection, http_reply const& answer, reply_terms const& terms) {
    connection.send_bytes(
        millipede::as_bytes(encode_reply(answer, terms, reply_fields(connection))));
    if (answer.closes || !terms.keep_alive) connection.close();
}

void port::timed_out(http_connection& connection) {
    if (connection->busy || connection->endless) return; // no reply of ours is due
    count(connection, counted::slow_requests);
    reply(connection, error_page(request_timeout), {});
}

void port::serve_options(http_connection& connection, http_request const& request) {
    count(connection, counted::refused_requests);
    reply(connection, error_page(not_implemented), request.terms);
}

port::replier port::answering(http_connection& connection, http_request const& request) {
    connection->busy = true;
    return [this, id = connection.id(), terms = request.terms](http_reply reply_due) {
        // One for each request: it must not be lost, be the worker's mailbox full.
        own_.post_admitted(id,
                           [this, terms, reply_due = std::move(reply_due)](http_connection& asked) {
                               reply(asked, reply_due, terms);
                               go_on(asked);
                           });
    };
}

void port::unless_asked(bool asked, http_connection& connection, http_reply const& instead,
                        http_request const& request) {
    if (asked) return;
    connection->busy = false;
    reply(connection, instead, request.terms);
}

void port::reply_not_found(http_connection& connection, http_request const& request) {
    count(connection, counted::unknown_paths);
    reply(connection, error_page(not_found), request.terms);
}

void port::go_on(http_connection& connection) {
    connection->busy = false;
    if (std::exchange(connection->behind, false)) connection.resume_receiving();
}

bool is_callback(std::string_view name) noexcept {
    return std::all_of(name.begin(), name.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '_' || letter == '$' || letter == '.';
    });
}

} // namespace comet
