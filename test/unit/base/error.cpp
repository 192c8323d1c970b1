// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <set>
#include <string>

BOOST_AUTO_TEST_SUITE(errors)

using millipede::close_reason;
using millipede::errc;
using millipede::error_code;

namespace {

struct expectation {
    errc code;
    close_reason reason;
    char const* text;
};

constexpr std::array<expectation, 30> expectations{{
    {errc::closed_by_peer, close_reason::peer, "closed by peer"},
    {errc::closed_by_server, close_reason::server, "closed by server"},
    {errc::idle_timeout, close_reason::timeout, "idle timeout"},
    {errc::write_timeout, close_reason::timeout, "write timeout"},
    {errc::bad_magic, close_reason::refused, "bad magic"},
    {errc::bad_size, close_reason::refused, "bad size"},
    {errc::unknown_command, close_reason::refused, "unknown command"},
    {errc::bad_message, close_reason::refused, "bad message"},
    {errc::handler_failed, close_reason::failed, "handler failed"},
    {errc::output_full, close_reason::shed, "output full"},
    {errc::buffers_exhausted, close_reason::shed, "buffers exhausted"},
    {errc::no_memory, close_reason::error, "no memory"},
    {errc::stopping, close_reason::stopping, "stopping"},
    {errc::stale_connection, close_reason::error, "stale connection"},
    {errc::mailbox_full, close_reason::error, "mailbox full"},
    {errc::not_running, close_reason::error, "not running"},
    {errc::first_message_timeout, close_reason::timeout, "first message timeout"},
    {errc::message_timeout, close_reason::timeout, "message timeout"},
    {errc::too_fast, close_reason::refused, "too fast"},
    {errc::output_budget_exceeded, close_reason::shed, "output budget exceeded"},
    {errc::offload_full, close_reason::shed, "offload full"},
    {errc::bad_proxy_header, close_reason::refused, "bad PROXY header"},
    {errc::handshake_timeout, close_reason::timeout, "handshake timeout"},
    {errc::stream_truncated, close_reason::error, "stream truncated"},
    {errc::no_inherited_socket, close_reason::error, "no such listening socket was handed over"},
    {errc::connect_timeout, close_reason::timeout, "connect timeout"},
    {errc::request_timeout, close_reason::timeout, "request timeout"},
    {errc::heartbeat_timeout, close_reason::timeout, "heartbeat timeout"},
    {errc::requests_full, close_reason::shed, "requests full"},
    {errc::input_full, close_reason::shed, "input full"},
}};

constexpr std::array<close_reason, 8> reasons{
    close_reason::peer, close_reason::timeout,  close_reason::error,  close_reason::refused,
    close_reason::shed, close_reason::stopping, close_reason::server, close_reason::failed};

// The number of close reasons that `code` equals.
int equal_reasons(error_code const& code) {
    int count = 0;
    for (auto reason : reasons)
        count += code == reason ? 1 : 0;
    return count;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_code_equals_its_close_reason_and_no_other) {
    for (auto const& expected : expectations) {
        BOOST_TEST_CONTEXT(expected.text) {
            error_code code = expected.code;
            BOOST_TEST((millipede::reason_of(code) == expected.reason));
            BOOST_TEST((code == expected.reason));
            BOOST_TEST(equal_reasons(code) == 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(codes_are_numbered_without_gaps) {
    std::set<int> values;
    for (auto const& expected : expectations)
        values.insert(static_cast<int>(expected.code));
    BOOST_TEST(values.size() == expectations.size());
    BOOST_TEST(*values.begin() == 1);
    BOOST_TEST(*values.rbegin() == static_cast<int>(expectations.size()));
}

BOOST_AUTO_TEST_CASE(every_code_is_a_failure_of_our_category_with_a_message) {
    for (auto const& expected : expectations) {
        error_code code = expected.code;
        BOOST_TEST(code.failed());
        BOOST_TEST((code.category() == millipede::category()));
        BOOST_TEST((code == expected.code));
        BOOST_TEST(code.message() == expected.text);
    }
}

BOOST_AUTO_TEST_CASE(codes_differ_from_one_another) {
    BOOST_TEST((error_code{errc::idle_timeout} != errc::write_timeout));
    BOOST_TEST((error_code{errc::idle_timeout} != error_code{errc::write_timeout}));
}

BOOST_AUTO_TEST_CASE(an_unknown_number_is_an_error_with_a_message) {
    error_code code{999, millipede::category()};
    BOOST_TEST(code.message() == "unknown error");
    BOOST_TEST((code == close_reason::error));
    BOOST_TEST(equal_reasons(code) == 1);
}

BOOST_AUTO_TEST_CASE(system_errors_are_errors_whatever_their_number) {
    for (int number : {1, 2, 3, 5, 16, ECONNRESET, ETIMEDOUT, EPIPE}) {
        error_code code{number, boost::system::system_category()};
        BOOST_TEST((code == close_reason::error));
        BOOST_TEST(equal_reasons(code) == 1);
    }
    error_code generic{ECONNRESET, boost::system::generic_category()};
    BOOST_TEST((generic == close_reason::error));
    error_code end_of_stream = boost::asio::error::eof;
    BOOST_TEST((end_of_stream == close_reason::error));
    BOOST_TEST(equal_reasons(end_of_stream) == 1);
}

BOOST_AUTO_TEST_CASE(success_equals_no_close_reason) {
    BOOST_TEST(equal_reasons(error_code{}) == 0);
    BOOST_TEST(equal_reasons(error_code{0, millipede::category()}) == 0);
    BOOST_TEST(equal_reasons(error_code{0, boost::system::system_category()}) == 0);
}

BOOST_AUTO_TEST_CASE(close_reasons_have_messages_of_their_own) {
    std::set<std::string> texts;
    for (auto reason : reasons) {
        auto condition = millipede::make_error_condition(reason);
        BOOST_TEST((condition.category() == millipede::close_category()));
        texts.insert(condition.message());
    }
    BOOST_TEST(texts.size() == reasons.size());
    BOOST_TEST(texts.count("unknown reason") == 0U);
    boost::system::error_condition unknown{999, millipede::close_category()};
    BOOST_TEST(unknown.message() == "unknown reason");
}

BOOST_AUTO_TEST_CASE(categories_have_names) {
    BOOST_TEST(std::string{millipede::category().name()} == "millipede");
    BOOST_TEST(std::string{millipede::close_category().name()} == "millipede.close");
}

BOOST_AUTO_TEST_CASE(a_listen_error_names_the_endpoint_and_the_reason) {
    error_code why{EADDRINUSE, boost::system::system_category()};
    millipede::listen_error failure{"127.0.0.1:80", why};
    std::string text = failure.what();
    BOOST_TEST(text.find("127.0.0.1:80") != std::string::npos);
    BOOST_TEST(text.find(why.message()) != std::string::npos);
    BOOST_TEST((failure.code() == why));
}

BOOST_AUTO_TEST_SUITE_END()
