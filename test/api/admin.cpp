// SPDX-License-Identifier: BSL-1.0
// The admin endpoint beside a server in this process: what it shows of it, what a program adds, and
// clients that are too many or too slow.
#include "support/http_client.hpp"
#include "support/running_server.hpp"

#include <millipede/admin.hpp>

#include <boost/test/unit_test.hpp>

#include <pthread.h>

#include <atomic>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(admin)

namespace {

using namespace std::chrono_literals;
using millipede::admin_endpoint;
using millipede::admin_options;
using millipede::alarm_severity;
using test::clients_stay;
using test::eventually;
using test::http_answer;
using test::quiet_options;
using test::raw_client;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t hold = 2;
constexpr std::uint16_t end_thread = 3;
constexpr std::uint16_t fail = 4;

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted = clients_stay(), admin_options about = {})
        : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
        server.on(hold, [this](auto&, auto const&) {
            test::eventually([this] { return released.load(); });
        });
        server.on(end_thread, [](auto&, auto const&) { ::pthread_exit(nullptr); });
        server.on(fail, [](auto&, auto const&) { throw std::runtime_error{"meant to"}; });
        endpoint.emplace(server, std::move(about));
    }
    ~host_type() {
        released = true;
        stop();
    }

    http_answer get(std::string const& path) { return ask("GET " + path); }
    http_answer ask(std::string const& what) {
        return test::http(endpoint->local_endpoint(), what);
    }
    /// A list to which all workers have contributed: a busy machine may take them too long.
    http_answer list(std::string const& path) {
        http_answer answer;
        eventually([&] {
            answer = get(path);
            return answer.has("\"unanswered_workers\":[]");
        });
        return answer;
    }
    raw_client connect_to_admin(int receive_buffer = 0) {
        return raw_client{endpoint->local_endpoint(), receive_buffer};
    }
    raw_client served() {
        auto client = connect();
        client.send(test::frame(echo, "ping"));
        client.read_frame();
        return client;
    }

    std::atomic<bool> released{false};
    std::optional<admin_endpoint> endpoint;
};

std::optional<std::string> nothing() {
    return std::nullopt;
}

} // namespace

BOOST_AUTO_TEST_CASE(metrics_have_what_was_counted) {
    host_type host;
    host.start();
    auto client = host.served();
    for (int times = 0; times < 4; ++times) {
        client.send(test::frame(echo, "more"));
        client.read_frame();
    }
    http_answer answer;
    BOOST_TEST(eventually([&] { // sent bytes are counted behind the sending
        answer = host.get("/metrics");
        return answer.has("\nmillipede_bytes_total{direction=\"sent\"} 60\n");
    }));
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.has("Content-Type: text/plain; version=0.0.4"));
    for (auto const* line :
         {"millipede_messages_by_command_total{command=\"0x0001\"} 5",
          "millipede_messages_by_command_total{command=\"0x0002\"} 0",
          "millipede_messages_by_command_total{command=\"other\"} 0",
          "millipede_messages_total{direction=\"received\"} 5",
          "millipede_messages_total{direction=\"sent\"} 5",
          "millipede_bytes_total{direction=\"received\"} 60",
          "millipede_connections{worker=\"0\"} 1", "millipede_connections_max{worker=\"0\"} 512",
          "millipede_ready 1", "millipede_opened_total 1", "millipede_draining 0"})
        BOOST_TEST(answer.has("\n" + std::string{line} + "\n"), line);
    // Every counter of the library is somewhere.
    BOOST_TEST(!answer.has("The counter "));
}

BOOST_AUTO_TEST_CASE(loops_are_asked_how_long_they_let_wait) {
    auto wanted = clients_stay();
    wanted.workers = 2;
    host_type host{wanted};
    host.start();
    BOOST_TEST(eventually([&] {
        auto answer = host.get("/metrics");
        return answer.has("millipede_loop_lag_seconds_bucket{worker=\"1\",le=\"+Inf\"}") &&
               !answer.has("millipede_loop_lag_seconds_count{worker=\"0\"} 0\n") &&
               !answer.has("millipede_loop_lag_seconds_count{worker=\"1\"} 0\n") &&
               !answer.has("millipede_worker_cpu_seconds_total{worker=\"1\"} 0\n");
    }));
}

