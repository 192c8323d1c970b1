// SPDX-License-Identifier: BSL-1.0
// Asio as its examples teach it: a context per thread, and for each connection a shared session
// with a buffer and a timer of its own.
#include "common/frame.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::minutes idle_timeout{5};

class session : public std::enable_shared_from_this<session> {
  public:
    explicit session(tcp::socket socket)
        : socket_{std::move(socket)}, idle_timer_{socket_.get_executor()} {}

    void start() {
        restart_idle_timer();
        read();
    }

  private:
    void restart_idle_timer() {
        idle_timer_.expires_after(idle_timeout);
        idle_timer_.async_wait([self = shared_from_this()](error_code failure) {
            if (!failure) self->end();
        });
    }

    void read() {
        socket_.async_read_some(asio::buffer(buffer_),
                                [self = shared_from_this()](error_code failure, std::size_t size) {
                                    if (failure) return self->end();
                                    self->restart_idle_timer();
                                    self->handle({self->buffer_.data(), size});
                                });
    }

    void handle(std::span<std::byte> input) {
        if (!unfinished_.empty()) {
            unfinished_.insert(unfinished_.end(), input.begin(), input.end());
            if (peers::frame_codec::is_unfinished(unfinished_)) return read();
            answered_ = std::exchange(unfinished_, {});
            input = answered_;
        }
        auto const done = peers::frame_codec::answer(input);
        auto const rest = input.subspan(done.handled_bytes);
        if (!done.refused) unfinished_.assign(rest.begin(), rest.end());
        if (done.reply_bytes != 0) return write(input.first(done.reply_bytes), done.refused);
        continue_or_end(done.refused);
    }

    void write(std::span<std::byte const> replies, bool refused) {
        asio::async_write(socket_, asio::buffer(replies.data(), replies.size()),
                          [self = shared_from_this(), refused](error_code failure, std::size_t) {
                              self->continue_or_end(refused || failure);
                          });
    }

    void continue_or_end(bool end_now) {
        if (end_now) return end();
        if (!answered_.empty()) answered_ = {};
        read();
    }

    void end() {
        error_code ignored;
        socket_.close(ignored);
        idle_timer_.cancel();
    }

    tcp::socket socket_;
    asio::steady_timer idle_timer_;
    std::array<std::byte, 4096> buffer_;
    std::vector<std::byte> unfinished_; // the beginning of a frame
    std::vector<std::byte> answered_;   // frames that came in pieces, while their replies leave
};

class context_threads {
  public:
    explicit context_threads(unsigned count) : context_threads{} {
        for (unsigned number = 0; number < count; ++number) {
            auto& context = *contexts_.emplace_back(std::make_unique<asio::io_context>());
            work_.push_back(asio::make_work_guard(context));
            threads_.emplace_back([&context] { context.run(); });
        }
    }
    context_threads(context_threads const&) = delete;
    context_threads& operator=(context_threads const&) = delete;

    ~context_threads() {
        for (auto& context : contexts_)
            context->stop();
        for (auto& thread : threads_)
            thread.join();
    }

    asio::io_context& next() { return *contexts_[next_++ % contexts_.size()]; }

  private:
    // Delegated to, so that a thread that cannot be started ends those before it.
    context_threads() = default;

    std::vector<std::unique_ptr<asio::io_context>> contexts_;
    std::vector<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::vector<std::thread> threads_;
    std::size_t next_ = 0;
};

void accept(tcp::acceptor& acceptor, context_threads& workers) {
    acceptor.async_accept(workers.next(), [&](error_code failure, tcp::socket socket) {
        if (failure == asio::error::operation_aborted) return;
        if (!failure) {
            auto executor = socket.get_executor();
            auto visitor = std::make_shared<session>(std::move(socket));
            asio::post(executor, [visitor] { visitor->start(); });
        }
        accept(acceptor, workers);
    });
}

void serve(peers::options const& settings) {
    auto const protocol = settings.listen.storage.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
    auto listener = peers::listen_on(settings.listen);
    context_threads workers{settings.workers};
    // After the workers, to go before them: an accept in progress has a socket of a worker's.
    asio::io_context context;
    asio::signal_set signals{context, SIGINT, SIGTERM};
    tcp::acceptor acceptor{context, protocol, listener.release()};
    signals.async_wait([&](error_code, int) { context.stop(); });
    accept(acceptor, workers);
    peers::announce(acceptor.native_handle());
    context.run();
}

} // namespace

int main(int argument_count, char** arguments) {
    peers::subject const about{.name = "bench-asio",
                               .purpose = "Asio as its examples teach it, a context per thread"};
    return peers::run_program(about, argument_count, arguments, serve);
}
