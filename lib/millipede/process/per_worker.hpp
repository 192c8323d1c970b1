// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/worker/connection.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <vector>

namespace millipede {

/// A number per worker: written by the worker's own thread without locks or locked instructions,
/// summed by any thread.
///
///     millipede::per_worker<std::int64_t> online{server};
///     ++online[connection];            // in a handler
///     log(info) << online.sum();       // anywhere
template <class T>
    requires std::integral<T> || std::floating_point<T>
class per_worker {
  public:
    /// Zero for each worker of `server`, which must have been made and may be running.
    template <class Server>
        requires requires(Server const& server) {
            server.worker_count();
        }
    explicit per_worker(Server const& server) : values_(server.worker_count()) {}
    /// Zero for each of so many workers.
    explicit per_worker(std::size_t workers) : values_(workers) {}

    /// The number of the worker that `connection` lives on. In its handlers.
    single_writer<T>& operator[](basic_connection const& connection) {
        return values_[connection.worker_index()].value;
    }

    /// The same for a `conversation`. On its worker's thread.
    template <class Conversation>
        requires requires(Conversation const& talk) {
            talk.is_open();
            talk.worker_index();
        }
    single_writer<T>& operator[](Conversation const& talk) {
        return values_[talk.worker_index()].value;
    }

    /// Of all workers, while they go on counting. Any thread.
    T sum() const noexcept {
        T total{};
        for (auto const& each : values_)
            total += each.value.load();
        return total;
    }

  private:
    struct alignas(64) padded { // two workers never share a cache line
        single_writer<T> value;
    };
    std::vector<padded> values_;
};

} // namespace millipede
