// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/own_program.hpp>

#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

namespace millipede::detail {
namespace {

constexpr int first_descriptor = 3;

[[noreturn]] void fail(int reason, char const* what) {
    throw boost::system::system_error{reason, boost::system::system_category(), what};
}

void check(int reason, char const* what) {
    if (reason != 0) fail(reason, what);
}

// Copies out of the way of the numbers that they are to get in the child: nowhere does one take the
// place of another that is still to be copied.
class copies {
  public:
    explicit copies(int lowest) : lowest_{lowest} {}
    ~copies() {
        for (auto each : all_)
            ::close(each);
    }
    copies(copies const&) = delete;
    copies& operator=(copies const&) = delete;
    void add(int descriptor) {
        all_.reserve(all_.size() + 1);
        int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, lowest_);
        if (copy < 0) fail(errno, "fcntl");
        all_.push_back(copy);
    }
    std::vector<int> const& all() const noexcept { return all_; }

  private:
    int lowest_;
    std::vector<int> all_;
};

class spawn_actions {
  public:
    spawn_actions() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn"); }
    ~spawn_actions() { ::posix_spawn_file_actions_destroy(&actions_); }
    spawn_actions(spawn_actions const&) = delete;
    spawn_actions& operator=(spawn_actions const&) = delete;
    // The given descriptors as 3, 4 and so on, and none above.
    void keep(std::vector<int> const& descriptors) {
        int next = first_descriptor;
        for (auto each : descriptors)
            check(::posix_spawn_file_actions_adddup2(&actions_, each, next++), "posix_spawn");
        // What was opened without O_CLOEXEC, such as a log file.
        check(::posix_spawn_file_actions_addclosefrom_np(&actions_, next), "posix_spawn");
    }
    posix_spawn_file_actions_t const* get() const noexcept { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_;
};

class spawn_attributes {
  public:
    spawn_attributes() {
        check(::posix_spawnattr_init(&attributes_), "posix_spawn");
        sigset_t none;
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
    }
    ~spawn_attributes() { ::posix_spawnattr_destroy(&attributes_); }
    spawn_attributes(spawn_attributes const&) = delete;
    spawn_attributes& operator=(spawn_attributes const&) = delete;
    posix_spawnattr_t const* get() const noexcept { return &attributes_; }

  private:
    posix_spawnattr_t attributes_;
};

// What names the process that it is said to, or its descriptors.
bool is_own(std::string_view entry) noexcept {
    constexpr std::array<std::string_view, 5> own{heritage::variable, "LISTEN_PID", "LISTEN_FDS",
                                                  "LISTEN_FDNAMES", "WATCHDOG_PID"};
    return std::find(own.begin(), own.end(), entry.substr(0, entry.find('='))) != own.end();
}

std::vector<std::string> environment_with(std::string said) {
    std::vector<std::string> all{std::move(said)};
    for (auto** each = ::environ; each && *each; ++each)
        if (!is_own(*each)) all.emplace_back(*each);
    return all;
}

// As exec takes them: they point into the strings.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& each : texts)
        pointers.push_back(each.data());
    pointers.push_back(nullptr);
    return pointers;
}

} // namespace

own_program own_program::of_process() {
    std::ifstream file{"/proc/self/cmdline", std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    std::vector<std::string> arguments;
    for (std::size_t at = 0; at < text.size();) { // each ends with a zero byte
        auto end = std::min(text.find('\0', at), text.size());
        arguments.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    if (arguments.empty() || arguments.front().empty()) fail(ENOENT, "/proc/self/cmdline");
    auto path = arguments.front();
    if (path.find('/') != std::string::npos) path = std::filesystem::absolute(path).string();
    return {std::move(path), std::move(arguments)};
}

pid_t own_program::start(std::vector<heirloom> const& heirlooms, int channel) const {
    copies out_of_the_way{first_descriptor + 1 + static_cast<int>(heirlooms.size())};
    out_of_the_way.add(channel);
    auto renumbered = heirlooms;
    int next = first_descriptor + 1;
    for (auto& each : renumbered)
        out_of_the_way.add(std::exchange(each.descriptor, next++));
    spawn_actions actions;
    actions.keep(out_of_the_way.all());
    spawn_attributes attributes;
    auto arguments = arguments_;
    auto environment =
        environment_with(std::string{heritage::variable} + '=' + std::to_string(::getpid()) + ' ' +
                         std::to_string(first_descriptor) + ' ' + to_text(renumbered));
    pid_t process = 0;
    check(::posix_spawnp(&process, path_.c_str(), actions.get(), attributes.get(),
                         pointers_to(arguments).data(), pointers_to(environment).data()),
          "posix_spawn");
    return process;
}

} // namespace millipede::detail
