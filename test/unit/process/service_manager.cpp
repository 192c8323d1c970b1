// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/service_manager.hpp>

#include "support/folder.hpp"

#include <boost/test/unit_test.hpp>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

BOOST_AUTO_TEST_SUITE(service_manager)

namespace {

using namespace std::chrono_literals;
using subject = millipede::detail::service_manager;

/// Variables of the environment, for as long as this lives.
class said {
  public:
    said(std::string const& where, char const* watchdog = nullptr, char const* process = nullptr) {
        ::setenv("NOTIFY_SOCKET", where.c_str(), 1);
        if (watchdog) ::setenv("WATCHDOG_USEC", watchdog, 1);
        if (process) ::setenv("WATCHDOG_PID", process, 1);
    }
    ~said() {
        for (auto const* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
            ::unsetenv(name);
    }
    said(said const&) = delete;
    said& operator=(said const&) = delete;
};

/// Who listens at a path, or at an abstract name behind an @.
class listener {
  public:
    explicit listener(std::string const& where)
        : descriptor_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
        sockaddr_un own{.sun_family = AF_UNIX, .sun_path = {}};
        std::memcpy(own.sun_path, where.data(), where.size());
        bool abstract = where.front() == '@';
        if (abstract) own.sun_path[0] = '\0';
        auto size = offsetof(sockaddr_un, sun_path) + where.size() + (abstract ? 0 : 1);
        BOOST_REQUIRE(::bind(descriptor_, reinterpret_cast<sockaddr*>(&own),
                             static_cast<socklen_t>(size)) == 0);
    }
    ~listener() { ::close(descriptor_); }
    listener(listener const&) = delete;
    listener& operator=(listener const&) = delete;
    /// What has come; empty: nothing.
    std::string next() {
        char text[256];
        auto size = ::recv(descriptor_, text, sizeof text, MSG_DONTWAIT);
        return size < 0 ? "" : std::string{text, static_cast<std::size_t>(size)};
    }

  private:
    int descriptor_;
};

} // namespace

BOOST_AUTO_TEST_CASE(it_hears_what_it_is_told_at_a_path_and_at_a_name) {
    test::folder folder;
    for (auto const& where : {folder / "notify", '@' + (folder / "notify")}) {
        listener systemd{where};
        said environment{where};
        subject own;
        BOOST_TEST(own.present());
        BOOST_TEST(own.tell("READY=1\nSTATUS=here"));
        BOOST_TEST(systemd.next() == "READY=1\nSTATUS=here");
        BOOST_TEST(systemd.next() == "");
    }
}

BOOST_AUTO_TEST_CASE(there_may_be_none) {
    subject nobody;
    BOOST_TEST(!nobody.present());
    BOOST_TEST(!nobody.tell("READY=1"));
    for (auto const& where : {std::string{}, std::string{"/"}, std::string{"@"}, std::string{"a"},
                              std::string{"vsock:2:1"}, '/' + std::string(107, 'a')}) {
        said environment{where};
        subject none;
        BOOST_TEST(!none.present(), where);
    }
}

BOOST_AUTO_TEST_CASE(one_that_does_not_listen_costs_little) {
    test::folder folder;
    said environment{folder / "notify"};
    subject own;
    BOOST_TEST(own.present());
    BOOST_TEST(!own.tell("READY=1"));
    listener systemd{folder / "notify"}; // and does not read
    int told = 0;
    while (told < 100'000 && own.mention("STATUS=" + std::to_string(told)))
        ++told;
    BOOST_TEST(told < 100'000);
    BOOST_TEST(!own.tell("READY=1")); // not for ever either
    BOOST_TEST(systemd.next() == "STATUS=0");
    BOOST_TEST(own.tell("READY=1"));
}

BOOST_AUTO_TEST_CASE(it_watches_if_it_says_so_to_this_process) {
    auto own = std::to_string(::getpid());
    auto watchdog_of = [](char const* interval, char const* process) {
        said environment{"/run/notify", interval, process};
        return subject{}.watchdog();
    };
    BOOST_TEST((watchdog_of("30000000", nullptr) == 30s));
    BOOST_TEST((watchdog_of("1", own.c_str()) == 1us));
    BOOST_TEST(!watchdog_of("30000000", "1"));
    BOOST_TEST(!watchdog_of(nullptr, own.c_str()));
    for (auto const* interval : {"", "0", "-1", "30s", "99999999999999999999"})
        BOOST_TEST(!watchdog_of(interval, nullptr), interval);
}

BOOST_AUTO_TEST_SUITE_END()
