// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/machine.hpp>

#include "unit/support/child.hpp"
#include "unit/support/false_machine.hpp"

#include <boost/test/unit_test.hpp>

#include <sched.h>
#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

BOOST_AUTO_TEST_SUITE(machines)

using millipede::unlimited;
using millipede::test::false_machine;

namespace {

constexpr std::uint64_t nothing = 4'711'000'000'000;

// What Boost.Test can print.
std::uint64_t shown(std::optional<std::uint64_t> number) {
    return number.value_or(nothing);
}

constexpr char limits_file[] =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max open files            1024                 524288               files     \n"
    "Max locked memory         8388608              8388608              bytes     \n";

constexpr char meminfo_file[] = "MemTotal:       24682416 kB\n"
                                "MemFree:        18043928 kB\n"
                                "MemAvailable:   23681592 kB\n"
                                "SwapTotal:          2048 kB\n"
                                "CommitLimit:    12341208 kB\n"
                                "Committed_AS:      79164 kB\n"
                                "HugePages_Total:       0\n";

} // namespace

BOOST_AUTO_TEST_CASE(an_empty_one_has_no_limits_and_no_complaints) {
    auto found = false_machine{}.read();
    for (auto const& each :
         {found.descriptors_soft, found.descriptors_hard, found.nr_open, found.files_max,
          found.files_open, found.watches_max, found.threads_max, found.threads, found.memory_total,
          found.memory_available, found.swap_total, found.commit_limit, found.committed,
          found.backlog_max, found.syn_backlog_max, found.syn_cookies, found.hash_entries})
        BOOST_TEST(shown(each) == nothing);
    BOOST_TEST((!found.tcp_pages && !found.receive_bytes && !found.send_bytes));
    BOOST_TEST((!found.local_ports && !found.tracking && !found.processor_quota));
    BOOST_TEST(found.processors == 1U);
    BOOST_TEST(found.interfaces.empty());
    BOOST_TEST(found.memory_groups.empty());
    BOOST_TEST(found.task_groups.empty());
    BOOST_TEST(found.unclear.empty());
}

