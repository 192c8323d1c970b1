// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace millipede::detail {

/// Somebody who waits for an operation: called once, never from within the call that began the
/// operation or that ended it, on the executor that is associated with the handler (the client's,
/// if there is none), whose work does not run out until then; kept in the handler's own memory.
///
/// Not asio::any_completion_handler: that of Boost 1.81 cannot be assigned.
template <class... Results>
class client_completion {
  public:
    client_completion() = default;
    template <class Handler>
    client_completion(Handler handler, boost::asio::any_io_executor const& own)
        : waiting_{holder<Handler>::make(std::move(handler), own)} {}

    explicit operator bool() const noexcept { return waiting_ != nullptr; }

    /// Has `f` called when the operation is cancelled through the handler's slot.
    void on_cancel(std::function<void()> f) { waiting_->on_cancel(std::move(f)); }

    void operator()(error_code code, Results... results) {
        waiting_.release()->call(code, std::move(results)...);
    }

  private:
    class waiting {
      public:
        virtual void call(error_code code, Results... results) = 0; // and is no more
        virtual void discard() noexcept = 0;
        virtual void on_cancel(std::function<void()> f) = 0;

      protected:
        ~waiting() = default;
    };

    template <class Handler>
    class holder final : public waiting {
        using executor_type = boost::asio::any_io_executor;
        using allocator_type = typename std::allocator_traits<
            boost::asio::associated_allocator_t<Handler>>::template rebind_alloc<holder>;
        using traits = std::allocator_traits<allocator_type>;

      public:
        holder(Handler&& handler, executor_type const& own)
            : handler_{std::move(handler)},
              own_{own},
              work_{boost::asio::make_work_guard(handler_, own)} {}

        static waiting* make(Handler&& handler, executor_type const& own) {
            allocator_type allocator{boost::asio::get_associated_allocator(handler)};
            auto* place = traits::allocate(allocator, 1);
            try {
                return new (static_cast<void*>(std::to_address(place)))
                    holder{std::move(handler), own};
            } catch (...) {
                traits::deallocate(allocator, place, 1);
                throw;
            }
        }

        void call(error_code code, Results... results) override {
            auto slot = boost::asio::get_associated_cancellation_slot(handler_);
            if (slot.is_connected()) slot.clear();
            auto own = std::move(own_);
            auto work = std::move(work_); // until what is posted has work of its own
            auto handler = std::move(handler_);
            free(boost::asio::get_associated_allocator(handler));
            boost::asio::post(own,
                              boost::asio::append(std::move(handler), code, std::move(results)...));
        }
        void discard() noexcept override { free(boost::asio::get_associated_allocator(handler_)); }
        void on_cancel(std::function<void()> f) override {
            auto slot = boost::asio::get_associated_cancellation_slot(handler_);
            if (slot.is_connected())
                slot.assign([f = std::move(f)](boost::asio::cancellation_type) mutable {
                    auto cancel = std::move(f); // it clears the slot, and this function with it
                    cancel();
                });
        }

      private:
        void free(allocator_type allocator) noexcept {
            this->~holder();
            traits::deallocate(allocator, this, 1);
        }

        Handler handler_;
        executor_type own_;
        boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler, executor_type>>
            work_;
    };

    struct discarding {
        void operator()(waiting* one) const noexcept { one->discard(); }
    };
    std::unique_ptr<waiting, discarding> waiting_{};
};

} // namespace millipede::detail
