// SPDX-License-Identifier: BSL-1.0
// libevent as its examples teach it: a base per thread, a queue and a pipe to each, and a
// bufferevent per connection.
#include "common/descriptor.hpp"
#include "common/frame.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

struct freeing {
    void operator()(event_base* base) const { ::event_base_free(base); }
    void operator()(event* watched) const { ::event_free(watched); }
    void operator()(bufferevent* stream) const { ::bufferevent_free(stream); }
    void operator()(evconnlistener* listener) const { ::evconnlistener_free(listener); }
};
template <typename Thing>
using owned = std::unique_ptr<Thing, freeing>;

template <typename Thing>
owned<Thing> made(Thing* thing) {
    if (thing == nullptr) throw std::bad_alloc{};
    return owned<Thing>{thing};
}

class worker {
  public:
    worker() : base_{made(::event_base_new())} {
        int ends[2];
        peers::checked(::pipe2(ends, O_CLOEXEC), "pipe2");
        pipe_out_ = peers::descriptor{ends[0]};
        pipe_in_ = peers::descriptor{ends[1]};
        wake_up_ = made(::event_new(
            base_.get(), pipe_out_.get(), EV_READ | EV_PERSIST,
            [](int, short, void* self) { static_cast<worker*>(self)->adopt(); }, this));
        ::event_add(wake_up_.get(), nullptr);
        thread_ = std::thread{[this] { ::event_base_dispatch(base_.get()); }};
    }
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;

    ~worker() {
        pipe_in_.reset(); // the end of the pipe ends the thread
        thread_.join();
    }

    // On the accepting thread.
    void add(int socket) {
        {
            std::lock_guard const lock{mutex_};
            waiting_.push_back(peers::descriptor{socket});
        }
        char const one = 'c';
        // A full pipe makes this thread wait; there is no other reason to fail.
        [[maybe_unused]] auto const written = ::write(pipe_in_.get(), &one, 1);
    }

  private:
    struct connection {
        worker* home;
        owned<bufferevent> stream;
        std::list<connection>::iterator place;
    };

    void adopt() {
        char one = 0;
        if (::read(pipe_out_.get(), &one, 1) != 1) {
            ::event_base_loopbreak(base_.get());
            return;
        }
        std::unique_lock lock{mutex_};
        auto socket = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();

        auto* stream = ::bufferevent_socket_new(base_.get(), socket.get(), BEV_OPT_CLOSE_ON_FREE);
        if (stream == nullptr) return;
        socket.release();
        auto const place =
            connections_.insert(connections_.end(), {this, owned<bufferevent>{stream}, {}});
        place->place = place;
        ::bufferevent_setcb(stream, on_input, nullptr, on_event, &*place);
        ::bufferevent_enable(stream, EV_READ);
    }

    static void on_input(bufferevent*, void* context) {
        auto& which = *static_cast<connection*>(context);
        which.home->handle(which);
    }

    static void on_event(bufferevent*, short what, void* context) {
        auto& which = *static_cast<connection*>(context);
        if ((what & BEV_EVENT_ERROR) != 0) return end(which);
        if ((what & BEV_EVENT_EOF) != 0) end_after_output(which);
    }

    void handle(connection& which) {
        auto* const stream = which.stream.get();
        auto* const input = ::bufferevent_get_input(stream);
        while (::evbuffer_get_length(input) >= peers::head_bytes) {
            auto const head = peers::read_head(::evbuffer_pullup(input, peers::head_bytes));
            if (!head.valid()) return end_after_output(which);
            if (::evbuffer_get_length(input) < head.size_bytes) return;
            ::evbuffer_remove(input, frame_.data(), head.size_bytes);
            if (head.is_echo())
                ::bufferevent_write(stream, frame_.data(), head.size_bytes);
            else
                ::bufferevent_write(stream, &peers::login_reply, sizeof peers::login_reply);
        }
    }

    static void end_after_output(connection& which) {
        auto* const stream = which.stream.get();
        if (::evbuffer_get_length(::bufferevent_get_output(stream)) == 0) return end(which);
        ::bufferevent_disable(stream, EV_READ);
        ::bufferevent_setcb(
            stream, nullptr,
            [](bufferevent*, void* context) { end(*static_cast<connection*>(context)); }, on_event,
            &which);
    }

    static void end(connection& which) { which.home->connections_.erase(which.place); }

    owned<event_base> base_;
    peers::descriptor pipe_out_;
    peers::descriptor pipe_in_;
    owned<event> wake_up_;
    std::mutex mutex_;
    std::deque<peers::descriptor> waiting_;
    std::list<connection> connections_;
    std::array<std::byte, peers::frame_bytes_max> frame_;
    std::thread thread_;
};

class worker_list {
  public:
    explicit worker_list(unsigned count) {
        for (unsigned number = 0; number < count; ++number)
            workers_.push_back(std::make_unique<worker>());
    }
    worker& next() { return *workers_[next_++ % workers_.size()]; }

  private:
    std::vector<std::unique_ptr<worker>> workers_;
    std::size_t next_ = 0;
};

void on_accept(evconnlistener*, int socket, sockaddr*, int, void* workers) {
    static_cast<worker_list*>(workers)->next().add(socket);
}

void on_stop(int, short, void* base) {
    ::event_base_loopbreak(static_cast<event_base*>(base));
}

void serve(peers::options const& settings) {
    ::signal(SIGPIPE, SIG_IGN); // libevent writes without MSG_NOSIGNAL
    auto const base = made(::event_base_new());
    auto const interrupted =
        made(::event_new(base.get(), SIGINT, EV_SIGNAL | EV_PERSIST, on_stop, base.get()));
    auto const terminated =
        made(::event_new(base.get(), SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop, base.get()));
    ::event_add(interrupted.get(), nullptr);
    ::event_add(terminated.get(), nullptr);
    auto socket = peers::listen_on(settings.listen);
    worker_list workers{settings.workers};
    constexpr int listens_already = 0;
    auto const listener = made(::evconnlistener_new(base.get(), on_accept, &workers,
                                                    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                                    listens_already, socket.release()));
    peers::announce(::evconnlistener_get_fd(listener.get()));
    ::event_base_dispatch(base.get());
}

} // namespace

int main(int argument_count, char** arguments) {
    peers::subject const about{.name = "bench-libevent",
                               .purpose = "libevent as its examples teach it, a base per thread"};
    return peers::run_program(about, argument_count, arguments, serve);
}
