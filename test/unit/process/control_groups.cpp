// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/control_groups.hpp>

#include "unit/support/false_machine.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(control_groups)

using millipede::control_group_limit;
using millipede::test::false_machine;

namespace {

constexpr char second_mount[] = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
constexpr char first_mounts[] =
    "22 1 0:5 / /proc rw - proc proc rw\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n";
constexpr std::uint64_t mebibyte = 1'024 * 1'024;

// "FILE VALUE IN_USE", each.
std::vector<std::string> lines(std::vector<control_group_limit> const& limits) {
    std::vector<std::string> found;
    for (auto const& each : limits)
        found.push_back(each.file + ' ' + std::to_string(each.value) + ' ' +
                        std::to_string(each.in_use) + (each.throttles ? " throttles" : ""));
    return found;
}

void check(std::vector<std::string> const& found, std::vector<std::string> const& expected) {
    BOOST_TEST(found == expected, boost::test_tools::per_element());
}

} // namespace

BOOST_AUTO_TEST_CASE(version_2_with_all_groups_around) {
    false_machine root;
    root.file("/proc/self/cgroup", "0::/system.slice/chat.service\n");
    root.file("/proc/self/mountinfo", second_mount);
    std::string const slice = "/sys/fs/cgroup/system.slice";
    auto service = slice + "/chat.service";
    root.file(service + "/memory.max", "1073741824\n").file(service + "/memory.high", "max\n");
    root.file(service + "/memory.current", "209715200\n");
    root.file(service + "/memory.stat", "anon 1048576\ninactive_file 104857600\n");
    root.file(service + "/pids.max", "512\n").file(service + "/pids.current", "9\n");
    root.file(service + "/cpu.max", "max 100000\n");
    root.file(slice + "/memory.max", "max\n").file(slice + "/memory.high", "536870912\n");
    root.file(slice + "/memory.current", "1000\n");
    root.file(slice + "/pids.max", "max\n").file(slice + "/cpu.max", "150000 100000\n");
    root.file("/sys/fs/cgroup/cpu.max", "400000 100000\n"); // the tightest one counts
    auto found = root.read();
    check(lines(found.memory_groups), {service + "/memory.max 1073741824 104857600",
                                       slice + "/memory.high 536870912 1000 throttles"});
    check(lines(found.task_groups), {service + "/pids.max 512 9"});
    BOOST_TEST(found.processor_quota.value_or(0) == 1.5);
    BOOST_TEST(found.unclear.empty());
}

BOOST_AUTO_TEST_CASE(in_a_container_of_version_2_the_own_group_is_the_outermost) {
    false_machine root;
    root.file("/proc/self/cgroup", "0::/\n").file("/proc/self/mountinfo", second_mount);
    root.file("/sys/fs/cgroup/memory.max", "268435456\n");
    root.file("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    auto found = root.read();
    check(lines(found.memory_groups), {"/sys/fs/cgroup/memory.max 268435456 0"});
    BOOST_TEST(found.processor_quota.value_or(0) == 0.5);
}

BOOST_AUTO_TEST_CASE(version_1_with_all_groups_around) {
    false_machine root;
    root.file("/proc/self/cgroup", "9:name=systemd:/a\n8:pids:/a/b\n4:memory:/a/b\n"
                                   "3:cpu,cpuacct:/a\n0::/\n");
    root.file("/proc/self/mountinfo", first_mounts);
    std::string const memory = "/sys/fs/cgroup/memory";
    root.file(memory + "/memory.limit_in_bytes", "9223372036854771712\n"); // none
    root.file(memory + "/a/memory.limit_in_bytes", "536870912\n");
    root.file(memory + "/a/memory.usage_in_bytes", "100\n");
    root.file(memory + "/a/memory.stat", "inactive_file 7\ntotal_inactive_file 400\n");
    root.file(memory + "/a/b/memory.limit_in_bytes", "268435456\n");
    root.file("/sys/fs/cgroup/pids/a/pids.max", "100\n");
    root.file("/sys/fs/cgroup/pids/a/b/pids.max", "max\n");
    root.file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    root.file("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
    root.file("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    auto found = root.read();
    check(lines(found.memory_groups),
          {memory + "/a/b/memory.limit_in_bytes 268435456 0",
           memory + "/a/memory.limit_in_bytes 536870912 0"}); // not less than nothing is in use
    check(lines(found.task_groups), {"/sys/fs/cgroup/pids/a/pids.max 100 0"});
    BOOST_TEST(found.processor_quota.value_or(0) == 2.5);
    BOOST_TEST(found.unclear.empty());
}

BOOST_AUTO_TEST_CASE(what_is_mounted_of_a_hierarchy_may_begin_further_in) {
    auto limit_in = [](std::string const& path) {
        false_machine root;
        root.file("/proc/self/cgroup", "4:memory:" + path + "\n");
        root.file("/proc/self/mountinfo",
                  "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
        root.file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600\n");
        root.file("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "1048576\n");
        std::string values;
        for (auto const& each : root.read().memory_groups)
            values += std::to_string(each.value / mebibyte) + ' ';
        return values;
    };
    BOOST_TEST(limit_in("/docker/abc") == "100 ");
    BOOST_TEST(limit_in("/docker/abc/inner") == "1 100 ");
    BOOST_TEST(limit_in("/docker/abcd") == "100 ");
    BOOST_TEST(limit_in("/elsewhere") == "100 ");
    BOOST_TEST(limit_in("/../other") == "100 ");
}

BOOST_AUTO_TEST_CASE(version_2_mounted_beside_version_1) {
    false_machine root;
    root.file("/proc/self/cgroup", "4:memory:/a\n0::/b\n");
    root.file("/proc/self/mountinfo",
              std::string{first_mounts} +
                  "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    root.file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n");
    root.file("/sys/fs/cgroup/unified/b/memory.max", "2097152\n");
    check(lines(root.read().memory_groups),
          {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes 1048576 0",
           "/sys/fs/cgroup/unified/b/memory.max 2097152 0"});
}

BOOST_AUTO_TEST_CASE(garbage_is_named_or_passed_over) {
    false_machine root;
    root.file("/proc/self/cgroup", "nonsense\n0:\n:\n0::/\n");
    root.file("/proc/self/mountinfo", "1 2 3\n- - - -\n\n" + std::string{second_mount} +
                                          "1 2 3 / /elsewhere rw - cgroup2\n");
    root.file("/sys/fs/cgroup/memory.max", "much\n").file("/sys/fs/cgroup/pids.max", "\n");
    root.file("/sys/fs/cgroup/cpu.max", "1 2 3\n");
    auto found = root.read();
    BOOST_TEST(found.memory_groups.empty());
    BOOST_TEST(found.task_groups.empty());
    BOOST_TEST(!found.processor_quota.has_value());
    BOOST_TEST(found.unclear.size() == 3U);

    root.file("/sys/fs/cgroup/cpu.max", "100000 0\n"); // no period: no quota
    BOOST_TEST(!root.read().processor_quota.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
