// SPDX-License-Identifier: BSL-1.0
// Peers that do not read, and what that costs others: nothing.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(overflow)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::overflow_event;
using millipede::overflow_policy;
using millipede::payload;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

constexpr std::size_t frame_size = 1'000;

struct item { // a message with a codec of its own
    static constexpr std::uint16_t command = 9;
    std::uint32_t mark = 0;

    static std::optional<item> decode(std::span<std::byte const>) { return std::nullopt; }
    std::size_t data_size() const { return frame_size - 8; }
    void encode(auto& sink) const {
        auto data = number(mark);
        data.resize(data_size(), 'i');
        sink.append(bytes_of(data));
    }
};

std::uint32_t mark_of(std::string const& received) {
    return test::little(received.substr(8, 4));
}

// Until the workers of these connections have handled what this thread sent to them.
void wait_for_workers(millipede::server<>& server, std::vector<connection_id> const& ids) {
    std::atomic<std::size_t> handled{0};
    for (auto id : ids)
        server.post(id, [&](auto&) { ++handled; });
    BOOST_REQUIRE(eventually([&] { return handled == ids.size(); }));
}

// Marks up to the one that ends it all.
std::vector<std::uint32_t> marks_to(test::raw_client& client, std::uint32_t last) {
    std::vector<std::uint32_t> marks;
    do
        marks.push_back(mark_of(client.read_frame()));
    while (marks.back() != last);
    return marks;
}

} // namespace

// 16 MB for a peer that reads only after all was sent; the server's own policy is to close.
BOOST_AUTO_TEST_CASE(each_send_may_have_a_policy_of_its_own) {
    static constexpr std::uint32_t count = 16'000;
    with_both_transports([](auto kind) {
        for (auto policy : {overflow_policy::drop_newest, overflow_policy::drop_oldest}) {
            for (bool from_outside : {false, true}) {
                auto wanted = quiet_options(kind);
                wanted.output_max_bytes = 100'000;
                recorded<connection_id> ids;
                recorded<overflow_event> events;
                running_server<> host{wanted};
                host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
                host.server.on_overflow(
                    [&](auto&, overflow_event const& event) { events.add(event); });
                host.start();
                auto client = host.connect(8 * 1024);
                BOOST_REQUIRE(ids.wait_for(1));
                std::atomic<bool> sent{false};
                std::atomic<std::uint32_t> refused{0};
                if (from_outside) {
                    for (std::uint32_t mark = 0; mark < count; ++mark)
                        BOOST_REQUIRE(!host.server.send(ids.at(0), item{mark}, policy));
                    host.server.post(ids.at(0), [&](auto&) { sent = true; });
                } else {
                    host.server.post(ids.at(0), [&](auto& connection) {
                        for (std::uint32_t mark = 0; mark < count; ++mark)
                            if (!connection.send(item{mark}, policy)) ++refused;
                        sent = true;
                    });
                }
                BOOST_TEST(eventually([&] { return sent.load(); }));
                auto dropped = host.server.metrics().messages_dropped;
                BOOST_TEST(dropped > 1'000U);
                // Told are all of them, at the end of the turns in which they were dropped.
                BOOST_TEST(eventually([&] {
                    std::uint64_t told = 0;
                    for (auto const& event : events.all())
                        told += event.messages;
                    return told == dropped;
                }));
                auto all = events.all();
                BOOST_TEST(std::all_of(all.begin(), all.end(), [&](overflow_event const& event) {
                    return event.policy == policy && event.bytes == event.messages * frame_size &&
                           event.held_bytes > 0 && event.held_bytes <= 200'000;
                }));
                auto sums = host.server.metrics();
                bool oldest = policy == overflow_policy::drop_oldest;
                BOOST_TEST(sums.bytes_dropped == dropped * frame_size);
                BOOST_TEST(sums.messages_dropped_oldest == (oldest ? dropped : 0));
                BOOST_TEST(sums.messages_dropped_newest == (oldest ? 0 : dropped));
                BOOST_TEST(sums.shed == 0U);
                if (!from_outside) BOOST_TEST(refused.load() == (oldest ? 0 : dropped));
                // All others come, in order.
                auto before = mark_of(client.read_frame());
                BOOST_TEST(before == 0U);
                for (std::uint64_t index = 1; index < count - dropped; ++index) {
                    auto mark = mark_of(client.read_frame());
                    BOOST_REQUIRE(mark > before);
                    before = mark;
                }
                if (oldest) BOOST_TEST(before == count - 1);
            }
        }
    });
}

// State goes to whoever takes it, and a message that must arrive stays between what is dropped.
BOOST_AUTO_TEST_CASE(a_message_that_must_arrive_is_not_dropped_for_later_ones) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.overflow = overflow_policy::drop_oldest;
        wanted.output_max_bytes = 50'000;
        recorded<connection_id> ids;
        running_server<> host{wanted};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.start();
        auto client = host.connect(8 * 1024);
        BOOST_REQUIRE(ids.wait_for(1));
        std::uint32_t mark = 0;
        BOOST_REQUIRE(eventually([&] { // until the kernel takes no more, and a little waits
            for (int times = 0; times < 10; ++times)
                host.server.send(ids.at(0), item{mark++});
            wait_for_workers(host.server, {ids.at(0)});
            return host.server.metrics().output_held_bytes > 20 * frame_size;
        }));
        constexpr std::uint32_t lasting = 0xffffff;
        BOOST_TEST(!host.server.send(ids.at(0), item{lasting}, overflow_policy::close));
        BOOST_REQUIRE(eventually([&] {
            for (int times = 0; times < 100; ++times)
                host.server.send(ids.at(0), item{mark++});
            return host.server.metrics().messages_dropped > 400;
        }));
        marks_to(client, lasting); // throws when it does not come
        marks_to(client, mark - 1);
        BOOST_TEST(host.server.metrics().shed == 0U);
    });
}

