// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/machine.hpp>

#include <millipede/process/control_groups.hpp>
#include <millipede/process/machine_files.hpp>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

namespace millipede {
namespace {

using detail::lines_of;
using detail::machine_files;
using detail::number_of;
using detail::words_of;

constexpr std::uint64_t kilobyte = 1'024;

std::uint64_t of_limit(rlim_t value) {
    return value == RLIM_INFINITY ? unlimited : std::uint64_t{value};
}

void read_descriptors(machine_files& files, machine& found) {
    rlimit limit{};
    if (files.of_this_machine()) { // needs no /proc
        if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
        found.descriptors_soft = of_limit(limit.rlim_cur);
        found.descriptors_hard = of_limit(limit.rlim_max);
        return;
    }
    std::string const path = "/proc/self/limits";
    constexpr std::string_view name = "Max open files";
    for (auto content = files.text(path).value_or(""); auto line : lines_of(content)) {
        if (!line.starts_with(name)) continue;
        auto words = words_of(line.substr(name.size()));
        if (words.size() >= 2) {
            found.descriptors_soft = number_of(words[0]);
            found.descriptors_hard = number_of(words[1]);
        }
        if (!found.descriptors_hard) files.complain(path, "Max open files is no number");
    }
}

void read_files(machine_files& files, machine& found) {
    found.nr_open = files.number("/proc/sys/fs/nr_open");
    found.files_max = files.number("/proc/sys/fs/file-max");
    if (auto numbers = files.numbers<3>("/proc/sys/fs/file-nr")) // allocated, unused, most
        found.files_open = (*numbers)[0] - std::min((*numbers)[0], (*numbers)[1]);
    found.watches_max = files.number("/proc/sys/fs/epoll/max_user_watches");
    found.threads_max = files.number("/proc/sys/kernel/threads-max");
    std::string const path = "/proc/loadavg"; // 0.42 0.21 0.10 1/157 4711
    auto content = files.text(path);
    if (!content) return;
    auto words = words_of(*content);
    auto slash = words.size() < 4 ? std::string_view::npos : words[3].find('/');
    if (slash != std::string_view::npos) found.threads = number_of(words[3].substr(slash + 1));
    if (!found.threads) files.complain(path, "no number of threads");
}

void read_memory(machine_files& files, machine& found) {
    std::string const path = "/proc/meminfo";
    auto content = files.text(path);
    if (!content) return;
    auto bytes = [&](std::string_view name) {
        auto kilobytes = files.field(path, *content, name);
        if (!kilobytes) return kilobytes;
        return std::optional{std::min(*kilobytes, unlimited / kilobyte) * kilobyte};
    };
    found.memory_total = bytes("MemTotal:");
    found.memory_available = bytes("MemAvailable:");
    found.swap_total = bytes("SwapTotal:");
    constexpr std::uint64_t promises_kept = 2;
    if (files.number("/proc/sys/vm/overcommit_memory") != promises_kept) return;
    found.commit_limit = bytes("CommitLimit:");
    found.committed = bytes("Committed_AS:");
}

void read_network(machine_files& files, machine& found) {
    std::string const ipv4 = "/proc/sys/net/ipv4/";
    found.backlog_max = files.number("/proc/sys/net/core/somaxconn");
    found.syn_backlog_max = files.number(ipv4 + "tcp_max_syn_backlog");
    found.syn_cookies = files.number(ipv4 + "tcp_syncookies");
    found.tcp_pages = files.numbers<3>(ipv4 + "tcp_mem");
    found.receive_bytes = files.numbers<3>(ipv4 + "tcp_rmem");
    found.send_bytes = files.numbers<3>(ipv4 + "tcp_wmem");
    found.local_ports = files.numbers<2>(ipv4 + "ip_local_port_range");
    // A namespace that shares the machine's table says so by a minus.
    auto path = ipv4 + "tcp_ehash_entries";
    if (auto content = files.text(path)) {
        auto words = words_of(*content);
        auto word = words.empty() ? std::string_view{} : words.front();
        found.hash_entries = number_of(word.substr(word.starts_with('-') ? 1 : 0));
        if (!found.hash_entries) files.complain(path, "no whole number");
    }
    if (auto max = files.number("/proc/sys/net/netfilter/nf_conntrack_max"))
        found.tracking = {*max,
                          files.number("/proc/sys/net/netfilter/nf_conntrack_count").value_or(0)};
}

// "0-3,8": five. None: it is no such list.
std::optional<std::uint32_t> processors_in(std::string_view list) {
    constexpr std::uint64_t processors_max = 1U << 20;
    std::uint64_t sum = 0;
    for (auto range : detail::parts_of(list, ",")) {
        auto ends = detail::parts_of(range, "-");
        bool right = ends.size() == 1 || ends.size() == 2;
        auto first = right ? number_of(ends.front()) : std::nullopt;
        auto last = right ? number_of(ends.back()) : std::nullopt;
        right = first && last && *first <= *last && *last < processors_max && !range.ends_with('-');
        if (!right) return std::nullopt;
        sum += *last - *first + 1;
    }
    return sum == 0 ? std::nullopt : std::optional{static_cast<std::uint32_t>(sum)};
}

// Of those that this process may use; none when the system does not tell.
std::optional<std::uint32_t> affinity() {
    constexpr std::size_t processors_max = 1U << 16;
    std::vector<cpu_set_t> set(processors_max / CPU_SETSIZE);
    auto bytes = set.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, set.data()) != 0) return std::nullopt;
    return static_cast<std::uint32_t>(CPU_COUNT_S(bytes, set.data()));
}

