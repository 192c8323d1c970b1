// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/post.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace millipede::detail {

/// Room for one pending Asio operation: what the engine itself posts and waits for needs no memory
/// from the system, and so cannot fail when there is none. A second operation at the same time, or
/// one that is too large, takes its memory from the system after all.
///
/// Outlives the io_context, which gives back in its destructor what is still pending. Whoever
/// begins the next operation has to know, in the sense of threads too, that the last one began to
/// run: Asio gives the room back just before.
class handler_memory {
  public:
    handler_memory() = default;
    handler_memory(handler_memory const&) = delete;
    handler_memory& operator=(handler_memory const&) = delete;

    /// \throws std::bad_alloc
    void* allocate(std::size_t bytes) {
        if (in_use_ || bytes > sizeof room_) return ::operator new(bytes);
        in_use_ = true;
        return room_;
    }
    void deallocate(void* memory) noexcept {
        if (memory == room_)
            in_use_ = false;
        else
            ::operator delete(memory);
    }

  private:
    alignas(std::max_align_t) std::byte room_[384]; // Boost 1.81 needs up to about 250
    bool in_use_ = false;
};

/// The allocator that Asio finds with a handler.
template <class T>
class handler_allocator {
  public:
    using value_type = T;

    explicit handler_allocator(handler_memory& memory) noexcept : memory_{&memory} {}
    template <class U>
    handler_allocator(handler_allocator<U> const& other) noexcept : memory_{other.memory_} {}

    T* allocate(std::size_t count) {
        static_assert(alignof(T) <= alignof(std::max_align_t));
        return static_cast<T*>(memory_->allocate(count * sizeof(T)));
    }
    void deallocate(T* pointer, std::size_t) noexcept { memory_->deallocate(pointer); }

    friend bool operator==(handler_allocator const&, handler_allocator const&) noexcept = default;

  private:
    template <class U>
    friend class handler_allocator;
    handler_memory* memory_;
};

/// A handler whose operation stands in a `handler_memory`. Not Asio's own allocator_binder: what
/// that one posts is run by way of the executor, which catches what the handler throws.
template <class Handler>
class reserved {
  public:
    using allocator_type = handler_allocator<std::byte>;

    reserved(handler_memory& memory, Handler handler) noexcept
        : memory_{&memory}, handler_{std::move(handler)} {}

    allocator_type get_allocator() const noexcept { return allocator_type{*memory_}; }

    template <class... Arguments>
    void operator()(Arguments... arguments) const {
        handler_(arguments...);
    }

  private:
    handler_memory* memory_;
    Handler handler_;
};

/// Runs `f()` from the io_context, later. Any thread, as far as it may use `memory`.
template <class Context, class F>
void post_reserved(Context& context, handler_memory& memory, F f) {
    boost::asio::post(context, reserved(memory, std::move(f)));
}

} // namespace millipede::detail
