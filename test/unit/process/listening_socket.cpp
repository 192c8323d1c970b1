// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/listening_socket.hpp>

#include "support/folder.hpp"
#include "support/raw_client.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(listening_socket)

namespace {

using millipede::errc;
using millipede::error_code;
using millipede::listen_error;
using millipede::listen_options;
using subject = millipede::detail::listening_socket;

std::vector<subject> open(listen_options const& wanted) {
    return subject::open(wanted, millipede::options{});
}

// Why it cannot be opened.
error_code refusal_of(listen_options const& wanted) {
    try {
        open(wanted);
    } catch (listen_error const& failure) {
        BOOST_TEST(std::string{failure.what()}.find(wanted.endpoint) != std::string::npos);
        return failure.code();
    }
    return {};
}

unsigned mode_of(std::string const& path) {
    struct stat found {};
    BOOST_REQUIRE(::lstat(path.c_str(), &found) == 0);
    return found.st_mode & 07777U;
}

bool takes_a_client(subject const& listener) {
    int newcomer = -1;
    bool came = test::eventually([&] {
        newcomer = ::accept4(listener.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
        return newcomer >= 0;
    });
    ::close(newcomer);
    return came;
}

// A path with a socket that nobody listens on, as a killed process leaves it.
void leave_stale_socket(std::string const& path) {
    auto opened = open("unix:" + path);
    ::close(opened.front().release());
    opened.front().path().reset();
    // What was just removed comes back without a listener.
    auto name = sockaddr_un{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
    BOOST_REQUIRE(::bind(left, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    ::close(left);
}

/// The umask, as it was before at the end.
class umask_of {
  public:
    explicit umask_of(mode_t wanted) : before_{::umask(wanted)} {}
    ~umask_of() { ::umask(before_); }
    umask_of(umask_of const&) = delete;
    umask_of& operator=(umask_of const&) = delete;

  private:
    mode_t before_;
};

} // namespace

BOOST_AUTO_TEST_CASE(an_endpoint_gets_its_port_and_its_name) {
    auto opened = open("127.0.0.1:0");
    BOOST_REQUIRE(opened.size() == 1U);
    auto port = opened[0].endpoint()->port();
    BOOST_TEST(port != 0);
    BOOST_TEST(opened[0].name() == "127.0.0.1:" + std::to_string(port));
    BOOST_TEST(!opened[0].path().has_value());
    test::raw_client client{*opened[0].endpoint()};
    BOOST_TEST(takes_a_client(opened[0]));
    BOOST_TEST((refusal_of(opened[0].name()) == boost::system::errc::address_in_use));
}

BOOST_AUTO_TEST_CASE(an_ipv6_endpoint_takes_ipv4_only_when_it_is_dual) {
    for (bool dual : {false, true}) {
        listen_options wanted{"[::]:0"};
        wanted.dual_stack = dual;
        auto opened = open(wanted);
        boost::asio::ip::tcp::endpoint v4{boost::asio::ip::address_v4::loopback(),
                                          opened[0].endpoint()->port()};
        bool connected = true;
        std::optional<test::raw_client> client;
        try {
            client.emplace(v4);
        } catch (std::runtime_error const&) {
            connected = false;
        }
        BOOST_TEST(connected == dual);
    }
}

BOOST_AUTO_TEST_CASE(a_path_is_there_as_long_as_somebody_listens) {
    test::folder folder;
    auto path = folder / "a.sock";
    {
        auto opened = open("unix:" + path);
        BOOST_TEST(opened[0].name() == "unix:" + path);
        BOOST_TEST(!opened[0].endpoint().has_value());
        auto client = test::raw_client::at_path(path);
        BOOST_TEST(takes_a_client(opened[0]));
        auto moved = std::move(opened);
        BOOST_TEST(std::filesystem::exists(path));
    }
    BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_path_that_another_one_has_taken_meanwhile_stays) {
    test::folder folder;
    auto path = folder / "a.sock";
    {
        auto opened = open("unix:" + path);
        std::filesystem::remove(path);
        std::ofstream{path} << "another";
    }
    BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_path_has_the_mode_that_was_asked_for) {
    test::folder folder;
    auto path = folder / "a.sock";
    umask_of usual{022};
    for (unsigned mode : {0600U, 0660U, 0666U, 0777U}) {
        listen_options wanted{"unix:" + path};
        wanted.unix_mode = mode;
        auto opened = open(wanted);
        BOOST_TEST(mode_of(path) == mode);
    }
    auto opened = open("unix:" + path);
    BOOST_TEST(mode_of(path) == 0755U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_process_left_is_removed) {
    test::folder folder;
    auto path = folder / "a.sock";
    leave_stale_socket(path);
    BOOST_REQUIRE(std::filesystem::is_socket(path));
    auto opened = open("unix:" + path);
    auto client = test::raw_client::at_path(path);
    BOOST_TEST(takes_a_client(opened[0]));
}

BOOST_AUTO_TEST_CASE(a_path_where_somebody_listens_is_left_alone) {
    test::folder folder;
    auto path = folder / "a.sock";
    auto first = open("unix:" + path);
    BOOST_TEST((refusal_of("unix:" + path) == boost::system::errc::address_in_use));
    auto client = test::raw_client::at_path(path);
    BOOST_TEST(takes_a_client(first[0]));
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {
    test::folder folder;
    auto path = folder / "precious";
    std::ofstream{path} << "data";
    BOOST_TEST((refusal_of("unix:" + path) == boost::system::errc::address_in_use));
    BOOST_TEST(std::filesystem::file_size(path) == 4U);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_missing_is_an_error) {
    BOOST_TEST((refusal_of("unix:/nowhere/at/all.sock") ==
                boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(an_inherited_socket_is_taken_as_it_is_and_outlives_us) {
    test::folder folder;
    auto path = folder / "a.sock";
    auto tcp = open("127.0.0.1:0");
    auto local = open("unix:" + path);
    for (auto* original : {&tcp[0], &local[0]}) {
        ::fcntl(original->descriptor(), F_SETFL, 0); // one that blocks, as it may come,
        ::fcntl(original->descriptor(), F_SETFD, 0); // and outlives exec
        {
            auto opened = open("fd:" + std::to_string(original->descriptor()));
            BOOST_TEST(opened[0].name() == original->name());
            BOOST_TEST((opened[0].endpoint() == original->endpoint()));
            BOOST_TEST((::fcntl(opened[0].descriptor(), F_GETFL) & O_NONBLOCK) != 0);
            BOOST_TEST(::fcntl(original->descriptor(), F_GETFD) == FD_CLOEXEC);
            BOOST_TEST(opened[0].descriptor() != original->descriptor());
        }
        BOOST_TEST(::fcntl(original->descriptor(), F_GETFD) >= 0);
    }
    BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(what_does_not_listen_is_not_taken) {
    int pipes[2];
    BOOST_REQUIRE(::pipe(pipes) == 0);
    int idle = ::socket(AF_INET, SOCK_STREAM, 0);
    int datagrams = ::socket(AF_INET, SOCK_DGRAM, 0);
    int records = ::socket(AF_UNIX, SOCK_SEQPACKET, 0); // listens, but not for streams
    sockaddr any{.sa_family = AF_UNIX, .sa_data = {}};
    BOOST_REQUIRE(::bind(records, &any, sizeof any.sa_family) == 0);
    BOOST_REQUIRE(::listen(records, 1) == 0);
    for (int descriptor : {pipes[0], idle, datagrams, records, 100'000})
        BOOST_TEST((refusal_of("fd:" + std::to_string(descriptor)) == errc::no_inherited_socket));
    for (int descriptor : {pipes[0], pipes[1], idle, datagrams, records})
        BOOST_TEST(::close(descriptor) == 0);
}

BOOST_AUTO_TEST_CASE(without_systemd_there_is_nothing_of_its) {
    BOOST_TEST((refusal_of("systemd:") == errc::no_inherited_socket));
    BOOST_TEST((refusal_of("systemd:web") == errc::no_inherited_socket));
}

BOOST_AUTO_TEST_SUITE_END()
