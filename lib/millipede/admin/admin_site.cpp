// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/admin_site.hpp>

#include <millipede/admin/connection_list.hpp>
#include <millipede/admin/json_text.hpp>
#include <millipede/admin/page_files.hpp>
#include <millipede/admin/stats_text.hpp>
#include <millipede/base/log.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

// Whoever asks more often gets what was made for the last one: they cannot keep the thread busy.
constexpr auto fresh_enough = 200ms;

constexpr int lists_max = 4;

constexpr char content_security_policy[] =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

http_response json(std::shared_ptr<std::string const> body, unsigned status = 200) {
    return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

http_response json(json_text text, unsigned status = 200) {
    return json(std::make_shared<std::string const>(std::move(text).take() + "\n"), status);
}

http_response not_allowed(std::vector<std::string> const& methods) {
    std::string allowed;
    for (auto const& each : methods)
        allowed += (allowed.empty() ? "" : ", ") + each + (each == "GET" ? ", HEAD" : "");
    auto refusal = http_text(405, "this can be asked for by " + allowed);
    refusal.fields.emplace_back("Allow", allowed);
    return refusal;
}

double in_seconds(std::chrono::milliseconds time) {
    return std::chrono::duration<double>{time}.count();
}

} // namespace

admin_site::admin_site(basic_server& server, admin_options about,
                       std::function<std::size_t()> clients)
    : about_{std::move(about)},
      clients_{std::move(clients)},
      gatekeeper_{about_.token, about_.host_names},
      observer_{server},
      resources_{{"/metrics", {{"GET"}, false, &admin_site::metrics}},
                 {"/healthz", {{"GET"}, true, &admin_site::health}},
                 {"/readyz", {{"GET"}, true, &admin_site::readiness}},
                 {"/stats", {{"GET"}, false, &admin_site::show_stats}},
                 {"/events", {{"GET"}, false, &admin_site::events}},
                 {"/connections", {{"GET"}, false, &admin_site::connections}},
                 {"/drain", {{"POST"}, false, &admin_site::drain}},
                 {"/loglevel", {{"GET", "POST"}, false, &admin_site::log_level}}} {
    for (auto const& file : page_files()) {
        page here{std::string{file.content_type}, std::string{file.entity_tag},
                  std::make_shared<std::string const>(file.bytes)};
        auto path = file.name == "index.html" ? "/" : "/page/" + std::string{file.name};
        resources_[path] = {{"GET"}, true};
        pages_[path] = std::move(here);
    }
}

void admin_site::add_page(std::string path, std::string content_type, std::string bytes) {
    auto bad = [](char letter) { return letter <= ' ' || letter == '?' || letter == '\x7f'; };
    if (!path.starts_with('/') || std::any_of(path.begin(), path.end(), bad))
        throw std::invalid_argument{"add_page(): '" + path + "' is no path"};
    if (content_type.empty() || content_type.find_first_of("\r\n") != std::string::npos)
        throw std::invalid_argument{"add_page(): '" + content_type + "' is no content type"};
    if (resources_.contains(path))
        throw std::invalid_argument{"add_page(): there is something at '" + path + "' already"};
    pages_[path] = {std::move(content_type), "",
                    std::make_shared<std::string const>(std::move(bytes))};
    resources_[std::move(path)] = {{"GET"}, false};
}

awaitable<http_response> admin_site::answer(http_request const& request) {
    try {
        co_return co_await serve(request);
    } catch (bad_request const& refusal) {
        co_return http_text(400, refusal.what());
    }
}

awaitable<http_response> admin_site::serve(http_request const& request) {
    http_target target{request.target};
    auto found = resources_.find(target.path());
    bool open = found != resources_.end() && found->second.open;
    // First, so that a stranger does not even learn what there is.
    if (auto refusal = gatekeeper_.refuse(request, open)) co_return *refusal;
    if (found == resources_.end()) co_return http_text(404, "there is no such thing here");
    auto const& [methods, is_open, handle] = found->second;
    auto method = request.method == "HEAD" ? "GET" : request.method;
    if (std::find(methods.begin(), methods.end(), method) == methods.end())
        co_return not_allowed(methods);
    if (method != "GET")
        if (auto refusal = gatekeeper_.refuse_change(request)) co_return *refusal;
    if (!handle) co_return serve_page(request, pages_.at(found->first));
    co_return co_await (this->*handle)(request, target);
}

http_response admin_site::serve_page(http_request const& request, page const& found) const {
    http_response response{.content_type = found.content_type, .body = found.bytes};
    auto const& tag = found.entity_tag;
    if (!tag.empty()) {
        response.fields.emplace_back("ETag", tag);
        response.fields.emplace_back("Cache-Control", "no-cache");
        auto const& known = request.if_none_match;
        if (known == "*" || known.find(tag) != std::string::npos) {
            response.status = 304;
            response.body = nullptr;
        }
    }
    response.fields.emplace_back("Content-Security-Policy", content_security_policy);
    response.fields.emplace_back("Referrer-Policy", "no-referrer");
    response.fields.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
    return response;
}

