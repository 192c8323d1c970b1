// SPDX-License-Identifier: BSL-1.0
// The floor: what the system calls themselves cost, with as little around them as can be. Level
// triggered epoll, and nothing kept per connection.
#include "common/acceptor.hpp"
#include "common/exchange.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"
#include "common/worker_threads.hpp"

#include <array>

namespace {

template <typename Codec>
class worker {
  public:
    explicit worker(int stop) : stop_{stop} {
        peers::checked(peers::watch(epoll_set_.get(), EPOLL_CTL_ADD, stop, EPOLLIN), "epoll_ctl");
    }

    // On the accepting thread: the socket goes straight into the set, and its first event is all
    // that this worker learns of it.
    void add(peers::descriptor socket) {
        if (peers::watch(epoll_set_.get(), EPOLL_CTL_ADD, socket.get(), EPOLLIN) == 0)
            socket.release();
    }

    void run() {
        std::array<epoll_event, 512> events;
        for (;;) {
            auto const count = ::epoll_wait(epoll_set_.get(), events.data(), events.size(), -1);
            for (int position = 0; position < count; ++position) {
                auto const& event = events[static_cast<std::size_t>(position)];
                if (event.data.fd == stop_) return;
                serve(event.data.fd, event.events);
            }
        }
    }

  private:
    // A socket is watched for input, or for room for output, never for both.
    void serve(int socket, std::uint32_t events) {
        bool const was_blocked = (events & EPOLLIN) == 0;
        auto const now = was_blocked ? exchange_.flush(socket) : exchange_.receive(socket);
        if (now == peers::outcome::ended) return exchange_.close(socket);
        bool const is_blocked = now == peers::outcome::blocked;
        if (is_blocked != was_blocked) [[unlikely]]
            peers::watch(epoll_set_.get(), EPOLL_CTL_MOD, socket, is_blocked ? EPOLLOUT : EPOLLIN);
    }

    int stop_;
    peers::descriptor epoll_set_{peers::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    peers::exchange<Codec> exchange_;
};

template <typename Codec>
void serve_with(peers::options const& settings) {
    auto const stop_signal = peers::make_stop_signal();
    auto const listener = peers::listen_on(settings.listen);
    peers::worker_threads<worker<Codec>> workers{
        settings.workers, [](unsigned, int stop) { return std::make_unique<worker<Codec>>(stop); }};
    peers::announce(listener.get());
    peers::accept_until_stopped(listener.get(), stop_signal.get(), [&](peers::descriptor socket) {
        workers.next().add(std::move(socket));
    });
}

void serve(peers::options const& settings) {
    if (settings.speaks == peers::codec::raw) return serve_with<peers::raw_codec>(settings);
    serve_with<peers::frame_codec>(settings);
}

} // namespace

int main(int argument_count, char** arguments) {
    peers::subject const about{.name = "bench-raw-epoll",
                               .purpose = "the floor, level-triggered epoll and nothing else",
                               .takes_codec = true};
    return peers::run_program(about, argument_count, arguments, serve);
}
