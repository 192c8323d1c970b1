// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/byte_room.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace millipede::detail {

class worker;

/// Something for a worker to do on its own thread. Destroyed without having run when the worker
/// ends first.
class mail {
  public:
    virtual ~mail() = default;
    virtual void run(worker& recipient) = 0;

  private:
    friend class mailbox;
    mail* next_ = nullptr;
    std::size_t bytes_ = 0; // of the message that it carries
};

/// Requests from any thread to one worker: a lock-free stack that the worker takes as a whole and
/// turns round, so that the requests of each sender run in the order they were sent. Bounded by
/// number and by bytes, so that a stalled worker cannot eat the memory.
class mailbox {
  public:
    enum class posted { full, quietly, must_wake };

    explicit mailbox(std::uint32_t capacity, std::size_t bytes_max = SIZE_MAX) noexcept
        : capacity_{capacity}, bytes_{bytes_max} {}
    ~mailbox() {
        take_rest([](mail&) {});
        while (newest_.load(std::memory_order_relaxed)) // what is destroyed may post again
            take_all([](mail&) {});
    }
    mailbox(mailbox const&) = delete;
    mailbox& operator=(mailbox const&) = delete;

    /// Any thread. `must_wake`: the box was empty, nobody else wakes the worker. Near the capacity
    /// a post that is refused may make another one be refused as well. \param bytes of the message
    /// that the request carries.
    posted post(std::unique_ptr<mail> request, std::size_t bytes = 0) noexcept {
        bool room = waiting_.fetch_add(1, std::memory_order_relaxed) < capacity_;
        if (!room || !bytes_.enter(bytes)) {
            waiting_.fetch_sub(1, std::memory_order_relaxed);
            return posted::full;
        }
        request->bytes_ = bytes;
        return push(std::move(request));
    }

    /// The same for what was admitted by a bound of its own: never `full`.
    posted post_admitted(std::unique_ptr<mail> request) noexcept {
        waiting_.fetch_add(1, std::memory_order_relaxed);
        return push(std::move(request));
    }

    /// Worker's thread. Calls `f(mail&)` for every request, oldest first. When `f` throws, those
    /// behind it are kept for the next time. Whoever is told `must_wake` after this knows all that
    /// the worker's thread did before it.
    template <class F>
    void take_all(F f) {
        mail* oldest = nullptr;
        auto* request = newest_.exchange(nullptr, std::memory_order_acq_rel);
        while (request) {
            auto* next = std::exchange(request->next_, oldest);
            oldest = std::exchange(request, next);
        }
        auto** end = &rest_;
        while (*end)
            end = &(*end)->next_;
        *end = oldest;
        take_rest(f);
    }

    /// Worker's thread. The same for those alone that an exception left.
    template <class F>
    void take_rest(F f) {
        while (rest_) {
            std::unique_ptr<mail> owned{std::exchange(rest_, rest_->next_)};
            waiting_.fetch_sub(1, std::memory_order_relaxed);
            bytes_.leave(owned->bytes_);
            f(*owned);
        }
    }

    // What waits; any thread, while others come and go.
    std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
    std::size_t waiting_bytes() const noexcept { return bytes_.inside(); }

  private:
    posted push(std::unique_ptr<mail> request) noexcept {
        auto* added = request.release(); // from the exchange on, the worker may delete it
        auto* before = newest_.load(std::memory_order_relaxed);
        do {
            added->next_ = before;
        } while (!newest_.compare_exchange_weak(before, added, std::memory_order_acq_rel,
                                                std::memory_order_relaxed));
        return before == nullptr ? posted::must_wake : posted::quietly;
    }

    std::uint32_t capacity_;
    byte_room bytes_;
    std::atomic<std::uint32_t> waiting_{0};
    std::atomic<mail*> newest_{nullptr};
    mail* rest_ = nullptr; // taken and not run yet, oldest first; the worker's
};

} // namespace millipede::detail
