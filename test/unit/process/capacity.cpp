// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/capacity.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(capacities)

using millipede::capacity;
using millipede::capacity_limit;
using millipede::capacity_of;
using millipede::capacity_question;
using millipede::machine;
using millipede::unlimited;

namespace {

constexpr std::uint64_t gibibyte = 1ULL << 30;
constexpr std::uint64_t endless = 1ULL << 50;

// More than enough of everything, for two workers.
machine large_machine() {
    machine found;
    found.descriptors_soft = found.descriptors_hard = unlimited;
    found.nr_open = found.files_max = found.watches_max = found.threads_max = endless;
    found.memory_available = found.memory_total = endless;
    found.processors = found.processors_online = 2;
    return found;
}

capacity verdict_of(std::function<void(machine&)> const& apply, capacity_question asked = {}) {
    auto found = large_machine();
    apply(found);
    return capacity_of(found, asked);
}

constexpr std::uint64_t wanted = 1'000'001; // odd: two workers cannot share it evenly
constexpr capacity_question million{.connections = wanted};

std::string lines(std::vector<millipede::remedy> const& remedies) {
    std::string text;
    for (auto const& each : remedies)
        text += each.where + ": " + each.line + '\n';
    return text;
}

// A limit that `set` lowers must be the first to end, enough when it is what is "needed", and too
// small by one less; `remedies` change it.
capacity_limit check_limit(std::string const& name,
                           std::function<void(machine&, std::uint64_t)> const& set) {
    capacity_limit first;
    BOOST_TEST_CONTEXT(name) {
        auto with = [&](std::uint64_t value) {
            return verdict_of([&](machine& found) { set(found, value); }, million);
        };
        auto small = with(1);
        BOOST_TEST((small.enough() == false));
        first = small.limits.front();
        BOOST_TEST(first.name == name);
        BOOST_TEST(first.value == 1U);
        BOOST_TEST(first.allows == 0U);
        BOOST_TEST(first.remedies.size() > 0U);
        BOOST_TEST((with(first.needs).enough() == true));
        BOOST_TEST((with(first.needs - 1).enough() == false));
    }
    return first;
}

} // namespace

BOOST_AUTO_TEST_CASE(descriptors_of_the_process) {
    auto limit = check_limit("RLIMIT_NOFILE (hard)", [](machine& found, std::uint64_t value) {
        found.descriptors_hard = value;
    });
    BOOST_TEST(limit.needs == 1'000'002U + millipede::descriptors_beside(2));
    BOOST_TEST(lines(limit.remedies) == "systemd: LimitNOFILE=1000042\n"
                                        "limits.conf: * - nofile 1000042\n"
                                        "docker: --ulimit nofile=1000042:1000042\n"
                                        "shell (root): ulimit -Hn 1000042\n");
}

