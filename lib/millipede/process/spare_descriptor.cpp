// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/spare_descriptor.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace millipede::detail {

bool spare_descriptor::refill() noexcept {
    // The cheapest there is, and it needs no file that a chroot may lack.
    if (descriptor_ < 0) descriptor_ = ::eventfd(0, EFD_CLOEXEC);
    return descriptor_ >= 0;
}

int spare_descriptor::accept(int listener) noexcept {
    if (!refill()) return -1;
    give_up();
    return ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void spare_descriptor::give_up() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

bool newcomer_waits(int listener) noexcept {
    pollfd entry{listener, POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

} // namespace millipede::detail
