// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ports/port.hpp"
#include "ports/publishing.hpp"

#include <optional>
#include <string>

namespace comet {

/// The port for those who publish: /pub, /push, /broadcast, /sign, /close, /clear, /info, /check,
/// /psub, /presence; for those alone whom the gate lets pass.
class admin final : public port {
  public:
    /// \param own where its connections are.
    admin(hub& channels, tally& counters, settings_in_force const& live, service& own)
        : port{channels, counters, live, own}, publishing_{*this, channels, {}} {}

  private:
    using handler = void (admin::*)(http_connection&, http_request const&);

    void serve(http_connection& connection, http_request const& request,
               std::string const& path) override;
    static handler handler_at(std::string_view path) noexcept;

    void publish_raw(http_connection& connection, http_request const& request);
    void publish_text(http_connection& connection, http_request const& request);
    void broadcast(http_connection& connection, http_request const& request);
    void sign(http_connection& connection, http_request const& request);
    void close(http_connection& connection, http_request const& request);
    void clear(http_connection& connection, http_request const& request);
    void info(http_connection& connection, http_request const& request);
    void check(http_connection& connection, http_request const& request);
    void watch(http_connection& connection, http_request const& request);
    void presence(http_connection& connection, http_request const& request);

    /// Whether the gate lets its peer pass: asked for each request, as rules may change.
    bool is_admitted(http_connection const& connection) const;
    /// The parameters' channel; none, with the reply sent, when it may not be.
    std::optional<std::string> channel_of(http_connection& connection, http_request const& request);
    /// The same for the callback, if there is one at all.
    bool is_callback_allowed(http_connection& connection, http_request const& request);
    void refuse_parameter(http_connection& connection, http_request const& request);

    publishing publishing_;
};

} // namespace comet
