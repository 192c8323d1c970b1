// SPDX-License-Identifier: BSL-1.0
#include <load/arrival.hpp>
#include <load/time.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

BOOST_AUTO_TEST_SUITE(arrival)

namespace {

// Two ends of a TCP connection.
struct ends {
    int server = -1;
    int client = -1;

    ends() {
        int const listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        BOOST_REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
        BOOST_REQUIRE(::listen(listener, 1) == 0);
        BOOST_REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        client = ::socket(AF_INET, SOCK_STREAM, 0);
        BOOST_REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&address), size) == 0);
        server = ::accept(listener, nullptr, nullptr);
        BOOST_REQUIRE(server >= 0);
        ::close(listener);
    }
    ends(ends const&) = delete;
    ends& operator=(ends const&) = delete;
    ~ends() {
        ::close(server);
        ::close(client);
    }

    void send() const { BOOST_REQUIRE(::send(server, "message", 7, MSG_NOSIGNAL) == 7); }
};

std::array<std::byte, 64> buffer;

} // namespace

BOOST_AUTO_TEST_CASE(it_is_told_however_late_it_is_read) {
    ends const both;
    BOOST_REQUIRE(load::stamp_arrivals(both.client));
    // The kernel begins to stamp a moment after it was asked to; until then the time is that of
    // reading.
    auto const deadline_ns = load::since_1970_ns() + 30 * load::second_ns;
    bool told = false;
    while (!told && load::since_1970_ns() < deadline_ns) {
        auto const before_ns = load::since_1970_ns();
        both.send();
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        auto const read_ns = load::since_1970_ns();
        std::int64_t arrived_ns = 0;
        BOOST_REQUIRE(load::receive_stamped(both.client, buffer, arrived_ns) == 7);
        BOOST_TEST(arrived_ns >= before_ns);
        told = arrived_ns < read_ns;
    }
    BOOST_TEST(told);
}

BOOST_AUTO_TEST_CASE(of_several_segments_it_is_that_of_the_last) {
    ends const both;
    BOOST_REQUIRE(load::stamp_arrivals(both.client));
    both.send();
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    auto const between_ns = load::since_1970_ns();
    both.send();
    // Both are there, and are read at once.
    while (::recv(both.client, buffer.data(), 14, MSG_PEEK) != 14) {
    }
    std::int64_t arrived_ns = 0;
    BOOST_TEST(load::receive_stamped(both.client, buffer, arrived_ns) == 14);
    BOOST_TEST(arrived_ns >= between_ns);
}

BOOST_AUTO_TEST_CASE(who_was_not_asked_to_stamp_tells_when_it_was_read) {
    ends const both;
    both.send();
    auto const before_ns = load::since_1970_ns();
    std::int64_t arrived_ns = 0;
    BOOST_TEST(load::receive_stamped(both.client, buffer, arrived_ns) == 7);
    BOOST_TEST(arrived_ns >= before_ns);
    BOOST_TEST(arrived_ns <= load::since_1970_ns());
}

BOOST_AUTO_TEST_CASE(nothing_received_changes_nothing) {
    std::int64_t arrived_ns = 5;
    BOOST_TEST(load::receive_stamped(-1, buffer, arrived_ns) == -1);
    BOOST_TEST(errno == EBADF);
    BOOST_TEST(arrived_ns == 5);
    BOOST_TEST(!load::stamp_arrivals(-1));
    ends const both;
    ::shutdown(both.server, SHUT_WR);
    BOOST_TEST(load::receive_stamped(both.client, buffer, arrived_ns) == 0);
    BOOST_TEST(arrived_ns == 5);
}

BOOST_AUTO_TEST_SUITE_END()
