// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace millipede::detail {

/// Who lets in those newcomers of whom only their worker learns where they come from, because a
/// PROXY header says it.
class doorkeeper {
  public:
    /// Whether `client` may come in. Who is welcome counts for its source from now on, until the
    /// worker tells of its departure; who is not has been counted in `counters`, the caller's, and
    /// logged. Any worker's thread; may wait for others who ask.
    virtual bool admit(boost::asio::ip::tcp::endpoint const& client,
                       worker_metrics& counters) noexcept = 0;

  protected:
    ~doorkeeper() = default;
};

} // namespace millipede::detail
