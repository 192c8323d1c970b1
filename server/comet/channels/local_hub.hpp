// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/audience.hpp"
#include "channels/hub.hpp"
#include "channels/live_settings.hpp"
#include "channels/registry.hpp"
#include "channels/tally.hpp"
#include "wire/http_codec.hpp"

#include <millipede/server.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace comet {

struct told_users;

/// The server that channels live on.
using comet_server = millipede::server<subscriber, http_codec>;

/// Channels on the workers of one process. A channel lives on the worker that its name's hash
/// chooses, and is touched by no other; each worker keeps its own subscribers of it. Workers ask
/// and tell each other by messages, whose order makes locks needless: whoever is told to join an
/// audience is told so before any message that is for him.
class local_hub final : public hub {
  public:
    /// \param live workers take up what is left for them each second. Outlives this, as the others
    /// do.
    local_hub(comet_server& server, settings_in_force& live, tally& counters);
    ~local_hub() override;

    /// Begins to count time; when the server has been started.
    void start();

    bool subscribe(subscriber& who, channel_item asked) override;
    bool is_subscribed(subscriber& who, std::string_view channel) const override;
    bool unsubscribe(subscriber& who, std::string_view channel) override;
    void attend(subscriber& who) override;
    void leave(subscriber& who) override;
    bool publish(publication message, std::function<void(publish_result)> answer) override;
    bool broadcast(std::string content) override;
    bool sign(std::string channel, std::uint32_t expires,
              std::function<void(std::optional<signature>)> answer) override;
    bool close(std::string channel, std::function<void(std::optional<sequence>)> answer) override;
    bool clear(std::string channel, std::function<void(std::optional<sequence>)> answer) override;
    bool look(std::string channel,
              std::function<void(std::optional<std::uint32_t>)> answer) override;
    std::uint64_t channels() const override {
        return all_.channels.load(std::memory_order_relaxed);
    }
    std::uint64_t subscribers() const override;
    bool call_roll(std::string channel, std::function<void(channel_roll)> answer) override;
    bool watch(millipede::connection_id watcher, bool chunked, bool with_users,
               std::function<void()> look_again) override;
    void unwatch(millipede::connection_id watcher) override;

  private:
    class desk;
    struct question;
    struct verdict;

    // On the worker of a channel.
    desk& desk_of(std::string_view channel) noexcept;
    void decide(desk& home, question const& asked);
    void judge(desk& home, question const& asked, verdict& decided);
    void take_back(desk& home, verdict& decided);
    channel* obtain(desk& home, std::string_view name);
    bool has_room(desk const& home, channel const& interested) const noexcept;
    bool all_have_room(desk const& home) const noexcept;
    channel_event keep(desk& home, channel& to, message_type type, std::string_view content,
                       std::uint32_t ttl_seconds = 0);
    void publish_at(desk& home, publication const& message,
                    std::function<void(publish_result)> const& answer);
    void answer_and_send(desk const& home, channel const& to, channel_event const& event,
                         std::function<void(publish_result)> const& answer);
    void send_out(desk const& home, channel const& from, channel_event const& event);
    void end(desk& home, channel& ended);
    void announce(desk& home, channel const& whose, bool is_there);
    void announce_user(desk& home, millipede::payload const& channel, std::string_view user,
                       bool is_there);
    void tell_watchers(desk& home, std::string_view line, bool of_users);
    void welcome(desk& home, channel const& to, question const& asked, verdict& decided);
    static std::shared_ptr<told_users const> users_present(desk& home, channel const& of);
    void tell_of_user(desk& home, channel const& whose, std::string_view user, message_type what);
    void dismiss_absent(desk& home);
    void walk(desk& home);
    void count_gone(desk& home, channel_key key, std::string_view name, std::uint32_t worker,
                    departure const& gone);

    // On the worker of a subscriber.
    void carry_out(desk& here, verdict& decided);
    void let_in(desk& here, subscription& which, verdict& decided);
    static subscription* find(desk const& here, subscriber& who, std::string_view channel);

    void await_tick(desk& each);
    void tick(desk& each);

    comet_server& server_;
    settings_in_force& live_;
    tally& counters_;
    channel_totals all_;
    std::atomic<std::uint32_t> users_{0};      // that are kept
    std::atomic<std::uint32_t> broadcasts_{0}; // that a worker has not done yet
    std::vector<std::unique_ptr<desk>> desks_; // one per worker, touched by it alone
};

} // namespace comet
