// SPDX-License-Identifier: BSL-1.0
// Completion tokens, other codecs, blocking calls, and many clients at once.
#include "support/client_bench.hpp"
#include "support/printing.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <thread>

BOOST_AUTO_TEST_SUITE(client_tokens)

using namespace std::chrono_literals;
using millipede::decode_result;
using millipede::errc;
using test::answer;
using test::awaitable;
using test::client_bench;
using test::outcome;
using test::question;
using test::scripted_connection;
using test::use_awaitable;

namespace {

auto const obliging = [](scripted_connection& connection, std::size_t) {
    return test::answer_all(connection);
};

// Lines: the least codec there is, and one whose messages are of one kind.
struct line_codec {
    using message_type = std::string_view;
    decode_result decode(std::span<std::byte const> input, message_type& line) const {
        auto text = std::string_view{reinterpret_cast<char const*>(input.data()), input.size()};
        auto end = text.find('\n');
        if (end == text.npos)
            return text.size() >= size_max() ? decode_result::refused(errc::bad_size)
                                             : decode_result::incomplete();
        line = text.substr(0, end);
        return decode_result::complete(end + 1);
    }
    void encode(std::string_view line, auto& sink) const {
        sink.append(millipede::as_bytes(line));
        sink.append(millipede::as_bytes("\n"));
    }
    std::size_t size_max() const { return 100; }
};
static_assert(millipede::codec<line_codec> && !millipede::commanded<line_codec>);

awaitable<void> answer_lines(scripted_connection& connection, std::string_view greeting,
                             int& lines) {
    std::string rest{greeting};
    co_await connection.write(std::exchange(rest, {}));
    for (;;) {
        char letter = 0;
        boost::system::error_code code;
        co_await boost::asio::async_read(connection.socket(), boost::asio::buffer(&letter, 1),
                                         boost::asio::redirect_error(use_awaitable, code));
        if (code) co_return;
        rest += letter;
        if (letter != '\n') continue;
        ++lines;
        co_await connection.write("re: " + std::exchange(rest, {}));
    }
}

template <class T>
struct counting_allocator {
    using value_type = T;
    int* count;
    explicit counting_allocator(int* where) : count{where} {}
    template <class U>
    counting_allocator(counting_allocator<U> const& other) : count{other.count} {}
    T* allocate(std::size_t size) {
        ++*count;
        return std::allocator<T>{}.allocate(size);
    }
    void deallocate(T* place, std::size_t size) { std::allocator<T>{}.deallocate(place, size); }
    bool operator==(counting_allocator const&) const = default;
};

} // namespace

