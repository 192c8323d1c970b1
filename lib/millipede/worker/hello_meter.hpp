// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millipede::detail {

/// Reads along with the plain part of a TLS handshake, as far as it takes to learn how long its
/// ClientHello claims to be. OpenSSL believes claims of up to 128 KiB, sets that much memory aside
/// before the first byte of it has come, and has no limit to set. Clients of today send less than
/// 4 KiB.
class hello_meter {
  public:
    /// The claim of a ClientHello that goes through; OpenSSL has as much at hand for any handshake.
    static constexpr std::uint32_t hello_bytes_max = 16 * 1024;

    /// The next bytes of the client's stream, from its beginning. False when a ClientHello in it is
    /// too long: that is found as soon as its head has come, in however many pieces and records.
    /// Not for what comes once TLS 1.2 has been agreed on: what is encrypted then looks like more
    /// of the plain handshake.
    bool admits(std::span<std::byte const> bytes) noexcept {
        for (auto byte : bytes)
            if (!admits(std::to_integer<std::uint8_t>(byte))) return false;
        return true;
    }

  private:
    static constexpr std::uint8_t handshake_record = 22;
    static constexpr std::uint8_t client_hello = 1;
    static constexpr std::uint8_t record_head_bytes = 5;  // type, version, length in 2 bytes
    static constexpr std::uint8_t message_head_bytes = 4; // type, length in 3 bytes

    bool admits(std::uint8_t byte) noexcept {
        if (record_left_ == 0) {
            read_record_head(byte);
            return true;
        }
        --record_left_;
        return record_type_ != handshake_record || admits_of_handshake(byte);
    }

    void read_record_head(std::uint8_t byte) noexcept {
        if (record_head_ == 0) record_type_ = byte;
        if (record_head_ >= 3)
            record_length_ = static_cast<std::uint16_t>(record_length_ << 8 | byte);
        if (++record_head_ < record_head_bytes) return;
        record_head_ = 0;
        record_left_ = record_length_;
        record_length_ = 0;
    }

    bool admits_of_handshake(std::uint8_t byte) noexcept {
        if (message_left_ != 0) {
            --message_left_;
            return true;
        }
        if (message_head_ == 0)
            message_type_ = byte;
        else
            message_length_ = message_length_ << 8 | byte;
        if (++message_head_ < message_head_bytes) return true;
        message_head_ = 0;
        message_left_ = message_length_;
        message_length_ = 0;
        return message_type_ != client_hello || message_left_ <= hello_bytes_max;
    }

    std::uint32_t message_left_ = 0; ///< Bytes until the next message's head.
    std::uint32_t message_length_ = 0;
    std::uint16_t record_left_ = 0; ///< Bytes until the next record's head.
    std::uint16_t record_length_ = 0;
    std::uint8_t record_head_ = 0;  ///< Bytes seen of a record's head ...
    std::uint8_t message_head_ = 0; ///< ... and of a message's.
    std::uint8_t record_type_ = 0;
    std::uint8_t message_type_ = 0;
};

} // namespace millipede::detail
