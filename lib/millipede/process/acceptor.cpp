// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/acceptor.hpp>

#include <millipede/worker/transport.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <new>
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

// Newcomers come in a rush when the next is there within the gap; a rush is broken off for others'
// sake.
constexpr auto rush_gap = 2ms;
constexpr auto rush_max = 10ms;

// A short want of descriptors is waited out by those who would be served a moment later. Whoever
// still waits after this time gets an end.
constexpr auto patience = 1s;

// So many are sent away per listener and rest: a crowd that comes back at once must not burn the
// processor.
constexpr int shed_max = 32;

bool no_descriptor(int reason) noexcept {
    return reason == EMFILE || reason == ENFILE;
}

// Errors of one newcomer, who is gone with it: see accept(2). All others would come again at once:
// no descriptor, no memory, a security module that says no.
bool concerns_one(int reason) noexcept {
    switch (reason) {
    case ECONNABORTED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EINTR:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPROTO:
        return true;
    default:
        return false;
    }
}

// Without memory for a line the counters tell: the way of the newcomers goes on.
template <class Write>
void write_line(Write write) noexcept {
    try {
        write();
    } catch (std::bad_alloc const&) {
    }
}

source_key source_of(int descriptor) {
    error_code gone;
    auto peer = socket_remote_endpoint(descriptor, gone);
    return gone ? source_key{} : source_key{peer.address()};
}

} // namespace

acceptor::acceptor(asio::io_context& context, worker_pool& workers, options const& limits)
    : workers_{&workers}, limits_{&limits}, admission_{limits, workers}, pause_timer_{context} {
    if (admission_.asks_for_source()) workers.ask_at_the_door(admission_);
}

void acceptor::add(listening_socket& opened, std::uint32_t protocol, std::uint16_t greeting,
                   bool through_proxy) {
    // Asio only asks whether there is an address family; v6 covers every kind.
    asio::ip::tcp::acceptor socket{pause_timer_.get_executor()};
    socket.assign(asio::ip::tcp::v6(), opened.descriptor());
    opened.release();
    polled_.push_back({socket.native_handle(), POLLIN, 0});
    listeners_.push_back({std::move(socket), protocol, greeting, through_proxy, false,
                          std::move(opened.path()), opened.endpoint().has_value(),
                          opened.heirloom_name()});
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
    for (auto& from : listeners_)
        close(from);
}

void acceptor::close(listener& from) noexcept {
    from.path.reset(); // first: as long as the socket is open nothing else can be that file
    if (!from.socket.is_open()) return;
    // Another process may have the socket, too. Then it leaves the reactor's epoll set only when it
    // is taken out, which Asio does for what it releases, and not for what it closes.
    error_code ignored;
    ::close(from.socket.release(ignored));
}

std::vector<heirloom> acceptor::heirlooms() {
    std::vector<heirloom> all;
    for (auto& from : listeners_)
        all.push_back({from.heirloom_name, from.socket.native_handle()});
    return all;
}

void acceptor::own_paths() noexcept {
    for (auto& from : listeners_)
        if (from.path) from.path->own(true);
}

void acceptor::leave() {
    pause_timer_.cancel();
    for (auto& from : listeners_) {
        if (from.path) from.path->own(false);
        close(from);
    }
}

void acceptor::wait(listener& from) {
    if (std::exchange(from.waiting, true)) return;
    from.socket.async_wait(asio::ip::tcp::acceptor::wait_read, [this, &from](error_code code) {
        from.waiting = false;
        if (code || !from.socket.is_open() || paused_) return;
        accept_batch(from);
        accept_rush();
        if (!paused_) wait(from);
    });
}

// While newcomers follow one another closely, waits for the next of them here: one system call
// instead of the two that the way through the io_context takes, whose timers and signals rest
// meanwhile.
void acceptor::accept_rush() {
    auto begin = std::chrono::steady_clock::now();
    auto since_last = begin - std::exchange(last_batch_, begin);
    while (!paused_ && since_last < rush_gap && last_batch_ - begin < rush_max) {
        if (::poll(polled_.data(), polled_.size(), static_cast<int>(rush_gap.count())) <= 0) return;
        auto polled = polled_.begin();
        for (auto& from : listeners_)
            if (polled++->revents != 0 && !paused_) accept_batch(from);
        last_batch_ = std::chrono::steady_clock::now();
    }
}