BOOST_AUTO_TEST_CASE(descriptors_are_shared_evenly_as_servers_do) {
    for (std::uint64_t limit : {41U, 42U, 43U, 300U, 301U, 20'000U}) {
        auto verdict = verdict_of([&](machine& found) { found.descriptors_hard = limit; });
        BOOST_TEST(verdict.holds() == (limit - 40) / 2 * 2);
    }
}

BOOST_AUTO_TEST_CASE(limits_of_the_system) {
    auto open = check_limit("fs.nr_open",
                            [](machine& found, std::uint64_t value) { found.nr_open = value; });
    BOOST_TEST(lines(open.remedies) == "sysctl.d: fs.nr_open = 1000042\n");
    auto files = check_limit("fs.file-max", [](machine& found, std::uint64_t value) {
        found.files_max = value;
        found.files_open = 1'000;
    });
    BOOST_TEST(files.in_use == 1'000U);
    BOOST_TEST(files.needs == 1'001'041U);
    BOOST_TEST(lines(files.remedies) == "sysctl.d: fs.file-max = 1126171\n"); // an eighth more
    auto watches =
        check_limit("fs.epoll.max_user_watches",
                    [](machine& found, std::uint64_t value) { found.watches_max = value; });
    BOOST_TEST(lines(watches.remedies) == "sysctl.d: fs.epoll.max_user_watches = 1125046\n");
}

BOOST_AUTO_TEST_CASE(memory) {
    auto limit = check_limit("memory available", [](machine& found, std::uint64_t value) {
        found.memory_available = value;
    });
    BOOST_TEST(limit.in_bytes);
    BOOST_TEST(limit.needs > wanted * 4'144);
    BOOST_TEST(limit.needs < wanted * 4'144 + gibibyte);
    BOOST_TEST(lines(limit.remedies) == "machine: 3.9 GiB more memory, or fewer other programs\n");
}

BOOST_AUTO_TEST_CASE(memory_that_is_promised) {
    auto limit = check_limit("vm.overcommit_memory = 2", [](machine& found, std::uint64_t value) {
        found.commit_limit = value;
        found.committed = gibibyte;
    });
    BOOST_TEST(limit.needs < gibibyte + wanted * 48 + gibibyte); // the kernel's memory is not in it
    BOOST_TEST(lines(limit.remedies) == "sysctl.d: vm.overcommit_memory = 0\n");
}

BOOST_AUTO_TEST_CASE(memory_of_groups) {
    std::string const file = "/sys/fs/cgroup/memory.max";
    auto hard = check_limit(file, [&](machine& found, std::uint64_t value) {
        found.memory_groups = {{file, value, gibibyte}};
    });
    BOOST_TEST(hard.in_use == gibibyte);
    BOOST_TEST(lines(hard.remedies) == "systemd: MemoryMax=4985M\ndocker: --memory 4985m\n");
    auto soft = check_limit(file, [&](machine& found, std::uint64_t value) {
        found.memory_groups = {{"outer", endless, 0}, {file, value, 0, true}};
    });
    BOOST_TEST(lines(soft.remedies) == "systemd: MemoryHigh=3961M\n");
}

BOOST_AUTO_TEST_CASE(threads_end_all_or_nothing) {
    auto threads = check_limit("kernel.threads-max", [](machine& found, std::uint64_t value) {
        found.threads_max = value;
        found.threads = 150;
    });
    BOOST_TEST(threads.needs == 160U); // two workers, and eight threads beside them
    BOOST_TEST(lines(threads.remedies) == "sysctl.d: kernel.threads-max = 180\n");
    auto tasks = check_limit("pids.max", [](machine& found, std::uint64_t value) {
        found.task_groups = {{"pids.max", value, 7}};
    });
    BOOST_TEST(lines(tasks.remedies) == "systemd: TasksMax=17\ndocker: --pids-limit 17\n");
    auto enough = verdict_of([](machine& found) { found.threads_max = 10; });
    for (auto const& each : enough.limits)
        if (each.name == "kernel.threads-max") BOOST_TEST(each.allows == unlimited);
}

BOOST_AUTO_TEST_CASE(tracked_connections) {
    std::string const name = "net.netfilter.nf_conntrack_max";
    auto limit = check_limit(name, [](machine& found, std::uint64_t value) {
        found.tracking = {value, 5};
    });
    BOOST_TEST(limit.needs == wanted + 5);
    BOOST_TEST(lines(limit.remedies).starts_with("sysctl.d: " + name + " = 1125006\n"));
    // Loaded, and no rule uses it: it ends nobody, but may one day.
    auto idle = verdict_of([](machine& found) { found.tracking = {1'000, 0}; }, million);
    BOOST_TEST((idle.enough() == true));
    BOOST_REQUIRE(idle.advice.size() == 1U);
    BOOST_TEST(idle.advice.front().name == "nf_conntrack");
    BOOST_TEST(lines(idle.advice.front().remedies) == "sysctl.d: " + name + " = 1125001\n");
}

BOOST_AUTO_TEST_CASE(slots_of_workers) {
    capacity_question asked{.connections = 20'000'000, .workers = 1};
    auto verdict = verdict_of([](machine&) {}, asked);
    BOOST_TEST((verdict.enough() == false));
    BOOST_TEST(verdict.holds() == 1U << 24);
    BOOST_TEST(lines(verdict.limits.front().remedies) == "option: --workers 2\n");
    asked.workers = 2;
    BOOST_TEST((verdict_of([](machine&) {}, asked).enough() == true));
}

BOOST_AUTO_TEST_CASE(what_ends_first_is_in_front) {
    auto verdict = verdict_of([](machine& found) {
        found.descriptors_hard = 1'048'576;
        found.files_max = 900'000;
        found.memory_available = gibibyte;
    });
    std::vector<std::string> names;
    for (auto const& each : verdict.limits)
        if (each.allows < 2'000'000) names.push_back(each.name);
    std::vector<std::string> expected{"memory available", "fs.file-max", "RLIMIT_NOFILE (hard)"};
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    BOOST_TEST(verdict.holds() == verdict.limits.front().allows);
    for (auto const& each : verdict.limits) { // nobody asked for more
        BOOST_TEST(each.needs == 0U);
        BOOST_TEST(each.remedies.empty());
    }
}

BOOST_AUTO_TEST_CASE(bytes_of_a_connection) {
    auto bytes = [](capacity_question const& asked) {
        return verdict_of([](machine&) {}, asked).bytes_per_connection;
    };
    BOOST_TEST(bytes({}) == 4'096U + 48);
    BOOST_TEST(bytes({.tls = true}) == 4'096U + 48 + 14'234);
    BOOST_TEST(bytes({.transport = millipede::transport_kind::asio}) == 4'096U + 4'980);
    BOOST_TEST(bytes({.bytes_beside = 1'000}) == 4'096U + 48 + 1'000);
    BOOST_TEST(bytes({.bytes_beside = unlimited}) == unlimited);
}

BOOST_AUTO_TEST_CASE(workers_are_one_for_every_processor) {
    auto workers = [](std::uint32_t processors, std::uint32_t asked) {
        return verdict_of([&](machine& found) { found.processors_online = processors; },
                          {.workers = asked})
            .workers;
    };
    BOOST_TEST(workers(6, 0) == 6U);
    BOOST_TEST(workers(6, 3) == 3U);
    BOOST_TEST(workers(1'000, 0) == 256U);
    BOOST_TEST(workers(0, 0) == 1U);
}

BOOST_AUTO_TEST_CASE(without_the_main_limits_there_is_no_yes) {
    auto no_memory = verdict_of([](machine& found) { found.memory_available.reset(); }, million);
    BOOST_TEST(!no_memory.enough().has_value());
    auto no_files = verdict_of([](machine& found) { found.descriptors_hard.reset(); }, million);
    BOOST_TEST(!no_files.enough().has_value());
    auto unclear =
        verdict_of([](machine& found) { found.unclear = {"/proc/x: garbage"}; }, million);
    BOOST_TEST(!unclear.enough().has_value());
    // But a no is a no.
    auto no = verdict_of(
        [](machine& found) {
            found.memory_available.reset();
            found.nr_open = 1'000;
        },
        million);
    BOOST_TEST((no.enough() == false));
    // And what this kernel does not have ends nobody.
    auto old = verdict_of(
        [](machine& found) {
            found.watches_max.reset();
            found.nr_open.reset();
        },
        million);
    BOOST_TEST((old.enough() == true));
}

BOOST_AUTO_TEST_CASE(numbers_at_their_end_do_not_wrap) {
    auto verdict = verdict_of(
        [](machine& found) {
            found.files_max = 1'000'000'000;
            found.files_open = unlimited;
            found.memory_groups = {{"group", gibibyte, unlimited}};
        },
        {.connections = unlimited, .workers = 256, .bytes_beside = unlimited});
    BOOST_TEST((verdict.enough() == false));
    BOOST_TEST(verdict.holds() == 0U);
    for (auto const& each : verdict.limits)
        BOOST_TEST(each.needs == (each.name == "kernel.threads-max" ? 256U + 8U : unlimited));
}

BOOST_AUTO_TEST_SUITE_END()
