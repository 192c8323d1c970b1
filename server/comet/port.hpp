// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http_reply.hpp"
#include "hub.hpp"
#include "local_hub.hpp"
#include "tally.hpp"

#include <millipede/server.hpp>

#include <string>
#include <string_view>

namespace comet {

/// A connection of either port.
using http_connection = comet_server::connection_type;

/// What both ports do with connections and requests before they know what a request wants. All
/// functions are for handlers: on the thread of the connection's worker.
class port {
  public:
    port(hub& channels, tally& counters) : channels_{channels}, counters_{counters} {}
    port(port const&) = delete;
    port& operator=(port const&) = delete;
    virtual ~port() = default;

    /// A connection begins.
    virtual void opened(http_connection& connection);
    /// The codec has something to tell.
    void received(http_connection& connection, http_request const& request);
    /// A connection has ended.
    void ended(http_connection& connection);

  protected:
    /// A request, whose decoded path is `path`.
    virtual void serve(http_connection& connection, http_request const& request,
                       std::string const& path) = 0;

    /// Sends the reply, and ends the connection when that is what was agreed on.
    void reply(http_connection& connection, http_reply const& answer, reply_terms const& terms);
    /// There is nothing at that path.
    void reply_not_found(http_connection& connection, http_request const& request);
    /// The connection's later requests may be looked at again.
    static void go_on(http_connection& connection);
    /// Counts on the connection's worker.
    void count(http_connection const& connection, counted what) {
        ++counters_.at(connection.worker_index(), what);
    }

    hub& channels_;
    tally& counters_;
};

/// Whether JSONP may call that: letters, digits, `_`, `$` and `.`; so that no script can be slipped
/// in by a link.
bool is_callback(std::string_view name) noexcept;

} // namespace comet
