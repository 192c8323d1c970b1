// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/stream_transport.hpp>

#include "support/memory_stream.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(stream_transport)

namespace {

namespace asio = boost::asio;
using status = millipede::detail::io_result::status;
using millipede::detail::edge;
using millipede::detail::has;
using test::text_of;
using carrier = millipede::detail::stream_transport<test::memory_stream, test::memory_ends>;

struct fixture {
    fixture() {
        subject = std::make_unique<carrier>(test::memory_stream{context, pipe});
        subject->start([this](edge what) {
            BOOST_TEST(!inside_call);
            edges.push_back(what);
        });
        run();
    }
    ~fixture() {
        subject.reset();
        run();
        BOOST_TEST(pipe->operations_under_way == 0U);
        BOOST_TEST(pipe.use_count() == 1);
    }

    void run() {
        context.restart();
        context.poll();
    }
    millipede::detail::io_result read(std::size_t size) {
        inside_call = true;
        room.resize(size);
        auto result = subject->read(room);
        room.resize(result.size);
        inside_call = false;
        return result;
    }
    millipede::detail::io_result write(std::string_view first, std::string_view second = {}) {
        inside_call = true;
        std::array<iovec, 2> buffers{
            iovec{const_cast<char*>(first.data()), first.size()},
            iovec{const_cast<char*>(second.data()), second.size()},
        };
        auto result = subject->write(buffers);
        inside_call = false;
        return result;
    }
    std::string got() const { return text_of(room); }
    std::size_t count(edge wanted) const {
        return static_cast<std::size_t>(
            std::count_if(edges.begin(), edges.end(), [=](edge one) { return has(one, wanted); }));
    }

