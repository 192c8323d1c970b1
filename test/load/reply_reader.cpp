// SPDX-License-Identifier: BSL-1.0
#include <load/reply_reader.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

BOOST_AUTO_TEST_SUITE(reply_reader)

namespace {

constexpr std::string_view chunked{"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: chunked\r\nX: y\r\n\r\n"
                                   "5;name=value\r\nhello\r\n1\r\n \r\nA\r\nwide world\r\n"
                                   "0\r\nTrailer: z\r\n\r\n"};
constexpr std::string_view counted{"HTTP/1.1 200 \r\nContent-Length:5\r\n\r\nhello"};

struct taken {
    std::string body;
    int replies = 0;
};

// Takes bytes in pieces of so many.
void take(load::reply_reader& reader, std::string_view bytes, std::size_t piece, taken& so_far) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        auto left = bytes.substr(0, piece);
        while (!left.empty()) {
            auto const part = reader.take(left);
            BOOST_REQUIRE(part.size > 0U);
            so_far.body += part.body;
            so_far.replies += part.ends ? 1 : 0;
            left.remove_prefix(part.size);
        }
    }
}

void check_refused(std::string_view bytes) {
    load::reply_reader reader;
    taken found;
    BOOST_CHECK_THROW(take(reader, bytes, bytes.size(), found), load::wrong_reply);
}

} // namespace

BOOST_AUTO_TEST_CASE(replies_are_taken_apart_wherever_they_are_cut) {
    for (std::size_t piece = 1; piece <= chunked.size(); ++piece) {
        load::reply_reader reader;
        taken found;
        for (auto const reply : {chunked, counted, chunked})
            take(reader, reply, piece, found);
        BOOST_TEST(found.body == "hello wide worldhellohello wide world");
        BOOST_TEST(found.replies == 3);
    }
}

BOOST_AUTO_TEST_CASE(an_empty_body_ends_with_the_head) {
    load::reply_reader reader;
    taken found;
    take(reader, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 100, found);
    BOOST_TEST(found.replies == 1);
    BOOST_TEST(!reader.in_body());
}

BOOST_AUTO_TEST_CASE(without_a_length_everything_is_body) {
    load::reply_reader reader;
    taken found;
    take(reader, "HTTP/1.1 200 OK\r\nX: y\r\n", 100, found);
    BOOST_TEST(!reader.in_body());
    take(reader, "\r\nall of this\r\n\r\n", 3, found);
    BOOST_TEST(reader.in_body());
    BOOST_TEST(found.body == "all of this\r\n\r\n");
    BOOST_TEST(found.replies == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_reply_is_refused) {
    check_refused("HTTP/1.1 404 Not Found\r\n");
    check_refused("HTTP/1.0 200 OK\r\n");
    check_refused("HTTP/1.1 200 OK\n");
    check_refused("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n");
    check_refused("HTTP/1.1 200 OK\r\nContent-Length: \r\n");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n");
    check_refused("HTTP/1.1 200 OK\r\n" + std::string(8'200, 'x'));
}

BOOST_AUTO_TEST_SUITE_END()
