// SPDX-License-Identifier: BSL-1.0
// The classical design: the accepting thread writes each descriptor into the pipe of a worker,
// which is pinned to a core and reads its sockets, edge-triggered, until nothing is there.
#include "common/acceptor.hpp"
#include "common/exchange.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"
#include "common/worker_threads.hpp"

#include <array>
#include <iostream>
#include <optional>

#include <fcntl.h>
#include <sched.h>

namespace {

constexpr char const* name = "bench-pinned-pipe";

// The core of worker `number`: the cores that this process may use, in turn.
std::optional<unsigned> core_for(unsigned number) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::nullopt;
    auto turns = number % static_cast<unsigned>(CPU_COUNT(&allowed));
    for (unsigned core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &allowed) && turns-- == 0) return core;
    return std::nullopt;
}

void pin_this_thread(unsigned core) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(core, &only);
    if (::sched_setaffinity(0, sizeof only, &only) != 0)
        std::cerr << name << ": a worker cannot be pinned to core " << core
                  << " and runs anywhere; see the cores that this process may use\n";
}

class worker {
  public:
    worker(std::optional<unsigned> core, int stop) : core_{core}, stop_{stop} {
        int ends[2];
        peers::checked(::pipe2(ends, O_CLOEXEC), "pipe2");
        pipe_out_ = peers::descriptor{ends[0]};
        pipe_in_ = peers::descriptor{ends[1]};
        // Only the reading end: a full pipe makes the accepting thread wait.
        peers::checked(::fcntl(pipe_out_.get(), F_SETFL, O_NONBLOCK), "fcntl");
        for (int const watched : {stop, pipe_out_.get()})
            peers::checked(peers::watch(epoll_set_.get(), EPOLL_CTL_ADD, watched, EPOLLIN),
                           "epoll_ctl");
    }

    // On the accepting thread.
    void add(peers::descriptor socket) {
        int const number = socket.get();
        if (::write(pipe_in_.get(), &number, sizeof number) == sizeof number) socket.release();
    }

    void run() {
        if (core_) pin_this_thread(*core_);
        std::array<epoll_event, 512> events;
        for (;;) {
            auto const count = ::epoll_wait(epoll_set_.get(), events.data(), events.size(), -1);
            for (int position = 0; position < count; ++position) {
                auto const& event = events[static_cast<std::size_t>(position)];
                if (event.data.fd == stop_) return;
                if (event.data.fd == pipe_out_.get())
                    adopt();
                else
                    serve(event.data.fd, event.events);
            }
        }
    }

  private:
    void adopt() {
        std::array<int, 64> sockets;
        auto const received = ::read(pipe_out_.get(), sockets.data(), sizeof sockets);
        if (received <= 0) return;
        auto const count = static_cast<std::size_t>(received) / sizeof(int);
        for (std::size_t position = 0; position < count; ++position)
            if (peers::watch(epoll_set_.get(), EPOLL_CTL_ADD, sockets[position],
                             EPOLLIN | EPOLLET) != 0)
                ::close(sockets[position]);
    }

    // A socket is watched for input, or for room for output. Changing between them tests it anew,
    // so an edge that came meanwhile is not lost.
    void serve(int socket, std::uint32_t events) {
        bool const was_blocked = (events & EPOLLIN) == 0;
        auto now = was_blocked ? exchange_.flush(socket) : exchange_.receive(socket);
        while (!was_blocked && now == peers::outcome::answered)
            now = exchange_.receive(socket);
        if (now == peers::outcome::ended) return exchange_.close(socket);
        bool const is_blocked = now == peers::outcome::blocked;
        if (is_blocked != was_blocked)
            peers::watch(epoll_set_.get(), EPOLL_CTL_MOD, socket,
                         (is_blocked ? EPOLLOUT : EPOLLIN) | EPOLLET);
    }

    std::optional<unsigned> core_;
    int stop_;
    peers::descriptor pipe_out_;
    peers::descriptor pipe_in_;
    peers::descriptor epoll_set_{peers::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    peers::exchange<peers::frame_codec> exchange_;
};

void serve(peers::options const& settings) {
    auto const stop_signal = peers::make_stop_signal();
    auto const listener = peers::listen_on(settings.listen);
    peers::worker_threads<worker> workers{
        settings.workers, [&](unsigned number, int stop) {
            return std::make_unique<worker>(settings.pin ? core_for(number) : std::nullopt, stop);
        }};
    peers::announce(listener.get());
    peers::accept_until_stopped(listener.get(), stop_signal.get(), [&](peers::descriptor socket) {
        workers.next().add(std::move(socket));
    });
}

} // namespace

int main(int argument_count, char** arguments) {
    peers::subject const about{.name = name,
                               .purpose = "the classical design, a pipe to each pinned worker",
                               .takes_no_pin = true};
    return peers::run_program(about, argument_count, arguments, serve);
}
