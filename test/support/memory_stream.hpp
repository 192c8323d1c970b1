// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace test {

/// What lies between a `memory_stream` and the test, which is its peer: bytes in both directions,
/// and how they travel. One thread, which also runs the io_context.
class memory_pipe : public std::enable_shared_from_this<memory_pipe> {
  public:
    using error_code = boost::system::error_code;

    explicit memory_pipe(boost::asio::io_context& context) : context_{&context} {}

    // The peer's side.

    /// Bytes that one read of the stream brings; what it has no room for comes with the next.
    void deliver(std::string_view bytes) {
        if (!bytes.empty()) input_.emplace_back(bytes);
        continue_read();
    }
    /// The peer ends its stream, after what was delivered.
    void end_input() {
        input_ended_ = true;
        continue_read();
    }
    /// The peer takes no more, until `take_writes()`.
    void hold_writes() { writes_held_ = true; }
    void take_writes() {
        writes_held_ = false;
        continue_write();
    }

    /// One write takes so many bytes at most.
    std::size_t write_max = SIZE_MAX;
    /// The operation of this number, from 1, fails; 0: none.
    std::size_t fails_at = 0;
    error_code failure = boost::asio::error::connection_reset;
    /// The operation of this number cannot even begin, for want of memory; 0: none.
    std::size_t throws_at = 0;

    std::string written;        ///< What the peer has got so far.
    std::size_t operations = 0; ///< Reads and writes begun.
    std::size_t operations_under_way = 0;
    bool output_ended = false; ///< The stream's side has ended its output ...
    bool closed = false;       ///< ... and closed.

    // The stream's side.

    using handler_type = std::function<void(error_code, std::size_t)>;

    void begin_read(boost::asio::mutable_buffer room, handler_type handler) {
        if (begin_fails(handler)) return;
        read_room_ = room;
        read_handler_ = std::move(handler);
        continue_read();
    }

    void begin_write(boost::asio::const_buffer bytes, handler_type handler) {
        if (begin_fails(handler)) return;
        write_bytes_ = bytes;
        write_handler_ = std::move(handler);
        continue_write();
    }

    void close() {
        closed = true;
        if (read_handler_) complete(read_handler_, boost::asio::error::operation_aborted, 0);
        if (write_handler_) complete(write_handler_, boost::asio::error::operation_aborted, 0);
    }

  private:
    bool begin_fails(handler_type& handler) {
        bool fails = ++operations == fails_at;
        if (operations == throws_at) throw std::bad_alloc{};
        ++operations_under_way;
        if (fails || closed)
            complete(handler, fails ? failure : error_code{boost::asio::error::bad_descriptor}, 0);
        return fails || closed;
    }

    void continue_read() {
        if (!read_handler_) return;
        if (input_.empty()) {
            if (input_ended_) complete(read_handler_, boost::asio::error::eof, 0);
            return;
        }
        auto& front = input_.front();
        auto size = boost::asio::buffer_copy(read_room_, boost::asio::buffer(front));
        front.erase(0, size);
        if (front.empty()) input_.pop_front();
        complete(read_handler_, {}, size);
    }

    void continue_write() {
        if (!write_handler_ || writes_held_) return;
        auto size = std::min(write_bytes_.size(), write_max);
        written.append(static_cast<char const*>(write_bytes_.data()), size);
        complete(write_handler_, {}, size);
    }

    // Like every Asio stream: from the io_context, never from inside the initiating call.
    void complete(handler_type& handler, error_code code, std::size_t size) {
        boost::asio::post(*context_, [self = shared_from_this(), code, size,
                                      handler = std::exchange(handler, nullptr)] {
            --self->operations_under_way;
            handler(code, size);
        });
    }

    boost::asio::io_context* context_;
    std::deque<std::string> input_;
    bool input_ended_ = false;
    bool writes_held_ = false;
    boost::asio::mutable_buffer read_room_;
    boost::asio::const_buffer write_bytes_;
    handler_type read_handler_;
    handler_type write_handler_;
};

/// An AsyncReadStream and AsyncWriteStream without a socket, which can be cut, slowed down and made
/// to fail at will through its pipe.
class memory_stream {
  public:
    using executor_type = boost::asio::io_context::executor_type;

    memory_stream(boost::asio::io_context& context, std::shared_ptr<memory_pipe> pipe)
        : executor_{context.get_executor()}, pipe_{std::move(pipe)} {}

    executor_type get_executor() const noexcept { return executor_; }
    memory_pipe& pipe() const noexcept { return *pipe_; }

    template <class Buffers, class Handler>
    void async_read_some(Buffers const& buffers, Handler handler) {
        pipe_->begin_read(*boost::asio::buffer_sequence_begin(buffers), std::move(handler));
    }
    template <class Buffers, class Handler>
    void async_write_some(Buffers const& buffers, Handler handler) {
        pipe_->begin_write(*boost::asio::buffer_sequence_begin(buffers), std::move(handler));
    }

  private:
    executor_type executor_;
    std::shared_ptr<memory_pipe> pipe_;
};

/// The ends of a memory_stream, for stream_transport.
struct memory_ends {
    static void shutdown_write(memory_stream& stream) { stream.pipe().output_ended = true; }
    static void close(memory_stream& stream) { stream.pipe().close(); }
    static boost::asio::ip::tcp::endpoint remote_endpoint(memory_stream const&,
                                                          boost::system::error_code& code) {
        code.clear();
        return {boost::asio::ip::address_v4::loopback(), 7};
    }
};

} // namespace test
