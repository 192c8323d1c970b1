// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/handler_memory.hpp>
#include <millipede/worker/transport.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace millipede::detail {

/// An ordinary Asio stream in the place of a socket: one `async_read_some` is always under way
/// into a buffer of its own, one write at a time goes out from another. Portable and simple; the
/// epoll transport beside it is what is fast and lean.
///
/// `Stream` is an AsyncReadStream and AsyncWriteStream whose executor is the worker's. `Ends`
/// knows what the stream's own type cannot tell in general: `shutdown_write(stream)`,
/// `close(stream)` and `remote_endpoint(stream, code)`.
template <class Stream, class Ends>
class stream_transport final : public transport {
  public:
    explicit stream_transport(Stream stream) : state_{std::make_shared<state>(std::move(stream))} {}
    ~stream_transport() override { close(); }

    void start(std::function<void(edge)> announce) override {
        state_->announce = std::move(announce);
        state_->open = true;
        read_more(state_);
    }

    io_result read(std::span<std::byte> room) override {
        auto& self = *state_;
        if (self.read_begin == self.read_end) {
            if (self.read_code == boost::asio::error::eof) return {};
            bool failed = self.read_code || self.write_code; // as a socket tells of a reset
            return {0, failed ? io_result::status::failed : io_result::status::would_block};
        }
        auto size = std::min(room.size(), self.read_end - self.read_begin);
        std::memcpy(room.data(), self.input.data() + self.read_begin, size);
        self.read_begin += size;
        if (self.read_begin != self.read_end) return {size};
        try {
            read_more(state_);
        } catch (std::bad_alloc const&) { // without another read no edge would tell of the failure
            self.read_code = boost::asio::error::no_memory;
            return {0, io_result::status::failed};
        }
        return {size};
    }

    io_result write(std::span<iovec const> buffers) override {
        auto& self = *state_;
        if (self.write_code) return {0, io_result::status::failed};
        auto before = self.output.size();
        if (self.writing || before == output_max) return {0, io_result::status::would_block};
        try {
            for (auto const& buffer : buffers) {
                auto room = output_max - self.output.size();
                auto const* data = static_cast<std::byte const*>(buffer.iov_base);
                self.output.insert(self.output.end(), data, data + std::min(room, buffer.iov_len));
            }
        } catch (std::bad_alloc const&) {
            self.fail_writing(boost::asio::error::no_memory);
            return {0, io_result::status::failed};
        }
        if (!self.output.empty()) write_more(state_);
        if (self.write_code) return {0, io_result::status::failed};
        return {self.output.size() - before};
    }

    error_code failure() const override {
        auto const& self = *state_;
        bool ended = self.read_code == boost::asio::error::eof;
        return self.read_code && !ended ? self.read_code : self.write_code;
    }

    bool flushed() const override { return state_->output.empty() || state_->write_code; }
    void shutdown_write() override { Ends::shutdown_write(state_->stream); }

    void close() override {
        // Operations under way end later, and keep the state until then; and whoever closes may be
        // running inside of `announce`, so that it stays as well.
        if (!std::exchange(state_->open, false)) return;
        Ends::close(state_->stream);
    }

    boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const override {
        return Ends::remote_endpoint(state_->stream, code);
    }

  private:
    static constexpr std::size_t output_max = 64 * 1024;

    struct state {
        explicit state(Stream carrier) : stream{std::move(carrier)} {}
        void fail_writing(error_code const& why) noexcept {
            write_code = why;
            output.clear(); // nobody will take it any more
        }
        handler_memory read_memory; // there is one of each at a time
        handler_memory write_memory;
        Stream stream;
        std::function<void(edge)> announce;
        bool open = false; // announces edges
        std::array<std::byte, 4096> input;
        std::size_t read_begin = 0;
        std::size_t read_end = 0;
        error_code read_code;
        std::vector<std::byte> output; // taken, and not written yet
        bool writing = false;          // while it is, `output` must not change
        error_code write_code;
    };
    using state_pointer = std::shared_ptr<state>;

    static void read_more(state_pointer const& self) {
        self->stream.async_read_some(
            boost::asio::buffer(self->input),
            reserved(self->read_memory, [self](error_code code, std::size_t size) {
                if (!self->open) return;
                self->read_begin = 0;
                self->read_end = size;
                self->read_code = code;
                self->announce(code ? edge::readable | edge::hangup : edge::readable);
            }));
    }

    // When it cannot begin to write, `write_code` says why.
    static void write_more(state_pointer const& self) noexcept {
        self->writing = true;
        try {
            self->stream.async_write_some(
                boost::asio::buffer(self->output),
                reserved(self->write_memory, [self](error_code code, std::size_t size) {
                    self->writing = false;
                    wrote(self, code, size);
                }));
        } catch (std::bad_alloc const&) {
            self->writing = false;
            self->fail_writing(boost::asio::error::no_memory);
        }
    }

    static void wrote(state_pointer const& self, error_code code, std::size_t size) {
        if (code)
            self->fail_writing(code);
        else
            self->output.erase(self->output.begin(),
                               self->output.begin() + static_cast<std::ptrdiff_t>(size));
        if (!self->open) return;
        announce_written(self);
        if (!self->open || self->writing || self->output.empty()) return;
        write_more(self);
        if (self->write_code) announce_written(self);
    }

    static void announce_written(state_pointer const& self) {
        bool failed = self->write_code.failed();
        self->announce(failed ? edge::readable | edge::writable | edge::hangup : edge::writable);
    }

    state_pointer state_;
};

/// The ends of a TCP socket.
struct tcp_ends {
    using socket = boost::asio::ip::tcp::socket;
    static void shutdown_write(socket& stream) {
        error_code ignored; // a peer that is gone already
        stream.shutdown(socket::shutdown_send, ignored);
    }
    static void close(socket& stream) {
        error_code ignored;
        stream.close(ignored);
    }
    static boost::asio::ip::tcp::endpoint remote_endpoint(socket const& stream, error_code& code) {
        auto named = stream.remote_endpoint(code);
        return code ? named : tcp_endpoint_or(named, code);
    }
};

using tcp_transport = stream_transport<boost::asio::ip::tcp::socket, tcp_ends>;

} // namespace millipede::detail
