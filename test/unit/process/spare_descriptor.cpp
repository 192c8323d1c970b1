// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/spare_descriptor.hpp>

#include "unit/support/exhausted_descriptors.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

BOOST_AUTO_TEST_SUITE(spare_descriptor)

namespace {

using tcp = boost::asio::ip::tcp;
using millipede::detail::newcomer_waits;
using millipede::test::exhausted_descriptors;

struct fixture {
    fixture() { listener.non_blocking(true); }
    tcp::socket connect() {
        tcp::socket client{context};
        client.connect(listener.local_endpoint());
        return client;
    }
    int native() { return listener.native_handle(); }

    boost::asio::io_context context;
    tcp::acceptor listener{context, {boost::asio::ip::address_v4::loopback(), 0}};
    millipede::detail::spare_descriptor spare;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(it_lets_a_newcomer_in_when_there_is_no_descriptor, fixture) {
    auto client = connect();
    int newcomer = -1;
    {
        exhausted_descriptors none;
        BOOST_TEST(::accept(native(), nullptr, nullptr) == -1);
        BOOST_TEST(errno == EMFILE);
        newcomer = spare.accept(native());
        BOOST_TEST(newcomer >= 0);
        BOOST_TEST(!spare.refill()); // the newcomer has it
        BOOST_TEST(spare.accept(native()) == -1);
        ::close(newcomer);
        BOOST_TEST(spare.refill());
        BOOST_TEST(spare.refill()); // it keeps the one
    }
    BOOST_TEST(spare.refill());
}

BOOST_FIXTURE_TEST_CASE(when_nobody_waits_it_accepts_nobody, fixture) {
    exhausted_descriptors none;
    BOOST_TEST(spare.accept(native()) == -1);
    BOOST_TEST(spare.refill()); // nobody else has taken it
}

BOOST_FIXTURE_TEST_CASE(when_descriptors_have_come_back_there_is_room_for_both, fixture) {
    auto client = connect();
    int newcomer = spare.accept(native());
    BOOST_TEST(newcomer >= 0);
    BOOST_TEST(spare.refill());
    ::close(newcomer);
}

// The trap: without a descriptor accept() fails whether anybody waits or not.
BOOST_FIXTURE_TEST_CASE(who_waits_is_known_without_a_descriptor, fixture) {
    tcp::socket client{context, tcp::v4()};
    exhausted_descriptors none;
    BOOST_TEST(::accept(native(), nullptr, nullptr) == -1);
    BOOST_TEST(errno == EMFILE);
    BOOST_TEST(!newcomer_waits(native()));
    client.connect(listener.local_endpoint());
    BOOST_TEST(newcomer_waits(native()));
    BOOST_TEST(!newcomer_waits(-1));
}

BOOST_AUTO_TEST_SUITE_END()
