// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace peers {

/// Adds a descriptor to a set, or changes what it is watched for; negative on failure, which the
/// system's limit of watches is a reason for.
inline int watch(int epoll_set, int operation, int descriptor, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    return ::epoll_ctl(epoll_set, operation, descriptor, &event);
}

/// A thread for each Worker, which is made with the descriptor `stop` and returns from `run()`
/// when that is readable. Sockets go to the workers in turn.
template <typename Worker>
class worker_threads {
  public:
    template <typename MakeWorker>
    worker_threads(unsigned count, MakeWorker make_worker) : worker_threads{} {
        for (unsigned number = 0; number < count; ++number)
            workers_.push_back(make_worker(number, stop_.get()));
        for (auto& worker : workers_)
            threads_.emplace_back([&worker] { worker->run(); });
    }
    worker_threads(worker_threads const&) = delete;
    worker_threads& operator=(worker_threads const&) = delete;

    ~worker_threads() {
        ::eventfd_write(stop_.get(), 1);
        for (auto& thread : threads_)
            thread.join();
    }

    Worker& next() { return *workers_[next_++ % workers_.size()]; }

  private:
    // Delegated to, so that a thread that cannot be started ends those before it.
    worker_threads() = default;

    descriptor stop_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    std::size_t next_ = 0;
};

} // namespace peers
