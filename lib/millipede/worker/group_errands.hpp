// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/overflow.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/broadcast.hpp>
#include <millipede/worker/group.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstddef>
#include <utility>

namespace millipede::detail {

/// What concerns one group on one worker. While one of them waits there, all that come after it
/// wait behind it: so what one thread asks for happens in its order.
class group_errand : public errand {
  public:
    ~group_errand() override {
        if (waits_at_) --waits_at_->waiting;
    }

  protected:
    explicit group_errand(boost::intrusive_ptr<group_state> of, std::size_t bytes = 0) noexcept
        : errand{bytes}, of_{std::move(of)} {}

    group_state& of() const noexcept { return *of_; }
    void wait_at(group_part& part) noexcept {
        waits_at_ = &part;
        ++part.waiting;
    }

  private:
    boost::intrusive_ptr<group_state> of_;
    group_part* waits_at_ = nullptr;
};

/// One message on its way to a group's members on one worker.
class group_send final : public group_errand {
  public:
    group_send(boost::intrusive_ptr<group_state> to, payload message,
               overflow_policy policy) noexcept
        : group_errand{std::move(to), message.size()},
          message_{std::move(message)},
          policy_{policy} {}

    bool begin(worker& on) noexcept override;
    bool advance(worker& on, walk_slice& left) override;

  private:
    payload message_;
    overflow_policy policy_;
    bool walks_ = false;
};

/// A connection's joining, or leaving.
class membership_change final : public group_errand {
  public:
    enum class kind : bool { joins, leaves };

    /// Who is to join counts in the group from now on.
    membership_change(boost::intrusive_ptr<group_state> of, connection_id who, kind what) noexcept;
    ~membership_change() override;

    bool begin(worker& on) noexcept override;
    bool advance(worker& on, walk_slice& left) override;

  private:
    void apply(worker& on) noexcept;

    connection_id who_;
    kind what_;
    bool joined_ = false;
};

} // namespace millipede::detail
