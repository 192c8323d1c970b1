// SPDX-License-Identifier: BSL-1.0
// A worker without a thread whose connections, messages and faults are told by a script of bytes:
// by a fuzzer, by random numbers or by hand. Everything that happens is held against a model that
// was written from the protocol's description and shares no code with the library.
#pragma once

#include "support/script.hpp"
#include "support/scripted_peer.hpp"
#include "support/wire.hpp"

#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/mailbox.hpp>
#include <millipede/worker/worker.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace test {

/// The engine did what it must never do; `what()` says what.
struct contradiction : std::logic_error {
    using std::logic_error::logic_error;
};

/// What carries the bytes of a scripted worker's connections.
enum class carrier_kind { memory, socket };

class scripted_worker {
  public:
    using error_code = boost::system::error_code;
    using frame_type = millipede::frame;

    // What a message asks for. Replies are frames of the same command.
    static constexpr std::uint16_t echo = 1;
    static constexpr std::uint16_t leave = 2; ///< Answers and closes.
    static constexpr std::uint16_t fail = 3;  ///< Answers and throws.
    static constexpr std::uint16_t rest = 4;  ///< Pauses.
    static constexpr std::uint16_t grow = 5;  ///< Answers much.
    static constexpr std::uint16_t pass = 6;  ///< Sends to another connection.
    static constexpr std::uint16_t quit = 7;  ///< Closes for a reason of its own.
    static constexpr std::uint16_t push = 9;  ///< Only ever sent by the server.

    explicit scripted_worker(carrier_kind carrier,
                             millipede::overflow_policy policy = millipede::overflow_policy::close,
                             planned_fault planned = {})
        : carrier_{carrier}, limits_{small_limits(policy)}, planned_{planned} {
        millipede::set_log_level(millipede::fatal);
        set_handlers();
        subject_.begin();
    }
    ~scripted_worker() { millipede::set_log_level(millipede::info); }
    scripted_worker(scripted_worker const&) = delete;
    scripted_worker& operator=(scripted_worker const&) = delete;

    /// What a byte of the script does; further bytes say to whom and how.
    enum class act : std::uint8_t {
        connect,
        compose_frame,
        compose_garbage,
        deliver_some,
        deliver_all,
        run_a_little,
        run_until_idle,
        hold_writes,
        take_writes,
        end_input,
        send_push,
        send_push_at_once,
        pause,
        resume,
        close,
        break_soon,
        break_now,
    };
    static constexpr std::size_t acts = static_cast<std::size_t>(act::break_now) + 1;

    /// \throws contradiction
    void play(script lines) {
        while (!lines.over()) {
            play_one(lines);
            check();
        }
    }

    /// All peers say what they have left to say and end; then nothing may be left of anybody.
    /// \throws contradiction
    void finish() {
        for (auto ordinal : present_)
            end_peer(lives_[ordinal]);
        run();
        collect_the_dead();
        // Each round goes on behind one pause of each connection.
        for (int round = 0; subject_.pool().all().in_use() != 0 && round < 20'000; ++round) {
            for (auto ordinal : present_)
                post_to(ordinal, [](connection_type& one) { one.resume_receiving(); });
            run();
            collect_the_dead();
            check();
        }
        check_nothing_left();
    }

    /// The same for a worker that is stopped while its connections live.
    /// \throws contradiction
    void finish_by_stop() {
        for (auto ordinal : present_) {
            lives_[ordinal].may_lose_replies = true;
            lives_[ordinal].peer->take();
        }
        subject_.stop();
        run();
        for (auto ordinal : present_)
            end_peer(lives_[ordinal]);
        run();
        expect(subject_.context().stopped(), "a stopped worker ends when its connections have");
        for (int times = 0; times < 4; ++times) { // whatever runs now may stop it again
            subject_.context().restart();
            run();
        }
        collect_the_dead();
        check_nothing_left();
    }

    /// Connections that there have been.
    std::size_t opened() const noexcept { return opened_; }
    /// Reads and writes that the connection of this number has begun.
    std::size_t operations_of(std::size_t ordinal) const { return lives_[ordinal].operations; }

  private:
    struct session {
        session() noexcept { ++alive; }
        session(session const&) = delete;
        ~session() { --alive; }
        std::size_t secret = SIZE_MAX; // the owner's number
        std::string note;              // leaks when it is not destroyed
        static inline int alive = 0;
    };
    using dispatcher_type = millipede::detail::dispatcher<session, millipede::frame_codec>;
    using connection_type = dispatcher_type::connection_type;

