// SPDX-License-Identifier: BSL-1.0
// Whether a peer that is silent is still there.
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

#include <new>

namespace millipede::detail {

// Whoever answers, with whatever, was active; the idle timeout is for those who do not.
void worker::ask_if_there(connection_record& record) {
    pool_.ask(record);
    ++counters_.heartbeats;
    try {
        output_.send(record, protocols_[record.protocol]->heartbeat, overflow_policy::drop_newest);
    } catch (std::bad_alloc const&) { // a part of it may have left
        output_.request_close(record, errc::no_memory);
    }
}

} // namespace millipede::detail
