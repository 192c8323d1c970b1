// SPDX-License-Identifier: BSL-1.0
#include "support/client_bench.hpp"
#include "support/printing.hpp"

#include <millipede/base/options.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <array>

BOOST_AUTO_TEST_SUITE(client_connecting)

using namespace std::chrono_literals;
using boost::asio::error::basic_errors;
using millipede::client_options;
using millipede::client_state;
using millipede::errc;
using test::awaitable;
using test::client_bench;
using test::outcome;
using test::scripted_connection;
using test::tcp;
using test::use_awaitable;

namespace {

auto const patient = [](scripted_connection& connection, std::size_t) {
    return connection.read_to_end();
};

// Nobody listens there.
tcp::endpoint dead_end(boost::asio::io_context& context) {
    tcp::acceptor acceptor{context, {boost::asio::ip::address_v4::loopback(), 0}};
    return acceptor.local_endpoint();
}

// Connections there neither come about nor fail: the kernel has no room for another one.
class full_listener {
  public:
    explicit full_listener(boost::asio::io_context& context) : acceptor_{context} {
        acceptor_.open(tcp::v4());
        acceptor_.bind({boost::asio::ip::address_v4::loopback(), 0});
        acceptor_.listen(0);
        for (int count = 0; count < 4; ++count) {
            auto& socket = fill_.emplace_back(context);
            socket.open(tcp::v4());
            socket.async_connect(acceptor_.local_endpoint(), boost::asio::detached);
        }
    }
    tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

  private:
    tcp::acceptor acceptor_;
    std::vector<tcp::socket> fill_;
};

} // namespace

BOOST_AUTO_TEST_CASE(to_an_address_and_again_after_a_close) {
    client_bench bench;
    bench.serve(patient);
    millipede::client client{bench.context};
    BOOST_TEST((client.state() == client_state::closed));
    for (int time = 1; time <= 2; ++time) {
        outcome result;
        client.async_connect(bench.endpoint(), result.done());
        BOOST_TEST((client.state() == client_state::connecting));
        BOOST_TEST(!result.over()); // never from within the call
        BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
        BOOST_TEST(!result.code);
        BOOST_TEST(client.connected());
        BOOST_TEST(client.remote_endpoint() == bench.endpoint());
        client.close();
        BOOST_TEST((client.state() == client_state::closed));
        BOOST_CHECK_THROW(client.remote_endpoint(), boost::system::system_error);
        auto all = static_cast<std::size_t>(time);
        BOOST_TEST(bench.run_until([&] { return bench.accepted == all; }));
    }
}

