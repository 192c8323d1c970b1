// SPDX-License-Identifier: BSL-1.0
// What the load generator asks of the machine: descriptors, addresses, another process's figures.
#include <load/descriptor_limit.hpp>
#include <load/figures.hpp>
#include <load/observed_process.hpp>
#include <load/target.hpp>
#include <load/time.hpp>

#include <boost/test/unit_test.hpp>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <sys/wait.h>
#include <unistd.h>

BOOST_AUTO_TEST_SUITE(machine)

BOOST_AUTO_TEST_CASE(descriptors_are_needed_for_connections_and_for_each_thread) {
    BOOST_TEST(load::descriptors_needed(1'000, 1) == 1'066U);
    BOOST_TEST(load::descriptors_needed(1'000, 100) == 1'264U);
}

BOOST_AUTO_TEST_CASE(a_shortage_says_how_many_and_what_to_do) {
    BOOST_TEST(load::descriptor_shortage(100, 100, 1'000).empty());
    BOOST_TEST(load::descriptor_shortage(101, 100, 1'000) ==
               "101 descriptors are needed, but the hard limit is 100: raise it as root "
               "(ulimit -Hn 101)");
    BOOST_TEST(load::descriptor_shortage(1'001, 100, 1'000)
                   .ends_with("(ulimit -Hn 1001) after sysctl fs.nr_open=1001 (now 1000)"));
    BOOST_TEST(load::descriptor_shortage(1'001, 100, 0).ends_with("(ulimit -Hn 1001)"));
}

BOOST_AUTO_TEST_CASE(the_limit_is_raised_no_further_than_needed) {
    auto const limit = load::raise_descriptor_limit(1);
    BOOST_TEST(limit >= 1U);
    BOOST_TEST(load::raise_descriptor_limit(limit) == limit);
    // Beyond fs.nr_open not even root gets any.
    if (auto const most = load::descriptor_limit_max(); most > 0)
        BOOST_TEST(load::raise_descriptor_limit(most + 1) == limit);
}

BOOST_AUTO_TEST_CASE(source_addresses_follow_the_range_of_ports) {
    // Half of 28,232 ports each.
    BOOST_TEST(load::enough_source_addresses(1, {32'768, 60'999}) == 1U);
    BOOST_TEST(load::enough_source_addresses(14'116, {32'768, 60'999}) == 1U);
    BOOST_TEST(load::enough_source_addresses(14'117, {32'768, 60'999}) == 2U);
    BOOST_TEST(load::enough_source_addresses(1'000'000, {32'768, 60'999}) == 71U);
    BOOST_TEST(load::enough_source_addresses(1'000'000, {1'024, 65'535}) == 32U);
    BOOST_TEST(load::enough_source_addresses(1'000, {50'000, 50'009}) == 200U);
    BOOST_TEST(load::enough_source_addresses(1'000, {50'000, 50'000}) == 1'000U);
    BOOST_TEST(load::enough_source_addresses(10'000'000, {50'000, 50'001}) ==
               load::source_addresses_max);
}

BOOST_AUTO_TEST_CASE(the_range_of_ports_is_that_of_this_machine) {
    auto const ports = load::local_ports();
    BOOST_TEST(ports.first > 0U);
    BOOST_TEST(ports.first <= ports.last);
    BOOST_TEST(ports.last <= 65'535U);
}

BOOST_AUTO_TEST_CASE(source_addresses_differ_and_stay_on_loopback) {
    auto const text = [](std::uint32_t index) {
        auto const address = load::source_address(index);
        char written[INET_ADDRSTRLEN]{};
        ::inet_ntop(AF_INET, &address.sin_addr, written, sizeof written);
        return std::string{written};
    };
    BOOST_TEST(text(0) == "127.0.0.1");
    BOOST_TEST(text(255) == "127.0.1.0");
    BOOST_TEST(text(load::source_addresses_max - 1).starts_with("127.0."));
}

BOOST_AUTO_TEST_CASE(own_memory_is_private_dirty_and_swapped) {
    std::istringstream rollup{"55d0-7fff ---p 00000000 00:00 0    [rollup]\n"
                              "Rss:                9000 kB\n"
                              "Private_Clean:      5000 kB\n"
                              "Private_Dirty:       300 kB\n"
                              "Swap:                  4 kB\n"
                              "SwapPss:               4 kB\n"};
    BOOST_TEST(load::own_memory_bytes(rollup) == 304U * 1024);
    std::istringstream nothing;
    BOOST_TEST(load::own_memory_bytes(nothing) == 0U);
}

BOOST_AUTO_TEST_CASE(a_process_is_seen_to_work_and_to_grow) {
    load::observed_process const process{::getpid()};
    auto const cpu_ns = process.cpu_ns();
    auto const memory_bytes = process.memory_bytes();
    auto const until_ns = load::now_ns() + 20'000'000;
    std::vector<char> grown(8U << 20U);
    while (load::now_ns() < until_ns)
        for (std::size_t page = 0; page < grown.size(); page += 4096)
            ++grown[page];
    BOOST_TEST(process.cpu_ns() > cpu_ns);
    BOOST_TEST(process.memory_bytes() >= memory_bytes + grown.size() / 2);
}

BOOST_AUTO_TEST_CASE(a_process_that_has_ended_is_an_error_with_its_number) {
    auto const child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
    load::observed_process const process{child};
    auto const names_it = [&](std::runtime_error const& error) {
        return std::string{error.what()}.find("process " + std::to_string(child)) == 0;
    };
    BOOST_CHECK_EXCEPTION(process.cpu_ns(), std::runtime_error, names_it);
    BOOST_CHECK_EXCEPTION(process.memory_bytes(), std::runtime_error, names_it);
}

BOOST_AUTO_TEST_CASE(figures_are_divided_by_what_the_mode_does) {
    load::options settings;
    settings.mode = load::run_mode::echo;
    settings.size_bytes = 100;
    load::run_result result;
    result.running_seconds = 2;
    result.replies_while_running = 1'000;
    result.opened_while_running = 500;
    load::observation const seen{.cpu_ns = 1'000'000'000,
                                 .memory_bytes_before = 10'000,
                                 .memory_bytes_open = 15'000,
                                 .connections_open = 100};
    auto const figures = load::figures_of(seen, settings, result);
    BOOST_TEST(figures.cpu_seconds == 1);
    BOOST_TEST(figures.cpu_share == 0.5);
    BOOST_TEST(figures.cpu_us_per_operation == 1'000);
    BOOST_TEST(figures.memory_bytes_per_connection == 50);
    BOOST_TEST(load::bytes_per_second(settings, result) == 50'000);
    settings.mode = load::run_mode::rate;
    BOOST_TEST(load::figures_of(seen, settings, result).cpu_us_per_operation == 2'000);
    settings.mode = load::run_mode::churn;
    BOOST_TEST(load::figures_of(seen, settings, result).cpu_us_per_operation * 1'500 == 1e6);
}

BOOST_AUTO_TEST_CASE(figures_of_nothing_are_zero) {
    load::options const settings;
    load::run_result const result;
    auto const figures = load::figures_of({}, settings, result);
    BOOST_TEST(figures.cpu_us_per_operation == 0);
    BOOST_TEST(figures.cpu_share == 0);
    BOOST_TEST(figures.memory_bytes_per_connection == 0);
    BOOST_TEST(load::per_second(5, 0) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