namespace {

// Sends so many bytes to each connection.
void stuff(millipede::server<>& server, std::vector<connection_id> const& ids,
           std::size_t bytes_each) {
    for (std::size_t bytes = 0; bytes < bytes_each; bytes += 50'000)
        for (auto id : ids)
            server.send(id, payload{bytes_of(std::string(50'000, 's'))});
}

} // namespace

// The process has less for all than its connections may have each.
BOOST_AUTO_TEST_CASE(the_largest_of_all_workers_are_shed_and_the_others_served) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.output_max_bytes = 64 * 1024 * 1024;
        wanted.output_budget_bytes = 8 * 1024 * 1024;
        recorded<connection_id> ids;
        recorded<std::pair<connection_id, error_code>> endings;
        running_server<> host{wanted};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.server.on_close([&](auto& connection, error_code const& reason) {
            endings.add({connection.id(), reason});
        });
        host.server.on(2, [](auto& connection, frame const& message) { connection.send(message); });
        host.start();
        auto connect = [&] {
            auto count = ids.size();
            auto client = host.connect(8 * 1024);
            BOOST_REQUIRE(ids.wait_for(count + 1));
            return client;
        };
        std::vector<test::raw_client> clients;
        for (int times = 0; times < 8; ++times)
            clients.push_back(connect());
        auto all = ids.all();
        std::vector<connection_id> large{all[0], all[1]}; // one on each worker
        std::vector<connection_id> small{all.begin() + 2, all.begin() + 6};
        BOOST_TEST(large[0].worker() != large[1].worker());
        // A little at small ones, more than the kernel's buffers take, then too much at large ones.
        auto held = [&] { return host.server.metrics().output_held_bytes; };
        std::vector<connection_id> never_slow{all[6], all[7]}; // one on each worker
        BOOST_REQUIRE(eventually([&] {
            stuff(host.server, small, 50'000);
            wait_for_workers(host.server, never_slow);
            return held() > 1024 * 1024;
        }));
        BOOST_REQUIRE(eventually([&] {
            stuff(host.server, large, 500'000);
            wait_for_workers(host.server, never_slow);
            return endings.size() != 0;
        }));
        BOOST_TEST(eventually([&] { return held() < wanted.output_budget_bytes; }));
        for (auto const& [id, reason] : endings.all()) {
            BOOST_TEST(reason == errc::output_budget_exceeded);
            BOOST_TEST((id == large[0] || id == large[1]));
        }
        auto sums = host.server.metrics();
        BOOST_TEST(sums.shed_for_budget == endings.size());
        BOOST_TEST(sums.shed == endings.size());
        BOOST_TEST(sums.bytes_shed > 1'000'000U);
        for (std::size_t index : {6U, 7U}) { // who has never been slow
            clients[index].send(test::frame(2, "ping"));
            BOOST_TEST((clients[index].read_frame() == test::frame(2, "ping")));
        }
        for (std::size_t index = 2; index < 6; ++index) // who was, and reads on
            BOOST_TEST((clients[index].read(50'000) == std::string(50'000, 's')));
    });
}

namespace {

// What a server logs at warning while one peer does not read, until `enough(metrics)`.
template <class Enough>
std::vector<std::string> warnings_of(overflow_policy policy, Enough enough) {
    auto file = std::filesystem::temp_directory_path() /
                ("millipede-overflow-" + std::to_string(::getpid()) + ".log");
    {
        auto wanted = quiet_options();
        wanted.output_max_bytes = 50'000;
        wanted.log.level = millipede::warning;
        wanted.log.file = file.string();
        recorded<connection_id> ids;
        running_server<> host{wanted};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.start();
        auto client = host.connect(8 * 1024);
        BOOST_REQUIRE(ids.wait_for(1));
        BOOST_TEST(eventually([&] {
            for (std::uint32_t mark = 0; mark < 100; ++mark)
                host.server.send(ids.at(0), item{mark}, policy);
            return enough(host.server.metrics());
        }));
    }
    std::vector<std::string> lines;
    std::ifstream stream{file};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    std::filesystem::remove(file);
    return lines;
}

bool has(std::string const& line, std::string_view part) {
    return line.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(drops_are_logged_ten_times_a_second_at_most) {
    auto begin = std::chrono::steady_clock::now();
    auto lines = warnings_of(overflow_policy::drop_newest,
                             [](auto const& sums) { return sums.messages_dropped > 50'000; });
    auto seconds =
        std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
    auto drops = std::count_if(lines.begin(), lines.end(), [](std::string const& line) {
        return has(line, "output full for 127.0.0.1:") && has(line, "bytes dropped (drop_newest)");
    });
    BOOST_TEST(drops >= 1);
    BOOST_TEST(drops <= 10 * (seconds.count() + 1));
    BOOST_TEST(std::any_of(lines.begin(), lines.end(), [](std::string const& line) {
        return has(line, "output full or shed: ") && has(line, " more suppressed");
    }));
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_shed_is_logged) {
    auto lines =
        warnings_of(overflow_policy::close, [](auto const& sums) { return sums.shed == 1; });
    BOOST_TEST(std::count_if(lines.begin(), lines.end(), [](std::string const& line) {
                   return has(line, "shed 127.0.0.1:") &&
                          has(line, "output full; connection closed");
               }) == 1);
}

BOOST_AUTO_TEST_CASE(an_overflow_handler_comes_before_the_start) {
    running_server<> host;
    host.start();
    BOOST_CHECK_THROW(host.server.on_overflow([](auto&, overflow_event const&) {}),
                      std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
