// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace millipede {

/// Stands where a limit says "unlimited" or "max".
inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// A limit of a control group that this process is in, or of one around it.
struct control_group_limit {
    std::string file;         ///< Where it stands, as a path of the machine.
    std::uint64_t value;      ///< In bytes or tasks; never `unlimited`.
    std::uint64_t in_use = 0; ///< Of it; file cache that the kernel would give back is not.
    bool throttles = false;   ///< Beyond it processes are slowed down, not refused (memory.high).
};

/// How a network interface hands what it receives to processors.
struct receiving_interface {
    std::string name;         ///< As `ip link` has it.
    std::uint32_t queues = 0; ///< Of receiving; the loopback interface is not listed.
    bool steered = false;     ///< Packets of some queue are spread over processors (RPS).
};

/// What the kernel's table of tracked connections holds, when the module is loaded.
struct connection_tracking {
    std::uint64_t max = 0;   ///< Entries that it may have.
    std::uint64_t count = 0; ///< That it has, here. 0 while others talk: no rule needs tracking.
};

/// The limits of a machine and of this process on it that many connections may meet. What could
/// not be learned is empty: there is no such limit in this kernel, or it is not shown here.
struct machine {
    std::optional<std::uint64_t> descriptors_soft{}; ///< RLIMIT_NOFILE; servers raise it ...
    std::optional<std::uint64_t> descriptors_hard{}; ///< ... to this one.
    std::optional<std::uint64_t> nr_open{};          ///< What RLIMIT_NOFILE may be at most.
    std::optional<std::uint64_t> files_max{};        ///< Open files of all processes ...
    std::optional<std::uint64_t> files_open{};       ///< ... and how many there are.
    std::optional<std::uint64_t> watches_max{};      ///< What a user may have in epoll sets.
    std::optional<std::uint64_t> threads_max{};      ///< Of all processes ...
    std::optional<std::uint64_t> threads{};          ///< ... and how many there are.

    std::optional<std::uint64_t> memory_total{};     ///< Bytes of the machine.
    std::optional<std::uint64_t> memory_available{}; ///< Bytes that could be had without swapping.
    std::optional<std::uint64_t> swap_total{};       ///< Bytes.
    /// Bytes that all processes may be promised, and are; only where the kernel promises no more
    /// than it has (vm.overcommit_memory = 2).
    std::optional<std::uint64_t> commit_limit{};
    std::optional<std::uint64_t> committed{}; ///< See `commit_limit`.

    std::vector<control_group_limit> memory_groups{}; ///< In bytes, from the inside to the outside.
    std::vector<control_group_limit> task_groups{};   ///< In tasks (threads), likewise.

    std::uint32_t processors = 1;        ///< That this process may run on ...
    std::uint32_t processors_online = 1; ///< ... and that there are: as many workers by default.
    std::optional<double> processor_quota{}; ///< So many of them at a time, by control groups.
    std::vector<receiving_interface> interfaces{}; ///< In order of their names.

    std::optional<std::uint64_t> backlog_max{};     ///< net.core.somaxconn.
    std::optional<std::uint64_t> syn_backlog_max{}; ///< net.ipv4.tcp_max_syn_backlog.
    std::optional<std::uint64_t> syn_cookies{};     ///< net.ipv4.tcp_syncookies.
    std::optional<std::uint64_t> hash_entries{};    ///< Of the kernel's table of connections.
    /// Pages for the buffers of all TCP sockets: all is well, pressure, no more.
    std::optional<std::array<std::uint64_t, 3>> tcp_pages{};
    /// Bytes of one socket's received data: least, at first, most.
    std::optional<std::array<std::uint64_t, 3>> receive_bytes{};
    /// Bytes of one socket's unsent data: least, at first, most.
    std::optional<std::array<std::uint64_t, 3>> send_bytes{};
    /// First and last port for who connects without choosing one.
    std::optional<std::array<std::uint64_t, 2>> local_ports{};
    std::optional<connection_tracking> tracking{}; ///< Empty: not loaded.

    std::uint64_t page_bytes = 4'096; ///< Of a page of memory.

    /// Files that are there and could not be read or understood, each with the reason. A verdict
    /// without them may be wrong.
    std::vector<std::string> unclear{};
};

/// Reads /proc and /sys, some thirty small files: about a millisecond. Never fails: what cannot be
/// read stays empty. \param root where `proc` and `sys` are; another one than "/" is for tests and
/// for copies of another machine's files: then RLIMIT_NOFILE is read from `proc/self/limits`, too.
/// Any thread. \throws std::bad_alloc
machine read_machine(std::filesystem::path const& root = "/");

} // namespace millipede
