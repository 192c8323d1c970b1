// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/conversation_core.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

namespace millipede::detail {

void conversation_core::close(error_code reason) noexcept {
    if (!over()) owner_->close_soon(*record_, reason);
}

void conversation_core::fail(std::exception_ptr thrown) noexcept {
    try {
        std::rethrow_exception(thrown);
    } catch (boost::system::system_error const& failure) {
        if (!tells_the_end(failure.code())) failed(failure.what());
    } catch (boost::asio::multiple_exceptions const& failures) { // of parallel operations
        if (auto first = failures.first_exception())
            fail(first);
        else
            failed(failures.what());
    } catch (std::exception const& failure) {
        failed(failure.what());
    } catch (...) {
        failed("not a std::exception");
    }
}

void conversation_core::failed(std::string_view what) noexcept {
    if (over())
        owner_->failed_late(what);
    else
        owner_->fail_soon(*record_, what);
}

// Whether an operation threw `code` because the connection has ended, or is about to.
bool conversation_core::tells_the_end(error_code const& code) const noexcept {
    if (over()) return code == reason_ || code == boost::asio::error::operation_aborted;
    return closing() && record_->extra && record_->extra->close_code == code;
}

bool conversation_core::takes_output() noexcept {
    auto blocked = [&] { return record_->is(connection_record::output_blocked); };
    if (!blocked() && record_->has_output()) owner_->out().flush_queue(*record_);
    return !blocked();
}

void conversation_core::complete_soon(completion_ptr<error_code> done) {
    if (driven_ && !ready_ && completions_left_ != 0) {
        --completions_left_;
        ready_ = std::move(done);
    } else {
        done.release()->post({});
    }
}

std::uint32_t conversation_core::send_later(payload message, completion_ptr<error_code> done) {
    waiting_.push_back({next_number_, std::move(message), std::move(done)});
    return next_number_++;
}

void conversation_core::cancel_send(std::uint32_t number) {
    auto found = std::find_if(waiting_.begin(), waiting_.end(),
                              [&](auto const& each) { return each.number == number; });
    if (found == waiting_.end()) return;
    auto done = std::move(found->done);
    waiting_.erase(found);
    done.release()->post(boost::asio::error::operation_aborted);
}

void conversation_core::room() {
    while (!waiting_.empty() && !closing() && takes_output()) {
        auto next = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
        bool taken = connection().send(std::move(next.message));
        drive([&] {
            next.done.release()->dispatch(taken ? error_code{}
                                                : error_code{errc::buffers_exhausted});
        });
    }
}

void conversation_core::late_operation() {
    if (late_operations_ > late_operations_max || ++late_operations_ != late_operations_max) return;
    boost::asio::post(executor_, [self = boost::intrusive_ptr{this}] { self->cancel_the_rest(); });
}

void conversation_core::cancel_the_rest() {
    if (!held()) return;
    struct in_use { // the slot is
        explicit in_use(conversation_core& of) noexcept : core{&of} { core->add_handle(); }
        ~in_use() { core->drop_handle(); }
        conversation_core* core;
    } guard{*this};
    cancellation_.emit(boost::asio::cancellation_type::terminal);
}

void conversation_core::rest(bool owed) {
    if (closing()) return;
    connection().pause_receiving();
    if (!owed || owes_answer_) return;
    owner_->owe(id_);
    owes_answer_ = true;
}

void conversation_core::go_on() {
    if (std::exchange(owes_answer_, false) && owner_->answer_given(id_)) return;
    connection().resume_receiving();
}

std::span<std::byte> conversation_core::take_buffer(std::size_t bytes) {
    bytes = std::max<std::size_t>(bytes, 1);
    if (buffer_.capacity < bytes) {
        release_buffer();
        buffer_ = owner_->pool().buffers().take(bytes);
        if (!buffer_.data) return {};
    }
    return {buffer_.data.get(), bytes};
}

void conversation_core::release_buffer() noexcept {
    if (buffer_.data) owner_->pool().buffers().give_back(std::exchange(buffer_, {}));
}

void conversation_core::leave_connection(error_code const& reason) noexcept {
    reason_ = reason;
    if (std::exchange(owes_answer_, false)) owner_->excuse(id_);
    // Who is at a message may look at it to the end; the worker may be gone by then.
    owner_->pool().budget().give_back(std::exchange(buffer_.capacity, 0));
}

} // namespace millipede::detail