    // One connection as its peer and the model see it.
    struct life {
        std::unique_ptr<scripted_peer> peer{};
        millipede::connection_id id{};
        std::string unsent{};    // composed and not yet delivered
        std::string delivered{}; // what the server could read
        std::vector<std::uint32_t> pushes{};
        std::size_t operations = 0;
        bool input_ended = false;
        bool ended = false; // on_close was called
        error_code reason{};
        bool is_faulty = false;
        bool may_lose_replies = false; // was closed at some moment of the script's choice
    };

    static millipede::options small_limits(millipede::overflow_policy policy) {
        millipede::options limits;
        limits.workers = 1;
        limits.connections_per_worker = 3; // so that slots are used again all the time
        limits.idle_timeout = std::chrono::milliseconds{0};
        limits.output_max_bytes = 48 * 1024;
        limits.overflow = policy;
        limits.buffer_budget_bytes = 160 * 1024;
        limits.scratch_bytes = 4 * 1024;
        limits.handoff_capacity = 16;
        limits.mailbox_capacity = 4'096;
        return limits;
    }

    // A broken expectation is kept, because it may show within a handler, where an exception would
    // be the handler's.
    void expect(bool met, char const* what) noexcept {
        if (!met && !broken_) broken_ = what;
    }
    void check() const {
        if (broken_) throw contradiction{broken_};
    }

    // Until nothing moves any more.
    void run() {
        for (bool moved = true; moved;) {
            moved = subject_.context().poll() != 0;
            for (auto ordinal : present_)
                moved = lives_[ordinal].peer->pump() || moved;
        }
    }

    // ---- the script

    void play_one(script& lines) {
        auto what = static_cast<act>(lines.below(acts));
        if (what == act::connect) return connect(lines);
        if (what == act::run_a_little) {
            for (auto times = lines.below(8) + 1; times > 0; --times)
                subject_.context().poll_one();
            return collect_the_dead();
        }
        if (what == act::run_until_idle) {
            run();
            return collect_the_dead();
        }
        if (lives_.empty()) return;
        auto ordinal = chosen(lines.below(8));
        if (what == act::send_push || what == act::send_push_at_once)
            return send_push(ordinal, what == act::send_push_at_once, push_size(lines));
        if (what == act::pause)
            return post_to(ordinal, [](connection_type& one) { one.pause_receiving(); });
        if (what == act::resume)
            return post_to(ordinal, [](connection_type& one) { one.resume_receiving(); });
        if (what == act::close)
            return post_to(ordinal, [this, ordinal](connection_type& one) {
                lives_[ordinal].may_lose_replies = true;
                one.close();
            });
        if (lives_[ordinal].peer) play_peer(what, lives_[ordinal], lines);
    }

    // One of those who are there, the latest first, or one that may have ended.
    std::size_t chosen(std::size_t choice) const {
        if (choice < present_.size()) return present_[present_.size() - 1 - choice];
        return lives_.size() - 1 - (choice - present_.size()) % lives_.size();
    }

    void play_peer(act what, life& one, script& lines) {
        switch (what) {
        case act::compose_frame: {
            static constexpr std::array<std::size_t, 8> sizes{0, 1, 4, 30, 300, 600, 3'000, 9'000};
            auto command = static_cast<std::uint16_t>(1 + lines.below(8));
            auto size = sizes[lines.below(sizes.size())];
            one.unsent +=
                frame(command, std::string(size, static_cast<char>('a' + lines.below(26))));
            break;
        }
        case act::compose_garbage:
            one.unsent += lines.text(lines.below(16) + 1);
            break;
        case act::deliver_some:
            deliver(one, lines.byte() + std::size_t{1});
            break;
        case act::deliver_all:
            deliver(one, one.unsent.size());
            break;
        case act::hold_writes:
            one.peer->hold();
            break;
        case act::take_writes:
            one.peer->take();
            break;
        case act::end_input:
            one.input_ended = true;
            one.peer->end_input();
            break;
        case act::break_soon:
            one.is_faulty = true;
            one.peer->break_soon(lines.below(4));
            break;
        case act::break_now:
            one.is_faulty = true;
            one.peer->break_now();
            break;
        default:
            break;
        }
    }

    void connect(script& lines) {
        auto ordinal = lives_.size();
        auto& one = lives_.emplace_back();
        one.peer = make_peer(lines.below(4), one);
        auto full_before = subject_.counters().full.load();
        one.peer->enter(subject_);
        if (one.id) {
            present_.push_back(ordinal);
            return;
        }
        expect(subject_.counters().full.load() == full_before + 1, "a newcomer got lost");
        expect(one.peer->is_free(), "something of a newcomer without a slot is left");
        lives_.pop_back();
    }

