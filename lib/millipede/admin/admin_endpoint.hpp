// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/admin_options.hpp>
#include <millipede/process/basic_server.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace prometheus {
class Collectable;
}

namespace millipede {

/// An HTTP endpoint for those who run the server: metrics for Prometheus, health, a live page, JSON
/// and a few things to do; docs/admin.md has them all. It is served by the thread of `run()`, looks
/// at the workers five times a second, and costs connections nothing.
///
/// Make it before `server.start()` (else messages are not counted by command) and let it go after
/// `run()`, before the server. All members are called by the thread of `run()`, or before it.
/// Functions that are given to it are called by that thread, too, about once per request or second:
/// they must not wait. What they throw does not go further.
class admin_endpoint {
  public:
    /// Binds; serves as soon as the server runs.
    /// \throws invalid_option, whose names begin with `admin.`; listen_error
    admin_endpoint(basic_server& server, admin_options const& wanted);
    /// Cuts off whoever is there.
    ~admin_endpoint();
    admin_endpoint(admin_endpoint const&) = delete;
    admin_endpoint& operator=(admin_endpoint const&) = delete;

    /// Where it listens, with the port that the system picked.
    boost::asio::ip::tcp::endpoint local_endpoint() const;
    /// The same for a browser: `http://127.0.0.1:9082`.
    std::string url() const;

    /// A value that goes up and down.
    /// \throws std::invalid_argument for a name that is bad or taken; so do the others.
    void add_gauge(admin_value about, std::function<double()> read);
    /// A value that only goes up, from 0.
    void add_counter(admin_value about, std::function<double()> read);
    /// Metrics of prometheus-cpp's, such as a registry. Their names are for you to keep apart.
    void add_collectable(std::shared_ptr<prometheus::Collectable> metrics);

    /// An alarm: raised as long as `look` returns a text, which says what is wrong, or throws.
    void add_alarm(std::string name, alarm_severity severity,
                   std::function<std::optional<std::string>()> look);
    /// Something to be ready: as long as `look` returns a text, which says why it is not, or
    /// throws, `/readyz` answers 503.
    void add_readiness(std::string name, std::function<std::optional<std::string>()> look);

    /// A page or a file of your own at `path`, which begins with `/`. Needs the token if there is
    /// one. A Content-Security-Policy keeps it from loading what does not come from here.
    void add_page(std::string path, std::string content_type, std::string bytes);

  private:
    class implementation;
    std::unique_ptr<implementation> implementation_;
};

} // namespace millipede
