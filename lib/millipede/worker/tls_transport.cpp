// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/tls_transport.hpp>

#include <millipede/worker/tls_error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

// What a record can carry at most, by the protocol.
constexpr std::size_t record_bytes_max = 16 * 1024;

// A peer may send a megabyte as records of one byte each; others have their turn in between.
constexpr int pieces_per_read_max = 256;

/// Cuts buffers into as few records as can be; copies only where one buffer does not fill one.
class record_cutter {
  public:
    explicit record_cutter(std::span<iovec const> buffers) noexcept : buffers_{buffers} {}

    /// Empty when nothing is left. Valid until the next call.
    std::span<std::byte const> next() noexcept {
        auto first = take(record_bytes_max);
        if (first.size() == record_bytes_max || buffers_.empty()) return first;
        std::size_t size = 0;
        for (auto piece = first; !piece.empty(); piece = take(record_bytes_max - size)) {
            std::memcpy(gathered_.data() + size, piece.data(), piece.size());
            size += piece.size();
        }
        return {gathered_.data(), size};
    }

  private:
    // Up to `most` bytes of the first buffer that has any.
    std::span<std::byte const> take(std::size_t most) noexcept {
        while (!buffers_.empty() && most != 0) {
            auto const& front = buffers_.front();
            auto const* data = static_cast<std::byte const*>(front.iov_base) + taken_;
            auto size = std::min(most, front.iov_len - taken_);
            taken_ += size;
            if (taken_ == front.iov_len) {
                buffers_ = buffers_.subspan(1);
                taken_ = 0;
            }
            if (size != 0) return {data, size};
        }
        return {};
    }

    std::span<iovec const> buffers_;
    std::size_t taken_ = 0; ///< Of the first buffer.
    std::array<std::byte, record_bytes_max> gathered_;
};

} // namespace

struct tls_transport::socket_methods {
    static tls_transport& owner(BIO* bio) noexcept {
        return *static_cast<tls_transport*>(BIO_get_data(bio));
    }

    static int read(BIO* bio, char* room, std::size_t size, std::size_t* count) noexcept {
        auto& self = owner(bio);
        BIO_clear_retry_flags(bio);
        *count = 0;
        if (!self.drained_) {
            auto got = socket_read(self.descriptor_, {reinterpret_cast<std::byte*>(room), size});
            self.drained_ = got.size < size; // see epoll(7)
            *count = got.size;
            if (got.size != 0) {
                self.heard_ = true;
                auto const* bytes = reinterpret_cast<std::byte const*>(room);
                return self.shaking_ && self.hello_is_too_long({bytes, got.size}) ? 0 : 1;
            }
            if (got.failed()) self.fail(socket_failure());
            if (!got.failed() && !got.would_block()) self.socket_ended_ = true;
            if (!got.would_block()) return 0;
        }
        BIO_set_retry_read(bio);
        return 0;
    }

    static int write(BIO* bio, char const* bytes, std::size_t size, std::size_t* count) noexcept {
        BIO_clear_retry_flags(bio);
        bool sent = owner(bio).send({reinterpret_cast<std::byte const*>(bytes), size});
        *count = sent ? size : 0;
        return sent ? 1 : 0;
    }

    static long control(BIO* bio, int command, long, void*) noexcept {
        if (command == BIO_CTRL_FLUSH) return 1; // done, or to be done when there is room
        if (command == BIO_CTRL_EOF) return owner(bio).socket_ended_ ? 1 : 0;
        return 0;
    }

    static BIO_METHOD const* table() {
        struct free_method {
            void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
        };
        static std::unique_ptr<BIO_METHOD, free_method> const instance{[] {
            auto* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millipede");
            if (!method) throw std::bad_alloc{};
            BIO_meth_set_read_ex(method, read);
            BIO_meth_set_write_ex(method, write);
            BIO_meth_set_ctrl(method, control);
            return method;
        }()};
        return instance.get();
    }
};

tls_transport::tls_transport(SSL_CTX& context, int descriptor, buffer_pool& buffers)
    : session_{SSL_new(&context)}, buffers_{&buffers}, descriptor_{descriptor} {
    auto* bio = session_ ? BIO_new(socket_methods::table()) : nullptr;
    if (!bio) throw std::bad_alloc{};
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(session_.get(), bio, bio); // which owns it from now on
}

tls_transport::~tls_transport() {
    if (descriptor_ >= 0) socket_close(descriptor_, false);
    forget_unsent();
}

io_result tls_transport::fail(error_code const& why) noexcept {
    if (!failure_.failed()) failure_ = why;
    return {0, io_result::status::failed};
}

