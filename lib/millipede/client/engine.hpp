// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/backoff.hpp>
#include <millipede/client/exchange.hpp>
#include <millipede/client/options.hpp>
#include <millipede/client/outstanding.hpp>
#include <millipede/client/tls_session.hpp>
#include <millipede/wire/codec.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millipede {

/// Where a client stands.
enum class client_state : std::uint8_t {
    closed,     ///< No connection, and none is sought.
    connecting, ///< Resolves a name, connects, shakes hands.
    opening,    ///< Connected; `on_connected` runs.
    connected,  ///< Messages go out as they are asked for.
    waiting,    ///< The connection has ended; the next attempt comes after a pause.
};

/// In one word, for logs.
char const* to_string(client_state state) noexcept;

namespace detail {

/// Where to connect: a name to be resolved, or addresses.
struct client_target {
    std::string host{};
    std::string service{};
    std::vector<boost::asio::ip::tcp::endpoint> endpoints{};
};

/// A client but for what it talks: the connection's life, timers, queues, and whose reply is whose.
/// All functions on the client's executor; completions are posted, so none of them calls back.
///
/// A connection is numbered; each attempt, and each end, takes the next number. Whatever was begun
/// under another number finds that it is over.
class client_engine : public std::enable_shared_from_this<client_engine> {
  public:
    using executor_type = boost::asio::any_io_executor;
    using number_type = std::uint64_t;

    client_engine(executor_type executor, client_options wanted);
    virtual ~client_engine() = default;
    client_engine(client_engine const&) = delete;
    client_engine& operator=(client_engine const&) = delete;

    executor_type const& get_executor() const noexcept { return executor_; }
    client_options const& limits() const noexcept { return limits_; }
    client_state state() const noexcept { return state_; }
    boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const;

    void connect(client_target target, client_completion<> done);
    /// \param connection 0: whichever there is or will be; else that one or none.
    void submit(std::unique_ptr<exchange> message, number_type connection);
    /// Somebody waits; `cancelled` is the id under which it can be given up.
    void receive(std::unique_ptr<receiver> next);
    void give_up(receiver const& waiting);
    void cancel();
    void close();
    /// No user is left: nobody is told of anything any more.
    void abandon();
    void come_back_after(std::chrono::milliseconds pause);
    /// What came cannot be what it claims to be: the connection ends.
    void refuse(errc why) { end(why); }
    void require_closed(char const* what) const;

    /// Begins a conversation; says `done` when others may talk. Empty: at once.
    std::function<void(number_type, std::function<void(error_code)> done)> on_connected{};
    std::function<void(client_state, error_code const&)> on_state{};

  protected:
    /// Finds the message at the front of `input`, and its kind.
    virtual decode_result cut(std::span<std::byte const> input, message_kind& kind) const = 0;
    /// Calls the handler of a whole message. \returns false when there is none.
    virtual bool handle(std::span<std::byte const> whole, message_kind kind) = 0;
    /// A message that asks for a sign of life, and the kind of its answer; empty: there is none.
    virtual std::vector<std::byte> heartbeat(message_kind& answer) const = 0;
    virtual std::size_t message_size_max() const noexcept = 0;

    /// The server has asked for a sign of life: it gets its question back, unless other output is
    /// on its way already. So a server that asks without end does not fill the output.
    void answer_heartbeat(std::span<std::byte const> question);

  private:
    class heartbeat_request;
    class heartbeat_answer;
    using socket_type = boost::asio::ip::tcp::socket;
    using exchange_pointer = std::unique_ptr<exchange>;
    struct handed_over { // a message that is done with when so many bytes in all are sent
        std::uint64_t end;
        exchange_pointer message;
    };
    struct attempt { // what only a client without a connection has
        client_target target;
        std::unique_ptr<boost::asio::ip::tcp::resolver> resolver{};
        std::vector<boost::asio::ip::tcp::endpoint> endpoints{};
        std::size_t next = 0;
        moment deadline = never; ///< Of the address that is tried.
    };

    // connecting.cpp
    void begin_attempt();
    void resolve();
    void try_next_address();
    void address_failed(error_code const& why);
    void address_connected();
    void shake_hands();
    void established();
    void opened();
    void give_up_attempt();

    // talking.cpp
    void hand_over(exchange_pointer message);
    void schedule_flush();
    void flush();
    void flushed();
    void wait_for_input(readiness_for what);
    void read();
    bool consume(std::span<std::byte const> bytes);
    bool parse(std::span<std::byte const> input, std::size_t& used);
    void handle_message(std::span<std::byte const> whole, message_kind kind);
    void keep(std::span<std::byte const> whole);
    stream_step read_some(std::span<std::byte> room);
    stream_step write_some(std::span<std::byte const> bytes);
    template <class F>
    void when_ready(readiness_for what, F f);

    // engine.cpp
    bool current(number_type number) const noexcept { return number == number_; }
    void change_state(client_state next, error_code const& why = {});
    void end(error_code const& why);
    void drop_connection(error_code const& why);
    void finish(error_code const& why);
    bool comes_back() const noexcept;
    void wait_to_come_back(error_code const& why);
    void cancel_exchange(exchange const* wanted);
    std::size_t requests() const noexcept {
        return outstanding_.size() + waiting_requests_ - (heartbeat_asked_ ? 1 : 0);
    }
    std::size_t unsent_bytes() const noexcept { return output_.size() - sent_ + waiting_bytes_; }
    exchange_pointer take_waiting(std::list<exchange_pointer>::iterator place);

    // timing.cpp
    void arm(moment when);
    void tick();
    void expire_waiting(moment now);
    bool look_after_heartbeat(moment now);
    moment heartbeat_moment() const noexcept;
    moment next_moment() const noexcept;

    executor_type executor_;
    client_options limits_;
    socket_type socket_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<tls_session> tls_;
    std::unique_ptr<attempt> attempt_; ///< Where to, as long as the client is not closed.
    client_completion<> connect_done_;

    client_state state_ = client_state::closed;
    bool abandoned_ = false;
    bool came_through_ = false; ///< There was a connection since `connect()`.
    bool flush_scheduled_ = false;
    bool output_waits_ = false;
    bool heartbeat_asked_ = false;
    std::uint32_t failed_attempts_ = 0; ///< In a row.
    number_type number_ = 1;

    moment armed_ = never;
    moment deadline_ = never; ///< Of the attempt, or of the pause before the next one.
    moment connected_at_{};
    moment last_input_{};
    moment heartbeat_at_{};
    std::optional<moment> come_back_at_;
    backoff backoff_;

    std::vector<std::byte> input_; ///< An incomplete message.
    std::size_t input_needed_ = 0;
    std::vector<std::byte> output_;
    std::size_t sent_ = 0;           ///< Of `output_`.
    std::uint64_t output_begin_ = 0; ///< Bytes of this connection before those of `output_`.

    std::list<exchange_pointer> waiting_; ///< For a connection.
    std::size_t waiting_bytes_ = 0;
    std::size_t waiting_requests_ = 0;
    std::list<handed_over> sending_;
    outstanding_requests<exchange_pointer> outstanding_;

    std::list<std::unique_ptr<receiver>> receivers_;
    std::list<payload> received_;
    std::size_t received_bytes_ = 0;
};

} // namespace detail
} // namespace millipede
