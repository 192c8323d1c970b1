// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ports/port.hpp"
#include "ports/publishing.hpp"
#include "ports/web_files.hpp"
#include "ports/websockets.hpp"

#include <string>
#include <string_view>

namespace comet {

/// The port for subscribers: /sub, /poll, /stream, /sse, /iframe, /ws, /ping; and /push and /pub,
/// if whoever reaches it may publish; and the files that browsers need, if they are wanted.
class front final : public port {
  public:
    /// \param own where its connections are. \param commands outlives this, as the others do.
    front(hub& channels, tally& counters, settings_in_force const& live, service& own,
          command_executor& commands);

    void drained(http_connection& connection) override { websockets_.drain(connection); }

  private:
    void serve_options(http_connection& connection, http_request const& request) override;
    void serve(http_connection& connection, http_request const& request,
               std::string const& path) override;
    void serve_frame(http_connection& connection, http_request const& request) override {
        websockets_.take(connection, request);
    }
    std::string_view reply_fields(http_connection const& connection) const override {
        return settings_for(connection).pages.fields();
    }
    void subscribe(http_connection& connection, http_request const& request, transport how);
    void show(http_connection& connection, http_request const& request, embedded_file const& file);
    void ping(http_connection& connection, http_request const& request);

    publishing publishing_;
    websockets websockets_;
};

} // namespace comet
