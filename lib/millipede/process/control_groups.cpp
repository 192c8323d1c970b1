// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/control_groups.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millipede::detail {
namespace {

// Version 1 says "no limit" by the largest number of whole pages.
constexpr std::uint64_t endless_bytes = std::uint64_t{1} << 62;

// Where the groups of one hierarchy are mounted.
struct hierarchy {
    std::string root;  ///< The group that is seen at `point`.
    std::string point; ///< A folder.
    bool second;       ///< Of version 2.
    std::string controllers;
};

bool lists(std::string_view names, std::string_view wanted) {
    while (!names.empty()) {
        auto end = std::min(names.find(','), names.size());
        if (names.substr(0, end) == wanted) return true;
        names.remove_prefix(std::min(end + 1, names.size()));
    }
    return false;
}

// Lines like: 31 23 0:28 /root /point rw,relatime shared:9 - cgroup cgroup rw,memory
std::vector<hierarchy> mounted(std::string_view mountinfo) {
    std::vector<hierarchy> found;
    for (auto line : lines_of(mountinfo)) {
        auto words = words_of(line);
        auto dash = std::find(words.begin(), words.end(), "-");
        if (dash - words.begin() < 6 || words.end() - dash < 4) continue;
        bool second = dash[1] == "cgroup2";
        if (second || dash[1] == "cgroup")
            found.push_back(
                {std::string{words[3]}, std::string{words[4]}, second, std::string{dash[3]}});
    }
    return found;
}

// From the group of this process outwards: the folders of a controller, or of version 2.
std::vector<std::string> folders(hierarchy const& where, std::string path) {
    // Seen from within a container the path may begin outside of what is mounted.
    if (where.root != "/")
        path = path.starts_with(where.root) ? path.substr(where.root.size()) : "";
    if (!path.starts_with('/') || path.find("..") != std::string::npos) path.clear();
    std::vector<std::string> found;
    while (!path.empty() && path != "/") {
        found.push_back(where.point + path);
        path.erase(path.find_last_of('/'));
    }
    found.push_back(where.point);
    return found;
}

class group_reader {
  public:
    group_reader(machine_files& files, machine& found) : files_{files}, found_{found} {}

    void read_second(std::string const& folder) {
        add_memory(folder + "/memory.max", folder + "/memory.current", folder + "/memory.stat",
                   "inactive_file", false);
        add_memory(folder + "/memory.high", folder + "/memory.current", folder + "/memory.stat",
                   "inactive_file", true);
        read_tasks(folder);
        auto path = folder + "/cpu.max";
        if (auto quota = files_.numbers<2>(path)) add_quota((*quota)[0], (*quota)[1]);
    }

    void read_first(std::string_view controller, std::string const& folder) {
        if (controller == "memory")
            add_memory(folder + "/memory.limit_in_bytes", folder + "/memory.usage_in_bytes",
                       folder + "/memory.stat", "total_inactive_file", false);
        if (controller == "pids") read_tasks(folder);
        if (controller == "cpu") read_first_quota(folder);
    }

  private:
    void add_memory(std::string const& path, std::string const& usage, std::string const& account,
                    std::string_view cache, bool throttles) {
        auto limit = files_.number(path);
        if (!limit || *limit >= endless_bytes) return;
        auto in_use = files_.number(usage).value_or(0);
        if (auto content = files_.text(account))
            in_use -= std::min(in_use, files_.field(account, *content, cache).value_or(0));
        found_.memory_groups.push_back({path, *limit, in_use, throttles});
    }

    void read_tasks(std::string const& folder) {
        auto path = folder + "/pids.max";
        auto limit = files_.number(path);
        if (!limit || *limit == unlimited) return;
        found_.task_groups.push_back(
            {path, *limit, files_.number(folder + "/pids.current").value_or(0)});
    }

    void read_first_quota(std::string const& folder) {
        auto path = folder + "/cpu.cfs_quota_us";
        auto content = files_.text(path);
        if (!content || words_of(*content) == std::vector<std::string_view>{"-1"}) return;
        auto quota = files_.number(path);
        auto period = files_.number(folder + "/cpu.cfs_period_us");
        if (quota && period) add_quota(*quota, *period);
    }

    void add_quota(std::uint64_t quota, std::uint64_t period) {
        if (quota == unlimited || period == 0) return;
        auto processors = static_cast<double>(quota) / static_cast<double>(period);
        found_.processor_quota = std::min(found_.processor_quota.value_or(processors), processors);
    }

    machine_files& files_;
    machine& found_;
};

constexpr std::string_view first_controllers[]{"memory", "pids", "cpu"};

// One line of /proc/self/cgroup: its number, its controllers (none for version 2), its path.
void read_membership(std::string_view line, std::vector<hierarchy> const& mounts,
                     group_reader& reader) {
    auto first = line.find(':');
    auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) return;
    auto names = line.substr(first + 1, second - first - 1);
    std::string path{line.substr(second + 1)};
    for (auto const& where : mounts) {
        if (names.empty() && where.second) {
            for (auto const& folder : folders(where, path))
                reader.read_second(folder);
            return; // what is mounted twice says the same
        }
    }
    for (auto controller : first_controllers) {
        auto where = std::find_if(mounts.begin(), mounts.end(), [&](hierarchy const& each) {
            return !each.second && lists(each.controllers, controller);
        });
        if (!lists(names, controller) || where == mounts.end()) continue;
        for (auto const& folder : folders(*where, path))
            reader.read_first(controller, folder);
    }
}

} // namespace

void read_control_groups(machine_files& files, machine& found) {
    auto memberships = files.text("/proc/self/cgroup");
    auto mountinfo = files.text("/proc/self/mountinfo");
    if (!memberships || !mountinfo) return;
    auto mounts = mounted(*mountinfo);
    group_reader reader{files, found};
    for (auto line : lines_of(*memberships))
        read_membership(line, mounts, reader);
}

} // namespace millipede::detail
