// SPDX-License-Identifier: BSL-1.0
// What may be asked of a server from any thread with a completion token.
#include <millipede/process/awaited_requests.hpp>

#include <millipede/process/basic_server.hpp>

#include <memory>
#include <new>
#include <utility>

namespace millipede {

void basic_server::begin_send(connection_id id, payload message,
                              detail::completion_ptr<error_code> done) {
    auto result = std::make_shared<detail::awaited_result>(std::move(done), errc::not_running);
    if (!started_) return;
    auto* recipient = workers_->find(id.worker());
    if (!recipient) {
        result->value = errc::stale_connection;
        return;
    }
    try {
        auto bytes = message.size();
        auto letter = std::make_unique<detail::awaited_send>(id, std::move(message),
                                                             default_overflow(), result);
        auto refused = recipient->post(std::move(letter), bytes);
        if (refused) result->value = refused; // and there is no letter any more
    } catch (std::bad_alloc const&) {
        result->value = errc::no_memory; // and there is no letter either
    }
}

void basic_server::begin_awaited_broadcast(broadcast_maker const& make,
                                           detail::completion_ptr<error_code> done) {
    auto result = std::make_shared<detail::awaited_result>(std::move(done), errc::no_memory);
    try { // letters leave the value alone, and this lets go behind them or before
        result->value = begin_broadcast(
            [&] { return std::make_unique<detail::awaited_broadcast>(make(), result); });
    } catch (std::bad_alloc const&) {
        // That is what it completes with.
    }
}

void basic_server::begin_awaited_drain(std::chrono::milliseconds deadline,
                                       std::chrono::milliseconds spread,
                                       detail::completion_ptr<error_code, drain_report> done) {
    drain(deadline, spread);
    end_awaiters_.add(std::move(done));
}

} // namespace millipede