BOOST_AUTO_TEST_CASE(every_token_of_asio) {
    client_bench bench;
    bench.serve(obliging);
    millipede::client client{bench.context};
    auto connected = client.async_connect(bench.endpoint(), boost::asio::use_future);
    auto later = client.async_request<answer>(question{1}, boost::asio::deferred);
    auto asked = client.async_request<answer>(question{2}, boost::asio::use_future);
    BOOST_REQUIRE(bench.run_until([&] { return asked.wait_for(0s) == std::future_status::ready; }));
    connected.get();
    BOOST_TEST(asked.get().number == 2U);
    outcome deferred;
    std::move(later)(deferred.answered()); // begins now
    BOOST_REQUIRE(bench.run_until([&] { return deferred.over(); }));
    BOOST_TEST(deferred.number == 1U);
    client.async_send(question{9}, boost::asio::detached);
    bench.play([&]() -> awaitable<void> {
        auto push = co_await client.async_receive(use_awaitable); // what nobody awaited
        BOOST_TEST(push->command == answer::command);
        auto [code, reply] = co_await client.async_request<answer>(
            question{3}, boost::asio::as_tuple(use_awaitable));
        BOOST_TEST(!code);
        BOOST_TEST(reply.number == 3U);
        client.close();
        auto [refused] =
            co_await client.async_send(question{4}, boost::asio::as_tuple(use_awaitable));
        BOOST_TEST(refused == boost::asio::error::not_connected);
    });
    auto failed = client.async_request<answer>(question{5}, boost::asio::use_future);
    BOOST_REQUIRE(
        bench.run_until([&] { return failed.wait_for(0s) == std::future_status::ready; }));
    BOOST_CHECK_THROW(failed.get(), boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(handlers_are_called_on_their_executor_with_their_memory) {
    client_bench bench;
    bench.serve(obliging);
    boost::asio::io_context elsewhere{1};
    millipede::client client{bench.context};
    outcome result;
    int allocations = 0;
    client.async_connect(bench.endpoint(), boost::asio::detached);
    client.async_request<answer>(
        question{1}, boost::asio::bind_executor(
                         elsewhere.get_executor(),
                         boost::asio::bind_allocator(counting_allocator<std::byte>{&allocations},
                                                     result.answered())));
    BOOST_TEST(elsewhere.poll() == 0U); // has work, but nothing to do yet
    BOOST_TEST(!elsewhere.stopped());
    BOOST_REQUIRE(bench.run_until([&] {
        elsewhere.poll();
        return result.over() || elsewhere.stopped();
    }));
    BOOST_TEST(result.number == 1U);
    BOOST_TEST(allocations > 0);
}

BOOST_AUTO_TEST_CASE(a_strand_is_an_executor_as_any_other) {
    boost::asio::thread_pool pool{2};
    client_bench bench;
    bench.serve(obliging);
    millipede::client client{boost::asio::make_strand(pool)};
    auto connected = boost::asio::co_spawn(
        client.get_executor(),
        [&]() -> awaitable<std::uint32_t> {
            co_await client.async_connect(bench.endpoint(), use_awaitable);
            auto reply = co_await client.async_request<answer>(question{8}, use_awaitable);
            client.close();
            co_return reply.number;
        },
        boost::asio::use_future);
    BOOST_REQUIRE(
        bench.run_until([&] { return connected.wait_for(0s) == std::future_status::ready; }));
    BOOST_TEST(connected.get() == 8U);
    pool.join();
}

BOOST_AUTO_TEST_CASE(a_codec_without_commands_has_replies_in_order) {
    client_bench bench;
    int lines = 0;
    bench.serve([&](scripted_connection& connection, std::size_t) {
        return answer_lines(connection, "hello\n", lines);
    });
    millipede::basic_client<line_codec> client{bench.context};
    bench.play([&]() -> awaitable<void> {
        co_await client.async_connect(bench.endpoint(), use_awaitable);
        auto greeting = co_await client.async_receive(use_awaitable);
        BOOST_TEST(*greeting == "hello");
        std::string got;
        outcome last;
        auto add = [&](auto, auto line) { got += std::string{*line} + ","; };
        client.async_request(std::string_view{"one"}, add);
        client.async_request(std::string_view{"two"}, 1min, add);
        auto third = co_await client.async_request(std::string_view{"three"}, use_awaitable);
        BOOST_TEST(got == "re: one,re: two,");
        BOOST_TEST(*third == "re: three");
        BOOST_TEST(test::text_of(third.whole()) == "re: three\n");
    });
}

BOOST_AUTO_TEST_CASE(a_codec_without_commands_brings_its_heartbeat) {
    client_bench bench;
    int asked = 0;
    bench.serve([&](scripted_connection& connection, std::size_t) {
        return answer_lines(connection, "", asked);
    });
    using client_type = millipede::basic_client<line_codec>;
    client_type without{bench.context, {.heartbeat_interval = 5ms}};
    outcome refused;
    without.async_connect(bench.endpoint(), refused.done());
    BOOST_REQUIRE(bench.run_until([&] { return refused.over(); }));
    BOOST_TEST(refused.code == boost::asio::error::invalid_argument);

    client_type client{bench.context, {.heartbeat_interval = 5ms, .heartbeat_timeout = 1min}};
    client.heartbeat_message(std::string_view{"ping"});
    int unasked = 0;
    client.on_message([&](auto) { ++unasked; });
    outcome connected;
    client.async_connect(bench.endpoint(), connected.done());
    BOOST_REQUIRE(bench.run_until([&] { return connected.over(); }));
    BOOST_REQUIRE(bench.run_until([&] { return asked == 4; }));
    BOOST_TEST(client.connected());
    BOOST_TEST(unasked == 0); // the answers are nobody's pushes
}

BOOST_AUTO_TEST_CASE(a_line_without_end_is_refused) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        for (;;) {
            co_await connection.write("without end");
            co_await test::pause(1ms);
        }
    });
    millipede::basic_client<line_codec> client{bench.context};
    outcome received;
    client.async_connect(bench.endpoint(), boost::asio::detached);
    client.async_receive([&](auto code, auto) { received.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return received.over(); }));
    BOOST_TEST(received.code == errc::bad_size);
}