BOOST_AUTO_TEST_CASE(by_name) {
    client_bench bench;
    bench.serve(patient);
    millipede::client client{bench.context};
    outcome result;
    client.async_connect("localhost", std::to_string(bench.endpoint().port()), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(!result.code);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_none_is_an_error) {
    client_bench bench;
    millipede::client client{bench.context};
    outcome result;
    client.async_connect("127.0.0.1", "no-such-service", result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == boost::asio::error::service_not_found);
    BOOST_TEST((client.state() == client_state::closed));
}

BOOST_AUTO_TEST_CASE(without_any_address_it_is_an_error) {
    client_bench bench;
    millipede::client client{bench.context};
    outcome result;
    client.async_connect(std::vector<tcp::endpoint>{}, result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == boost::asio::error::host_not_found);
}

BOOST_AUTO_TEST_CASE(nobody_listens) {
    client_bench bench;
    millipede::client client{bench.context};
    outcome result;
    client.async_connect(dead_end(bench.context), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == basic_errors::connection_refused);
    BOOST_TEST((client.state() == client_state::closed));
}

BOOST_AUTO_TEST_CASE(addresses_are_tried_in_turn) {
    client_bench bench;
    bench.serve(patient);
    millipede::client client{bench.context};
    outcome result;
    auto dead = dead_end(bench.context);
    client.async_connect(std::vector{dead, dead, bench.endpoint(), dead}, result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(!result.code);
    BOOST_TEST(client.remote_endpoint() == bench.endpoint());
}

BOOST_AUTO_TEST_CASE(an_address_that_says_nothing_leaves_time_for_the_next) {
    client_bench bench;
    bench.serve(patient);
    full_listener full{bench.context};
    millipede::client client{bench.context, {.connect_timeout = 2s}};
    outcome result;
    client.async_connect(std::vector{full.endpoint(), bench.endpoint()}, result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(!result.code);
    BOOST_TEST(client.remote_endpoint() == bench.endpoint());
}

BOOST_AUTO_TEST_CASE(the_time_for_all_is_bounded) {
    client_bench bench;
    full_listener full{bench.context};
    millipede::client client{bench.context, {.connect_timeout = 100ms}};
    outcome result;
    client.async_connect(std::vector{full.endpoint(), full.endpoint()}, result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == errc::connect_timeout);
    BOOST_TEST((result.code == millipede::close_reason::timeout));
}

BOOST_AUTO_TEST_CASE(one_attempt_at_a_time) {
    client_bench bench;
    bench.serve(patient);
    millipede::client client{bench.context};
    outcome first;
    outcome second;
    client.async_connect(bench.endpoint(), first.done());
    client.async_connect(bench.endpoint(), second.done());
    BOOST_REQUIRE(bench.run_until([&] { return first.over() && second.over(); }));
    BOOST_TEST(!first.code);
    BOOST_TEST(second.code == boost::asio::error::already_open);
    BOOST_TEST(client.connected());
}

BOOST_AUTO_TEST_CASE(an_attempt_is_cancelled_through_its_slot_by_cancel_and_by_close) {
    client_bench bench;
    full_listener full{bench.context};
    for (int way = 0; way < 3; ++way) {
        millipede::client client{bench.context};
        outcome result;
        boost::asio::cancellation_signal signal;
        client.async_connect(full.endpoint(),
                             boost::asio::bind_cancellation_slot(signal.slot(), result.done()));
        bench.run_for(10ms);
        if (way == 0) signal.emit(boost::asio::cancellation_type::terminal);
        if (way == 1) client.cancel();
        if (way == 2) client.close();
        BOOST_TEST((client.state() == client_state::closed));
        BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
        BOOST_TEST(result.code == basic_errors::operation_aborted);
        signal.emit(boost::asio::cancellation_type::terminal); // comes too late, and harms nobody
        BOOST_TEST(result.calls == 1);
    }
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_tells_whoever_waits) {
    client_bench bench;
    boost::asio::io_context elsewhere;
    full_listener full{elsewhere};
    outcome result;
    {
        millipede::client client{bench.context};
        client.async_connect(full.endpoint(), result.done());
    }
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == basic_errors::operation_aborted);
    bench.context.restart();
    bench.context.run(); // nothing of it is left to wait for
}

BOOST_AUTO_TEST_CASE(clients_are_moved) {
    client_bench bench;
    bench.serve(patient);
    millipede::client first{bench.context};
    outcome result;
    first.async_connect(bench.endpoint(), result.done());
    millipede::client second{std::move(first)};
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(second.connected());
    millipede::client third{bench.context};
    outcome replaced;
    third.async_connect(bench.endpoint(), replaced.done());
    third = std::move(second);
    BOOST_TEST(third.connected());
    BOOST_REQUIRE(bench.run_until([&] { return replaced.over(); }));
    BOOST_TEST(replaced.code == basic_errors::operation_aborted);
}

BOOST_AUTO_TEST_CASE(states_are_told_in_their_order) {
    client_bench bench;
    bench.serve([](scripted_connection&, std::size_t) -> awaitable<void> { co_return; });
    millipede::client client{bench.context};
    std::vector<std::string> told;
    boost::system::error_code why;
    client.on_state([&](client_state state, boost::system::error_code const& reason) {
        told.emplace_back(to_string(state));
        why = reason;
    });
    outcome result;
    client.async_connect(bench.endpoint(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return told.size() == 4; }));
    BOOST_TEST((told == std::vector<std::string>{"connecting", "opening", "connected", "closed"}));
    BOOST_TEST(why == errc::closed_by_peer);
    BOOST_TEST(!result.code);
}

BOOST_AUTO_TEST_CASE(who_is_told_of_a_state_may_close) {
    client_bench bench;
    bench.serve(patient);
    for (auto moment : {client_state::connecting, client_state::opening, client_state::connected}) {
        millipede::client client{bench.context};
        client.on_state([&](client_state state, boost::system::error_code const&) {
            if (state == moment) client.close();
        });
        outcome result;
        client.async_connect(bench.endpoint(), result.done());
        BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
        BOOST_REQUIRE(bench.run_until([&] { return client.state() == client_state::closed; }));
    }
}

BOOST_AUTO_TEST_CASE(handlers_come_before_the_connection) {
    client_bench bench;
    bench.serve(patient);
    millipede::client client{bench.context};
    client.async_connect(bench.endpoint(), boost::asio::detached);
    BOOST_CHECK_THROW(client.on<test::news>([](test::news const&) {}), std::logic_error);
    BOOST_CHECK_THROW(client.on_message([](auto const&) {}), std::logic_error);
    BOOST_CHECK_THROW(client.on_state([](auto, auto const&) {}), std::logic_error);
    BOOST_CHECK_THROW(client.on_connected([](auto&) -> awaitable<void> { co_return; }),
                      std::logic_error);
    BOOST_CHECK_THROW(client.heartbeat_message(test::login{}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(options_that_cannot_work_are_refused_by_name) {
    boost::asio::io_context context;
    using millipede::reconnect_options;
    std::pair<char const*, client_options> const wrong[] = {
        {"connect_timeout", {.connect_timeout = 0ms}},
        {"request_timeout", {.request_timeout = -1ms}},
        {"heartbeat_interval", {.heartbeat_interval = 24h * 366}},
        {"heartbeat_timeout", {.heartbeat_timeout = 0ms}},
        {"heartbeat_command", {.heartbeat_command = 0xfffc}},
        {"requests_max", {.requests_max = 0}},
        {"reconnect.base", {.reconnect = reconnect_options{.base = 0ms}}},
        {"reconnect.cap", {.reconnect = reconnect_options{.base = 2s, .cap = 1s}}},
        {"reconnect.come_back_max", {.reconnect = reconnect_options{.come_back_max = -1ms}}}};
    for (auto const& [name, options] : wrong)
        BOOST_CHECK_EXCEPTION((millipede::client{context, options}), millipede::invalid_option,
                              [&](auto const& refusal) { return refusal.option() == name; });
}

BOOST_AUTO_TEST_SUITE_END()