    // One that takes more or less at a time.
    std::unique_ptr<scripted_peer> make_peer(std::size_t choice, life& one) {
        static constexpr std::array<std::size_t, 4> write_limits{SIZE_MAX, 4'096, 257, 64};
        static constexpr std::array<int, 4> buffers{0, 16'384, 4'096, 1};
        if (carrier_ == carrier_kind::socket) return std::make_unique<socket_peer>(buffers[choice]);
        auto peer = std::make_unique<memory_peer>(subject_.context(), write_limits[choice]);
        if (opened_ == planned_.connection) {
            one.is_faulty = true;
            peer->plan(planned_);
        }
        return peer;
    }

    static void deliver(life& one, std::size_t size) {
        if (one.input_ended) return;
        auto piece = one.unsent.substr(0, size);
        one.unsent.erase(0, piece.size());
        one.delivered += piece;
        one.peer->deliver(piece);
    }

    static void end_peer(life& one) {
        deliver(one, one.unsent.size());
        one.input_ended = true;
        one.peer->end_input();
        one.peer->take();
    }

    // ---- from outside of handlers

    class call final : public millipede::detail::mail {
      public:
        explicit call(std::function<void()> what) : what_{std::move(what)} {}
        void run(millipede::detail::worker&) override { what_(); }

      private:
        std::function<void()> what_;
    };
    void post(std::function<void()> what) {
        expect(!subject_.post(std::make_unique<call>(std::move(what))), "a post was refused");
    }

    void post_to(std::size_t ordinal, std::function<void(connection_type&)> what) {
        post([this, ordinal, what = std::move(what)] {
            auto typed = [&](connection_type& one) {
                expect(one->secret == ordinal, "a posted function met a stranger");
                what(one);
            };
            bool lives = !lives_[ordinal].ended;
            auto found = subject_.with(lives_[ordinal].id, [&](millipede::basic_connection& base) {
                speaker_.with(base, typed);
            });
            expect(found == lives, "a post reaches the living, and only them");
        });
    }

    static std::size_t push_size(script& lines) {
        static constexpr std::array<std::size_t, 4> sizes{0, 100, 2'000, 9'000};
        return sizes[lines.below(sizes.size())];
    }
    void send_push(std::size_t ordinal, bool at_once, std::size_t size) {
        if (at_once) return send_push_now(ordinal, size);
        post([this, ordinal, size] { send_push_now(ordinal, size); });
    }
    void send_push_now(std::size_t ordinal, std::size_t size) {
        auto& one = lives_[ordinal];
        auto number_of_push = ++pushes_;
        auto data = number(static_cast<std::uint32_t>(ordinal)) + number(number_of_push) +
                    std::string(size, 'p');
        auto code = subject_.send(one.id, millipede::payload{bytes_of(frame(push, data))});
        expect((code == millipede::errc::stale_connection) == one.ended,
               "a send reaches the living, and only them");
        if (!code) one.pushes.push_back(number_of_push);
    }

    // ---- the server's side

    void set_handlers() {
        speaker_.open_handler = [this](connection_type& one) {
            auto ordinal = lives_.size() - 1;
            lives_[ordinal].id = one.id();
            ++opened_;
            expect(one->secret == SIZE_MAX && one->note.empty(), "a session is not fresh");
            expect(ordinals_.emplace(one.id(), ordinal).second, "an id came twice");
            one->secret = ordinal;
        };
        speaker_.close_handler = [this](connection_type& one, error_code const& reason) {
            auto& owner = owner_of(one);
            expect(!owner.ended, "on_close came twice");
            expect(!one.send_bytes(bytes_of("late")), "something could be sent in on_close");
            owner.ended = true;
            owner.reason = reason;
        };
        for (auto command : {echo, leave, fail, rest, grow, pass, quit})
            speaker_.handler_of(command) = [this](connection_type& one, frame_type const& message) {
                auto& owner = owner_of(one);
                expect(!owner.ended, "a message was handled after on_close");
                one->note = text_of(message.whole);
                handle(one, message);
            };
    }

    life& owner_of(connection_type& one) {
        auto found = ordinals_.find(one.id());
        expect(found != ordinals_.end() && one->secret == found->second,
               "a handler met the session of a stranger");
        return lives_[found != ordinals_.end() ? found->second : 0];
    }

    void handle(connection_type& one, frame_type const& message) {
        switch (message.command) {
        case rest:
            one.pause_receiving();
            return;
        case grow:
            one.send(millipede::payload{bytes_of(reply_of(grow, text_of(message.whole)))});
            return;
        case pass: {
            auto back = message.data().empty() ? 0 : static_cast<std::size_t>(message.data()[0]);
            send_push_now(lives_.size() - 1 - back % std::min<std::size_t>(lives_.size(), 8), 40);
            return;
        }
        case quit:
            one.close(
                error_code{boost::system::errc::make_error_code(boost::system::errc::owner_dead)});
            return;
        default:
            one.send(message);
        }
        if (message.command == leave) one.close();
        if (message.command == fail) throw std::runtime_error{"as asked"};
    }

    // ---- the model

    static std::string reply_of(std::uint16_t command, std::string whole) {
        if (command != grow) return whole;
        return frame(grow, whole.substr(8) + std::string(12'000, 'g'));
    }

    // The replies to a stream of requests: up to the first that ends the conversation.
    static std::vector<std::string> replies_to(std::string_view stream) {
        std::vector<std::string> replies;
        while (stream.size() >= 8) {
            auto size = little(stream.substr(4, 2));
            auto command = static_cast<std::uint16_t>(little(stream.substr(6, 2)));
            if (stream.substr(0, 4) != "\xf7\x9a\xb6\x8e" || size < 8 || command >= 0xfffc) break;
            if (stream.size() < size) break;
            if (command == 0 || command > quit) break;
            if (command != rest && command != pass && command != quit)
                replies.push_back(reply_of(command, std::string{stream.substr(0, size)}));
            if (command == leave || command == fail || command == quit) break;
            stream.remove_prefix(size);
        }
        return replies;
    }

    // Takes what the peer got apart into replies and pushes, and holds both against what is due.
    void judge(std::size_t ordinal) {
        auto& one = lives_[ordinal];
        auto due = replies_to(one.delivered);
        bool drops = limits_.overflow != millipede::overflow_policy::close;
        bool is_shed = one.reason == millipede::close_reason::shed;
        std::size_t replies = 0;
        std::size_t pushes = 0;
        std::string_view got = one.peer->got();
        while (got.size() >= 8) {
            auto size = little(got.substr(4, 2));
            if (got.substr(0, 4) != "\xf7\x9a\xb6\x8e" || size < 8)
                return expect(false, "the peer got what is no frame");
            if (got.size() < size) break;
            auto message = got.substr(0, size);
            if (little(message.substr(6, 2)) == push) {
                if (!take_push(ordinal, message, pushes, drops)) return;
            } else {
                while (drops && replies < due.size() && due[replies] != message)
                    ++replies;
                if (replies == due.size() || due[replies] != message)
                    return expect(false, "the peer got a reply that is not its due");
                ++replies;
            }
            got.remove_prefix(size);
        }
        bool may_tear = one.is_faulty || is_shed;
        expect(got.empty() || may_tear, "the peer got half a frame");
        if (may_tear || drops) return;
        expect(pushes == one.pushes.size(), "a message that was taken did not arrive");
        expect(replies == due.size() || one.may_lose_replies, "a reply did not arrive");
    }

    bool take_push(std::size_t ordinal, std::string_view message, std::size_t& next, bool drops) {
        auto const& due = lives_[ordinal].pushes;
        expect(message.size() >= 16 && little(message.substr(8, 4)) == ordinal,
               "the peer got a message for somebody else");
        if (broken_) return false;
        auto number_of_push = little(message.substr(12, 4));
        while (drops && next < due.size() && due[next] != number_of_push)
            ++next;
        expect(next < due.size() && due[next] == number_of_push,
               "messages arrive once and in their order");
        ++next;
        expect(message.find_first_not_of('p', 16) == std::string_view::npos,
               "a message arrived changed");
        return broken_ == nullptr;
    }

    void collect_the_dead() {
        std::erase_if(present_, [this](std::size_t ordinal) {
            auto& one = lives_[ordinal];
            one.operations = one.peer->operations();
            auto const& slot = subject_.pool().all()[one.id.slot()];
            bool gone = one.ended && slot.generation != one.id.generation() && one.peer->is_free();
            if (!gone) return false;
            judge(ordinal);
            one.peer.reset();
            one.unsent = one.delivered = {};
            return true;
        });
    }

    void check_nothing_left() {
        expect(subject_.pool().all().in_use() == 0, "a connection did not end");
        expect(present_.empty(), "something of a stream is left");
        expect(subject_.pool().budget().used_bytes() == 0, "buffers were not given back");
        expect(session::alive == 0, "a session was not destroyed");
        auto const& counters = subject_.counters();
        expect(counters.opened.load() == opened_, "a connection was not counted");
        expect(counters.closed.load() == opened_, "an end was not counted, or twice");
        expect(counters.released.load() == opened_ + counters.full.load(),
               "a socket was not released, or twice");
        check();
    }

    carrier_kind carrier_;
    millipede::options limits_;
    planned_fault planned_;
    dispatcher_type speaker_{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols_{&speaker_};
    std::deque<life> lives_;
    std::vector<std::size_t> present_; // those who have not been judged yet
    std::unordered_map<millipede::connection_id, std::size_t> ordinals_;
    std::size_t opened_ = 0;
    std::uint32_t pushes_ = 0;
    char const* broken_ = nullptr;
    millipede::detail::worker subject_{0, limits_, protocols_};
};

} // namespace test