void acceptor::accept_batch(listener& from) {
    for (int count = 0; count < batch_max; ++count)
        if (!accept_one(from)) break;
    workers_->wake();
}

// False when there is no more to accept for now.
bool acceptor::accept_one(listener& from) {
    asio::ip::tcp::endpoint peer;
    auto peer_size = static_cast<socklen_t>(peer.capacity());
    bool asks = admission_.asks_for_source() && !from.through_proxy && from.has_sources;
    int descriptor = ::accept4(from.socket.native_handle(), asks ? peer.data() : nullptr,
                               asks ? &peer_size : nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        int reason = errno;
        if (reason == EAGAIN) return false;
        if (concerns_one(reason)) return true;
        if (exhausted(from, reason)) pause();
        return false;
    }
    if (exhausted_since_) recovered();
    let_in({descriptor, from.protocol, asks ? source_key{peer.address()} : source_key{},
            from.greeting});
    return true;
}

void acceptor::let_in(accepted_socket newcomer) {
    ++counters_.accepted;
    auto verdict = admission::verdict::welcome;
    if (admission_.on())
        verdict = admission_.admit(newcomer.source, std::chrono::steady_clock::now());
    if (verdict != admission::verdict::welcome) {
        admission_.note_refusal(verdict, newcomer.descriptor, counters_);
        socket_turn_away(newcomer.descriptor);
    } else if (!workers_->place(newcomer)) {
        admission_.withdraw(newcomer.source);
        refuse(newcomer.descriptor);
    }
}

void acceptor::refuse(int descriptor) {
    ++counters_.full;
    if (auto suppressed = full_.admit(std::chrono::steady_clock::now()))
        write_line([&] {
            log(warning) << "full: closed newcomer " << field("peer", socket_peer_name(descriptor))
                         << "; all " << workers_->size() << " x " << limits_->connections_per_worker
                         << " slots are in use, or a worker does not take its sockets; "
                         << field("suppressed", *suppressed) << " more suppressed before";
        });
    socket_turn_away(descriptor);
}

// False when nobody waits: then there is nothing to rest from.
bool acceptor::exhausted(listener& from, int reason) {
    if (!newcomer_waits(from.socket.native_handle())) return false;
    ++counters_.accept_failures;
    auto now = std::chrono::steady_clock::now();
    if (auto suppressed = failures_.admit(now)) {
        told_of_exhaustion_ = true;
        write_line([&] {
            log(error) << "accept: "
                       << error_code{reason, boost::system::system_category()}.message()
                       << "; accepting rests for " << exhausted_pause.count() << " ms at a time; "
                       << *suppressed << " more suppressed before";
        });
    }
    if (!exhausted_since_) exhausted_since_ = now;
    if (no_descriptor(reason) && now - *exhausted_since_ >= patience)
        for (auto& each : listeners_) // the others wait as well, and may never have their turn
            shed(each);
    return exhausted_since_.has_value();
}

void acceptor::shed(listener& from) {
    for (int count = 0; count < shed_max && exhausted_since_; ++count) {
        if (!newcomer_waits(from.socket.native_handle())) return;
        int newcomer = spare_.accept(from.socket.native_handle());
        if (newcomer < 0) {
            spare_.refill();
            return;
        }
        if (spare_.refill()) { // there is room for both: descriptors have come back
            recovered();
            auto source = from.through_proxy ? source_key{} : source_of(newcomer);
            let_in({newcomer, from.protocol, source, from.greeting});
            return;
        }
        ++counters_.accepted;
        ++counters_.newcomers_shed;
        socket_turn_away(newcomer);
        spare_.refill();
    }
}

void acceptor::recovered() {
    auto lasted = std::chrono::steady_clock::now() - *exhausted_since_;
    exhausted_since_.reset();
    if (std::exchange(told_of_exhaustion_, false))
        write_line([&] {
            log(info) << "accept: goes on after "
                      << std::chrono::floor<std::chrono::milliseconds>(lasted).count() << " ms";
        });
}

void acceptor::pause() {
    paused_ = true;
    pause_timer_.expires_after(exhausted_pause);
    pause_timer_.async_wait([this](error_code code) {
        if (code) return;
        paused_ = false;
        start();
    });
}

} // namespace millipede::detail