BOOST_AUTO_TEST_CASE(descriptors_are_those_of_the_process) {
    false_machine root;
    auto found = root.file("/proc/self/limits", limits_file).read();
    BOOST_TEST(shown(found.descriptors_soft) == 1'024U);
    BOOST_TEST(shown(found.descriptors_hard) == 524'288U);
    root.file("/proc/self/limits", "Max open files            1024    unlimited    files\n");
    BOOST_TEST(shown(root.read().descriptors_hard) == unlimited);
}

BOOST_AUTO_TEST_CASE(files_of_the_system_and_those_that_are_open) {
    false_machine root;
    root.file("/proc/sys/fs/nr_open", "1048576\n").file("/proc/sys/fs/file-max", "2465610\n");
    root.file("/proc/sys/fs/file-nr", "1600\t24\t2465610\n");
    root.file("/proc/sys/fs/epoll/max_user_watches", "5490265\n");
    root.file("/proc/sys/kernel/threads-max", "192686\n");
    root.file("/proc/loadavg", "0.42 0.21 0.10 3/157 4711\n");
    auto found = root.read();
    BOOST_TEST(shown(found.nr_open) == 1'048'576U);
    BOOST_TEST(shown(found.files_max) == 2'465'610U);
    BOOST_TEST(shown(found.files_open) == 1'576U); // those that are not in use do not count
    BOOST_TEST(shown(found.watches_max) == 5'490'265U);
    BOOST_TEST(shown(found.threads_max) == 192'686U);
    BOOST_TEST(shown(found.threads) == 157U);
    BOOST_TEST(found.unclear.empty());
}

BOOST_AUTO_TEST_CASE(memory_is_in_bytes) {
    false_machine root;
    auto found = root.file("/proc/meminfo", meminfo_file).read();
    BOOST_TEST(shown(found.memory_total) == 24'682'416ULL * 1'024);
    BOOST_TEST(shown(found.memory_available) == 23'681'592ULL * 1'024);
    BOOST_TEST(shown(found.swap_total) == 2'048ULL * 1'024);
    BOOST_TEST(shown(found.commit_limit) == nothing); // the kernel promises more than it has
    root.file("/proc/sys/vm/overcommit_memory", "2\n");
    found = root.read();
    BOOST_TEST(shown(found.commit_limit) == 12'341'208ULL * 1'024);
    BOOST_TEST(shown(found.committed) == 79'164ULL * 1'024);
}

BOOST_AUTO_TEST_CASE(the_network) {
    false_machine root;
    std::string const ipv4 = "/proc/sys/net/ipv4/";
    root.file("/proc/sys/net/core/somaxconn", "4096\n");
    root.file(ipv4 + "tcp_max_syn_backlog", "2048\n").file(ipv4 + "tcp_syncookies", "1\n");
    root.file(ipv4 + "tcp_mem", "287832\t383779\t575664\n");
    root.file(ipv4 + "tcp_rmem", "4096\t131072\t6291456\n");
    root.file(ipv4 + "tcp_wmem", "4096\t16384\t4194304\n");
    root.file(ipv4 + "ip_local_port_range", "32768\t60999\n");
    root.file(ipv4 + "tcp_ehash_entries", "-262144\n"); // shared with the first namespace
    auto found = root.read();
    BOOST_TEST(shown(found.backlog_max) == 4'096U);
    BOOST_TEST(shown(found.syn_backlog_max) == 2'048U);
    BOOST_TEST(shown(found.syn_cookies) == 1U);
    BOOST_TEST(shown(found.hash_entries) == 262'144U);
    BOOST_TEST((found.tcp_pages == std::array<std::uint64_t, 3>{287'832, 383'779, 575'664}));
    BOOST_TEST((found.receive_bytes == std::array<std::uint64_t, 3>{4'096, 131'072, 6'291'456}));
    BOOST_TEST((found.send_bytes == std::array<std::uint64_t, 3>{4'096, 16'384, 4'194'304}));
    BOOST_TEST((found.local_ports == std::array<std::uint64_t, 2>{32'768, 60'999}));
    BOOST_TEST(!found.tracking.has_value());
    BOOST_TEST(found.unclear.empty());
}

BOOST_AUTO_TEST_CASE(tracking_is_there_when_the_module_is) {
    false_machine root;
    root.file("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
    BOOST_TEST(root.read().tracking->count == 0U);
    root.file("/proc/sys/net/netfilter/nf_conntrack_count", "17\n");
    BOOST_TEST(root.read().tracking->max == 262'144U);
    BOOST_TEST(root.read().tracking->count == 17U);
}

BOOST_AUTO_TEST_CASE(processors_are_those_that_the_process_may_use) {
    auto processors = [](std::string const& list) {
        false_machine root;
        root.file("/proc/self/status", "Name:\tdoctor\nCpus_allowed_list:\t" + list + "\n");
        auto found = root.read();
        return found.unclear.empty() ? found.processors : 0;
    };
    BOOST_TEST(processors("0") == 1U);
    BOOST_TEST(processors("0-1") == 2U);
    BOOST_TEST(processors("0-3,8,10-11") == 7U);
    for (auto const* garbage : {"3-1", "a", "0-", "-", "0-99999999999"})
        BOOST_TEST_CONTEXT(garbage) {
            BOOST_TEST(processors(garbage) == 0U);
        }
}

BOOST_AUTO_TEST_CASE(processors_that_there_are) {
    false_machine root;
    root.file("/sys/devices/system/cpu/online", "0-7\n");
    BOOST_TEST(root.read().processors == 8U);
    root.file("/proc/self/status", "Cpus_allowed_list:\t0-1\n");
    BOOST_TEST(root.read().processors == 2U);
    BOOST_TEST(root.read().processors_online == 8U);
    root.file("/sys/devices/system/cpu/online", "\n");
    BOOST_TEST(root.read().processors_online == 2U);
    BOOST_TEST(root.read().unclear.size() == 1U);
}

BOOST_AUTO_TEST_CASE(interfaces_with_hardware_and_how_they_are_spread) {
    false_machine root;
    auto interface = [&](std::string const& name, int queues, std::string const& mask,
                         bool hardware) {
        auto folder = "/sys/class/net/" + name;
        for (int queue = 0; queue < queues; ++queue)
            root.file(folder + "/queues/rx-" + std::to_string(queue) + "/rps_cpus", mask);
        root.file(folder + "/queues/tx-0/xps_cpus", "f\n");
        if (hardware) root.file(folder + "/device/vendor", "0x1af4\n");
    };
    interface("eth1", 4, "00000000,00000000\n", true);
    interface("eth0", 1, "00000000,0000000c\n", true);
    interface("lo", 1, "0\n", true);
    interface("docker0", 1, "0\n", false);
    root.file("/sys/class/net/bonding_masters", "\n");
    auto found = root.read();
    BOOST_REQUIRE(found.interfaces.size() == 2U);
    BOOST_TEST(found.interfaces[0].name == "eth0");
    BOOST_TEST(found.interfaces[0].queues == 1U);
    BOOST_TEST(found.interfaces[0].steered);
    BOOST_TEST(found.interfaces[1].queues == 4U);
    BOOST_TEST(!found.interfaces[1].steered);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_understood_is_named_and_left_out) {
    std::string const system = "/proc/sys/";
    struct garbage {
        std::string path, content;
    };
    for (auto const& each : {garbage{system + "fs/nr_open", "many\n"},
                             garbage{system + "fs/nr_open", ""},
                             garbage{system + "fs/nr_open", "-5\n"},
                             garbage{system + "fs/nr_open", "99999999999999999999999\n"},
                             garbage{system + "fs/nr_open", "1 2\n"},
                             garbage{system + "fs/file-max", "1048576k\n"},
                             garbage{system + "fs/file-nr", "1 2\n"},
                             garbage{system + "fs/epoll/max_user_watches", "\xff\xfe"},
                             garbage{system + "kernel/threads-max", "0x10\n"},
                             garbage{system + "vm/overcommit_memory", "two\n"},
                             garbage{system + "net/core/somaxconn", "many\n"},
                             garbage{system + "net/ipv4/tcp_mem", "1 2 3 4\n"},
                             garbage{system + "net/ipv4/ip_local_port_range", "32768\n"},
                             garbage{system + "net/ipv4/tcp_ehash_entries", "\n"},
                             garbage{system + "net/netfilter/nf_conntrack_max", "?\n"},
                             garbage{"/proc/loadavg", "0.1 0.2 0.3\n"},
                             garbage{"/proc/loadavg", "0.1 0.2 0.3 1/x 7\n"},
                             garbage{"/proc/self/limits", "Max open files   few   many   files\n"},
                             garbage{"/proc/self/limits", "Max open files\n"},
                             garbage{"/proc/meminfo", "MemAvailable: lots kB\n"}}) {
        BOOST_TEST_CONTEXT(each.path << " with " << each.content) {
            false_machine root;
            root.file("/proc/meminfo", meminfo_file);
            auto found = root.file(each.path, each.content).read();
            BOOST_REQUIRE(found.unclear.size() == 1U);
            BOOST_TEST(found.unclear.front().starts_with(each.path + ": "));
            BOOST_TEST(shown(found.nr_open) == nothing);
            BOOST_TEST(shown(found.files_max) == nothing);
            BOOST_TEST(shown(found.files_open) == nothing);
            BOOST_TEST(shown(found.watches_max) == nothing);
            BOOST_TEST(shown(found.threads) == nothing);
            BOOST_TEST(shown(found.descriptors_hard) == nothing);
            BOOST_TEST((!found.tcp_pages && !found.local_ports && !found.tracking));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_named) {
    false_machine root;
    auto found = root.unreadable("/proc/sys/fs/nr_open").read();
    BOOST_REQUIRE(found.unclear.size() == 1U);
    BOOST_TEST(found.unclear.front() == "/proc/sys/fs/nr_open: Is a directory");
}

BOOST_AUTO_TEST_CASE(a_file_without_an_end_is_not_read_for_ever) {
    false_machine root;
    auto found = root.file("/proc/meminfo", std::string(3 * 1'024 * 1'024, 'x')).read();
    BOOST_REQUIRE(found.unclear.size() == 1U);
    BOOST_TEST(found.unclear.front() == "/proc/meminfo: File too large");
}

BOOST_AUTO_TEST_CASE(this_machine_is_read) {
    auto found = millipede::read_machine();
    rlimit limit{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    BOOST_TEST(shown(found.descriptors_hard) ==
               (limit.rlim_max == RLIM_INFINITY ? unlimited : std::uint64_t{limit.rlim_max}));
    BOOST_TEST(shown(found.memory_available) > 0U);
    BOOST_TEST(shown(found.memory_available) <= shown(found.memory_total));
}

BOOST_AUTO_TEST_CASE(the_own_limit_and_processors_need_no_proc) {
    auto said = millipede::test::in_child([]() -> std::string {
        rlimit limit{100, 333};
        cpu_set_t one{};
        if (::sched_getaffinity(0, sizeof one, &one) != 0) return "sched_getaffinity";
        std::size_t first = 0;
        while (!CPU_ISSET(first, &one))
            ++first;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return "setrlimit";
        if (::sched_setaffinity(0, sizeof one, &one) != 0) return "sched_setaffinity";
        auto found = millipede::read_machine();
        return std::to_string(shown(found.descriptors_soft)) + ' ' +
               std::to_string(shown(found.descriptors_hard)) + ' ' +
               std::to_string(found.processors);
    });
    BOOST_TEST(said == "100 333 1");
}

BOOST_AUTO_TEST_SUITE_END()
