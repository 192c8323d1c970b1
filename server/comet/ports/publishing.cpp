// SPDX-License-Identifier: BSL-1.0
#include "ports/publishing.hpp"

#include "ports/json_publication.hpp"
#include "wire/query.hpp"

#include <atomic>
#include <utility>

namespace comet {
namespace {

constexpr std::string_view html{"text/html; charset=utf-8"};
constexpr std::string_view script{"text/javascript; charset=utf-8"};
constexpr std::string_view json{"application/json; charset=utf-8"};

constexpr std::uint16_t status_of(publish_result result) noexcept {
    switch (result) {
    case publish_result::taken:
        return 200;
    case publish_result::channels_full:
        return 429;
    case publish_result::bad_token:
        return 401;
    case publish_result::busy:
        break;
    }
    return 503;
}

std::string object_of(publish_result result) {
    auto status = status_of(result);
    return "{\"type\":\"" + (status == 200 ? "ok" : std::to_string(status)) + "\"}";
}

std::string array_of(std::vector<publish_result> const& results) {
    std::string text{"["};
    for (auto each : results)
        text.append(text.size() > 1 ? "," : "").append(object_of(each));
    return text.append("]\n");
}

} // namespace

// Several messages that one request has published: answered when all have been.
struct publishing::batch {
    batch(std::size_t count, port::replier when_all)
        : results(count, publish_result::busy), open{count}, answer{std::move(when_all)} {}

    std::vector<publish_result> results; // each written by one thread, read by who is the last
    std::atomic<std::size_t> open;
    port::replier answer;

