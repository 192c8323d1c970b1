// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/completion.hpp>
#include <millipede/base/connection_id.hpp>
#include <millipede/base/error.hpp>
#include <millipede/worker/broadcast.hpp>
#include <millipede/worker/worker.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace millipede::detail {

/// The result of a request to workers, for which somebody waits. Its parts and its sender share
/// this; the last one to let go has it told. Without memory for that it is not told.
struct awaited_result {
    awaited_result(completion_ptr<error_code> handler, error_code until_known) noexcept
        : done{std::move(handler)}, value{until_known} {}
    awaited_result(awaited_result const&) = delete;
    awaited_result& operator=(awaited_result const&) = delete;
    ~awaited_result() {
        try {
            done.release()->post(value);
        } catch (std::exception const&) {
            // Asio found no memory, and the handler has been destroyed.
        }
    }

    completion_ptr<error_code> done;
    error_code value; ///< One writer at a time, who then lets go.
};

/// A message on its way to a connection, for whose arrival somebody waits.
class awaited_send final : public mail {
  public:
    awaited_send(connection_id id, payload message, overflow_policy policy,
                 std::shared_ptr<awaited_result> result) noexcept
        : id_{id}, message_{std::move(message)}, policy_{policy}, result_{std::move(result)} {}

    void run(worker& recipient) override {
        result_->value = recipient.send(id_, std::move(message_), policy_);
    }

  private:
    connection_id id_;
    payload message_;
    overflow_policy policy_;
    std::shared_ptr<awaited_result> result_;
};

/// One worker's part of a broadcast for whose end somebody waits.
class awaited_broadcast final : public broadcast {
  public:
    awaited_broadcast(std::unique_ptr<broadcast> part, std::shared_ptr<awaited_result> result)
        : broadcast{part->message(), part->policy()},
          result_{std::move(result)},
          part_{std::move(part)} {}

    ~awaited_broadcast() override { leave_room(); } // first: whoever is told may send the next one

    bool reaches(basic_connection& connection, protocol const& speaker) override {
        return part_->reaches(connection, speaker);
    }

  private:
    std::shared_ptr<awaited_result> result_;
    std::unique_ptr<broadcast> part_;
};

} // namespace millipede::detail
