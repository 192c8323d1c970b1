// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/capacity.hpp>

#include <millipede/base/connection_id.hpp>
#include <millipede/process/capacity_advice.hpp>

#include <algorithm>
#include <utility>

namespace millipede {
namespace {

constexpr std::uint64_t mebibyte = 1'024 * 1'024;
// A server without connections has less: some 700 KB were seen.
constexpr std::uint64_t process_bytes = 8 * mebibyte;
constexpr std::uint64_t worker_bytes = mebibyte / 4; // both scratch buffers, queues, stack
// The main thread, the log's, the supervisor's, and four for handlers that block.
constexpr std::uint64_t threads_beside = 8;
constexpr std::uint64_t stack_bytes = 8 * mebibyte; // address space of a thread, where it counts
// For what shares a limit with the server, and changes while nobody looks.
constexpr std::uint64_t headroom_share = 8;

// Sums and products that stop at `unlimited`: what was read may be anything.
std::uint64_t sum(std::uint64_t one, std::uint64_t other) {
    return one > unlimited - other ? unlimited : one + other;
}

std::uint64_t product(std::uint64_t one, std::uint64_t other) {
    return other != 0 && one > unlimited / other ? unlimited : one * other;
}

std::string sysctl_line(char const* name, std::uint64_t value) {
    return std::string{name} + " = " + std::to_string(value);
}

std::uint64_t with_headroom(std::uint64_t value) {
    return sum(value, value / headroom_share);
}

std::uint64_t in_mebibytes(std::uint64_t bytes) {
    return bytes / mebibyte + (bytes % mebibyte != 0 ? 1 : 0);
}

// A limit of which a server takes `fixed` for itself and `each` for a connection, in steps.
struct demand {
    std::uint64_t fixed = 0;
    std::uint64_t each = 0; ///< 0: connections take nothing of it.
    std::uint64_t step = 1; ///< Only multiples of so many connections can be had.
};

std::uint64_t stepped_up(std::uint64_t connections, std::uint64_t step) {
    return connections % step == 0 ? connections : product(connections / step + 1, step);
}

// Draws up the list of limits, from the machine's for the one who asks.
class limit_list {
  public:
    limit_list(machine const& found, capacity const& verdict)
        : found_{found},
          wanted_{verdict.wanted},
          workers_{verdict.workers},
          user_bytes_{verdict.bytes_per_connection - kernel_bytes_per_connection},
          all_bytes_{verdict.bytes_per_connection} {}

    std::vector<capacity_limit> drawn_up() {
        add_descriptors();
        add_files();
        add_watches();
        add_memory();
        add_groups();
        add_threads();
        add_tracking();
        add_slots();
        std::stable_sort(limits_.begin(), limits_.end(), [](auto const& one, auto const& other) {
            return one.allows < other.allows;
        });
        return std::move(limits_);
    }

  private:
    // Adds a limit; the returned one is short of what is wanted, or null: no remedies are needed.
    capacity_limit* add(std::string name, bool in_bytes, std::uint64_t value, std::uint64_t in_use,
                        demand const& taken) {
        auto beside = sum(in_use, taken.fixed);
        capacity_limit limit{std::move(name), in_bytes, value, in_use};
        auto room = value > beside ? value - beside : 0;
        bool endless = value == unlimited || (taken.each == 0 && value >= beside);
        limit.allows = endless           ? unlimited
                       : taken.each == 0 ? 0
                                         : room / taken.each / taken.step * taken.step;
        if (wanted_ > 0)
            limit.needs = sum(beside, product(stepped_up(wanted_, taken.step), taken.each));
        limits_.push_back(std::move(limit));
        return limits_.back().allows < wanted_ ? &limits_.back() : nullptr;
    }

    void add_descriptors() {
        demand taken{descriptors_beside(workers_), 1, workers_};
        if (found_.descriptors_hard) {
            auto* lacking = add("RLIMIT_NOFILE (hard)", false, *found_.descriptors_hard, 0, taken);
            if (lacking) {
                auto number = std::to_string(lacking->needs);
                lacking->remedies = {{"systemd", "LimitNOFILE=" + number},
                                     {"limits.conf", "* - nofile " + number},
                                     {"docker", "--ulimit nofile=" + number + ':' + number},
                                     {"shell (root)", "ulimit -Hn " + number}};
            }
        }
        if (found_.nr_open)
            if (auto* lacking = add("fs.nr_open", false, *found_.nr_open, 0, taken))
                lacking->remedies = {{"sysctl.d", sysctl_line("fs.nr_open", lacking->needs)}};
    }

    void add_files() {
        if (!found_.files_max) return;
        auto* lacking = add("fs.file-max", false, *found_.files_max, found_.files_open.value_or(0),
                            {descriptors_beside(workers_), 1});
        if (lacking)
            lacking->remedies = {
                {"sysctl.d", sysctl_line("fs.file-max", with_headroom(lacking->needs))}};
    }

