// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/memory/buffers.hpp>

#include <algorithm>
#include <cstdint>

namespace millipede::detail {

/// What a protocol made of some input.
struct input_result {
    enum class next : std::uint8_t {
        go_on, ///< Give it the rest together with more bytes.
        pause, ///< Keep the rest, whole messages in it or not, until it wants to go on.
        end,   ///< The conversation is over: the rest is of no use.
    };
    // Narrow, so that the whole fits two registers: it is on the way of every message.
    std::uint32_t consumed = 0;
    std::uint32_t needed = 0; ///< Bytes that the rest must have in all to get on; 0: unknown.
    next then = next::go_on;
};

/// Gives `bytes`, which begin where `rest` ends, to `consume(span) -> input_result`; keeps in
/// `rest` what it leaves. Messages that lie whole in `bytes` are consumed in place, without a
/// copy; the bytes of a message that began in `rest` are copied there. No sockets: fed by tests
/// with every stream cut at every byte.
/// \returns false when `rest` found no buffer within its budget.
template <class Consume>
bool reassemble(spill& rest, std::span<std::byte const> bytes, buffer_pool& pool, Consume consume) {
    using next = input_result::next;
    while (!rest.empty() && !bytes.empty()) {
        auto before = rest.size();
        auto taken =
            rest.needed > before ? std::min(bytes.size(), rest.needed - before) : bytes.size();
        if (!rest.append(bytes.first(taken), pool)) return false;
        if (rest.size() < rest.needed) return true;
        auto result = consume(rest.bytes());
        if (result.then == next::end) {
            rest.release(pool);
            return true;
        }
        if (result.consumed >= before) { // what follows lies in `bytes`: back to working in place
            bytes = bytes.subspan(result.consumed - before);
            rest.release(pool);
        } else {
            bytes = bytes.subspan(taken);
            rest.drop_front(result.consumed, pool);
            rest.needed = result.needed;
        }
        if (result.then == next::pause) return rest.append(bytes, pool);
    }
    if (bytes.empty()) return true;
    auto result = consume(bytes);
    if (result.then == next::end || result.consumed == bytes.size()) return true;
    rest.needed = result.then == next::go_on ? result.needed : 0;
    return rest.append(bytes.subspan(result.consumed), pool);
}

/// Gives `consume` what a pause left in `rest`.
template <class Consume>
void resume(spill& rest, buffer_pool& pool, Consume consume) {
    if (rest.empty()) return;
    auto result = consume(rest.bytes());
    if (result.then == input_result::next::end) return rest.release(pool);
    rest.drop_front(result.consumed, pool);
    rest.needed = result.then == input_result::next::go_on ? result.needed : 0;
}

} // namespace millipede::detail
