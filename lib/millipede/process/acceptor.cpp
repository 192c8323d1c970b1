// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/acceptor.hpp>

#include <millipede/base/endpoint.hpp>
#include <millipede/worker/transport.hpp>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace millipede::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// So many at a time before timers and signals have their turn.
constexpr int batch_max = 1'024;

// How long accepting rests when the system has no descriptor or no memory to give: trying again
// at once would burn a core and change nothing.
constexpr auto exhausted_pause = 50ms;

bool is_exhausted(int reason) noexcept {
    return reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM;
}

} // namespace

acceptor::acceptor(asio::io_context& context, worker_pool& workers, options const& limits)
    : workers_{&workers}, limits_{&limits}, pause_timer_{context} {}

asio::ip::tcp::endpoint acceptor::listen(asio::ip::tcp::endpoint const& endpoint,
                                         std::uint32_t protocol, std::uint16_t greeting) {
    asio::ip::tcp::acceptor socket{pause_timer_.get_executor()};
    try {
        socket.open(endpoint.protocol());
        socket.set_option(asio::socket_base::reuse_address{true});
        if (endpoint.address().is_v6()) socket.set_option(asio::ip::v6_only{true});
        // Linux hands these on to accepted sockets: no system call per connection.
        socket.set_option(asio::ip::tcp::no_delay{limits_->tcp_no_delay});
        socket.bind(endpoint);
        socket.listen(static_cast<int>(limits_->listen_backlog));
        socket.non_blocking(true);
    } catch (boost::system::system_error const& failure) {
        throw listen_error{to_string(endpoint), failure.code()};
    }
    listeners_.push_back({std::move(socket), protocol, greeting, false});
    return listeners_.back().socket.local_endpoint();
}

void acceptor::start() {
    for (auto& from : listeners_)
        wait(from);
}

void acceptor::stop() {
    // Whom the kernel has connected already is served and told the end; closing would reset it.
    for (auto& from : listeners_)
        for (std::uint32_t count = 0; from.socket.is_open() && count < limits_->listen_backlog;
             ++count)
            if (!accept_one(from)) break;
    workers_->wake();
    pause_timer_.cancel();
    for (auto& from : listeners_) {
        error_code ignored;
        from.socket.close(ignored);
    }
}

void acceptor::wait(listener& from) {
    if (std::exchange(from.waiting, true)) return;
    from.socket.async_wait(asio::ip::tcp::acceptor::wait_read, [this, &from](error_code code) {
        from.waiting = false;
        if (code || !from.socket.is_open() || paused_) return;
        accept_batch(from);
        if (!paused_) wait(from);
    });
}

void acceptor::accept_batch(listener& from) {
    for (int count = 0; count < batch_max; ++count)
        if (!accept_one(from)) break;
    workers_->wake();
}

// False when there is no more to accept for now.
bool acceptor::accept_one(listener& from) {
    int descriptor =
        ::accept4(from.socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        int reason = errno;
        if (reason == EAGAIN) return false;
        if (is_exhausted(reason)) {
            pause(reason);
            return false;
        }
        return true; // ECONNABORTED, EINTR, network errors: of that one newcomer
    }
    ++counters_.accepted;
    if (!workers_->place({descriptor, from.protocol, from.greeting})) refuse(descriptor);
    return true;
}

void acceptor::refuse(int descriptor) {
    ++counters_.full;
    if (auto suppressed = full_.admit(std::chrono::steady_clock::now())) {
        error_code unknown;
        log(warning) << "full: closed newcomer " << socket_remote_endpoint(descriptor, unknown)
                     << "; all " << workers_->size() << " x " << limits_->connections_per_worker
                     << " slots are in use, or a worker does not take its sockets; " << *suppressed
                     << " more suppressed before";
    }
    // A clean end, also for one that has spoken already: unread input would make it a reset.
    socket_shutdown_write(descriptor);
    socket_skip_input(descriptor);
    socket_close(descriptor, false);
}

void acceptor::pause(int reason) {
    ++counters_.accept_failures;
    if (auto suppressed = failures_.admit(std::chrono::steady_clock::now()))
        log(error) << "accept: " << error_code{reason, boost::system::system_category()}.message()
                   << "; accepting rests for " << exhausted_pause.count() << " ms; " << *suppressed
                   << " more suppressed before";
    paused_ = true;
    pause_timer_.expires_after(exhausted_pause);
    pause_timer_.async_wait([this](error_code code) {
        if (code) return;
        paused_ = false;
        start();
    });
}

} // namespace millipede::detail
