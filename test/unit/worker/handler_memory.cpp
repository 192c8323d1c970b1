// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/handler_memory.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>

BOOST_AUTO_TEST_SUITE(handler_memory)

namespace {

using memory = millipede::detail::handler_memory;
using millipede::detail::post_reserved;
using millipede::detail::reserved;

bool is_inside(memory const& owner, void* place) {
    auto* begin = reinterpret_cast<std::byte const*>(&owner);
    auto* at = static_cast<std::byte const*>(place);
    return at >= begin && at < begin + sizeof owner;
}

// Whether its own room is free.
bool is_free(memory& owner) {
    auto* place = owner.allocate(1);
    bool own = is_inside(owner, place);
    owner.deallocate(place);
    return own;
}

} // namespace

BOOST_AUTO_TEST_CASE(one_at_a_time_has_the_room_and_others_come_from_the_system) {
    memory subject;
    auto* first = subject.allocate(100);
    auto* second = subject.allocate(100);
    BOOST_TEST(is_inside(subject, first));
    BOOST_TEST(!is_inside(subject, second));
    subject.deallocate(first);
    BOOST_TEST(is_free(subject));
    subject.deallocate(second);
    auto* large = subject.allocate(10'000);
    BOOST_TEST(!is_inside(subject, large));
    BOOST_TEST(is_free(subject));
    subject.deallocate(large);
}

BOOST_AUTO_TEST_CASE(an_operation_has_it_until_its_handler_runs) {
    memory subject;
    boost::asio::io_context context;
    bool free_again = false;
    post_reserved(context, subject, [&] { free_again = is_free(subject); });
    BOOST_TEST(!is_free(subject));
    context.run();
    BOOST_TEST(free_again);
}

BOOST_AUTO_TEST_CASE(a_wait_fits_into_it) {
    memory subject;
    boost::asio::io_context context;
    boost::asio::steady_timer timer{context};
    timer.expires_after(std::chrono::milliseconds{1});
    bool free_again = false;
    timer.async_wait(reserved(subject, [&](auto) { free_again = is_free(subject); }));
    BOOST_TEST(!is_free(subject));
    context.run();
    BOOST_TEST(free_again);
}

BOOST_AUTO_TEST_CASE(what_never_ran_is_given_back_by_the_context) {
    memory subject;
    {
        boost::asio::io_context context;
        post_reserved(context, subject, [] {});
    }
    BOOST_TEST(is_free(subject));
}

BOOST_AUTO_TEST_SUITE_END()