BOOST_AUTO_TEST_CASE(a_program_shows_values_of_its_own) {
    std::atomic<double> rooms{3}; // outlives the server that asks for it
    host_type host;
    host.endpoint->add_gauge({.metric = "rooms", .help = "Rooms.", .field = "rooms"},
                             [&] { return rooms.load(); });
    host.endpoint->add_counter({.metric = "visits_total", .help = "Visits."}, [] { return 12.0; });
    host.endpoint->add_gauge({.metric = "broken", .help = "Is not there.", .field = "broken"},
                             []() -> double { throw std::runtime_error{"no value"}; });
    host.start();
    auto answer = host.get("/metrics");
    BOOST_TEST(answer.has("# TYPE rooms gauge\nrooms 3\n"));
    BOOST_TEST(answer.has("# TYPE visits_total counter\nvisits_total 12\n"));
    BOOST_TEST(!answer.has("broken"));
    BOOST_TEST(host.get("/stats").has(",\"rooms\":3,"));
    BOOST_TEST(!host.get("/stats").has("broken"));
    rooms = 4;
    BOOST_TEST(eventually([&] { return host.get("/stats").has(",\"rooms\":4,"); }));
}

BOOST_AUTO_TEST_CASE(names_that_are_bad_or_taken) {
    host_type host;
    auto one = [] { return 1.0; };
    auto& endpoint = *host.endpoint;
    endpoint.add_gauge({.metric = "mine", .help = "Mine.", .field = "mine"}, one);
    for (auto const* name :
         {"", "1st", "with space", "with:colon", "mine", "millipede_connections",
          "millipede_loop_lag_seconds", "process_open_fds", "millipede_messages_by_command_total"})
        BOOST_CHECK_THROW(endpoint.add_gauge({.metric = name, .help = "."}, one),
                          std::invalid_argument);
    for (auto const* field : {"totals", "time", "mine"})
        BOOST_CHECK_THROW(
            endpoint.add_counter({.metric = "other", .help = ".", .field = field}, one),
            std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_gauge({.metric = "none", .help = "."}, nullptr),
                      std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_alarm("", alarm_severity::warning, nothing),
                      std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_alarm("x", alarm_severity::warning, nullptr),
                      std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_readiness("", nothing), std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_readiness("x", nullptr), std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_collectable(nullptr), std::invalid_argument);
    for (auto const* path : {"", "page", "/with space", "/a?b", "/metrics", "/", "/page/page.js"})
        BOOST_CHECK_THROW(endpoint.add_page(path, "text/html", "x"), std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_page("/x", "", "x"), std::invalid_argument);
    BOOST_CHECK_THROW(endpoint.add_page("/x", "a\r\nb", "x"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(alarms_and_checks_of_the_program) {
    std::atomic<bool> broken{false}; // outlives the server that asks for it
    host_type host;
    host.endpoint->add_alarm("disk", alarm_severity::critical, [&]() -> std::optional<std::string> {
        if (broken) return "it is \"full\"";
        return std::nullopt;
    });
    host.endpoint->add_readiness("database", [&]() -> std::optional<std::string> {
        if (broken) throw std::runtime_error{"it does not answer"};
        return std::nullopt;
    });
    host.start();
    BOOST_TEST(eventually([&] { return host.get("/readyz").body == "ready\n"; }));
    BOOST_TEST(host.get("/stats").has("\"ready\":true,\"not_ready\":[]"));
    BOOST_TEST(host.get("/stats").has("\"alarms\":[]"));
    broken = true;
    auto answer = host.get("/readyz");
    BOOST_TEST(answer.status == 503);
    BOOST_TEST(answer.body == "database: the check failed: it does not answer\n");
    BOOST_TEST(eventually([&] {
        return host.get("/stats").has(
            R"("alarms":[{"name":"disk","severity":"critical","text":"it is \"full\""}])");
    }));
    BOOST_TEST(eventually([&] {
        return host.get("/metrics").has("millipede_alarm{name=\"disk\",severity=\"critical\"} 1\n");
    }));
    BOOST_TEST(host.get("/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(pages_of_the_program) {
    host_type host{clients_stay(), {.token = "0123456789abcdef"}};
    host.endpoint->add_page("/about.html", "text/html; charset=utf-8", "<p>about");
    host.start();
    BOOST_TEST(host.get("/about.html").status == 401);
    auto answer = test::http(host.endpoint->local_endpoint(), "GET /about.html",
                             "Host: any.name\r\nAuthorization: Bearer 0123456789abcdef\r\n");
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.body == "<p>about");
    BOOST_TEST(answer.has("Content-Type: text/html; charset=utf-8\r\n"));
    BOOST_TEST(answer.has("Content-Security-Policy: default-src 'self';"));
}

BOOST_AUTO_TEST_CASE(not_ready_while_full) {
    auto wanted = clients_stay();
    wanted.connections_max = 2;
    host_type host{wanted};
    host.start();
    auto first = host.served();
    BOOST_TEST(host.get("/readyz").status == 200);
    {
        auto second = host.served();
        auto answer = host.get("/readyz");
        BOOST_TEST(answer.status == 503);
        BOOST_TEST(answer.body == "full\n");
        BOOST_TEST(eventually([&] { return host.get("/stats").has("\"name\":\"full\""); }));
    }
    BOOST_TEST(eventually([&] { return host.get("/readyz").status == 200; }));
}

BOOST_AUTO_TEST_CASE(a_stalled_worker_is_seen_and_passed_over) {
    auto wanted = clients_stay();
    wanted.workers = 2;
    wanted.stall_after = 200ms;
    wanted.stall_signal = 0;
    host_type host{wanted};
    host.start();
    auto first = host.served();
    auto second = host.served();
    first.send(test::frame(hold));
    http_answer answer;
    BOOST_TEST(eventually([&] {
        answer = host.get("/readyz");
        return answer.status == 503;
    }));
    BOOST_TEST(answer.has(" is stalled\n"));
    BOOST_TEST(host.get("/healthz").status == 200);
    BOOST_TEST(eventually([&] {
        auto stats = host.get("/stats");
        return stats.has("\"name\":\"stalled_worker\"") && stats.has("\"name\":\"loop_lag\"");
    }));
    BOOST_TEST(eventually([&] {
        auto list = host.get("/connections");
        return (list.has("\"unanswered_workers\":[0]") || list.has("\"unanswered_workers\":[1]")) &&
               list.has("\"state\":\"open\"");
    }));
    host.released = true;
    BOOST_TEST(eventually([&] { return host.get("/readyz").status == 200; }));
    // What was asked while it was held is answered, and told as one long wait.
    BOOST_TEST(eventually([&] { return host.get("/stats").has("\"name\":\"loop_lag\""); }));
    BOOST_TEST(host.list("/connections").status == 200);
}

// Its successor comes within a second, so it may take some to see one dead.
BOOST_AUTO_TEST_CASE(not_healthy_while_a_worker_has_no_thread) {
    auto wanted = clients_stay();
    wanted.stall_after = 0ms;
    host_type host{wanted};
    host.start();
    http_answer answer;
    BOOST_TEST(eventually([&] {
        auto client = host.connect();
        client.send(test::frame(end_thread));
        return eventually(
            [&] {
                answer = host.get("/healthz");
                return answer.status == 503;
            },
            1500ms);
    }));
    BOOST_TEST(answer.body == "worker 0 has no thread\n");
    BOOST_TEST(eventually([&] { return host.get("/healthz").status == 200; }));
}

BOOST_AUTO_TEST_CASE(failures_of_handlers_raise_an_alarm) {
    host_type host;
    host.start();
    BOOST_TEST(eventually([&] { return host.get("/readyz").status == 200; }));
    auto client = host.connect();
    client.send(test::frame(fail));
    BOOST_TEST(eventually([&] { return host.get("/stats").has("\"name\":\"handler_failures\""); }));
}

BOOST_AUTO_TEST_CASE(connections_are_listed_in_pieces) {
    auto wanted = clients_stay();
    wanted.workers = 2;
    host_type host{wanted};
    host.start();
    std::vector<raw_client> clients;
    for (int count = 0; count < 7; ++count)
        clients.push_back(host.served());
    std::set<std::string> ids;
    std::string next;
    int pieces = 0;
    do {
        auto answer = host.list("/connections?limit=2" + (next.empty() ? "" : "&cursor=" + next));
        BOOST_REQUIRE(answer.status == 200);
        BOOST_TEST(answer.has("\"unanswered_workers\":[]"));
        auto at = answer.body.find("\"id\":\"");
        for (; at != std::string::npos; at = answer.body.find("\"id\":\"", at + 1))
            ids.insert(answer.body.substr(at + 6, answer.body.find('"', at + 6) - at - 6));
        auto found = answer.body.find("\"next\":") + 7;
        next = answer.body[found] == '"'
                   ? answer.body.substr(found + 1, answer.body.find('"', found + 1) - found - 1)
                   : "";
    } while (!next.empty() && ++pieces < 100);
    BOOST_TEST(ids.size() == 7U);
    BOOST_TEST(pieces >= 3);
    auto all = host.list("/connections?limit=1000");
    BOOST_TEST(all.has("\"peer\":\"127.0.0.1:"));
    BOOST_TEST(all.has("\"tls\":false"));
    BOOST_TEST(all.has("\"unsent_bytes\":0"));
    for (auto const* bad :
         {"limit=0", "limit=1001", "limit=x", "cursor=", "cursor=1", "cursor=2.0", "cursor=0.x",
          "cursor=0.99999999", "cursor=0.1.2", "cursor=-1.0", "peer=127.0.0.1"})
        BOOST_TEST(host.get("/connections?" + std::string{bad}).status == 400, bad);
}

BOOST_AUTO_TEST_CASE(a_drain_that_is_asked_for) {
    host_type host;
    host.start();
    auto client = host.served();
    BOOST_TEST(host.ask("GET /drain").status == 405);
    BOOST_TEST(host.ask("POST /drain?deadline=never").status == 400);
    BOOST_TEST(host.ask("POST /drain?dedline=1s").status == 400);
    BOOST_TEST(host.get("/readyz").status == 200);
    auto answer = host.ask("POST /drain?deadline=1h&spread=45m");
    BOOST_TEST(answer.status == 202);
    BOOST_TEST(answer.body ==
               "{\"state\":\"draining\",\"deadline_seconds\":3600,\"spread_seconds\":2700}\n");
    BOOST_TEST(eventually([&] { return host.get("/readyz").body == "draining\n"; }));
    BOOST_TEST(eventually([&] { return host.get("/stats").has("\"state\":\"draining\""); }));
    BOOST_TEST(host.ask("POST /drain").status == 409);
    client.send(test::frame(echo, "still served"));
    BOOST_TEST(client.read_frame() == test::frame(echo, "still served"));
    host.stop();
    BOOST_TEST(host.ended);
}

BOOST_AUTO_TEST_CASE(too_many_clients_are_sent_away) {
    host_type host{clients_stay(), {.connections_max = 2}};
    host.start();
    auto stream = host.connect_to_admin();
    stream.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    BOOST_TEST(stream.read(15) == "HTTP/1.1 200 OK");
    auto second = test::http(host.endpoint->local_endpoint(), "GET /events");
    BOOST_TEST(second.status == 503); // half of them may be streams
    BOOST_TEST(second.has("Retry-After: 1\r\n"));
    std::optional<raw_client> idle;
    BOOST_TEST(eventually([&] { // the one before may not be gone yet
        try {
            idle.emplace(host.connect_to_admin());
            idle->send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            return idle->read(15) == "HTTP/1.1 200 OK";
        } catch (std::runtime_error const&) {
            return false;
        }
    }));
    // The third is answered before it has said a word.
    BOOST_TEST(eventually([&] {
        auto text = host.connect_to_admin().read_to_end().bytes;
        return text.starts_with("HTTP/1.1 503 ") &&
               text.ends_with("\r\n\r\ntoo many connections\n");
    }));
    idle.reset();
    BOOST_TEST(eventually([&] {
        try {
            return host.get("/healthz").status == 200;
        } catch (std::runtime_error const&) {
            return false; // reset while it was sent away
        }
    }));
}

BOOST_AUTO_TEST_CASE(slow_clients_are_cut_off) {
    admin_options about;
    about.request_timeout = 100ms;
    about.idle_timeout = 100ms;
    host_type host{clients_stay(), about};
    host.start();
    auto silent = host.connect_to_admin();
    auto slow = host.connect_to_admin();
    slow.send("GET /stats HTTP/1.1\r\nHost: local");
    BOOST_TEST(silent.read_to_end().bytes.empty());
    BOOST_TEST(slow.read_to_end().bytes.empty());
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_cut_off) {
    admin_options about;
    about.event_timeout = 500ms;
    about.request_timeout = 2s;
    // More than the kernel takes for a client that has so little room; outlives the server.
    std::string const large(1024 * 1024, 'x');
    host_type host{clients_stay(), about};
    host.endpoint->add_alarm("large", alarm_severity::warning,
                             [&]() -> std::optional<std::string> { return large; });
    host.start();
    auto stream = host.connect_to_admin(4'096);
    stream.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    auto asking = host.connect_to_admin(4'096);
    asking.send("GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n");
    BOOST_TEST(eventually([&] {
        try {
            return host.get("/metrics").has("\nmillipede_admin_connections 1\n"); // who asks this
        } catch (std::runtime_error const&) {
            return false; // this machine was too slow for the deadline
        }
    }));
    // Meanwhile everybody else is served.
    host.served();
}

BOOST_AUTO_TEST_CASE(options_that_cannot_work) {
    auto refused = [](admin_options about) -> std::string {
        test::running_server<> host;
        try {
            admin_endpoint{host.server, std::move(about)};
        } catch (millipede::invalid_option const& refusal) {
            return refusal.option();
        }
        return "";
    };
    std::string const token(16, 't');
    BOOST_TEST(refused({}) == "");
    BOOST_TEST(refused({.endpoint = "[::1]:0"}) == "");
    BOOST_TEST(refused({.endpoint = "0.0.0.0:0", .token = token}) == "");
    BOOST_TEST(refused({.endpoint = "0.0.0.0:0", .open = true}) == "");
    BOOST_TEST(refused({.endpoint = "0.0.0.0:0"}) == "admin.endpoint");
    BOOST_TEST(refused({.endpoint = "[::]:0"}) == "admin.endpoint");
    BOOST_TEST(refused({.endpoint = "[::ffff:10.0.0.1]:0"}) == "admin.endpoint");
    BOOST_TEST(refused({.endpoint = "localhost:0"}) == "admin.endpoint");
    BOOST_TEST(refused({.token = std::string(15, 't')}) == "admin.token");
    BOOST_TEST(refused({.token = std::string(513, 't')}) == "admin.token");
    BOOST_TEST(refused({.token = "with blanks in between"}) == "admin.token");
    BOOST_TEST(refused({.connections_max = 1}) == "admin.connections_max");
    BOOST_TEST(refused({.idle_timeout = 0ms}) == "admin.timeouts");
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken) {
    host_type host;
    auto where = host.endpoint->url().substr(7);
    test::running_server<> second;
    BOOST_CHECK_THROW((admin_endpoint{second.server, {.endpoint = where}}),
                      millipede::listen_error);
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_goes_takes_its_clients_along) {
    std::optional<host_type> host;
    host.emplace();
    host->start();
    auto stream = host->connect_to_admin();
    stream.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    BOOST_TEST(stream.read(15) == "HTTP/1.1 200 OK");
    host->stop();
    host.reset();
    stream.read_to_end(); // throws when it takes too long
}

BOOST_AUTO_TEST_SUITE_END()
