// SPDX-License-Identifier: BSL-1.0
// The local hub's presence: who is told that channels and their users come and go.
#include "channels/desk.hpp"
#include "channels/local_hub.hpp"
#include "wire/http_reply.hpp"

#include <new>
#include <utility>

namespace comet {
namespace {

// So many users of a channel are told to a new subscriber.
constexpr std::size_t present_max = 1'000;

// So that the first blank of a line is what ends it.
std::string without_blanks(std::string_view text) {
    std::string whole;
    for (char letter : text) {
        if (letter == ' ')
            whole += "\\u0020";
        else
            whole += letter;
    }
    return whole;
}

millipede::payload shared(std::string_view text) {
    return millipede::payload{millipede::as_bytes(text)};
}

} // namespace

// ---------------------------------------------------------------- who watches

bool local_hub::watch(millipede::connection_id watcher, bool chunked, bool with_users,
                      std::function<void()> look_again) {
    for (auto& each : desks_) {
        desk::watcher added{watcher, chunked, with_users, nullptr};
        if (each->index == watcher.worker()) added.look_again = look_again;
        server_.post_to_admitted(each->index, [&home = *each, added = std::move(added)] {
            home.watchers.push_back(added);
        });
    }
    return true;
}

void local_hub::unwatch(millipede::connection_id watcher) {
    for (auto& each : desks_)
        server_.post_to_admitted(each->index, [&home = *each, watcher] {
            std::erase_if(home.watchers, [&](auto const& one) { return one.id == watcher; });
        });
}

void local_hub::tell_watchers(desk& home, std::string_view line, bool of_users) {
    std::string chunk;
    append_chunk(chunk, true, line);
    auto plain = shared(line);
    auto chunked = shared(chunk);
    for (auto each = home.watchers.begin(); each != home.watchers.end();) {
        bool is_told = !of_users || each->with_users;
        if (!is_told || server_.send(each->id, each->chunked ? chunked : plain) !=
                            millipede::errc::mailbox_full) {
            ++each;
            continue;
        }
        // It must not miss a line and not know: once it is back it is told anew.
        server_.post_to_admitted(each->id.worker(), [this, id = each->id] {
            server_.visit(id, [](millipede::basic_connection& one) {
                one.close(millipede::errc::mailbox_full);
            });
        });
        each = home.watchers.erase(each);
    }
}

void local_hub::announce(desk& home, channel const& whose, bool is_there) {
    if (home.watchers.empty()) return;
    auto line = std::string{is_there ? "1 " : "0 "};
    line.append(json_completed(text_of(whose.name()))).append("\n");
    tell_watchers(home, line, false);
}

void local_hub::announce_user(desk& home, millipede::payload const& channel, std::string_view user,
                              bool is_there) {
    if (home.watchers.empty()) return;
    auto line = std::string{is_there ? "+ " : "- "};
    line.append(without_blanks(json_escaped(user))).append(" ");
    line.append(json_completed(text_of(channel))).append("\n");
    tell_watchers(home, line, true);
}

void local_hub::end(desk& home, channel& ended) {
    home.guests.ended(ended.serial(), [&](std::string const& user) {
        announce_user(home, ended.name(), user, false);
    });
    announce(home, ended, false);
}

// ---------------------------------------------------------------- users

departure local_hub::verdict::taken_back() noexcept {
    departure gone{1};
    if (!user.empty()) gone.users.push_back(std::move(user)); // there is room for one
    return gone;
}

// A poll that is answered at once is no subscription, but its user is there: he will be back.
void local_hub::welcome(desk& home, channel const& to, question const& asked, verdict& decided) {
    if (!asked.user.empty() && (decided.joins || home.limits.user_linger != 0)) {
        decided.user = asked.user; // before it is counted: to be taken back whatever fails
        auto how = home.guests.joined(to.serial(), to.name(), asked.user);
        if (how == arrival::unknown) ++counters_.at(home.index, counted::users_full);
        if (how != arrival::unknown && !decided.joins) home.guests.left(to.serial(), asked.user);
        if (how == arrival::unknown || !decided.joins) decided.user.clear();
        if (how == arrival::first) tell_of_user(home, to, asked.user, message_type::join);
    }
    decided.wants_presence =
        asked.endless && asked.what.presence && home.limits.presence == presence_level::all;
    if (decided.wants_presence) decided.present = users_present(home, to);
}

// Who asks again and again, by commands of some bytes each, has it made once.
std::shared_ptr<told_users const> local_hub::users_present(desk& home, channel const& of) {
    return home.guests.told(of.serial(), of.next(), present_max, [&](std::string const& user) {
        return shared(message_object(message_type::present, text_of(of.name()), of.next(),
                                     json_escaped(user)));
    });
}

// Subscribers may miss it while too much waits for their worker already: it is not worth more.
void local_hub::tell_of_user(desk& home, channel const& whose, std::string_view user,
                             message_type what) {
    announce_user(home, whose.name(), user, what == message_type::join);
    if (home.limits.presence != presence_level::all || !has_room(home, whose)) return;
    auto object = message_object(what, text_of(whose.name()), whose.next(), json_escaped(user));
    send_out(home, whose, {what, whose.next(), shared(object), {}});
}

void local_hub::dismiss_absent(desk& home) {
    home.guests.tick([&](millipede::payload const& channel, std::string const& user) {
        if (auto const* found = home.owned.find(text_of(channel)))
            tell_of_user(home, *found, user, message_type::leave);
    });
}

bool local_hub::call_roll(std::string channel, std::function<void(channel_roll)> answer) {
    auto& home = desk_of(channel);
    return !server_.post_to(
        home.index, [&home, channel = std::move(channel), answer = std::move(answer)] {
            channel_roll roll;
            if (auto const* found = home.owned.find(channel)) {
                roll.anonymous = found->subscribers();
                home.guests.for_each(found->serial(),
                                     [&](std::string const& user, std::uint32_t subscriptions) {
                                         roll.users.push_back({user, subscriptions});
                                         roll.anonymous -= subscriptions;
                                     });
            }
            answer(std::move(roll));
        });
}

} // namespace comet
