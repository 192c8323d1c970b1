// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/handler_memory.hpp>

namespace millipede::detail {

/// Room for what a worker posts to its io_context and waits for there, each at most once at a time:
/// a worker without memory is woken none the less.
struct wakeups {
    handler_memory readiness;
    handler_memory tick;
    handler_memory tick_retry;
    handler_memory incoming;  ///< Newcomers.
    handler_memory mail;      ///< Requests of other threads.
    handler_memory input;     ///< Connections with more to read.
    handler_memory settle;    ///< Connections that coroutines have done something to.
    handler_memory expire;    ///< More connections whose time is over.
    handler_memory greetings; ///< More TLS handshakes to go on with.
    handler_memory walk;      ///< The next slice of a broadcast.
    handler_memory watch;     ///< The worker's own output budget.
    handler_memory ask;       ///< The process's wants it to shed.
    handler_memory reload;    ///< New limits.
    handler_memory stop;      ///< It is to stop, or sooner than it was.
    handler_memory ending;    ///< More conversations that end.
    handler_memory step;      ///< The wait for the next of them.
    handler_memory streams;   ///< More streams that end.
    handler_memory deadline;  ///< The last wait of all.
};

} // namespace millipede::detail
