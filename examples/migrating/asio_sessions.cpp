// SPDX-License-Identifier: BSL-1.0
// The service of ../online_callbacks as one writes it on Asio alone: a shared session with a
// strand, a timer and buffers for each connection. It is there to be compared with
// (docs/migrating.md).
//
//     example-asio-sessions 127.0.0.1:8090
#include <boost/asio.hpp>
#include <boost/endian/arithmetic.hpp>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct frame_head {
    boost::endian::little_uint32_t magic;
    boost::endian::little_uint16_t size;
    boost::endian::little_uint16_t command;
};
constexpr std::uint32_t frame_magic = 0x8eb69af7;
constexpr std::uint16_t login = 0x6101;
constexpr std::uint16_t how_many = 0x6104;

class session : public std::enable_shared_from_this<session> {
  public:
    session(tcp::socket socket, std::atomic<std::int64_t>& online)
        : socket_{std::move(socket)}, idle_{socket_.get_executor()}, online_{online} {}

    void start() { // on the strand, where all that follows happens
        asio::dispatch(socket_.get_executor(), [self = shared_from_this()] { self->read_head(); });
    }

  private:
    void read_head() {
        idle_.expires_after(std::chrono::minutes{5});
        idle_.async_wait([self = shared_from_this()](error_code failure) {
            if (!failure) self->end();
        });
        asio::async_read(socket_, asio::buffer(&head_, sizeof head_),
                         [self = shared_from_this()](error_code failure, std::size_t) {
                             bool good = !failure && self->head_.magic == frame_magic &&
                                         self->head_.size >= sizeof self->head_;
                             good ? self->read_data() : self->end();
                         });
    }

    void read_data() {
        data_.resize(head_.size - sizeof head_);
        asio::async_read(socket_, asio::buffer(data_),
                         [self = shared_from_this()](error_code failure, std::size_t) {
                             failure ? self->end() : self->handle();
                         });
    }

    void handle() {
        if (head_.command == login && data_.size() == 2) {
            if (!std::exchange(logged_in_, true)) ++online_;
            return reply(nullptr, 0);
        }
        if (head_.command == how_many && data_.empty()) {
            boost::endian::little_int64_t number = online_.load();
            return reply(&number, sizeof number);
        }
        end();
    }

    void reply(void const* data, std::size_t size) {
        head_.size = static_cast<std::uint16_t>(sizeof head_ + size);
        reply_.resize(sizeof head_ + size);
        std::memcpy(reply_.data(), &head_, sizeof head_);
        if (size != 0) std::memcpy(reply_.data() + sizeof head_, data, size);
        asio::async_write(socket_, asio::buffer(reply_),
                          [self = shared_from_this()](error_code failure, std::size_t) {
                              failure ? self->end() : self->read_head();
                          });
    }

    void end() { // called from wherever it ends: the first call counts
        if (std::exchange(ended_, true)) return;
        if (logged_in_) --online_;
        error_code ignored;
        socket_.close(ignored);
        idle_.cancel();
    }

    tcp::socket socket_;
    asio::steady_timer idle_;
    std::atomic<std::int64_t>& online_;
    frame_head head_{};
    std::vector<std::byte> data_, reply_;
    bool logged_in_ = false;
    bool ended_ = false;
};

void accept(tcp::acceptor& acceptor, std::atomic<std::int64_t>& online) {
    acceptor.async_accept(asio::make_strand(acceptor.get_executor()),
                          [&](error_code failure, tcp::socket socket) {
                              if (failure == asio::error::operation_aborted) return;
                              if (!failure)
                                  std::make_shared<session>(std::move(socket), online)->start();
                              accept(acceptor, online);
                          });
}

tcp::endpoint parsed(std::string const& place) {
    auto colon = place.rfind(':');
    std::uint16_t port = 0;
    if (colon == place.npos ||
        std::from_chars(place.data() + colon + 1, place.data() + place.size(), port).ec !=
            std::errc{})
        throw std::invalid_argument{"'" + place + "' is not ADDR:PORT"};
    return {asio::ip::make_address(place.substr(0, colon)), port};
}

int main(int argc, char** argv) {
    try {
        asio::io_context context;
        std::atomic<std::int64_t> online{0};
        tcp::acceptor acceptor{context, parsed(argc > 1 ? argv[1] : "127.0.0.1:8090")};
        asio::signal_set signals{context, SIGINT, SIGTERM};
        signals.async_wait([&](error_code, int) { context.stop(); });
        accept(acceptor, online);
        std::cout << "listening on " << acceptor.local_endpoint() << std::endl;
        std::vector<std::jthread> threads;
        for (unsigned each = 1; each < std::thread::hardware_concurrency(); ++each)
            threads.emplace_back([&] { context.run(); });
        context.run();
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-asio-sessions: " << failure.what() << '\n';
        return 2;
    }
}
