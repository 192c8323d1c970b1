// SPDX-License-Identifier: BSL-1.0
#include "channels/attendance.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(attending)

namespace {

using namespace comet;

millipede::payload named(std::string_view name) {
    return millipede::payload{millipede::as_bytes(name)};
}

// Two channels of a worker, and who is gone from them.
struct hall {
    channel_limits limits{.user_linger = 2, .users_max = 5, .users_per_channel_max = 3};
    std::atomic<std::uint32_t> kept{0};
    attendance all{limits, kept};
    std::string gone;

    arrival join(std::uint32_t serial, std::string_view user) {
        return all.joined(serial, named("c" + std::to_string(serial)), user);
    }
    void tick(int count = 1) {
        for (int each = 0; each < count; ++each)
            all.tick([&](millipede::payload const& channel, std::string const& user) {
                gone.append(reinterpret_cast<char const*>(channel.bytes().data()), channel.size());
                gone.append(":").append(user).append(" ");
            });
    }
    std::string roll(std::uint32_t serial) {
        std::string text;
        all.for_each(serial, [&](std::string const& user, std::uint32_t subscriptions) {
            text.append(user).append(std::to_string(subscriptions)).append(" ");
        });
        return text;
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(users_are_counted_per_channel) {
    hall h;
    BOOST_TEST((h.join(1, "b") == arrival::first));
    BOOST_TEST((h.join(1, "a") == arrival::first));
    BOOST_TEST((h.join(1, "b") == arrival::known));
    BOOST_TEST((h.join(2, "b") == arrival::first));
    BOOST_TEST(h.roll(1) == "a1 b2 ");
    BOOST_TEST(h.roll(2) == "b1 ");
    BOOST_TEST(h.roll(3) == "");
    BOOST_TEST(h.kept == 3U);
    BOOST_TEST(!h.all.left(1, "b"));
    BOOST_TEST(h.roll(1) == "a1 b1 ");
    h.tick(100);
    BOOST_TEST(h.gone == "");
}

BOOST_AUTO_TEST_CASE(who_has_left_lingers) {
    hall h;
    h.join(1, "a");
    h.join(1, "b");
    BOOST_TEST(!h.all.left(1, "a"));
    BOOST_TEST(h.roll(1) == "a0 b1 ");
    h.tick();
    BOOST_TEST(!h.all.left(1, "b"));
    h.tick();
    BOOST_TEST((h.join(1, "b") == arrival::known)); // he comes back in time
    BOOST_TEST(h.gone == "");
    h.tick();
    BOOST_TEST(h.gone == "c1:a ");
    h.all.left(1, "b");
    h.tick(2);
    BOOST_TEST(h.gone == "c1:a ");
    h.tick();
    BOOST_TEST(h.gone == "c1:a c1:b ");
    BOOST_TEST(h.kept == 0U);
    BOOST_TEST((h.join(1, "a") == arrival::first)); // too late
    h.tick(100);
    BOOST_TEST(h.roll(1) == "a1 ");
}

BOOST_AUTO_TEST_CASE(nobody_lingers_unless_told) {
    hall h;
    h.limits.user_linger = 0;
    h.join(1, "a");
    h.join(1, "a");
    BOOST_TEST(!h.all.left(1, "a"));
    BOOST_TEST(h.all.left(1, "a"));
    BOOST_TEST(!h.all.left(1, "a"));
    BOOST_TEST(h.kept == 0U);
    h.tick(3);
    BOOST_TEST(h.gone == "");
}

BOOST_AUTO_TEST_CASE(who_is_not_there_cannot_leave) {
    hall h;
    BOOST_TEST(!h.all.left(1, "a"));
    h.join(1, "a");
    BOOST_TEST(!h.all.left(1, "b"));
    h.all.left(1, "a");
    h.tick();
    h.all.left(1, "a"); // once too often: he has gone a second ago, and no later
    h.tick(2);
    BOOST_TEST(h.gone == "c1:a ");
}

BOOST_AUTO_TEST_CASE(so_many_are_kept_and_no_more) {
    hall h;
    for (auto const* user : {"a", "b", "c"})
        BOOST_TEST((h.join(1, user) == arrival::first));
    BOOST_TEST((h.join(1, "d") == arrival::unknown));
    BOOST_TEST((h.join(1, "c") == arrival::known));
    BOOST_TEST((h.join(2, "a") == arrival::first));
    BOOST_TEST((h.join(2, "b") == arrival::first));
    BOOST_TEST((h.join(2, "c") == arrival::unknown));
    BOOST_TEST((h.join(3, "a") == arrival::unknown)); // nor is there a trace of it
    BOOST_TEST(h.kept == 5U);
    h.all.left(1, "a");
    h.tick(3);
    BOOST_TEST((h.join(3, "a") == arrival::first));
    BOOST_TEST(h.kept == 5U);
}

BOOST_AUTO_TEST_CASE(all_users_of_a_channel_are_gone_with_it) {
    hall h;
    h.join(1, "a");
    h.join(1, "b");
    h.join(2, "c");
    h.all.left(1, "a");
    std::string ended;
    auto note = [&](std::string const& user) { ended.append(user); };
    h.all.ended(1, note);
    h.all.ended(1, note);
    BOOST_TEST(ended == "ab");
    BOOST_TEST(h.kept == 1U);
    BOOST_TEST(h.roll(1) == "");
    h.tick(5);
    BOOST_TEST(h.gone == ""); // not once more
    h.all.left(1, "b");
    BOOST_TEST(h.roll(2) == "c1 ");
}

BOOST_AUTO_TEST_CASE(who_is_there_is_put_once) {
    hall here;
    std::string made;
    auto told = [&](sequence next, std::size_t most = 9) {
        return here.all.told(1, next, most, [&](std::string const& user) {
            made += user;
            return named(user);
        });
    };
    BOOST_TEST(!told(7));
    here.join(1, "b");
    here.join(1, "a");
    auto first = told(7);
    BOOST_TEST(made == "ab");
    BOOST_TEST(first->objects.size() == 2U);
    here.join(1, "a");     // was there
    here.all.left(1, "b"); // lingers
    BOOST_TEST(told(7) == first);
    BOOST_TEST(told(8) != first); // another number
    BOOST_TEST(made == "abab");
    here.join(1, "c");
    BOOST_TEST(told(8)->objects.size() == 3U);
    here.tick(3); // b is gone
    BOOST_TEST(told(8)->objects.size() == 2U);
    BOOST_TEST(told(9, 1)->objects.size() == 1U);
    BOOST_TEST(made == "abababcaca");
}

BOOST_AUTO_TEST_SUITE_END()
