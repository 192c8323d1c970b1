// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace millipede::detail {

class tls_context;

/// What a listener asks of its newcomers before their first message.
struct greeting {
    bool proxy_protocol = false;
    tls_context const* tls = nullptr; ///< Null: plain. Outlives the workers.
};

} // namespace millipede::detail