    asio::io_context context;
    std::shared_ptr<test::memory_pipe> pipe = std::make_shared<test::memory_pipe>(context);
    std::unique_ptr<carrier> subject;
    std::vector<edge> edges;
    std::vector<std::byte> room;
    bool inside_call = false;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_read_without_input_would_block_and_an_edge_announces_it, fixture) {
    BOOST_TEST(read(100).would_block());
    BOOST_TEST(edges.empty());
    pipe->deliver("hello");
    BOOST_TEST(edges.empty());
    run();
    BOOST_TEST(count(edge::readable) == 1U);
    BOOST_TEST(count(edge::hangup) == 0U);
    BOOST_TEST(read(100).size == 5U);
    BOOST_TEST(got() == "hello");
    BOOST_TEST(read(100).would_block());
}

BOOST_FIXTURE_TEST_CASE(after_a_short_read_an_edge_announces_more, fixture) {
    pipe->deliver("one");
    pipe->deliver("two");
    run();
    BOOST_TEST(count(edge::readable) == 1U);
    BOOST_TEST(read(100).size == 3U);
    run();
    BOOST_TEST(count(edge::readable) == 2U);
    read(100);
    BOOST_TEST(got() == "two");
}

BOOST_FIXTURE_TEST_CASE(a_read_that_fills_its_room_leaves_the_rest, fixture) {
    pipe->deliver("abcdef");
    run();
    std::string all;
    while (!read(2).would_block())
        all += got();
    BOOST_TEST(all == "abcdef");
}

BOOST_FIXTURE_TEST_CASE(more_input_than_the_buffer_holds_comes_in_order, fixture) {
    std::string sent;
    for (int index = 0; index < 5'000; ++index)
        sent += std::to_string(index);
    pipe->deliver(sent);
    std::string all;
    while (all.size() < sent.size()) {
        run();
        auto result = read(100'000);
        BOOST_REQUIRE(!result.failed());
        all += got();
    }
    BOOST_TEST((all == sent));
}

BOOST_FIXTURE_TEST_CASE(the_end_of_the_stream_follows_the_last_bytes, fixture) {
    pipe->deliver("last");
    pipe->end_input();
    run();
    read(100);
    BOOST_TEST(got() == "last");
    BOOST_TEST(read(100).would_block());
    run();
    BOOST_TEST(count(edge::hangup) == 1U);
    auto end = read(100);
    BOOST_TEST(end.size == 0U);
    BOOST_TEST((end.what == status::done));
    BOOST_TEST((read(100).what == status::done)); // and stays the end
}

BOOST_AUTO_TEST_CASE(an_error_of_a_read_is_announced_and_told) {
    asio::io_context context;
    auto pipe = std::make_shared<test::memory_pipe>(context);
    pipe->fails_at = 1;
    carrier subject{test::memory_stream{context, pipe}};
    edge seen{};
    subject.start([&](edge what) { seen = seen | what; });
    context.poll();
    BOOST_TEST(has(seen, edge::readable));
    BOOST_TEST(has(seen, edge::hangup));
    std::array<std::byte, 8> room;
    BOOST_TEST(subject.read(room).failed());
    BOOST_TEST(subject.failure() == asio::error::connection_reset);
}

BOOST_FIXTURE_TEST_CASE(a_write_takes_all_buffers_in_order, fixture) {
    BOOST_TEST(subject->flushed());
    BOOST_TEST(write("head", "data").size == 8U);
    BOOST_TEST(!subject->flushed());
    run();
    BOOST_TEST(subject->flushed());
    BOOST_TEST(count(edge::writable) == 1U);
    BOOST_TEST(pipe->written == "headdata");
}

BOOST_FIXTURE_TEST_CASE(while_a_write_is_under_way_the_next_would_block, fixture) {
    pipe->hold_writes();
    write("first");
    run();
    BOOST_TEST(write("second").would_block());
    BOOST_TEST(count(edge::writable) == 0U);
    pipe->take_writes();
    run();
    BOOST_TEST(count(edge::writable) == 1U);
    BOOST_TEST(write("second").size == 6U);
    run();
    BOOST_TEST(pipe->written == "firstsecond");
}

BOOST_FIXTURE_TEST_CASE(a_write_taken_byte_by_byte_arrives_whole, fixture) {
    pipe->write_max = 1;
    write("byte by byte");
    run();
    BOOST_TEST(pipe->written == "byte by byte");
    BOOST_TEST(count(edge::writable) >= 1U);
}

BOOST_FIXTURE_TEST_CASE(a_large_write_is_taken_in_part, fixture) {
    std::string large(1'000'000, 'x');
    std::string_view rest = large;
    while (!rest.empty()) {
        auto result = write(rest);
        BOOST_REQUIRE(!result.failed());
        BOOST_REQUIRE(result.size > 0U);
        rest.remove_prefix(result.size);
        run();
    }
    BOOST_TEST(pipe->written.size() == large.size());
}

BOOST_FIXTURE_TEST_CASE(an_empty_write_is_nothing, fixture) {
    auto result = write("");
    BOOST_TEST(result.size == 0U);
    BOOST_TEST((result.what == status::done));
    BOOST_TEST(subject->flushed());
}

BOOST_FIXTURE_TEST_CASE(an_error_of_a_write_is_told_to_the_next_one, fixture) {
    pipe->fails_at = pipe->operations + 1;
    write("lost");
    run();
    BOOST_TEST(subject->flushed()); // nothing can be waited for any more
    BOOST_TEST(write("more").failed());
    BOOST_TEST(subject->failure() == asio::error::connection_reset);
}

// Otherwise a connection that only listens from now on would never learn of it.
BOOST_FIXTURE_TEST_CASE(an_error_of_a_write_is_announced_and_told_to_the_reader, fixture) {
    pipe->fails_at = pipe->operations + 1;
    write("lost");
    run();
    BOOST_TEST(count(edge::readable) == 1U);
    BOOST_TEST(read(100).failed());
    BOOST_TEST(subject->failure() == asio::error::connection_reset);
}

BOOST_FIXTURE_TEST_CASE(shutdown_and_address_are_those_of_the_stream, fixture) {
    subject->shutdown_write();
    BOOST_TEST(pipe->output_ended);
    boost::system::error_code code = asio::error::eof;
    BOOST_TEST(subject->remote_endpoint(code).port() == 7);
    BOOST_TEST(!code);
}

BOOST_FIXTURE_TEST_CASE(closing_with_operations_under_way_frees_everything, fixture) {
    pipe->hold_writes();
    write("never taken");
    run();
    BOOST_TEST(pipe->operations_under_way == 2U);
    subject->close();
    BOOST_TEST(pipe->closed);
    subject->close(); // once more does nothing
    run();            // the fixture looks at what is left
    BOOST_TEST(edges.empty());
}

BOOST_FIXTURE_TEST_CASE(after_closing_no_edge_is_announced, fixture) {
    pipe->deliver("late");
    write("late");
    subject->close();
    run();
    BOOST_TEST(edges.empty());
}

BOOST_FIXTURE_TEST_CASE(destroying_it_from_its_own_edge_is_closing_it, fixture) {
    subject = std::make_unique<carrier>(test::memory_stream{context, pipe});
    subject->start([this](edge) { subject.reset(); });
    pipe->deliver("x");
    run();
    BOOST_TEST(!subject);
}

// The worker goes on with its turn after the edge's connection has ended.
BOOST_FIXTURE_TEST_CASE(an_edge_that_closes_it_may_go_on_using_what_it_captured, fixture) {
    subject = std::make_unique<carrier>(test::memory_stream{context, pipe});
    std::string const captured(100, 'c'); // too large to lie inside of the function object
    std::size_t used = 0;
    subject->start([this, &used, captured](edge) {
        subject.reset();
        used = captured.size();
    });
    pipe->deliver("x");
    run();
    BOOST_TEST(used == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
