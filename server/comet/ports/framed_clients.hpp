// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/hub.hpp"
#include "channels/live_settings.hpp"
#include "channels/tally.hpp"
#include "ports/command_executor.hpp"

#include <millipede/server.hpp>

#include <string_view>

namespace comet {

/// The port of framed TCP (`frame_command`): clients subscribe, and may publish if the gate of the
/// admin port lets them pass, or without rules if they are on this machine.
class framed_clients {
  public:
    using service = millipede::service<subscriber, millipede::frame_codec>;

    /// The others outlive this.
    framed_clients(hub& channels, tally& counters, command_executor& commands,
                   settings_in_force const& live)
        : channels_{channels}, counters_{counters}, commands_{commands}, live_{live} {}

    /// Has this answer its connections; before the start. This outlives them.
    void serve(service& listener);

  private:
    using connection = service::connection_type;

    void opened(connection& peer);
    void received(connection& peer, millipede::frame const& received);
    void obey(connection& peer, client_command what, std::string_view data);
    void name(connection& peer, std::string_view data);
    void refuse(connection& peer, std::string_view why);
    bool may_publish(connection const& peer) const;

    hub& channels_;
    tally& counters_;
    command_executor& commands_;
    settings_in_force const& live_;
};

} // namespace comet