    void add_watches() {
        if (!found_.watches_max) return;
        auto* lacking = add("fs.epoll.max_user_watches", false, *found_.watches_max, 0,
                            {descriptors_beside(workers_), 1});
        if (lacking)
            lacking->remedies = {{"sysctl.d", sysctl_line("fs.epoll.max_user_watches",
                                                          with_headroom(lacking->needs))}};
    }

    void add_memory() {
        demand taken{process_bytes + workers_ * worker_bytes, all_bytes_};
        if (found_.memory_available) {
            auto* lacking = add("memory available", true, *found_.memory_available, 0, taken);
            if (lacking)
                lacking->remedies = {{"machine", detail::in_bytes(lacking->needs - lacking->value) +
                                                     " more memory, or fewer other programs"}};
        }
        if (!found_.commit_limit) return;
        auto stacks = (workers_ + threads_beside) * stack_bytes;
        auto* lacking = add("vm.overcommit_memory = 2", true, *found_.commit_limit,
                            found_.committed.value_or(0), {taken.fixed + stacks, user_bytes_});
        if (lacking) lacking->remedies = {{"sysctl.d", "vm.overcommit_memory = 0"}};
    }

    void add_groups() {
        demand bytes{process_bytes + workers_ * worker_bytes, all_bytes_};
        for (auto const& group : found_.memory_groups) {
            auto* lacking = add(group.file, true, group.value, group.in_use, bytes);
            if (!lacking) continue;
            auto number = std::to_string(in_mebibytes(lacking->needs));
            auto word = group.throttles ? "MemoryHigh=" : "MemoryMax=";
            lacking->remedies = {{"systemd", word + number + 'M'}};
            if (!group.throttles)
                lacking->remedies.push_back({"docker", "--memory " + number + "m"});
        }
        for (auto const& group : found_.task_groups) {
            auto* lacking =
                add(group.file, false, group.value, group.in_use, {workers_ + threads_beside, 0});
            if (!lacking) continue;
            auto number = std::to_string(lacking->needs);
            lacking->remedies = {{"systemd", "TasksMax=" + number},
                                 {"docker", "--pids-limit " + number}};
        }
    }

    void add_threads() {
        if (!found_.threads_max) return;
        auto* lacking = add("kernel.threads-max", false, *found_.threads_max,
                            found_.threads.value_or(0), {workers_ + threads_beside, 0});
        if (lacking)
            lacking->remedies = {
                {"sysctl.d", sysctl_line("kernel.threads-max", with_headroom(lacking->needs))}};
    }

    // While nobody is tracked, it ends nobody: see the advice.
    void add_tracking() {
        if (!found_.tracking || found_.tracking->count == 0) return;
        constexpr char name[] = "net.netfilter.nf_conntrack_max";
        auto* lacking = add(name, false, found_.tracking->max, found_.tracking->count, {0, 1});
        if (lacking)
            lacking->remedies = {
                {"sysctl.d", sysctl_line(name, with_headroom(lacking->needs))},
                {"or shell", "nft add rule inet raw prerouting tcp dport PORT notrack"},
                {"and shell", "nft add rule inet raw output tcp sport PORT notrack"}};
    }

    void add_slots() {
        auto* lacking = add("slots of Millipede's workers", false,
                            std::uint64_t{workers_} * connection_id::slots_max, 0, {0, 1});
        auto needed = sum(wanted_, connection_id::slots_max - 1) / connection_id::slots_max;
        if (lacking) lacking->remedies = {{"option", "--workers " + std::to_string(needed)}};
    }

    machine const& found_;
    std::uint64_t wanted_;
    std::uint32_t workers_;
    std::uint64_t user_bytes_;
    std::uint64_t all_bytes_;
    std::vector<capacity_limit> limits_{};
};

} // namespace

capacity capacity_of(machine const& found, capacity_question const& asked) {
    capacity verdict;
    verdict.wanted = asked.connections;
    verdict.workers = asked.workers != 0 ? asked.workers
                                         : std::clamp(found.processors_online, 1U,
                                                      std::uint32_t{connection_id::workers_max});
    auto of_ours = kernel_bytes_per_connection +
                   (asked.transport == transport_kind::asio ? asio_bytes_per_connection
                                                            : user_bytes_per_connection) +
                   (asked.tls ? tls_bytes_per_connection : 0);
    verdict.bytes_per_connection = sum(asked.bytes_beside, of_ours);
    verdict.unclear = found.unclear;
    if (!found.descriptors_hard) verdict.unclear.push_back("RLIMIT_NOFILE: not known");
    if (!found.memory_available)
        verdict.unclear.push_back("/proc/meminfo: says nothing of available memory");
    verdict.limits = limit_list{found, verdict}.drawn_up();
    verdict.advice = detail::advice_for(found, verdict);
    return verdict;
}

} // namespace millipede
