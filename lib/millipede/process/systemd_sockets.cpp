// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/systemd_sockets.hpp>

#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace millipede::detail {
namespace {

constexpr int first_descriptor = 3;
constexpr long descriptors_max = 1'024; // more is no number of sockets, but a mistake

std::string_view variable(char const* name) noexcept {
    auto const* value = std::getenv(name);
    return value ? value : "";
}

// 0 for what is no number.
long number_of(std::string_view text) noexcept {
    long number = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && end == text.data() + text.size() ? number : 0;
}

} // namespace

std::vector<int> systemd_sockets(std::string_view name) {
    std::vector<int> found;
    auto count = number_of(variable("LISTEN_FDS"));
    if (number_of(variable("LISTEN_PID")) != ::getpid() || count > descriptors_max) return found;
    auto names = variable("LISTEN_FDNAMES"); // one for each, with colons between
    for (int index = 0; index < count; ++index) {
        auto own = names.substr(0, names.find(':'));
        names.remove_prefix(own.size() < names.size() ? own.size() + 1 : own.size());
        if (name.empty() || own == name) found.push_back(first_descriptor + index);
    }
    return found;
}

} // namespace millipede::detail