void read_processors(machine_files& files, machine& found) {
    if (files.of_this_machine()) {
        found.processors_online = std::max(std::thread::hardware_concurrency(), 1U);
        found.processors = affinity().value_or(found.processors_online);
        return;
    }
    std::optional<std::uint32_t> allowed, online;
    std::string const status = "/proc/self/status";
    for (auto content = files.text(status).value_or(""); auto line : lines_of(content)) {
        auto words = words_of(line);
        if (words.size() != 2 || words[0] != "Cpus_allowed_list:") continue;
        allowed = processors_in(words[1]);
        if (!allowed) files.complain(status, "Cpus_allowed_list is no list");
    }
    std::string const system = "/sys/devices/system/cpu/online";
    if (auto content = files.text(system)) {
        auto words = words_of(*content);
        online = processors_in(words.empty() ? "" : words.front());
        if (!online) files.complain(system, "no list of processors");
    }
    found.processors = allowed ? *allowed : online.value_or(1);
    found.processors_online = online.value_or(found.processors);
}

void read_interfaces(machine_files& files, machine& found) {
    std::string const folder = "/sys/class/net/";
    for (auto const& name : files.names_in(folder)) {
        if (name == "lo" || name == "bonding_masters") continue;
        receiving_interface interface { name };
        auto queues = folder + name + "/queues/";
        for (auto const& queue : files.names_in(queues)) {
            if (!queue.starts_with("rx-")) continue;
            ++interface.queues;
            auto mask = files.text(queues + queue + "/rps_cpus").value_or(""); // 00000000,0000000f
            interface.steered |= mask.find_first_not_of("0,\n") != std::string::npos;
        }
        // What has no hardware behind it (bridges, tunnels) receives by the one that has.
        auto hardware = files.names_in(folder + name + "/device");
        if (interface.queues > 0 && !hardware.empty())
            found.interfaces.push_back(std::move(interface));
    }
}

} // namespace

machine read_machine(std::filesystem::path const& root) {
    machine found;
    machine_files files{root};
    if (auto bytes = ::sysconf(_SC_PAGESIZE); bytes > 0)
        found.page_bytes = static_cast<std::uint64_t>(bytes);
    read_descriptors(files, found);
    read_files(files, found);
    read_memory(files, found);
    read_network(files, found);
    read_processors(files, found);
    read_interfaces(files, found);
    detail::read_control_groups(files, found);
    found.unclear = files.complaints();
    return found;
}

} // namespace millipede
