// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/heritage.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(heritage)

namespace {

using millipede::detail::heirloom;
using millipede::detail::heirlooms_of;
using subject = millipede::detail::heritage;

/// A channel whose other end this process has made, and pipes in the place of listeners.
struct estate {
    estate() {
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0);
        BOOST_REQUIRE(::pipe(sockets) == 0);
    }
    ~estate() {
        for (auto each : {channel[0], channel[1], sockets[0], sockets[1]})
            ::close(each); // where the subject has not
    }
    std::string text(int process, std::vector<heirloom> const& heirlooms) const {
        return std::to_string(process) + ' ' + std::to_string(channel[1]) + ' ' +
               millipede::detail::to_text(heirlooms);
    }

    int channel[2];
    int sockets[2];
};

bool is_open(int descriptor) {
    return ::fcntl(descriptor, F_GETFD) >= 0;
}

bool closes_on_exec(int descriptor) {
    return (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_text_says_all) {
    std::vector<heirloom> all{
        {"127.0.0.1:0", 3}, {"unix:/run/a;b 1:c\n.sock", 4}, {"", 0}, {"systemd:", 2'000'000'000}};
    BOOST_TEST((heirlooms_of(millipede::detail::to_text(all)) == all));
    BOOST_TEST(heirlooms_of("").empty());
}

BOOST_AUTO_TEST_CASE(a_text_that_is_not_whole_says_nothing) {
    auto whole = millipede::detail::to_text({{"127.0.0.1:0", 3}, {"unix:/a", 4}});
    auto first = millipede::detail::to_text({{"127.0.0.1:0", 3}}).size();
    for (std::size_t length = 1; length < whole.size(); ++length)
        if (length != first) BOOST_TEST(heirlooms_of(whole.substr(0, length)).empty(), length);
    for (auto const* bad :
         {"3", "3 ", "3 4", "3 1:", "3 1:a", "3 1:ab", "3 2:a;", "-3 1:a;", "3 -1:a;", "x 1:a;",
          "3 1:a;;", " 3 1:a;", "3  1:a;", "3 99999999999:a;", "99999999999 1:a;", "3 1:a; "})
        BOOST_TEST(heirlooms_of(bad).empty(), bad);
}

BOOST_AUTO_TEST_CASE(what_was_handed_over_is_taken_once_and_in_order) {
    estate left;
    subject own{left.text(::getpid(), {{"a", left.sockets[0]}, {"a", left.sockets[1]}})};
    BOOST_TEST(own.predecessor() == ::getpid());
    BOOST_TEST(closes_on_exec(left.sockets[0]));
    BOOST_TEST(closes_on_exec(left.channel[1]));
    BOOST_TEST(own.take("b") == -1);
    BOOST_TEST(own.take("a") == left.sockets[0]);
    BOOST_TEST(own.take("a") == left.sockets[1]);
    BOOST_TEST(own.take("a") == -1);
    BOOST_TEST(own.take_channel() == left.channel[1]);
    BOOST_TEST(own.take_channel() == -1);
    own.close_rest();
    BOOST_TEST(is_open(left.sockets[0]));
}

BOOST_AUTO_TEST_CASE(what_nobody_takes_is_closed) {
    estate left;
    {
        subject own{left.text(::getpid(), {{"a", left.sockets[0]}, {"b", left.sockets[1]}})};
        BOOST_TEST(own.take("b") == left.sockets[1]);
        own.close_rest();
        BOOST_TEST(!is_open(left.sockets[0]));
        BOOST_TEST(is_open(left.sockets[1]));
        BOOST_TEST(is_open(left.channel[1]));
    }
    BOOST_TEST(!is_open(left.channel[1]));
}

// A variable that a grandchild has got to see, or somebody has made up.
BOOST_AUTO_TEST_CASE(what_is_meant_for_another_process_is_left_alone) {
    estate left;
    std::vector<heirloom> all{{"a", left.sockets[0]}};
    auto channel = std::to_string(left.channel[1]);
    for (auto const& text :
         {left.text(::getppid(), all),
          std::to_string(::getpid()) + ' ' + std::to_string(left.sockets[0]) + " 3 1:a;",
          std::to_string(::getpid()) + " 1000000 3 1:a;", std::to_string(::getpid()),
          std::to_string(::getpid()) + ' ', std::to_string(::getpid()) + ' ' + channel,
          std::string{}, std::string{"x y z"}}) {
        subject own{text};
        BOOST_TEST(own.predecessor() == 0, text);
        BOOST_TEST(own.take("a") == -1, text);
        BOOST_TEST(own.take_channel() == -1, text);
        own.close_rest();
    }
    BOOST_TEST(!closes_on_exec(left.sockets[0]));
    BOOST_TEST(is_open(left.channel[1]));
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_is_not_there_is_passed_over) {
    estate left;
    subject own{left.text(::getpid(), {{"a", 1'000'000}, {"a", left.sockets[0]}})};
    BOOST_TEST(own.take("a") == left.sockets[0]);
    BOOST_TEST(own.take("a") == -1);
}

BOOST_AUTO_TEST_CASE(others_offer_theirs) {
    subject own{""};
    std::string left;
    own.offer("admin", 7, [&] { left += "no"; });
    own.offer("metrics", 8, [&] { left += "no"; });
    own.offer("admin", 9, [&] {
        own.withdraw("admin");
        left += "9";
    });
    BOOST_TEST((own.offered() == std::vector<heirloom>{{"metrics", 8}, {"admin", 9}}));
    own.withdraw("metrics");
    own.withdraw("nobody");
    BOOST_TEST((own.offered() == std::vector<heirloom>{{"admin", 9}}));
    own.leave();
    own.leave();
    BOOST_TEST(left == "9");
    BOOST_TEST(own.offered().empty());
}

BOOST_AUTO_TEST_CASE(whatever_stands_there_is_survived) {
    std::mt19937 random{7};
    auto whole = millipede::detail::to_text({{"127.0.0.1:0", 3}, {"unix:/a;b", 4}, {"", 5}});
    for (int round = 0; round < 20'000; ++round) {
        auto text = whole;
        for (auto changes = random() % 4; changes > 0; --changes)
            text[random() % text.size()] = "0123456789 :;,-/a\n"[random() % 18];
        auto read = heirlooms_of(text.substr(0, random() % (text.size() + 1)));
        BOOST_TEST_REQUIRE(read.size() <= 16U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
