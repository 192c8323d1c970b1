// SPDX-License-Identifier: BSL-1.0
// A worker whose memory runs out: what it counts stays right, and nobody waits for ever.
#include "comet_faults/whole_server.hpp"

BOOST_AUTO_TEST_SUITE(memory)

namespace {

using namespace comet;
using test::eventually;
using test::failing_allocations;
using test::fragile_scope;
using test::hear;
using test::whole_server;

using how_many = failing_allocations::how_many;

// An allocation of the only worker fails, from when this is made until it is asked; or all from
// there on.
class shortage {
  public:
    shortage(whole_server& host, std::uint64_t number, how_many count) : host_{host} {
        host_.on_worker(0, [this, number, count] {
            before_ = test::failed_allocations();
            count_.emplace(number, count);
            scope_.emplace();
        });
    }
    /// Ends it. Whether one has failed.
    bool happened() {
        for (int turn = 0; turn < 2; ++turn) // what was posted to others meanwhile comes first
            host_.on_worker(0, [] {});
        bool has = false;
        host_.on_worker(0, [&] {
            scope_.reset();
            count_.reset();
            has = test::failed_allocations() > before_;
        });
        return has;
    }

  private:
    whole_server& host_;
    std::uint64_t before_ = 0;
    std::optional<failing_allocations> count_;
    std::optional<fragile_scope> scope_;
};

publish_result publish(whole_server& host) {
    std::promise<publish_result> answer;
    auto result = answer.get_future();
    BOOST_REQUIRE(
        host.channels.publish({"c", "m"}, [&](publish_result found) { answer.set_value(found); }));
    BOOST_REQUIRE((result.wait_for(test::patience) == std::future_status::ready));
    return result.get();
}

std::size_t users(whole_server& host) {
    std::promise<std::size_t> answer;
    BOOST_REQUIRE(host.channels.call_roll(
        "c", [&](channel_roll const& roll) { answer.set_value(roll.users.size()); }));
    return answer.get_future().get();
}

} // namespace

BOOST_AUTO_TEST_CASE(who_was_not_let_in_is_not_counted) {
    whole_server host{test::clients_stay(), {.user_linger = 0}};
    std::string const request{
        "GET /stream?cname=c&user=of_more_than_sixteen_bytes HTTP/1.1\r\n\r\n"};
    for (auto count : {how_many::one, how_many::all_from_there})
        for (std::uint64_t number = 1;; ++number)
            BOOST_TEST_CONTEXT("allocation " << number << ", " << static_cast<int>(count)) {
                auto client = host.connect();
                auto heard = host.heard();
                shortage now{host, number, count};
                client.send(request);
                BOOST_REQUIRE(eventually([&] { return host.heard() > heard; }));
                if (count == how_many::one) hear(client, "next_seq"); // or its end
                bool happened = now.happened();
                client.close();
                BOOST_REQUIRE(eventually([&] { return host.subscribers("c") == 0; }));
                BOOST_REQUIRE(eventually([&] { return users(host) == 0; }));
                if (!happened) break;
                BOOST_REQUIRE(number < 1'000U);
            }
}

// Its verdict must not find it, and nobody may count it for ever.
BOOST_AUTO_TEST_CASE(who_leaves_without_memory_is_forgotten) {
    auto wanted = test::clients_stay();
    wanted.workers = 2;
    whole_server host{wanted, {.user_linger = 0}};
    std::string const request{
        "GET /stream?cname=c&user=of_more_than_sixteen_bytes HTTP/1.1\r\n\r\n"};
    for (std::uint64_t number = 1; number <= 8; ++number)
        BOOST_TEST_CONTEXT("allocation " << number) {
            auto client = host.connect();
            client.send(request);
            hear(client, "next_seq");
            auto heard = host.heard();
            shortage now{host, number, how_many::all_from_there};
            client.reset();
            BOOST_REQUIRE(eventually([&] { return host.heard() > heard; }));
            now.happened();
            BOOST_REQUIRE(eventually([&] { return host.subscribers("c") == 0; }));
        }
}

BOOST_AUTO_TEST_CASE(a_publisher_without_memory_is_told_so) {
    whole_server host{test::clients_stay(), {.buffer_size = 0}};
    int refused = 0;
    for (std::uint64_t number = 1;; ++number)
        BOOST_TEST_CONTEXT("allocation " << number) {
            std::promise<publish_result> answer;
            auto result = answer.get_future();
            shortage now{host, number, how_many::one};
            BOOST_REQUIRE(host.channels.publish(
                {"c", "m"}, [&](publish_result found) { answer.set_value(found); }));
            BOOST_REQUIRE((result.wait_for(test::patience) == std::future_status::ready));
            if (result.get() == publish_result::busy) ++refused;
            if (!now.happened()) break;
            BOOST_REQUIRE(number < 1'000U);
        }
    BOOST_TEST(refused > 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_sent_does_not_wait) {
    // It keeps no messages: with these the number of allocations would change.
    whole_server host{test::clients_stay(), {.buffer_size = 0, .waiting_max = 1}};
    for (std::uint64_t number = 1;; ++number)
        BOOST_TEST_CONTEXT("allocation " << number) {
            auto client = host.connect();
            client.send("GET /stream?cname=c&seq=0 HTTP/1.1\r\n\r\n");
            hear(client, "next_seq");
            shortage now{host, number, how_many::one};
            host.channels.publish({"c", "m"}, [](auto) {});
            bool happened = now.happened();
            BOOST_REQUIRE(eventually([&] { return publish(host) == publish_result::taken; }));
            client.close();
            BOOST_REQUIRE(eventually([&] { return host.subscribers("c") == 0; }));
            if (!happened) break;
            BOOST_REQUIRE(number < 1'000U);
        }
}

BOOST_AUTO_TEST_SUITE_END()
