// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "limits.hpp"
#include "port.hpp"

#include <string>

namespace comet {

/// The port for subscribers: /sub, /poll, /stream, /sse, /iframe, /ping.
class front final : public port {
  public:
    front(hub& channels, tally& counters, channel_limits const& limits)
        : port{channels, counters}, limits_{limits} {}

  private:
    void serve(http_connection& connection, http_request const& request,
               std::string const& path) override;
    void subscribe(http_connection& connection, http_request const& request, transport how);
    void ping(http_connection& connection, http_request const& request);

    channel_limits limits_;
};

} // namespace comet
