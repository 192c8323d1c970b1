// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/own_program.hpp>

#include "support/folder.hpp"

#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(own_program)

namespace {

using millipede::detail::heirloom;
using subject = millipede::detail::own_program;

std::string content_of(std::string const& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

int status_of(pid_t process) {
    int status = 0;
    BOOST_REQUIRE(::waitpid(process, &status, 0) == process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A program of the shell, which gets a folder as its argument and writes to "$1/said".
subject shell(std::string const& text, test::folder const& folder) {
    return {"/bin/sh", {"sh", "-c", "exec >\"$1/said\"\n" + text, "sh", folder / ""}};
}

struct channel {
    channel() { BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
    ~channel() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    int ends[2];
};

} // namespace

BOOST_AUTO_TEST_CASE(it_is_known_how_this_one_was_started) {
    auto own = subject::of_process();
    BOOST_REQUIRE(!own.arguments().empty());
    BOOST_TEST(own.arguments().front().find("unit-tests") != std::string::npos);
    if (own.arguments().front().find('/') != std::string::npos)
        BOOST_TEST(::access(own.path().c_str(), X_OK) == 0);
}

BOOST_AUTO_TEST_CASE(the_child_gets_what_it_is_to_have_and_nothing_else) {
    test::folder folder;
    channel ours;
    // The lowest numbers, in an order that a careless copy would destroy; and one without
    // FD_CLOEXEC.
    auto one = ::open((folder / "one").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    auto two = ::open((folder / "two").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    auto strange = ::open((folder / "strange").c_str(), O_RDWR | O_CREAT, 0600);
    ::setenv("LISTEN_PID", "1", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
    auto program = shell("for each in 4 5; do readlink /proc/self/fd/$each; done\n"
                         "for each in 3 6 7 8 9 10 11 12; do test -e /proc/self/fd/$each && echo "
                         "\"and $each\"; done\n"
                         "echo $MILLIPEDE_HERITAGE; echo [$LISTEN_PID$WATCHDOG_PID]; echo $HOME\n"
                         "grep SigBlk /proc/self/status",
                         folder);
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    auto process = program.start({{"second", two}, {"first;", one}}, ours.ends[1]);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    BOOST_TEST(status_of(process) == 0);
    auto own = std::to_string(::getpid());
    auto const* home = ::getenv("HOME");
    BOOST_TEST(content_of(folder / "said") ==
               (folder / "two") + '\n' + (folder / "one") + "\nand 3\n" + own +
                   " 3 4 6:second;5 6:first;;\n[]\n" + (home ? home : "") +
                   "\nSigBlk:\t0000000000000000\n");
    for (auto each : {one, two, strange}) {
        BOOST_TEST(::fcntl(each, F_GETFD) >= 0);
        ::close(each);
    }
    ::unsetenv("LISTEN_PID");
    ::unsetenv("WATCHDOG_PID");
}

BOOST_AUTO_TEST_CASE(a_name_alone_is_looked_for_in_path) {
    channel ours;
    BOOST_TEST(status_of(subject{"true", {"true"}}.start({}, ours.ends[1])) == 0);
    BOOST_TEST(status_of(subject{"sh", {"sh", "-c", "exit 5"}}.start({}, ours.ends[1])) == 5);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_started_says_why) {
    test::folder folder;
    channel ours;
    auto reason_of = [&](std::string const& path, int given) {
        try {
            subject{path, {path}}.start({{"a", given}}, ours.ends[1]);
        } catch (boost::system::system_error const& failure) {
            return failure.code().value();
        }
        return 0;
    };
    BOOST_TEST(reason_of(folder / "nothing", ours.ends[0]) == ENOENT);
    std::ofstream{folder / "no program"} << "text";
    BOOST_TEST(reason_of(folder / "no program", ours.ends[0]) == EACCES);
    BOOST_TEST(reason_of("/bin/true", 1'000'000) == EBADF);
}

BOOST_AUTO_TEST_SUITE_END()
