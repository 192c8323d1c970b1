// SPDX-License-Identifier: BSL-1.0
// A worker's connections under faults of every kind, held against a model that shares no code with
// the library: what each peer gets, who is called and when, and that nothing is left of anybody.
#include "support/scripted_worker.hpp"
#include "unit/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

BOOST_AUTO_TEST_SUITE(worker_faults)

namespace {

using millipede::overflow_policy;
using test::carrier_kind;
using test::scripted_worker;
using act = scripted_worker::act;
using bytes = std::vector<std::uint8_t>;

constexpr overflow_policy policies[] = {overflow_policy::close, overflow_policy::drop_newest,
                                        overflow_policy::drop_oldest};

constexpr carrier_kind carriers[] = {carrier_kind::memory, carrier_kind::socket};

std::string_view name_of(carrier_kind carrier) {
    return carrier == carrier_kind::memory ? "memory" : "sockets";
}

// Writes scripts by hand. Peers that are there are told by how many have come after them.
class author {
  public:
    author& add(act what, std::initializer_list<int> choices = {}) {
        script_.push_back(static_cast<std::uint8_t>(what));
        for (int choice : choices)
            script_.push_back(static_cast<std::uint8_t>(choice));
        return *this;
    }
    // How much the peer takes at a time: 0 all, 3 least.
    author& connect(int slowness = 0) { return add(act::connect, {slowness}); }
    // Sizes of data: 0 none, 1 1, 2 4, 3 30, 4 300, 5 600, 6 3,000, 7 9,000 bytes.
    author& ask(int peer, std::uint16_t command, int size) {
        return add(act::compose_frame, {peer, command - 1, size, command});
    }
    author& deliver(int peer, int count) { return add(act::deliver_some, {peer, count - 1}); }
    author& deliver(int peer) { return add(act::deliver_all, {peer}); }
    // Sizes: 0 none, 1 100, 2 2,000, 3 9,000 bytes.
    author& push(int peer, int size) { return add(act::send_push, {peer, size}); }
    author& run() { return add(act::run_until_idle); }
    bytes const& script() const { return script_; }

