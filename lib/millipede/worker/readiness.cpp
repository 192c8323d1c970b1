// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/readiness.hpp>

#include <boost/system/system_error.hpp>

#include <cerrno>

namespace millipede::detail {
namespace {

int make_epoll_set() {
    int set = ::epoll_create1(EPOLL_CLOEXEC);
    if (set < 0)
        throw boost::system::system_error{errno, boost::system::system_category(), "epoll_create1"};
    return set;
}

constexpr std::uint32_t input_events = EPOLLIN | EPOLLRDHUP | EPOLLET;

bool control(int set, int operation, int descriptor, std::uint32_t events,
             std::uint64_t token) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    return ::epoll_ctl(set, operation, descriptor, &event) == 0;
}

} // namespace

readiness::readiness(boost::asio::io_context& context) : set_{context, make_epoll_set()} {}

bool readiness::add(int descriptor, std::uint64_t token) noexcept {
    return control(set_.native_handle(), EPOLL_CTL_ADD, descriptor, input_events, token);
}

bool readiness::add_output(int descriptor, std::uint64_t token) noexcept {
    return control(set_.native_handle(), EPOLL_CTL_MOD, descriptor, input_events | EPOLLOUT, token);
}

bool readiness::add_both(int descriptor, std::uint64_t token) noexcept {
    return control(set_.native_handle(), EPOLL_CTL_ADD, descriptor, input_events | EPOLLOUT, token);
}

void readiness::remove(int descriptor) noexcept {
    control(set_.native_handle(), EPOLL_CTL_DEL, descriptor, 0, 0);
}

std::span<epoll_event> readiness::collect(std::span<epoll_event> room) noexcept {
    int count = ::epoll_wait(set_.native_handle(), room.data(), static_cast<int>(room.size()), 0);
    return room.first(count > 0 ? static_cast<std::size_t>(count) : 0);
}

} // namespace millipede::detail
