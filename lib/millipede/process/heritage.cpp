// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/heritage.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <utility>

namespace millipede::detail {
namespace {

// A number of 0 or more at the beginning of the text, which loses it and the character behind it.
std::optional<int> take_number(std::string_view& text, char behind) {
    int number = -1;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    auto length = static_cast<std::size_t>(end - text.data());
    if (failure != std::errc{} || number < 0 || length == text.size() || *end != behind) return {};
    text.remove_prefix(length + 1);
    return number;
}

std::optional<heirloom> take_heirloom(std::string_view& text) {
    auto descriptor = take_number(text, ' ');
    if (!descriptor) return {};
    auto length = take_number(text, ':');
    if (!length) return {};
    auto size = static_cast<std::size_t>(*length);
    if (text.size() <= size || text[size] != ';') return {};
    heirloom found{std::string{text.substr(0, size)}, *descriptor};
    text.remove_prefix(size + 1);
    return found;
}

// Handed over to this process, not to its children.
bool keep_from_children(int descriptor) noexcept {
    return ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

// Whether that process made this socket pair, be it alive or not.
bool leads_to(int process, int channel) noexcept {
    ucred maker{};
    socklen_t size = sizeof maker;
    return ::getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &maker, &size) == 0 &&
           maker.pid == process;
}

} // namespace

std::string to_text(std::vector<heirloom> const& heirlooms) {
    std::string text;
    for (auto const& each : heirlooms)
        text += std::to_string(each.descriptor) + ' ' + std::to_string(each.name.size()) + ':' +
                each.name + ';';
    return text;
}

std::vector<heirloom> heirlooms_of(std::string_view text) {
    std::vector<heirloom> all;
    while (!text.empty()) {
        auto next = take_heirloom(text);
        if (!next) return {};
        all.push_back(std::move(*next));
    }
    return all;
}

heritage& heritage::of_process() {
    static heritage own{[]() -> std::string_view {
        auto const* value = std::getenv(variable);
        return value ? value : "";
    }()};
    return own;
}

heritage::heritage(std::string_view text) {
    auto predecessor = take_number(text, ' ');
    if (!predecessor) return;
    auto channel = take_number(text, ' ');
    if (!channel || !leads_to(*predecessor, *channel) || !keep_from_children(*channel)) return;
    predecessor_ = *predecessor;
    channel_ = *channel;
    for (auto& each : heirlooms_of(text))
        if (keep_from_children(each.descriptor)) inherited_.push_back(std::move(each));
}

heritage::~heritage() {
    close_rest();
    if (channel_ >= 0) ::close(channel_);
}

int heritage::take(std::string_view name) noexcept {
    std::lock_guard lock{mutex_};
    auto found = std::find_if(inherited_.begin(), inherited_.end(),
                              [&](heirloom const& each) { return each.name == name; });
    if (found == inherited_.end()) return -1;
    int descriptor = found->descriptor;
    inherited_.erase(found);
    return descriptor;
}

int heritage::take_channel() noexcept {
    std::lock_guard lock{mutex_};
    return std::exchange(channel_, -1);
}

void heritage::close_rest() noexcept {
    std::lock_guard lock{mutex_};
    for (auto const& each : inherited_)
        ::close(each.descriptor);
    inherited_.clear();
}

void heritage::offer(std::string name, int descriptor, std::function<void()> leave) {
    withdraw(name);
    std::lock_guard lock{mutex_};
    offered_.push_back({{std::move(name), descriptor}, std::move(leave)});
}

void heritage::withdraw(std::string_view name) noexcept {
    std::lock_guard lock{mutex_};
    std::erase_if(offered_, [&](offer_made const& each) { return each.what.name == name; });
}

std::vector<heirloom> heritage::offered() const {
    std::lock_guard lock{mutex_};
    std::vector<heirloom> all;
    for (auto const& each : offered_)
        all.push_back(each.what);
    return all;
}

void heritage::leave() {
    std::vector<offer_made> all;
    {
        std::lock_guard lock{mutex_};
        all.swap(offered_);
    }
    for (auto const& each : all) // without the mutex: they may withdraw
        each.leave();
}

} // namespace millipede::detail
