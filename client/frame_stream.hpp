// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/frame.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

/// A socket that sends and receives whole frames: all that a client of a framed server needs.
class frame_stream {
  public:
    frame_stream(boost::asio::ip::tcp::socket socket, millipede::frame_codec codec)
        : socket_{std::move(socket)}, codec_{codec} {}

    /// Sends one message. \throws boost::system::system_error
    template <millipede::message Message>
    boost::asio::awaitable<void> send(Message const& message) {
        std::vector<std::byte> bytes;
        collector sink{bytes};
        codec_.encode(message, sink);
        co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes),
                                          boost::asio::use_awaitable);
    }

    /// Sends one frame of a command that has no type here.
    boost::asio::awaitable<void> send(std::uint16_t command, std::span<std::byte const> data) {
        auto bytes = codec_.encode(command, data);
        co_await boost::asio::async_write(socket_,
                                          boost::asio::buffer(bytes.bytes().data(), bytes.size()),
                                          boost::asio::use_awaitable);
    }

    /// The next frame; it is valid until the next call.
    /// \throws boost::system::system_error, among others with boost::asio::error::eof, and with a
    /// millipede::errc for what is no frame.
    boost::asio::awaitable<millipede::frame> receive() {
        using status = millipede::decode_result::status;
        received_.erase(received_.begin(),
                        received_.begin() + static_cast<std::ptrdiff_t>(handled_));
        handled_ = 0;
        for (;;) {
            millipede::frame frame;
            auto found = codec_.decode(received_, frame);
            if (found.found == status::complete) {
                handled_ = found.size;
                co_return frame;
            }
            if (found.found == status::refused)
                throw boost::system::system_error{make_error_code(found.why)};
            std::array<std::byte, 4096> room;
            auto size = co_await socket_.async_read_some(boost::asio::buffer(room),
                                                         boost::asio::use_awaitable);
            received_.insert(received_.end(), room.begin(),
                             room.begin() + static_cast<std::ptrdiff_t>(size));
        }
    }

  private:
    struct collector { // where the codec puts its bytes
        std::vector<std::byte>& bytes;
        void append(std::span<std::byte const> more) {
            bytes.insert(bytes.end(), more.begin(), more.end());
        }
    };

    boost::asio::ip::tcp::socket socket_;
    millipede::frame_codec codec_;
    std::vector<std::byte> received_; // the frame handed out last, and what came after it
    std::size_t handled_ = 0;         // the size of that frame
};
