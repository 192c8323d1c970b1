// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/basic_server.hpp>
#include <millipede/process/offload.hpp>
#include <millipede/process/per_worker.hpp>
#include <millipede/process/service.hpp>
#include <millipede/wire/frame.hpp>
#include <millipede/worker/connection.hpp>

#include <concepts>
#include <memory>
#include <utility>
#include <vector>

namespace millipede {

/// A TCP server for very many long-lived connections: the engine (`basic_server`), and the service
/// that its own listeners give, with the handlers (`service`).
///
/// \tparam Session what is kept per connection: lives in the connection's preallocated slot from
///         before `on_open` to after `on_close`.
/// \tparam Codec how bytes become messages.
template <class Session = no_session, codec Codec = frame_codec>
class server : public basic_server, public service<Session, Codec> {
    using own_service = service<Session, Codec>;

  public:
    /// Raises the process's soft descriptor limit to its hard one. \throws invalid_option
    explicit server(options wanted, Codec settings = Codec{})
        : basic_server{std::move(wanted)},
          own_service{static_cast<basic_server&>(*this), std::move(settings)} {}
    ~server() override { shut_down(); }

    using own_service::listen;
    /// Listens at one more place, where `settings` is spoken: the listeners of `options::listen`
    /// speak the server's own codec. The service that is returned, which lives as long as the
    /// server, takes the handlers of its connections. They share everything else with the others:
    /// workers, limits, timeouts, the drain. Before the start; up to 256 codecs.
    /// \tparam OwnSession what is kept per connection there.
    /// \throws invalid_option; std::logic_error after the start
    template <class OwnSession = Session, codec OwnCodec>
    service<OwnSession, OwnCodec>& listen(OwnCodec settings, listen_options where) {
        auto added = std::make_unique<service<OwnSession, OwnCodec>>(*this, std::move(settings));
        auto& result = *added;
        services_.push_back(std::move(added));
        result.listen(std::move(where));
        return result;
    }

    using basic_server::run;
    /// `on_connection(talk)`, and then `run()`.
    template <detail::talker<typename own_service::conversation_type> Talk>
    void run(Talk talk) {
        this->on_connection(std::move(talk));
        run();
    }

    /// Calls `f(basic_connection&)` at once, without memory and without the mailbox: what it sends,
    /// and a close, take effect at the end of what the worker is at. For what runs on the thread of
    /// the connection's worker outside of that connection's handlers: functions of `post_to()`,
    /// timers, handlers of others. What `f` throws escapes.
    /// \returns whether it was called: not when the connection has ended, nor on another thread.
    template <std::invocable<basic_connection&> F>
    bool visit(connection_id id, F f) {
        auto* here = worker_here(id);
        return here && detail::visit(*here, id, f);
    }

    // Those for messages and connections of the server's own codec, beside those for bytes.
    using basic_server::async_broadcast;
    using basic_server::async_send;
    using basic_server::broadcast;
    using basic_server::send;
    using own_service::async_broadcast;
    using own_service::async_send;
    using own_service::broadcast;
    using own_service::post;
    using own_service::post_admitted;
    using own_service::send;

  private:
    std::vector<std::unique_ptr<basic_service>> services_;
};

} // namespace millipede
