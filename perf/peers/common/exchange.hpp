// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/frame.hpp"

#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace peers {

enum class outcome {
    drained,  // nothing was there to read
    answered, // input was read, and all replies that it called for have left
    blocked,  // the peer does not take replies: flush when it does, and do not receive before
    ended,    // the peer has gone, or has to: close
};

/// How one worker reads and answers its sockets: one receive buffer for all of them, and a record
/// only for those few that wait for the rest of a frame or hold replies that the peer did not take.
template <typename Codec>
class exchange {
  public:
    /// One recv, and one send if there is a whole request.
    outcome receive(int socket) {
        auto const received = ::recv(socket, buffer_.get(), buffer_bytes, 0);
        if (received <= 0)
            return received < 0 && (errno == EAGAIN || errno == EINTR) ? outcome::drained
                                                                       : outcome::ended;
        std::span<std::byte> const input{buffer_.get(), static_cast<std::size_t>(received)};
        if (leftovers_.empty()) [[likely]]
            return answer(socket, input);
        return join(socket, input);
    }

    /// Sends what the peer has not taken so far: `answered` when all is out.
    outcome flush(int socket) {
        auto const found = leftovers_.find(socket);
        if (found == leftovers_.end()) return outcome::ended;
        auto& [unfinished, unsent, sent_bytes] = found->second;
        auto const count = send(socket, std::span{unsent}.subspan(sent_bytes));
        if (count < 0) return outcome::ended;
        sent_bytes += static_cast<std::size_t>(count);
        if (sent_bytes < unsent.size()) return outcome::blocked;
        unsent = {};
        sent_bytes = 0;
        if (unfinished.empty()) leftovers_.erase(found);
        return outcome::answered;
    }

    void close(int socket) {
        if (!leftovers_.empty()) leftovers_.erase(socket);
        ::close(socket);
    }

  private:
    static constexpr std::size_t buffer_bytes = 65'536;

    struct leftover {
        std::vector<std::byte> unfinished; // input: the beginning of a frame
        std::vector<std::byte> unsent;     // replies
        std::size_t sent_bytes = 0;        // of `unsent`
    };

    // How many bytes the peer took, which may be none; negative if it has gone.
    static ssize_t send(int socket, std::span<std::byte const> bytes) {
        auto const count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return count < 0 && errno == EAGAIN ? 0 : count;
    }

    outcome answer(int socket, std::span<std::byte> input) {
        auto const done = Codec::answer(input);
        std::size_t sent = 0;
        if (done.reply_bytes != 0) [[likely]] {
            auto const count = send(socket, input.first(done.reply_bytes));
            if (count < 0) return outcome::ended;
            sent = static_cast<std::size_t>(count);
        }
        if (done.refused) return outcome::ended;
        if (sent == done.reply_bytes && done.handled_bytes == input.size()) [[likely]]
            return outcome::answered;
        return keep(socket, input.subspan(sent, done.reply_bytes - sent),
                    input.subspan(done.handled_bytes));
    }

    outcome keep(int socket, std::span<std::byte const> unsent,
                 std::span<std::byte const> unfinished) {
        auto& kept = leftovers_[socket];
        kept.unsent.assign(unsent.begin(), unsent.end());
        kept.unfinished.assign(unfinished.begin(), unfinished.end());
        return unsent.empty() ? outcome::answered : outcome::blocked;
    }

    // Input of a socket that may have left the beginning of a frame before. What still is not
    // whole stays where it is, so that a frame in many pieces is copied once and not for each.
    outcome join(int socket, std::span<std::byte const> input) {
        auto const found = leftovers_.find(socket);
        if (found == leftovers_.end()) return answer(socket, {buffer_.get(), input.size()});
        auto& unfinished = found->second.unfinished;
        unfinished.insert(unfinished.end(), input.begin(), input.end());
        if (Codec::is_unfinished(unfinished)) return outcome::answered;
        auto whole = std::move(unfinished);
        leftovers_.erase(found);
        return answer(socket, whole);
    }

    std::unique_ptr<std::byte[]> buffer_ = std::make_unique<std::byte[]>(buffer_bytes);
    std::unordered_map<int, leftover> leftovers_;
};

} // namespace peers
