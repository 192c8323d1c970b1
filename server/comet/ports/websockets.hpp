// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ports/command_executor.hpp"
#include "ports/port.hpp"
#include "wire/http_request.hpp"

#include <string>
#include <string_view>

namespace comet {

/// What a port does about WebSockets: they begin with a request, and then give commands. All
/// functions are for the port's handlers, on the thread of the connection's worker.
class websockets {
  public:
    /// \param at the port whose connections these are; outlives this, as the others do.
    websockets(port& at, hub& channels, command_executor& commands)
        : at_{at}, channels_{channels}, commands_{commands} {}

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
};

} // namespace comet
