// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/hub.hpp"
#include "ports/port.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comet {

/// What a port does about /pub, /push and /broadcast, by parameters or by JSON in the body. All
/// functions are for the port's handlers, on the thread of the connection's worker.
class publishing {
  public:
    struct settings {
        bool from_icomet = true; ///< Replies name icomet, as those of its admin port do.
        /// With `channel_limits::needs_token` publishers show the channel's token, as subscribers.
        bool heeds_tokens = false;
        bool by_get = true; ///< GET publishes, too.
        /// What /pub takes is not looked at, as icomet has it: publishers can send any message.
        bool believes_escapes = true;
    };

    /// \param at the port whose requests these are; outlives this, as the hub does.
    publishing(port& at, hub& channels, settings wanted)
        : at_{at}, channels_{channels}, settings_{wanted} {}

    /// \param is_escaped by parameters: the content is the inside of a JSON string already (/pub).
    void publish(http_connection& connection, http_request const& request, bool is_escaped);
    void broadcast(http_connection& connection, http_request const& request);

  private:
    struct batch;

    void publish_parameters(http_connection& connection, http_request const& request,
                            bool is_escaped);
    void publish_json(http_connection& connection, http_request const& request);
    void publish_all(http_connection& connection, http_request const& request,
                     std::vector<publication> all);
    void broadcast_json(http_connection& connection, http_request const& request);
    bool needs_token(http_connection const& connection) const noexcept;
    bool is_admitted(http_request const& request) const noexcept;
    void reply(http_connection& connection, http_request const& request, http_reply answer);
    void refuse(http_connection& connection, http_request const& request, counted what,
                std::uint16_t status, std::string_view fault = {});
    http_reply told(publish_result result, std::optional<std::string> const& callback) const;

    port& at_;
    hub& channels_;
    settings settings_;
};

} // namespace comet