// What became of a call of OpenSSL that did not do all it was asked for.
void tls_transport::note_failure(int answer) noexcept {
    switch (SSL_get_error(session_.get(), answer)) {
    case SSL_ERROR_WANT_READ:
        return;
    case SSL_ERROR_ZERO_RETURN:
        ended_ = true;
        return;
    default:
        break;
    }
    auto reason = take_tls_error();
    if (socket_ended_) // and if an alert about that could not be sent, that is no news
        failure_ = heard_ ? errc::stream_truncated : errc::closed_by_peer;
    else
        fail(reason);
}

// The failure is the one that OpenSSL itself has for messages that are too long.
bool tls_transport::hello_is_too_long(std::span<std::byte const> bytes) noexcept {
    if (SSL_version(session_.get()) == TLS1_2_VERSION || hello_.admits(bytes)) return false;
    constexpr auto reason = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_EXCESSIVE_MESSAGE_SIZE);
    fail({static_cast<int>(reason), tls_category()});
    return true;
}

io_result tls_transport::handshake() {
    if (failure_.failed()) return fail(failure_);
    drained_ = false;
    ERR_clear_error();
    int answer = SSL_accept(session_.get());
    if (answer == 1) {
        shaking_ = false;
        return {};
    }
    note_failure(answer);
    if (ended_) return fail(errc::stream_truncated);
    if (failure_.failed()) return fail(failure_);
    return {0, io_result::status::would_block};
}

io_result tls_transport::read(std::span<std::byte> room) {
    more_ = false;
    if (failure_.failed()) return fail(failure_);
    if (ended_) return {};
    drained_ = false;
    std::size_t filled = 0;
    for (int pieces = 0; filled < room.size(); ++pieces) {
        more_ = pieces == pieces_per_read_max;
        if (more_) break;
        std::size_t size = 0;
        ERR_clear_error();
        int answer = SSL_read_ex(session_.get(), room.data() + filled, room.size() - filled, &size);
        if (answer != 1) {
            note_failure(answer);
            break;
        }
        filled += size;
    }
    if (filled != 0) return {filled}; // what ended it, if anything did, comes with the next read
    if (failure_.failed()) return fail(failure_);
    if (ended_) return {};
    return {0, io_result::status::would_block};
}

io_result tls_transport::write(std::span<iovec const> buffers) {
    flush();
    if (failure_.failed()) return fail(failure_);
    if (!unsent_.empty()) return {0, io_result::status::would_block};
    record_cutter records{buffers};
    std::size_t taken = 0;
    do {
        auto record = records.next();
        if (record.empty()) break;
        if (!write_record(record)) return fail(failure_);
        taken += record.size();
    } while (unsent_.empty());
    return {taken};
}

bool tls_transport::write_record(std::span<std::byte const> bytes) {
    ERR_clear_error();
    std::size_t size = 0;
    if (SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &size) == 1) return true;
    fail(take_tls_error());
    return false;
}

// Called by OpenSSL, for records that are sealed: refusing one would only have it come again.
bool tls_transport::send(std::span<std::byte const> sealed) noexcept {
    if (failure_.failed()) return false;
    if (unsent_.empty()) {
        auto sent = socket_write(descriptor_, sealed);
        if (sent.failed()) {
            fail(socket_failure());
            return false;
        }
        sealed = sealed.subspan(sent.size);
    }
    try {
        if (unsent_.append(sealed, *buffers_)) return true;
        fail(errc::buffers_exhausted);
    } catch (std::bad_alloc const&) {
        fail(errc::no_memory);
    }
    return false;
}

bool tls_transport::flush() {
    bool any = false;
    while (!unsent_.empty()) {
        auto sent = socket_write(descriptor_, unsent_.bytes());
        if (sent.failed()) {
            fail(socket_failure());
            forget_unsent();
            return any;
        }
        if (sent.would_block()) return any;
        unsent_.drop_front(sent.size, *buffers_);
        any = true;
    }
    if (any && ending_) socket_shutdown_write(descriptor_);
    return any;
}

void tls_transport::send_close_notify() noexcept {
    if (notified_ || failure_.failed() || SSL_is_init_finished(session_.get()) != 1) return;
    notified_ = true;
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
}

void tls_transport::shutdown_write() {
    send_close_notify();
    ending_ = true;
    if (flushed()) socket_shutdown_write(descriptor_);
}

void tls_transport::close() {
    if (descriptor_ < 0) return;
    if (unsent_.empty()) send_close_notify();
    forget_unsent();
    socket_close(std::exchange(descriptor_, -1), false);
}

void tls_transport::abort() {
    if (descriptor_ < 0) return;
    forget_unsent();
    socket_close(std::exchange(descriptor_, -1), true);
}

int tls_transport::release_socket() {
    forget_unsent();
    return std::exchange(descriptor_, -1);
}

} // namespace millipede::detail
