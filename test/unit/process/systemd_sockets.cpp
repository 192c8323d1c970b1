// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/systemd_sockets.hpp>

#include <boost/test/unit_test.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(systemd_sockets)

namespace {

using descriptors = std::vector<int>;

/// What systemd says in the environment, for as long as this lives.
class environment {
  public:
    environment(std::string const& process, char const* count, char const* names = nullptr) {
        ::setenv("LISTEN_PID", process.c_str(), 1);
        ::setenv("LISTEN_FDS", count, 1);
        if (names) ::setenv("LISTEN_FDNAMES", names, 1);
    }
    ~environment() {
        for (auto const* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
            ::unsetenv(name);
    }
    environment(environment const&) = delete;
    environment& operator=(environment const&) = delete;
};

std::string own() {
    return std::to_string(::getpid());
}

bool finds(char const* name, descriptors const& expected) {
    return millipede::detail::systemd_sockets(name) == expected;
}

} // namespace

BOOST_AUTO_TEST_CASE(there_are_none_without_systemd) {
    BOOST_TEST(finds("", {}));
    BOOST_TEST(finds("web", {}));
}

BOOST_AUTO_TEST_CASE(they_begin_with_three) {
    environment said{own(), "2"};
    BOOST_TEST(finds("", {3, 4}));
    BOOST_TEST(finds("web", {}));
}

BOOST_AUTO_TEST_CASE(they_are_found_by_their_names) {
    environment said{own(), "4", "web:admin:web:"};
    BOOST_TEST(finds("web", {3, 5}));
    BOOST_TEST(finds("admin", {4}));
    BOOST_TEST(finds("adm", {}));
    BOOST_TEST(finds("", {3, 4, 5, 6}));
}

BOOST_AUTO_TEST_CASE(names_may_be_too_few) {
    environment said{own(), "3", "web"};
    BOOST_TEST(finds("web", {3}));
    BOOST_TEST(finds("", {3, 4, 5}));
}

BOOST_AUTO_TEST_CASE(what_is_meant_for_another_process_is_not_ours) {
    environment said{std::to_string(::getppid()), "2"};
    BOOST_TEST(finds("", {}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_nothing) {
    for (auto const* count : {"", "0", "-1", "two", "2x", "1025", "99999999999999999999"}) {
        environment said{own(), count};
        BOOST_TEST(finds("", {}));
    }
    environment said{own() + "x", "2"};
    BOOST_TEST(finds("", {}));
}

BOOST_AUTO_TEST_SUITE_END()
