// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "cors.hpp"
#include "limits.hpp"
#include "port.hpp"
#include "publishing.hpp"

#include <optional>
#include <string>

namespace comet {

/// The port for subscribers: /sub, /poll, /stream, /sse, /iframe, /ping; and /push and /pub, if
/// whoever reaches it may publish.
class front final : public port {
  public:
    /// \param own where its connections are.
    front(hub& channels, tally& counters, channel_limits const& limits, cors pages, bool publishes,
          service& own);

  private:
    void serve_options(http_connection& connection, http_request const& request) override;
    void serve(http_connection& connection, http_request const& request,
               std::string const& path) override;
    void subscribe(http_connection& connection, http_request const& request, transport how);
    void ping(http_connection& connection, http_request const& request);

    channel_limits limits_;
    cors cors_;
    std::optional<publishing> publishing_; // null: nobody may
};

} // namespace comet
