// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/hub.hpp"
#include "channels/live_settings.hpp"
#include "channels/local_hub.hpp"
#include "channels/tally.hpp"
#include "wire/http_reply.hpp"

#include <millipede/server.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace comet {

/// A connection of either port.
using http_connection = comet_server::connection_type;

/// What both ports do with connections and requests before they know what a request wants. All
/// functions are for handlers: on the thread of the connection's worker.
class port {
  public:
    using service = millipede::service<subscriber, http_codec>;
    /// Sends a reply, once; from any thread, and if the connection is still there.
    using replier = std::function<void(http_reply)>;

    /// \param own where its connections are: answers come back through it.
    port(hub& channels, tally& counters, settings_in_force const& live, service& own)
        : channels_{channels}, counters_{counters}, own_{own}, live_{live} {}
    port(port const&) = delete;
    port& operator=(port const&) = delete;
    virtual ~port() = default;

    /// A connection begins.
    virtual void opened(http_connection& connection);
    /// The codec has something to tell.
    void received(http_connection& connection, http_request const& request);
    /// A request is not whole in its time; the connection ends.
    void timed_out(http_connection& connection);
    /// The server stops, and with it the connection, behind what is sent here.
    virtual void drained(http_connection&) {}
    /// A connection has ended.
    void ended(http_connection& connection);

    // For what serves the requests.

    /// Sends the reply, and ends the connection when that is what was agreed on.
    void reply(http_connection& connection, http_reply const& answer, reply_terms const& terms);
    /// There is nothing at that path.
    void reply_not_found(http_connection& connection, http_request const& request);
    /// The connection's later requests may be looked at again.
    static void go_on(http_connection& connection);
    /// What its worker goes by.
    live_settings const& settings_for(http_connection const& connection) const noexcept {
        return live_.of(connection.worker_index());
    }
    /// Counts on the connection's worker.
    void count(http_connection const& connection, counted what) {
        ++counters_.at(connection.worker_index(), what);
    }
    /// What comes behind the request waits until it has been answered by the function.
    replier answering(http_connection& connection, http_request const& request);
    /// Replies, unless the hub was asked and will answer.
    void unless_asked(bool asked, http_connection& connection, http_reply const& instead,
                      http_request const& request);

  protected:
    /// A request, whose decoded path is `path`.
    virtual void serve(http_connection& connection, http_request const& request,
                       std::string const& path) = 0;
    /// What came on a WebSocket: of kind `frame` or `bad_frame`.
    virtual void serve_frame(http_connection&, http_request const&) {}
    /// OPTIONS, of any path. Unless said otherwise: a method that is not served.
    virtual void serve_options(http_connection& connection, http_request const& request);

    /// Lines that all replies have.
    virtual std::string_view reply_fields(http_connection const&) const { return {}; }

    hub& channels_;
    tally& counters_;
    service& own_;

  private:
    settings_in_force const& live_;
};

/// Whether JSONP may call that: letters, digits, `_`, `$` and `.`; so that no script can be slipped
/// in by a link.
bool is_callback(std::string_view name) noexcept;

} // namespace comet
