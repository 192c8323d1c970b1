// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/hub.hpp"
#include "channels/live_settings.hpp"
#include "channels/local_hub.hpp"
#include "channels/message.hpp"
#include "channels/tally.hpp"
#include "ports/client_commands.hpp"

#include <millipede/server.hpp>

#include <cstdint>
#include <string_view>

namespace comet {

/// What a connection may publish.
enum class publishing_right : std::uint8_t {
    none,
    with_token, ///< To channels whose token it shows.
    all,
};

/// Does what connections ask for that give commands: WebSockets, and those of framed TCP. They are
/// answered by messages, behind all that was sent to them before. Workers' threads.
class command_executor {
  public:
    /// \param server where the connections are. It outlives this, as the others do.
    command_executor(hub& channels, tally& counters, settings_in_force const& live,
                     comet_server& server)
        : channels_{channels}, counters_{counters}, live_{live}, server_{server} {}

    /// \param who its `how` is set. On its worker's thread.
    void carry_out(subscriber& who, client_commands asked, publishing_right right);

  private:
    struct receiver {
        millipede::connection_id id;
        transport how;
    };

    void subscribe(subscriber& who, channel_item asked);
    void unsubscribe(subscriber& who, std::string_view channel);
    void publish(receiver from, client_publication asked, publishing_right right);
    void tell(receiver to, message_type type, std::string_view channel, std::string_view content);

    hub& channels_;
    tally& counters_;
    settings_in_force const& live_;
    comet_server& server_;
};

} // namespace comet
