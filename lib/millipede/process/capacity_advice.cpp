// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/capacity_advice.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace millipede::detail {
namespace {

constexpr std::uint64_t backlog_wanted = 4'096; // options::listen_backlog
// Fewer bytes of buffers for a connection than this: a quarter of them with one page each.
constexpr std::uint64_t buffer_bytes_min = 1'024;
constexpr std::uint64_t ports_max = 65'535 - 1'024 + 1;
// More connections in a bucket than this, and finding one costs.
constexpr std::uint64_t bucket_entries_max = 4;

using list = std::vector<capacity_advice>;

void advise_on_tracking(list& advice, machine const& found, capacity const& verdict) {
    if (!found.tracking || found.tracking->count != 0 || found.tracking->max >= verdict.wanted)
        return;
    auto number = std::to_string(verdict.wanted + verdict.wanted / 8);
    advice.push_back({"nf_conntrack",
                      "loaded, but it tracks nobody now; as soon as a firewall rule makes it, it "
                      "ends at " +
                          with_thousands(found.tracking->max) + " connections",
                      {{"sysctl.d", "net.netfilter.nf_conntrack_max = " + number}}});
}

void advise_on_buffers(list& advice, machine const& found, capacity const& verdict) {
    if (!found.tcp_pages || verdict.wanted == 0) return;
    auto [calm, pressure, most] = *found.tcp_pages;
    auto bytes = pressure > unlimited / found.page_bytes ? unlimited : pressure * found.page_bytes;
    auto each = bytes / verdict.wanted;
    if (each >= buffer_bytes_min) return;
    auto needed = (verdict.wanted * buffer_bytes_min + found.page_bytes - 1) / found.page_bytes;
    auto line = "net.ipv4.tcp_mem = " + std::to_string(needed * 3 / 4) + ' ' +
                std::to_string(needed) + ' ' + std::to_string(needed * 3 / 2);
    advice.push_back({"net.ipv4.tcp_mem",
                      "the kernel shrinks the buffers of all sockets from " + in_bytes(bytes) +
                          " on, which is " + with_thousands(each) +
                          " bytes for each connection; idle ones need none",
                      {{"sysctl.d", line}}});
}

void advise_on_backlog(list& advice, machine const& found) {
    if (found.backlog_max && *found.backlog_max < backlog_wanted)
        advice.push_back(
            {"net.core.somaxconn",
             "of those who connect at one moment " + with_thousands(*found.backlog_max) +
                 " can wait to be accepted; the others try again a second later",
             {{"sysctl.d", "net.core.somaxconn = " + std::to_string(backlog_wanted)}}});
    if (found.syn_backlog_max && found.syn_cookies == 0U && *found.syn_backlog_max < backlog_wanted)
        advice.push_back({"net.ipv4.tcp_max_syn_backlog",
                          "without tcp_syncookies only " + with_thousands(*found.syn_backlog_max) +
                              " may be about to connect at one moment",
                          {{"sysctl.d", "net.ipv4.tcp_syncookies = 1"},
                           {"or sysctl.d",
                            "net.ipv4.tcp_max_syn_backlog = " + std::to_string(backlog_wanted)}}});
}

void advise_on_processors(list& advice, machine const& found, capacity const& verdict) {
    auto quota = found.processor_quota;
    auto usable = quota ? std::max(1.0, std::floor(*quota)) : found.processors;
    if (static_cast<double>(verdict.workers) <= usable) return;
    std::array<char, 32> share{};
    std::snprintf(share.data(), share.size(), "%.3g", quota.value_or(found.processors));
    advice.push_back({quota ? "processor quota" : "processors",
                      std::to_string(verdict.workers) + " workers share " + share.data() +
                          (quota ? "; those that have used it up stand still together" : ""),
                      {{"option", "--workers " + std::to_string(static_cast<int>(usable))}}});
}

// One bit for each processor, as the kernel has masks: words of 32 bits with commas.
std::string mask_of(std::uint32_t processors) {
    constexpr std::uint32_t word_bits = 32;
    auto count = std::clamp(processors, 1U, 4'096U);
    auto first_bits = (count - 1) % word_bits + 1;
    std::array<char, 16> first{};
    std::snprintf(first.data(), first.size(), "%llx", (1ULL << first_bits) - 1);
    std::string mask = first.data();
    for (auto rest = count - first_bits; rest > 0; rest -= word_bits)
        mask.append(",ffffffff");
    return mask;
}

void advise_on_interfaces(list& advice, machine const& found) {
    for (auto const& each : found.interfaces) {
        if (each.steered || each.queues >= found.processors) continue;
        auto folder = "/sys/class/net/" + each.name + "/queues/";
        advice.push_back({each.name,
                          std::to_string(each.queues) + (each.queues == 1 ? " queue" : " queues") +
                              " of receiving for " + std::to_string(found.processors) +
                              " processors: the others receive nothing from the network",
                          {{"shell (root)", "ethtool -L " + each.name + " combined " +
                                                std::to_string(found.processors)},
                           {"or shell", "for q in " + folder + "rx-*; do echo " +
                                            mask_of(found.processors) + " > $q/rps_cpus; done"}}});
    }
}

void advise_on_ports(list& advice, machine const& found, capacity const& verdict) {
    if (!found.local_ports || (*found.local_ports)[1] < (*found.local_ports)[0]) return;
    auto ports = (*found.local_ports)[1] - (*found.local_ports)[0] + 1;
    if (verdict.wanted <= ports) return;
    auto sources = [&](std::uint64_t each) {
        return with_thousands((verdict.wanted + each - 1) / each);
    };
    capacity_advice advised{"net.ipv4.ip_local_port_range",
                            "no limit of a server; who connects from here to one address and port "
                            "(a load generator, a proxy) has " +
                                with_thousands(ports) + " ports for each source address: " +
                                sources(ports) + " addresses for that many",
                            {}};
    if (ports < ports_max) {
        advised.text += ", or " + sources(ports_max) + " with the widest range";
        advised.remedies = {{"sysctl.d", "net.ipv4.ip_local_port_range = 1024 65535"}};
    }
    advice.push_back(std::move(advised));
}

void advise_on_hash(list& advice, machine const& found, capacity const& verdict) {
    if (!found.hash_entries || *found.hash_entries == 0) return;
    if (verdict.wanted / bucket_entries_max <= *found.hash_entries) return;
    std::uint64_t wanted = 1;
    while (wanted < verdict.wanted / 2)
        wanted *= 2;
    advice.push_back(
        {"net.ipv4.tcp_ehash_entries",
         "the kernel's table of connections has " + with_thousands(*found.hash_entries) +
             " buckets: each packet looks through " +
             with_thousands(verdict.wanted / *found.hash_entries) + " connections on average",
         {{"kernel arguments", "thash_entries=" + std::to_string(wanted)}}});
}

void advise_on_swap(list& advice, machine const& found) {
    if (found.swap_total.value_or(0) == 0) return;
    advice.push_back({"swap",
                      "slots of connections that are idle for long may be swapped out, and then "
                      "messages wait for a disk",
                      {{"systemd", "MemorySwapMax=0"}, {"or sysctl.d", "vm.swappiness = 1"}}});
}

} // namespace

std::string with_thousands(std::uint64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    return digits;
}

std::string in_bytes(std::uint64_t bytes) {
    constexpr std::array<char const*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1'024 && unit + 1 < units.size(); ++unit)
        value /= 1'024;
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text.data();
}

std::vector<capacity_advice> advice_for(machine const& found, capacity const& verdict) {
    list advice;
    advise_on_tracking(advice, found, verdict);
    advise_on_buffers(advice, found, verdict);
    advise_on_backlog(advice, found);
    advise_on_processors(advice, found, verdict);
    advise_on_interfaces(advice, found);
    advise_on_hash(advice, found, verdict);
    advise_on_swap(advice, found);
    advise_on_ports(advice, found, verdict);
    return advice;
}

} // namespace millipede::detail
