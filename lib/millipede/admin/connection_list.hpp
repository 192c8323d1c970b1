// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/http_target.hpp>
#include <millipede/process/engine_view.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>

namespace millipede::detail {

/// Which connections to list: from a slot of a worker on, so many.
struct list_request {
    std::uint32_t worker = 0;
    std::uint32_t slot = 0;
    std::uint32_t limit = 100;

    /// Of `limit=100&cursor=WORKER.SLOT`. \throws bad_request
    static list_request from(http_target const& target, std::uint32_t workers);
};

/// Who is there, as JSON: gathered on the workers, in slices with others' turns in between. The
/// thread of `run()`, which goes on with other things meanwhile; the engine outlives it.
boost::asio::awaitable<std::string> list_connections(engine_view engine, list_request wanted);

} // namespace millipede::detail