  private:
    bytes script_;
};

// Three connections, and all that can happen to one: requests whole, cut and joined, pauses, large
// replies to a peer that does not read, messages from outside and from one another, and three ways
// to end.
bytes rich_conversation() {
    author script;
    script.connect(2).connect().connect(1).run();
    for (int peer : {2, 1, 0})
        script.ask(peer, scripted_worker::echo, 3).ask(peer, scripted_worker::pass, 4);
    script.deliver(2, 11).deliver(1).deliver(0, 40).run();
    script.ask(2, scripted_worker::rest, 0).ask(2, scripted_worker::echo, 5).deliver(2).run();
    script.push(2, 1).push(1, 3).run();
    script.add(act::resume, {2}).run();
    script.add(act::hold_writes, {1}).ask(1, scripted_worker::grow, 2);
    script.ask(1, scripted_worker::echo, 6).ask(1, scripted_worker::grow, 0).deliver(1).run();
    script.push(1, 2).push(1, 3).ask(1, scripted_worker::echo, 3).deliver(1, 20).run();
    script.add(act::take_writes, {1}).run();
    script.ask(0, scripted_worker::echo, 7).deliver(0, 200).run().deliver(0).run();
    script.ask(0, scripted_worker::leave, 3).ask(0, scripted_worker::echo, 3).deliver(0).run();
    script.ask(1, scripted_worker::fail, 3).deliver(1).run();
    script.ask(2, scripted_worker::grow, 3).deliver(2).add(act::end_input, {2}).run();
    return script.script();
}

// What was contradicted while `f` ran; nothing when all was right.
template <class F>
std::string contradiction_in(F f) {
    try {
        f();
        return {};
    } catch (test::contradiction const& found) {
        return found.what();
    }
}

bytes random_script(std::mt19937& random, std::size_t size) {
    bytes script(size);
    std::generate(script.begin(), script.end(),
                  [&] { return static_cast<std::uint8_t>(random()); });
    return script;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_rich_conversation_is_answered_as_it_is_due) {
    for (auto carrier : carriers)
        for (auto policy : policies) {
            scripted_worker subject{carrier, policy};
            subject.play(test::script{rich_conversation()});
            subject.finish();
            BOOST_TEST(subject.opened() == 3U);
        }
}

BOOST_AUTO_TEST_CASE(whatever_operation_of_whichever_connection_fails_nobody_else_is_hurt) {
    auto const script = rich_conversation();
    scripted_worker whole{carrier_kind::memory};
    whole.play(test::script{script});
    whole.finish();
    std::size_t runs = 0;
    for (boost::system::error_code code :
         {boost::system::error_code{boost::asio::error::connection_reset},
          boost::system::error_code{boost::asio::error::broken_pipe},
          boost::system::error_code{boost::asio::error::eof}})
        for (std::size_t connection = 0; connection < 3; ++connection)
            for (std::size_t failing = 1; failing <= whole.operations_of(connection); ++failing)
                BOOST_TEST_CONTEXT("connection " << connection << ", operation " << failing << ": "
                                                 << code.message()) {
                    scripted_worker subject{
                        carrier_kind::memory, overflow_policy::close, {connection, failing, code}};
                    BOOST_TEST(contradiction_in([&] {
                                   subject.play(test::script{script});
                                   subject.finish();
                               }) == "");
                    ++runs;
                }
    BOOST_TEST(runs > 100U);
}

BOOST_AUTO_TEST_CASE(a_conversation_cut_off_anywhere_leaves_nothing_behind) {
    auto const script = rich_conversation();
    for (std::size_t size = 0; size <= script.size() * 2 + 1; ++size) {
        auto carrier = carriers[size % 2];
        BOOST_TEST_CONTEXT("after " << size / 2 << " bytes of the script, " << name_of(carrier)) {
            bytes const begun(script.begin(),
                              script.begin() + static_cast<std::ptrdiff_t>(size / 2));
            BOOST_TEST(contradiction_in([&] {
                           scripted_worker subject{carrier};
                           subject.play(test::script{begun});
                           subject.finish();
                       }) == "");
            BOOST_TEST(contradiction_in([&] {
                           scripted_worker subject{carrier};
                           subject.play(test::script{begun});
                           subject.finish_by_stop();
                       }) == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_conversation_cut_at_every_byte_is_answered_the_same) {
    // Within the first four frames; a byte of the script delivers 256 at most.
    for (int first = 1; first <= 256; ++first)
        for (int variant = 0; variant < 4; ++variant) {
            bool held = variant % 2 != 0;
            auto carrier = carriers[variant / 2];
            author script;
            script.connect().run();
            script.ask(0, scripted_worker::echo, 3).ask(0, scripted_worker::rest, 1);
            script.ask(0, scripted_worker::echo, 2).ask(0, scripted_worker::grow, 0);
            script.ask(0, scripted_worker::echo, 4).ask(0, scripted_worker::leave, 5);
            if (held) script.add(act::hold_writes, {0});
            script.deliver(0, first).run().push(0, 1).deliver(0, 30).run();
            script.add(act::resume, {0}).run();
            BOOST_TEST_CONTEXT("first " << first << " bytes, writes held: " << held << ", "
                                        << name_of(carrier)) {
                BOOST_TEST(contradiction_in([&] {
                               scripted_worker subject{carrier};
                               subject.play(test::script{script.script()});
                               subject.finish();
                           }) == "");
            }
        }
}

BOOST_AUTO_TEST_CASE(random_conversations_with_random_faults_contradict_nothing) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("worker_faults: MILLIPEDE_TEST_SEED=" << seed);
    std::mt19937 random{seed};
    for (int round = 0; round < 600; ++round) {
        auto script = random_script(random, 50 + random() % 1'500);
        auto carrier = carriers[random() % 2];
        BOOST_TEST_CONTEXT("seed " << seed << ", round " << round << ", " << name_of(carrier)) {
            BOOST_TEST(contradiction_in([&] {
                           scripted_worker subject{carrier, policies[random() % 3]};
                           subject.play(test::script{script});
                           if (random() % 2 == 0)
                               subject.finish();
                           else
                               subject.finish_by_stop();
                       }) == "");
        }
    }
}

// Three slots and thousands of owners, each with a secret: what a peer gets, what a handler, a
// posted function or on_close meets is never another owner's.
BOOST_AUTO_TEST_CASE(a_slot_used_again_and_again_shows_nothing_of_its_former_owners) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("worker_faults: MILLIPEDE_TEST_SEED=" << seed);
    for (auto carrier : carriers) {
        std::mt19937 random{seed};
        scripted_worker subject{carrier};
        while (subject.opened() < 10'000) {
            author arrival;
            arrival.connect(static_cast<int>(random() % 4));
            author departure; // mostly of all who are there
            auto ending = random() % 4;
            for (int peer : {0, 1, 2})
                if (ending == 0)
                    departure.add(act::break_now, {peer});
                else if (ending < 3)
                    departure.add(act::take_writes, {peer})
                        .add(act::resume, {peer})
                        .add(act::close, {peer})
                        .add(act::end_input, {peer});
            departure.run();
            auto const between = random_script(random, 40);
            BOOST_TEST_CONTEXT("seed " << seed << ", owner " << subject.opened() << ", "
                                       << name_of(carrier)) {
                BOOST_REQUIRE(contradiction_in([&] {
                                  subject.play(test::script{arrival.script()});
                                  subject.play(test::script{between});
                                  subject.play(test::script{departure.script()});
                              }) == "");
            }
        }
        BOOST_TEST(contradiction_in([&] { subject.finish(); }) == "");
    }
}

BOOST_AUTO_TEST_SUITE_END()