BOOST_AUTO_TEST_CASE(blocking_calls_from_another_thread) {
    client_bench bench;
    bench.serve(obliging);
    auto endpoint = bench.endpoint();
    std::thread runner{[&] { bench.context.run(); }};
    millipede::client client{bench.context};
    client.connect(endpoint);
    client.request(test::login{7});
    BOOST_TEST(client.request<answer>(question{3}).number == 3U);
    boost::system::error_code code;
    client.connect(endpoint, code);
    BOOST_TEST(code == boost::asio::error::already_open);
    BOOST_CHECK_THROW(client.connect(std::vector{endpoint}), boost::system::system_error);
    std::promise<void> closed;
    boost::asio::post(bench.context, [&] {
        client.close();
        closed.set_value();
    });
    closed.get_future().get();
    client.request<answer>(question{4}, code);
    BOOST_TEST(code == boost::asio::error::not_connected);
    BOOST_CHECK_THROW(client.request(test::login{7}), boost::system::system_error);
    client.connect("127.0.0.1", "no-such-service", code);
    BOOST_TEST(code == boost::asio::error::service_not_found);
    bench.context.stop();
    runner.join();
}

BOOST_AUTO_TEST_CASE(a_blocking_call_on_the_executors_own_thread_is_refused) {
    client_bench bench;
    millipede::client client{bench.context};
    boost::system::error_code code;
    boost::asio::post(bench.context, [&] { client.connect(bench.endpoint(), code); });
    bench.context.run_for(20ms);
    BOOST_TEST(code == boost::system::errc::resource_deadlock_would_occur);
}

BOOST_AUTO_TEST_CASE(thousands_of_clients_on_one_io_context) {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    // Two descriptors each in this process; test/net/client_many.py has more clients.
    auto const count = std::min<std::size_t>(5'000, descriptors.rlim_max / 2 - 100);
    client_bench bench;
    bench.acceptor.listen(4'096);
    std::deque<test::tcp::socket> peers;
    std::function<void()> accept = [&] {
        bench.acceptor.async_accept([&](auto code, test::tcp::socket peer) {
            if (code) return;
            peers.push_back(std::move(peer));
            accept();
        });
    };
    accept();
    std::deque<millipede::client> clients;
    std::size_t connected = 0;
    for (std::size_t index = 0; index < count; ++index) {
        clients.emplace_back(bench.context, millipede::client_options{.heartbeat_interval = 1min});
        clients.back().async_connect(bench.endpoint(), [&](auto code) { connected += !code; });
        // No more at once than the kernel keeps for the server.
        if (index % 1'000 == 999 || index + 1 == count)
            BOOST_REQUIRE(bench.run_until(
                [&] { return connected == index + 1 && peers.size() == index + 1; }));
    }
    BOOST_TEST(std::ranges::all_of(clients, [](auto const& each) { return each.connected(); }));
    clients.clear();
    bench.acceptor.close();
    bench.context.restart();
    bench.context.run(); // nothing of them is left to wait for
}

BOOST_AUTO_TEST_SUITE_END()
