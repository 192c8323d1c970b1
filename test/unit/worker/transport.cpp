// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/transport.hpp>

#include "support/wire.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(transport)

namespace {

namespace asio = boost::asio;
namespace detail = millipede::detail;
using test::bytes_of;
using test::text_of;

struct socket_pair {
    socket_pair() {
        asio::io_context context;
        asio::ip::tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
        asio::ip::tcp::socket client{context};
        client.connect(acceptor.local_endpoint());
        auto server = acceptor.accept();
        peer_endpoint = client.local_endpoint();
        server.non_blocking(true);
        ours = ::dup(server.native_handle());
        theirs = ::dup(client.native_handle());
    }
    ~socket_pair() {
        close_ours(false);
        if (theirs >= 0) ::close(theirs);
    }
    void close_ours(bool abort) {
        if (ours >= 0) detail::socket_close(std::exchange(ours, -1), abort);
    }
    std::pair<ssize_t, int> receive() const {
        char buffer[64];
        auto size = ::recv(theirs, buffer, sizeof buffer, 0);
        return {size, errno};
    }

    asio::ip::tcp::endpoint peer_endpoint;
    int ours = -1;
    int theirs = -1;
};

} // namespace

BOOST_AUTO_TEST_CASE(edges_combine) {
    using detail::edge;
    auto both = edge::readable | edge::hangup;
    BOOST_TEST(detail::has(both, edge::readable));
    BOOST_TEST(detail::has(both, edge::hangup));
    BOOST_TEST(!detail::has(both, edge::writable));
}

BOOST_FIXTURE_TEST_CASE(a_read_brings_bytes_then_would_block_then_the_end, socket_pair) {
    std::array<std::byte, 16> room;
    BOOST_TEST(detail::socket_read(ours, room).would_block());
    BOOST_TEST(::send(theirs, "hello", 5, 0) == 5);
    auto got = detail::socket_read(ours, room);
    BOOST_TEST(text_of(std::span{room}.first(got.size)) == "hello");
    ::shutdown(theirs, SHUT_WR);
    auto end = detail::socket_read(ours, room);
    BOOST_TEST(end.size == 0U);
    BOOST_TEST(!end.would_block());
    BOOST_TEST(!end.failed());
}

BOOST_FIXTURE_TEST_CASE(writes_go_out_until_one_would_block, socket_pair) {
    std::string first = "ab";
    std::string second = "cd";
    std::array<iovec, 2> pieces{iovec{first.data(), 2}, iovec{second.data(), 2}};
    BOOST_TEST(detail::socket_write(ours, pieces).size == 4U);
    BOOST_TEST(detail::socket_write(ours, bytes_of("e")).size == 1U);
    BOOST_TEST(receive().first == 5);

    std::string large(1'000'000, 'x');
    detail::io_result result;
    do {
        result = detail::socket_write(ours, bytes_of(large));
    } while (result.what == detail::io_result::status::done);
    BOOST_TEST(result.would_block());
}

BOOST_FIXTURE_TEST_CASE(a_write_to_a_peer_that_is_gone_fails_without_a_signal, socket_pair) {
    linger at_once{1, 0};
    ::setsockopt(theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(std::exchange(theirs, -1));
    std::array<std::byte, 16> room;
    BOOST_TEST(detail::socket_read(ours, room).failed());
    BOOST_TEST(detail::socket_failure() == boost::system::errc::connection_reset);
    auto result = detail::socket_write(ours, bytes_of("x"));
    BOOST_TEST(result.failed());
    BOOST_TEST(detail::socket_failure() == boost::system::errc::broken_pipe);
}

BOOST_FIXTURE_TEST_CASE(a_peek_leaves_everything_there, socket_pair) {
    std::array<std::byte, 16> room;
    BOOST_TEST(detail::socket_peek(ours, room).would_block());
    BOOST_TEST(::send(theirs, "there", 5, MSG_NOSIGNAL) == 5);
    for (int times = 0; times < 2; ++times) {
        auto got = detail::socket_peek(ours, room);
        BOOST_TEST(text_of(std::span{room}.first(got.size)) == "there");
    }
    BOOST_TEST(detail::socket_read(ours, room).size == 5U);
    BOOST_TEST(detail::socket_peek(-1, room).failed());
    ::shutdown(theirs, SHUT_WR);
    auto end = detail::socket_peek(ours, room);
    BOOST_TEST((end.size == 0U && end.what == detail::io_result::status::done));
}

BOOST_FIXTURE_TEST_CASE(shutting_down_ends_one_direction, socket_pair) {
    detail::socket_shutdown_write(ours);
    BOOST_TEST(receive().first == 0);
    BOOST_TEST(::send(theirs, "still", 5, MSG_NOSIGNAL) == 5);
    std::array<std::byte, 16> room;
    BOOST_TEST(detail::socket_read(ours, room).size == 5U);
}

BOOST_FIXTURE_TEST_CASE(closing_ends_cleanly_and_aborting_resets, socket_pair) {
    close_ours(false);
    BOOST_TEST(receive().first == 0);
    socket_pair other;
    other.close_ours(true);
    auto [size, reason] = other.receive();
    BOOST_TEST(size == -1);
    BOOST_TEST(reason == ECONNRESET);
}

// Without the skip, the unread bytes would turn the end into a reset.
BOOST_FIXTURE_TEST_CASE(skipped_input_does_not_spoil_a_clean_end, socket_pair) {
    BOOST_TEST(::send(theirs, "unread", 6, MSG_NOSIGNAL) == 6);
    detail::socket_shutdown_write(ours);
    detail::socket_skip_input(ours);
    close_ours(false);
    BOOST_TEST(receive().first == 0);
    BOOST_TEST(receive().first == 0); // and no reset behind it
}

BOOST_FIXTURE_TEST_CASE(the_remote_endpoint_is_the_peers, socket_pair) {
    boost::system::error_code code = asio::error::eof;
    BOOST_TEST((detail::socket_remote_endpoint(ours, code) == peer_endpoint));
    BOOST_TEST(!code);
    BOOST_TEST((detail::socket_remote_endpoint(-1, code) == asio::ip::tcp::endpoint{}));
    BOOST_TEST(code == boost::system::errc::bad_file_descriptor);
}

BOOST_FIXTURE_TEST_CASE(peers_have_names_for_people, socket_pair) {
    auto port = std::to_string(peer_endpoint.port());
    BOOST_TEST(detail::socket_peer_name(ours) == "127.0.0.1:" + port);
    BOOST_TEST(detail::socket_peer_name(-1) == "unknown");
}

BOOST_AUTO_TEST_CASE(a_unix_domain_socket_has_a_peer_without_address) {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    boost::system::error_code code;
    BOOST_TEST((detail::socket_remote_endpoint(ends[0], code) == asio::ip::tcp::endpoint{}));
    BOOST_TEST(code == asio::error::address_family_not_supported);
    BOOST_TEST(detail::socket_peer_name(ends[0]) == "unix");

    // To close one with unread input would be a reset there as well.
    std::string unread(10'000, 'u');
    BOOST_TEST(::send(ends[1], unread.data(), unread.size(), MSG_NOSIGNAL) == 10'000);
    detail::socket_turn_away(ends[0]);
    char byte = 0;
    BOOST_TEST(::recv(ends[1], &byte, 1, 0) == 0);
    BOOST_TEST(::recv(ends[1], &byte, 1, 0) == 0);
    ::close(ends[1]);
}

BOOST_AUTO_TEST_SUITE_END()
