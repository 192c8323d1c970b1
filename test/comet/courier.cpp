// SPDX-License-Identifier: BSL-1.0
#include "channels/courier.hpp"

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(couriers)

namespace {

// Two workers whose mailboxes have so much room.
class workers {
  public:
    std::vector<std::size_t> room{10, 10};
    std::string heard;
    bool ends = false;

    template <class F>
    millipede::error_code post_to(std::uint32_t worker, F f) {
        if (ends) return millipede::errc::not_running;
        if (room.at(worker) == 0) return millipede::errc::mailbox_full;
        --room[worker];
        f();
        return {};
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(what_a_full_mailbox_does_not_take_is_told_later_and_in_order) {
    workers all;
    comet::courier<workers> sender{all, 2};
    auto tell = [&](std::uint32_t worker, char what) {
        return sender.tell(worker, [&all, what] { all.heard += what; });
    };
    BOOST_TEST(tell(0, 'a'));
    all.room = {0, 1};
    BOOST_TEST(tell(0, 'b'));
    BOOST_TEST(tell(1, 'B')); // the other worker has room
    BOOST_TEST(all.heard == "aB");
    all.room = {1, 0};
    BOOST_TEST(tell(0, 'c')); // there is room, but not for what would overtake
    BOOST_TEST(all.heard == "aB");
    sender.retry();
    BOOST_TEST(all.heard == "aBb");
    sender.retry();
    BOOST_TEST(all.heard == "aBb");
    all.room = {5, 5};
    sender.retry();
    BOOST_TEST(tell(0, 'd'));
    BOOST_TEST(all.heard == "aBbcd");
    sender.retry();
    BOOST_TEST(all.heard == "aBbcd");
}

BOOST_AUTO_TEST_CASE(nothing_waits_for_a_server_that_ends) {
    workers all;
    comet::courier<workers> sender{all, 2};
    all.room = {0, 0};
    BOOST_TEST(sender.tell(0, [&] { all.heard += 'a'; }));
    all.ends = true;
    BOOST_TEST(!sender.tell(1, [&] { all.heard += 'b'; }));
    sender.retry();
    all.ends = false;
    all.room = {5, 5};
    sender.retry();
    BOOST_TEST(all.heard == "");
}

BOOST_AUTO_TEST_SUITE_END()
