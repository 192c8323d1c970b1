// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/limits.hpp"
#include "ports/command_executor.hpp"
#include "ports/port.hpp"
#include "wire/cors.hpp"
#include "wire/http_request.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace comet {

/// What a port does about WebSockets: they begin with a request, and then give commands. All
/// functions are for the port's handlers, on the thread of the connection's worker.
class websockets {
  public:
    struct settings {
        std::size_t message_max = 65'536; ///< Bytes of what a client sends as one.
        publishing_right right = publishing_right::none;
        cors pages{}; ///< Whose pages may begin one.
    };

    /// \param at the port whose connections these are; outlives this, as the others do.
    websockets(port& at, hub& channels, command_executor& commands, channel_limits const& limits,
               settings wanted)
        : at_{at},
          channels_{channels},
          commands_{commands},
          limits_{limits},
          settings_{std::move(wanted)} {}

    /// A request for one, with the channels that its parameters name, if any.
    void begin(http_connection& connection, http_request const& request);
    /// A frame, or what is none.
    void take(http_connection& connection, http_request const& request);
    /// The server stops. Nothing when the connection is no WebSocket.
    void drain(http_connection& connection);

  private:
    void refuse(http_connection& connection, http_request const& request, std::uint16_t status);
    void obey(http_connection& connection, std::string const& text);
    /// Ends it for a fault of its client's.
    void refuse(http_connection& connection, close_code why, std::string_view reason);
    void close(http_connection& connection, close_code why, std::string_view reason = {});

    port& at_;
    hub& channels_;
    command_executor& commands_;
    channel_limits limits_;
    settings settings_;
};

} // namespace comet
