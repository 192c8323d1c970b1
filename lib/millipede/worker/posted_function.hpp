// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/connection.hpp>
#include <millipede/worker/mailbox.hpp>

#include <utility>

namespace millipede::detail {

/// A function on its way to a connection of one codec and session.
template <class Dispatcher, class F>
class posted_function final : public mail {
  public:
    posted_function(connection_id id, F f, Dispatcher const& speaker)
        : id_{id}, f_{std::move(f)}, speaker_{&speaker} {}

    void run(worker& recipient) override {
        recipient.with(id_, [this](basic_connection& base) { speaker_->with(base, f_); });
    }

  private:
    connection_id id_;
    F f_;
    Dispatcher const* speaker_;
};

/// A function on its way to a worker, for none of its connections.
template <class F>
class worker_function final : public mail {
  public:
    explicit worker_function(F f) : f_{std::move(f)} {}
    void run(worker&) override { f_(); }

  private:
    F f_;
};

} // namespace millipede::detail
