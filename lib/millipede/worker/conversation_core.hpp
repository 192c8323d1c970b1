// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/completion.hpp>
#include <millipede/base/error.hpp>
#include <millipede/memory/buffers.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/connection.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace millipede::detail {

/// Whether a pending operation is cancelled. All kinds of cancellation do that: it has done nothing
/// yet that could not be undone.
inline bool cancels(boost::asio::cancellation_type kind) noexcept {
    return kind != boost::asio::cancellation_type::none;
}

/// What binds a conversation to its connection, whatever its messages are: its handles, its output,
/// its end, and the bytes of the message that it is at. Outlives the connection as long as
/// somebody holds a handle. The worker's thread.
class conversation_core {
  public:
    using executor_type = boost::asio::io_context::executor_type;

    explicit conversation_core(basic_connection const& connection, worker& owner,
                               connection_record& record) noexcept
        : owner_{&owner},
          record_{&record},
          id_{connection.id()},
          executor_{connection.get_executor()} {}
    conversation_core(conversation_core const&) = delete;
    conversation_core& operator=(conversation_core const&) = delete;
    virtual ~conversation_core() = default;

    connection_id id() const noexcept { return id_; }
    executor_type get_executor() const noexcept { return executor_; }
    worker& owner() const noexcept { return *owner_; }
    /// Only as long as it is not `over`.
    basic_connection connection() const noexcept { return {*owner_, *record_}; }

    /// Whether the connection has ended, and why.
    bool over() const noexcept { return reason_.failed(); }
    error_code const& reason() const noexcept { return reason_; }
    /// Whether it has ended, or is asked to.
    bool closing() const noexcept {
        return over() || record_->is(connection_record::close_requested);
    }

    /// Ends the connection: what was sent still goes out.
    void close(error_code reason) noexcept;
    /// Ends it as an exception from a handler does. What is thrown after the end, other than the
    /// end itself, is logged and counted.
    void fail(std::exception_ptr thrown) noexcept;

    /// When its slot is emitted by: what the coroutine waits for elsewhere is cancelled.
    boost::asio::cancellation_signal& cancellation() noexcept { return cancellation_; }

    /// A handle was made, or has gone: with the last one the connection ends.
    void add_handle() noexcept { ++handles_; }
    void drop_handle() noexcept {
        if (--handles_ != 0) return;
        close(errc::closed_by_server);
        cancellation_.slot().clear(); // what is in it may own this
    }

    /// Whether the peer takes output. What is queued and was not tried yet is tried now.
    bool takes_output() noexcept;
    /// Calls `done`, if it can be, before the engine has its turn again; else later.
    void complete_soon(completion_ptr<error_code> done);
    /// Sends when the peer takes what was sent before, and calls `done` then. \returns its number.
    std::uint32_t send_later(payload message, completion_ptr<error_code> done);
    /// Whether messages wait for that.
    bool sends_wait() const noexcept { return !waiting_.empty(); }
    /// The send of that number, if it still waits, is not to be.
    void cancel_send(std::uint32_t number);
    /// The peer takes output again.
    void room();

    friend void intrusive_ptr_add_ref(conversation_core* self) noexcept { ++self->owners_; }
    friend void intrusive_ptr_release(conversation_core* self) noexcept {
        if (--self->owners_ == 0) delete self;
    }

  protected:
    /// An operation is begun after the end. Who begins so many has not noticed, and is cancelled.
    void late_operation();

    /// Runs `f`, which may go on with a coroutine, and then what that has completed on its way.
    template <class F>
    void drive(F f) {
        turn here{*this};
        f();
        while (ready_)
            std::exchange(ready_, nullptr).release()->dispatch({});
    }
    bool driven() const noexcept { return driven_; }

    /// Nobody receives: the engine is to handle no more, and to wait for an answer if it is `owed`.
    /// \throws std::bad_alloc
    void rest(bool owed);
    /// Somebody does.
    void go_on();

    /// Room for the bytes of a message; empty when the worker's budget is used up.
    /// \throws std::bad_alloc
    std::span<std::byte> take_buffer(std::size_t bytes);
    void release_buffer() noexcept;

    /// The connection has ended: tells whoever waits to send, after `tell_receiver`, which returns
    /// whether somebody waited to receive. The rest of the coroutine, if nobody was told, is
    /// cancelled. \throws what their handlers throw, when all has been done.
    template <class TellReceiver>
    void end(error_code const& reason, TellReceiver tell_receiver);

    bool held() const noexcept { return handles_ != 0; }

  private:
    struct waiting_send {
        std::uint32_t number;
        payload message;
        completion_ptr<error_code> done;
    };
    // While it is the engine that calls.
    class turn {
      public:
        explicit turn(conversation_core& of) noexcept : of_{&of} {
            of.driven_ = true;
            of.completions_left_ = completions_per_turn;
        }
        ~turn() { of_->driven_ = false; }
        turn(turn const&) = delete;
        turn& operator=(turn const&) = delete;

      private:
        boost::intrusive_ptr<conversation_core> of_;
    };
    // So that a coroutine that sends without end leaves others their turn.
    static constexpr std::uint8_t completions_per_turn = 16;

    static constexpr std::uint8_t late_operations_max = 16;

    void cancel_the_rest();
    void failed(std::string_view what) noexcept;
    bool tells_the_end(error_code const& code) const noexcept;
    void leave_connection(error_code const& reason) noexcept;

    worker* owner_;
    connection_record* record_;
    connection_id id_;
    executor_type executor_;
    error_code reason_;
    buffer_pool::buffer buffer_;
    std::vector<waiting_send> waiting_;
    completion_ptr<error_code> ready_;
    boost::asio::cancellation_signal cancellation_;
    std::uint32_t owners_ = 0;
    std::uint32_t handles_ = 0;
    std::uint32_t next_number_ = 0;
    bool driven_ = false;
    bool owes_answer_ = false;
    std::uint8_t completions_left_ = 0;
    std::uint8_t late_operations_ = 0;
};

template <class TellReceiver>
void conversation_core::end(error_code const& reason, TellReceiver tell_receiver) {
    boost::intrusive_ptr<conversation_core> self{this};
    leave_connection(reason);
    std::exception_ptr thrown;
    auto keeping_it = [&](auto f) {
        try {
            f();
        } catch (...) {
            thrown = std::current_exception();
        }
    };
    auto left = std::exchange(waiting_, {});
    bool told = !left.empty();
    keeping_it([&] { drive([&] { told |= tell_receiver(); }); });
    for (auto& each : left)
        keeping_it([&] { drive([&] { each.done.release()->dispatch(reason_); }); });
    if (!told) keeping_it([&] { cancel_the_rest(); });
    if (thrown) std::rethrow_exception(thrown);
}

} // namespace millipede::detail
