// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/channel_items.hpp"
#include "channels/framing.hpp"
#include "channels/limits.hpp"
#include "wire/http_request.hpp"
#include "wire/query.hpp"

#include <optional>
#include <vector>

namespace comet {

/// The channels that a request for a subscription names: one by `cname`, `seq`, `token` and
/// `epoch`, or several by `channels`; each once, the first of a name. With `epoch` all of
/// `channels` are told of theirs, with `presence=1` of users. An event stream's `Last-Event-ID`
/// (`N@epoch` or `N`) stands in for the one channel's `seq` and `epoch`. Null when something is not
/// as it must be.
std::optional<std::vector<channel_item>> requested_channels(parameters const& given,
                                                            http_request const& request,
                                                            transport how,
                                                            channel_limits const& limits);

} // namespace comet
