// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/limits.hpp"
#include "ports/port.hpp"
#include "ports/publishing.hpp"
#include "ports/web_files.hpp"
#include "ports/websockets.hpp"
#include "wire/cors.hpp"

#include <optional>
#include <string>

namespace comet {

/// The port for subscribers: /sub, /poll, /stream, /sse, /iframe, /ws, /ping; and /push and /pub,
/// if whoever reaches it may publish; and the files that browsers need, if they are wanted.
class front final : public port {
  public:
    struct settings {
        channel_limits channels{};
        cors pages{};
        bool publishes = false; ///< Whoever reaches it may publish.
        bool with_web = false;  ///< It serves the files that browsers need.
        std::size_t websocket_message_max = 65'536;
    };

    /// \param own where its connections are. \param commands outlives this, as the others do.
    front(hub& channels, tally& counters, service& own, command_executor& commands,
          settings wanted);

    void drained(http_connection& connection) override { websockets_.drain(connection); }

  private:
    void serve_options(http_connection& connection, http_request const& request) override;
    void serve(http_connection& connection, http_request const& request,
               std::string const& path) override;
    void serve_frame(http_connection& connection, http_request const& request) override {
        websockets_.take(connection, request);
    }
    void subscribe(http_connection& connection, http_request const& request, transport how);
    void show(http_connection& connection, http_request const& request, embedded_file const& file);
    void ping(http_connection& connection, http_request const& request);

    channel_limits limits_;
    cors cors_;
    std::optional<publishing> publishing_; // null: nobody may
    bool with_web_;
    websockets websockets_;
};

} // namespace comet
