// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/capacity_advice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(capacity_advices)

using millipede::capacity_of;
using millipede::capacity_question;
using millipede::machine;
using millipede::unlimited;

namespace {

struct given {
    machine found{};
    capacity_question asked{.connections = 1'000'000};

    // "NAME: TEXT | WHERE: LINE | ..." of the only advice; "" when there is none.
    std::string advice() const {
        auto verdict = capacity_of(found, asked);
        BOOST_TEST(verdict.advice.size() <= 1U);
        if (verdict.advice.empty()) return "";
        auto const& first = verdict.advice.front();
        auto text = first.name + ": " + first.text;
        for (auto const& each : first.remedies)
            text += " | " + each.where + ": " + each.line;
        return text;
    }
};

bool has(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(nobody_is_advised_without_need) {
    given all;
    all.found.backlog_max = 4'096;
    all.found.syn_backlog_max = 128;
    all.found.syn_cookies = 1;
    all.found.tcp_pages = {287'832, 383'779, 575'664};
    all.found.tracking = {2'000'000, 0};
    all.found.interfaces = {{"eth0", 1, false}};
    all.found.hash_entries = 524'288;
    all.found.local_ports = {1'024, 65'535};
    all.found.swap_total = 0;
    all.asked.connections = 60'000;
    BOOST_TEST(all.advice() == "");
}

BOOST_AUTO_TEST_CASE(buffers_of_all_sockets) {
    given one;
    one.found.page_bytes = 4'096;
    one.found.tcp_pages = {100'000, 200'000, 300'000};
    BOOST_TEST(has(one.advice(), "819 bytes for each connection"));
    BOOST_TEST(has(one.advice(), "sysctl.d: net.ipv4.tcp_mem = 187500 250000 375000"));
    one.found.tcp_pages = {187'500, 250'000, 375'000}; // as advised
    BOOST_TEST(one.advice() == "");
    one.found.tcp_pages = {1, unlimited, unlimited};
    BOOST_TEST(one.advice() == "");
}

BOOST_AUTO_TEST_CASE(those_who_wait_to_be_accepted) {
    given one;
    one.found.backlog_max = 128;
    BOOST_TEST(has(one.advice(), "128 can wait"));
    BOOST_TEST(has(one.advice(), "sysctl.d: net.core.somaxconn = 4096"));
    given other;
    other.found.syn_backlog_max = 256;
    BOOST_TEST(other.advice() == ""); // whether there are cookies is not known
    other.found.syn_cookies = 0;
    BOOST_TEST(has(other.advice(), "sysctl.d: net.ipv4.tcp_syncookies = 1"));
}

BOOST_AUTO_TEST_CASE(more_workers_than_processors) {
    given one;
    one.found.processors = one.found.processors_online = 8;
    one.found.processor_quota = 2.5;
    BOOST_TEST(has(one.advice(), "processor quota: 8 workers share 2.5;"));
    BOOST_TEST(has(one.advice(), "option: --workers 2"));
    one.asked.workers = 2;
    BOOST_TEST(one.advice() == "");
    one.found.processor_quota = 0.5;
    BOOST_TEST(has(one.advice(), "option: --workers 1"));
    one.asked.workers = 1;
    BOOST_TEST(one.advice() == "");
    one.found.processor_quota.reset();
    one.asked.workers = 9;
    BOOST_TEST(has(one.advice(), "processors: 9 workers share 8"));
    one.asked.workers = 0; // as many as there are, not as it may run on
    one.found.processors = 3;
    BOOST_TEST(has(one.advice(), "processors: 8 workers share 3"));
}

BOOST_AUTO_TEST_CASE(queues_of_receiving) {
    given one;
    one.found.processors = 40;
    one.found.interfaces = {{"eth0", 2, false}};
    BOOST_TEST(has(one.advice(), "eth0: 2 queues of receiving for 40 processors"));
    BOOST_TEST(has(one.advice(), "echo ff,ffffffff > $q/rps_cpus"));
    one.found.processors = 32;
    BOOST_TEST(has(one.advice(), "echo ffffffff > $q/rps_cpus"));
    one.found.interfaces = {{"eth0", 2, true}};
    BOOST_TEST(one.advice() == "");
    one.found.interfaces = {{"eth0", 32, false}};
    BOOST_TEST(one.advice() == "");
}

BOOST_AUTO_TEST_CASE(ports_of_those_who_connect) {
    given one;
    one.found.local_ports = {32'768, 60'999};
    BOOST_TEST(has(one.advice(), "has 28,232 ports for each source address: 36 addresses"));
    BOOST_TEST(has(one.advice(), "or 16 with the widest range"));
    one.asked.connections = 28'232;
    BOOST_TEST(one.advice() == "");
    one.asked.connections = 28'233;
    BOOST_TEST(has(one.advice(), ": 2 addresses"));
    one.asked.connections = 64'513;
    one.found.local_ports = {1'024, 65'535};
    BOOST_TEST(one.advice().ends_with(": 2 addresses for that many")); // no wider range helps
    one.found.local_ports = {60'999, 32'768};
    BOOST_TEST(one.advice() == "");
}

BOOST_AUTO_TEST_CASE(buckets_of_the_kernel) {
    given one;
    one.asked.connections = 10'000'000;
    one.found.hash_entries = 524'288;
    BOOST_TEST(has(one.advice(), "19 connections on average"));
    BOOST_TEST(has(one.advice(), "kernel arguments: thash_entries=8388608"));
    one.found.hash_entries = 8'388'608;
    BOOST_TEST(one.advice() == "");
    one.found.hash_entries = 0;
    BOOST_TEST(one.advice() == "");
}

BOOST_AUTO_TEST_CASE(swap) {
    given one;
    one.found.swap_total = 1;
    BOOST_TEST(has(one.advice(), "MemorySwapMax=0"));
}

BOOST_AUTO_TEST_CASE(how_numbers_are_shown) {
    using millipede::detail::in_bytes;
    using millipede::detail::with_thousands;
    BOOST_TEST(with_thousands(0) == "0");
    BOOST_TEST(with_thousands(999) == "999");
    BOOST_TEST(with_thousands(1'234'567) == "1,234,567");
    BOOST_TEST(in_bytes(1'023) == "1023 B");
    BOOST_TEST(in_bytes(1'536) == "1.5 KiB");
    BOOST_TEST(in_bytes(5ULL << 40) == "5.0 TiB");
    BOOST_TEST(in_bytes(unlimited) == "16777216.0 TiB");
}

BOOST_AUTO_TEST_SUITE_END()
