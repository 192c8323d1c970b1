// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>

#include <concepts>
#include <memory>
#include <new>
#include <tuple>
#include <utility>

namespace millipede::detail {

/// A completion handler of Asio's, whatever its type, that waits for the results of its operation.
/// It is called at most once, by way of its associated executor, and its memory, which its
/// associated allocator gave, is returned before that. Made by `make_completion`.
///
/// One thread at a time; it may be another one than the handler's.
template <class... Results>
class completion {
  public:
    /// Calls the handler: at once, where its executor allows it, or later. The end of this object.
    virtual void dispatch(Results... results) = 0;
    /// Calls it later. The end of this object.
    virtual void post(Results... results) = 0;
    /// The end of this object without a call.
    virtual void abandon() noexcept = 0;

  protected:
    completion() = default;
    completion(completion const&) = delete;
    completion& operator=(completion const&) = delete;
    ~completion() = default;
};

struct abandon_completion {
    template <class... Results>
    void operator()(completion<Results...>* left) const noexcept {
        left->abandon();
    }
};

/// Owns a completion; abandons it unless it was released to be called.
template <class... Results>
using completion_ptr = std::unique_ptr<completion<Results...>, abandon_completion>;

/// The results as they are.
struct unchanged {
    template <class... Results>
    auto operator()(Results... results) const {
        return std::tuple{std::move(results)...};
    }
};

/// `Convert` makes of the results the tuple that `Handler` is called with, when they are there.
template <class Handler, class Convert, class... Results>
class completion_of final : public completion<Results...> {
    using standard = boost::asio::io_context::executor_type;
    using executor = boost::asio::associated_executor_t<Handler, standard>;
    using memory = boost::asio::recycling_allocator<void>;
    using allocator = typename std::allocator_traits<
        boost::asio::associated_allocator_t<Handler, memory>>::template rebind_alloc<completion_of>;
    using work = boost::asio::executor_work_guard<executor>;

  public:
    static completion_ptr<Results...> make(Handler handler, standard const& fallback,
                                           Convert convert) {
        allocator from{boost::asio::get_associated_allocator(handler, memory{})};
        auto* place = std::allocator_traits<allocator>::allocate(from, 1);
        try {
            return completion_ptr<Results...>{
                new (place) completion_of{std::move(handler), fallback, std::move(convert)}};
        } catch (...) {
            std::allocator_traits<allocator>::deallocate(from, place, 1);
            throw;
        }
    }

    void dispatch(Results... results) override {
        bool here = at_home() && fallback_.running_in_this_thread();
        auto on = boost::asio::get_associated_executor(handler_, fallback_);
        auto from = boost::asio::get_associated_allocator(handler_, memory{});
        auto call = take(std::move(results)...);
        if (here)
            call();
        else
            boost::asio::dispatch(on, boost::asio::bind_allocator(from, std::move(call)));
    }

    void post(Results... results) override {
        auto on = boost::asio::get_associated_executor(handler_, fallback_);
        auto from = boost::asio::get_associated_allocator(handler_, memory{});
        boost::asio::post(on,
                          boost::asio::bind_allocator(from, take(std::move(results)...)));
    }

    void abandon() noexcept override { end(own_allocator()); }

  private:
    completion_of(Handler handler, standard const& fallback, Convert convert)
        : handler_{std::move(handler)}, fallback_{fallback}, convert_{std::move(convert)} {
        // The fallback has work as long as the operation may be pending; others are told.
        if (!at_home())
            work_ = std::make_unique<work>(
                boost::asio::get_associated_executor(handler_, fallback_));
    }
    ~completion_of() = default;

    // Whether the handler is to run where the operation is.
    bool at_home() const noexcept {
        auto on = boost::asio::get_associated_executor(handler_, fallback_);
        if constexpr (std::same_as<executor, standard>) {
            return on == fallback_;
        } else if constexpr (requires { on.template target<standard>(); }) {
            auto const* target = on.template target<standard>();
            return target && *target == fallback_;
        } else {
            return false;
        }
    }

    allocator own_allocator() const noexcept {
        return allocator{boost::asio::get_associated_allocator(handler_, memory{})};
    }

    void end(allocator from) noexcept {
        this->~completion_of();
        std::allocator_traits<allocator>::deallocate(from, this, 1);
    }

    // What is left to call, with everything else given back.
    auto take(Results... results) {
        auto from = own_allocator();
        auto call = [handler = std::move(handler_), work = std::move(work_),
                     arguments = convert_(std::move(results)...)]() mutable {
            std::apply(std::move(handler), std::move(arguments));
        };
        end(from);
        return call;
    }

    Handler handler_;
    standard fallback_;
    Convert convert_;
    std::unique_ptr<work> work_;
};

/// \param fallback where the handler runs when it has no executor of its own.
/// \throws std::bad_alloc; what moving the handler throws.
template <class... Results, class Handler, class Convert = unchanged>
completion_ptr<Results...>
make_completion(Handler handler, boost::asio::io_context::executor_type const& fallback,
                Convert convert = {}) {
    return completion_of<Handler, Convert, Results...>::make(std::move(handler), fallback,
                                                             std::move(convert));
}

} // namespace millipede::detail