engine_state admin_site::state() {
    auto state = observer_.state();
    values_.add_to(state);
    return state;
}

template <class Make>
admin_site::text_ptr admin_site::fresh(cached& kept, Make make) {
    auto now = std::chrono::steady_clock::now();
    if (!kept.text || now - kept.made > fresh_enough)
        kept = {now, std::make_shared<std::string const>(make())};
    return kept.text;
}

admin_site::text_ptr admin_site::stats() {
    return fresh(stats_, [&] { return stats_text(state(), values_, about_) + "\n"; });
}

std::shared_ptr<std::string const> admin_site::event() {
    auto now = stats();
    if (event_of_ != now) {
        event_ = std::make_shared<std::string const>("data: " + *now + "\n");
        event_of_ = now;
    }
    return event_;
}

awaitable<http_response> admin_site::metrics(http_request const&, http_target const&) {
    auto text = fresh(metrics_, [&] {
        return metrics_text(state(), values_, about_,
                            {.connections = clients_(), .answers = answers_});
    });
    co_return http_response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                            .body = std::move(text)};
}

awaitable<http_response> admin_site::health(http_request const&, http_target const&) {
    std::string dead;
    auto now = observer_.state();
    for (std::size_t index = 0; index < now.workers.size(); ++index)
        if (now.workers[index].dead)
            dead +=
                (dead.empty() ? "worker " : "\nworker ") + std::to_string(index) + " has no thread";
    co_return dead.empty() ? http_text(200, "ok") : http_text(503, dead);
}

awaitable<http_response> admin_site::readiness(http_request const&, http_target const&) {
    std::string reasons;
    for (auto const& each : state().not_ready)
        reasons += (reasons.empty() ? "" : "\n") + each;
    co_return reasons.empty() ? http_text(200, "ready") : http_text(503, reasons);
}

awaitable<http_response> admin_site::show_stats(http_request const&, http_target const&) {
    co_return json(stats());
}

awaitable<http_response> admin_site::events(http_request const&, http_target const&) {
    co_return http_response{.content_type = "text/event-stream", .is_stream = true};
}

awaitable<http_response> admin_site::connections(http_request const&, http_target const& target) {
    auto wanted = list_request::from(target, observer_.engine().limits().workers);
    if (!observer_.engine().started()) co_return http_text(503, "starting");
    if (lists_ >= lists_max) {
        auto refusal = http_text(503, "too many lists at once");
        refusal.fields.emplace_back("Retry-After", "1");
        co_return refusal;
    }
    struct place {
        int& count;
        explicit place(int& lists) : count{++lists} {}
        place(place const&) = delete;
        ~place() { --count; }
    } under_way{lists_};
    auto text = co_await list_connections(observer_.engine(), wanted);
    co_return json(std::make_shared<std::string const>(std::move(text) + "\n"));
}

awaitable<http_response> admin_site::drain(http_request const&, http_target const& target) {
    target.allow_only({"deadline", "spread"});
    auto& server = observer_.engine().server();
    auto const& limits = server.limits();
    auto spread = target.time("spread").value_or(limits.drain_spread);
    // So that the whole spread is used: see basic_server::drain.
    auto enough = std::max(spread + limits.stop_timeout, spread * 4 / 3 + 1ms);
    auto deadline = target.time("deadline").value_or(enough);
    if (observer_.engine().ending()) co_return http_text(409, "the server ends already");
    log(info) << "drain asked for at the admin endpoint: deadline " << deadline.count()
              << " ms, spread " << spread.count() << " ms";
    server.drain(deadline, spread);
    co_return json(json_text{}
                       .begin_object()
                       .member("state", "draining")
                       .member("deadline_seconds", in_seconds(deadline))
                       .member("spread_seconds", in_seconds(spread))
                       .end_object(),
                   202);
}

awaitable<http_response> admin_site::log_level(http_request const& request,
                                               http_target const& target) {
    if (request.method == "POST") {
        target.allow_only({"level"});
        auto const* name = target.find("level");
        auto level = name ? severity_of(*name) : std::nullopt;
        if (!level)
            throw bad_request{"'level' is one of trace, debug, info, warning, error, fatal"};
        set_log_level(*level);
        log(info) << "log level set at the admin endpoint: " << to_string(*level);
    }
    co_return json(
        json_text{}.begin_object().member("level", to_string(get_log_level())).end_object());
}

} // namespace millipede::detail