    void tell(std::size_t index, publish_result result) {
        results[index] = result;
        if (open.fetch_sub(1, std::memory_order_acq_rel) == 1)
            answer({.content_type = json, .body = array_of(results)});
    }
};

bool publishing::needs_token(http_connection const& connection) const noexcept {
    return settings_.heeds_tokens && at_.settings_for(connection).channels.needs_token;
}

bool publishing::is_admitted(http_request const& request) const noexcept {
    return request.method == http_method::post ||
           (settings_.by_get && request.method == http_method::get);
}

void publishing::reply(http_connection& connection, http_request const& request,
                       http_reply answer) {
    answer.from_icomet = settings_.from_icomet;
    at_.reply(connection, answer, request.terms);
}

void publishing::refuse(http_connection& connection, http_request const& request, counted what,
                        std::uint16_t status, std::string_view fault) {
    at_.count(connection, what);
    http_reply refusal{.status = status};
    if (status == 405) refusal.reason = "Invalid Method";
    if (!fault.empty()) {
        refusal.content_type = json;
        refusal.body = "{\"type\":\"400\",\"content\":\"" + json_escaped(fault) + "\"}\n";
    }
    reply(connection, request, std::move(refusal));
}

void publishing::publish(http_connection& connection, http_request const& request,
                         bool is_escaped) {
    if (!is_admitted(request)) return refuse(connection, request, counted::wrong_methods, 405);
    if (request.method == http_method::post && request.is_json)
        publish_json(connection, request);
    else
        publish_parameters(connection, request, is_escaped);
}

http_reply publishing::told(publish_result result,
                            std::optional<std::string> const& callback) const {
    http_reply answer{.status = status_of(result), .from_icomet = settings_.from_icomet};
    if (result == publish_result::bad_token)
        answer.fields = "WWW-Authenticate: Token realm=\"channel\"\r\n";
    if (result != publish_result::taken) return answer;
    answer.content_type = script;
    answer.body =
        callback ? *callback + "(" + object_of(result) + ");\n" : object_of(result) + "\n";
    return answer;
}

void publishing::publish_parameters(http_connection& connection, http_request const& request,
                                    bool is_escaped) {
    parameters given{request};
    auto ttl_seconds = given.whole_number("ttl", ttl_seconds_max);
    auto channel = given.text("cname");
    auto callback = given.find("cb");
    auto name_max = at_.settings_for(connection).channels.name_max;
    if (!ttl_seconds || channel.size() > name_max || !is_callback(callback.value_or("")))
        return refuse(connection, request, counted::bad_parameters, 400);
    auto content = given.text("content");
    // Else it might end the string: to be another message, or a script of a page's.
    if (is_escaped && !settings_.believes_escapes && !is_json_escaped(content))
        return refuse(connection, request, counted::bad_parameters, 400,
                      "content is not the inside of a JSON string");
    publication message{std::move(channel),
                        is_escaped ? json_completed(content) : json_escaped(content), *ttl_seconds};
    if (needs_token(connection)) message.shown_token = given.text("token");
    auto answer = at_.answering(connection, request);
    at_.unless_asked(channels_.publish(std::move(message),
                                       [this, answer, callback](publish_result result) {
                                           answer(told(result, callback));
                                       }),
                     connection, told(publish_result::busy, {}), request);
}

void publishing::publish_json(http_connection& connection, http_request const& request) {
    auto found = read_publications(request.body(), at_.settings_for(connection).channels.name_max);
    if (!found.fault.empty())
        return refuse(connection, request, counted::bad_parameters, 400, found.fault);
    bool with_tokens = needs_token(connection);
    for (auto& each : found.all) {
        if (!with_tokens)
            each.shown_token.reset(); // who may publish to all channels needs none
        else if (!each.shown_token)
            each.shown_token.emplace();
    }
    if (found.is_array) return publish_all(connection, request, std::move(found.all));
    auto answer = at_.answering(connection, request);
    at_.unless_asked(channels_.publish(std::move(found.all.front()),
                                       [this, answer](publish_result result) {
                                           auto reply = told(result, {});
                                           reply.content_type = json;
                                           reply.body = object_of(result) + "\n";
                                           answer(std::move(reply));
                                       }),
                     connection, told(publish_result::busy, {}), request);
}

void publishing::publish_all(http_connection& connection, http_request const& request,
                             std::vector<publication> all) {
    if (all.empty())
        return reply(connection, request, {.content_type = json, .body = array_of({})});
    auto answer = at_.answering(connection, request);
    auto whole = std::make_shared<batch>(
        all.size(), [answer, from_icomet = settings_.from_icomet](http_reply reply) {
            reply.from_icomet = from_icomet;
            answer(std::move(reply));
        });
    for (std::size_t index = 0; index < all.size(); ++index) {
        bool asked =
            channels_.publish(std::move(all[index]), [whole, index](publish_result result) {
                whole->tell(index, result);
            });
        if (!asked) whole->tell(index, publish_result::busy);
    }
}

void publishing::broadcast(http_connection& connection, http_request const& request) {
    if (request.method == http_method::post && request.is_json)
        return broadcast_json(connection, request);
    if (request.method != http_method::get)
        return refuse(connection, request, counted::wrong_methods, 405);
    if (channels_.broadcast(json_escaped(parameters{request}.text("content"))))
        return reply(connection, request, {.content_type = html, .body = "ok\n"});
    refuse(connection, request, counted::publish_refused, 503);
}

void publishing::broadcast_json(http_connection& connection, http_request const& request) {
    auto found = read_broadcasts(request.body());
    if (!found.fault.empty())
        return refuse(connection, request, counted::bad_parameters, 400, found.fault);
    std::vector<publish_result> results;
    for (auto& each : found.all) {
        bool taken = channels_.broadcast(std::move(each.content));
        if (!taken) at_.count(connection, counted::publish_refused);
        results.push_back(taken ? publish_result::taken : publish_result::busy);
    }
    http_reply answer{.content_type = json};
    if (!found.is_array) answer.status = status_of(results.front());
    answer.body = found.is_array ? array_of(results) : object_of(results.front()) + "\n";
    reply(connection, request, std::move(answer));
}

} // namespace comet
