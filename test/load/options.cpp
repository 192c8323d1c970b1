// SPDX-License-Identifier: BSL-1.0
#include <load/options.hpp>
#include <load/quantity.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

BOOST_AUTO_TEST_SUITE(options)

using namespace std::chrono_literals;

namespace {

std::optional<load::options> parsed(std::string const& line) {
    std::istringstream words{"millipede-load " + line};
    std::vector<std::string> owned;
    for (std::string word; words >> word;)
        owned.push_back(word);
    std::vector<char const*> arguments;
    for (auto const& word : owned)
        arguments.push_back(word.c_str());
    return load::parse_options(static_cast<int>(arguments.size()), arguments.data());
}

load::options accepted(std::string const& line) {
    return parsed(line).value();
}

// The sentence that it is refused with; empty if it is not.
std::string refusal(std::string const& line) {
    try {
        parsed(line);
    } catch (std::exception const& error) {
        return error.what();
    }
    return {};
}

bool is_refused_with(std::string const& line, std::string const& part) {
    auto const sentence = refusal(line);
    BOOST_TEST_INFO(line << " is answered by: " << sentence);
    return sentence.find(part) != std::string::npos && sentence.find('\n') == std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_mode_and_a_target_are_enough) {
    auto const settings = accepted("hold 127.0.0.1:8082");
    BOOST_TEST((settings.mode == load::run_mode::hold));
    BOOST_TEST((settings.codec == load::codec_kind::frame));
    BOOST_TEST(settings.connections == 100U);
    BOOST_TEST(settings.login);
    BOOST_TEST((settings.duration == 10s));
    BOOST_TEST((settings.deadline == 70s));
    BOOST_TEST(settings.requests == 0U);
    BOOST_TEST(settings.samples == 0U);
    BOOST_TEST(settings.observed == 0);
    BOOST_TEST(!settings.marks);
}

BOOST_AUTO_TEST_CASE(a_number_of_requests_takes_the_place_of_the_duration) {
    auto const settings = accepted("echo 127.0.0.1:8082 --requests 5000000000");
    BOOST_TEST(settings.requests == 5'000'000'000U);
    BOOST_TEST((settings.deadline == 10min));
    BOOST_TEST((accepted("rate 127.0.0.1:8082 --requests 5 --deadline 7s").deadline == 7s));
    BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --requests 5 --duration 1s",
                               "--requests and --duration exclude each other"));
    BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --requests 0", "--requests: 0 is not between"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --requests 5", "no meaning in mode hold"));
    BOOST_TEST(is_refused_with("churn 127.0.0.1:1 --requests 5", "no meaning in mode churn"));
}

BOOST_AUTO_TEST_CASE(raw_servers_know_no_login) {
    BOOST_TEST(!accepted("echo 127.0.0.1:8082 --codec raw").login);
    BOOST_TEST(!accepted("hold 127.0.0.1:8082 --codec raw").login);
    BOOST_TEST(!accepted("churn 127.0.0.1:8082 --codec raw").login);
    BOOST_TEST(accepted("rate 127.0.0.1:8082 --codec raw").login); // the ten bytes
    BOOST_TEST(accepted("echo 127.0.0.1:8082 --codec raw --size 1").size_bytes == 1U);
    BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --size 7", "--size: 7 is not between 8"));
    BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --codec line", "is not frame or raw"));
    for (auto const* option :
         {"--login", "--magic 1", "--command 1", "--login-command 1", "--login-uid-base 1"})
        BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --codec raw " + std::string{option},
                                   "has no meaning with --codec raw"));
}

BOOST_AUTO_TEST_CASE(samples_are_of_the_connections_that_are_held) {
    BOOST_TEST(accepted("hold 127.0.0.1:8082 --sample 100 --size 9").samples == 100U);
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --sample 101", "--sample: 101 is not between"));
    BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --sample 1", "no meaning in mode echo"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --size 9", "without --sample"));
}

BOOST_AUTO_TEST_CASE(leaving_the_closing_to_the_kernel_is_for_the_end_only) {
    using load::close_kind;
    BOOST_TEST((accepted("hold 127.0.0.1:8082 --close none").closing == close_kind::none));
    BOOST_TEST((accepted("echo 127.0.0.1:8082 --close none").closing == close_kind::none));
    BOOST_TEST((accepted("rate 127.0.0.1:8082 --close fin").closing == close_kind::finish));
    BOOST_TEST(is_refused_with("rate 127.0.0.1:1 --close none", "no meaning in mode rate"));
    BOOST_TEST(is_refused_with("churn 127.0.0.1:1 --close none", "no meaning in mode churn"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --close never", "not rst, fin, mixed or none"));
}

BOOST_AUTO_TEST_CASE(the_observed_process_must_be_there) {
    auto const own = std::to_string(::getpid());
    BOOST_TEST(accepted("echo 127.0.0.1:8082 --observe " + own).observed == ::getpid());
    BOOST_TEST(
        is_refused_with("echo 127.0.0.1:1 --observe 2147483647", "--observe: process 2147483647"));
    BOOST_TEST(is_refused_with("echo 127.0.0.1:1 --observe 0", "--observe: 0 is not between"));
}

BOOST_AUTO_TEST_CASE(targets_outside_of_this_machine_are_refused) {
    for (auto const* target : {"192.0.2.1:80", "example.org:80", "[2001:db8::1]:80"})
        BOOST_TEST(is_refused_with("hold " + std::string{target}, "--allow-remote"));
    BOOST_TEST(accepted("hold 192.0.2.1:80 --allow-remote").sources == 1U);
    BOOST_TEST(accepted("hold localhost:80").server.in_loopback_network);
    BOOST_TEST(!accepted("hold [::1]:80").server.in_loopback_network);
    BOOST_TEST(is_refused_with("hold [::1]:80 --sources 2", "--sources"));
    for (auto const* target :
         {"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:5"})
        BOOST_TEST(is_refused_with("hold " + std::string{target}, target));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_meant_is_refused_in_one_line) {
    BOOST_TEST(is_refused_with("", "MODE and HOST:PORT are needed"));
    BOOST_TEST(is_refused_with("hold", "MODE and HOST:PORT are needed"));
    BOOST_TEST(is_refused_with("push 127.0.0.1:1", "mode 'push'"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --conn 5", "conn"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --connections many", "'many' is not a whole"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --connections 0", "0 is not between"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --duration 5", "'5' is not a time"));
    BOOST_TEST(is_refused_with("hold 127.0.0.1:1 --depth 2", "no meaning in mode hold"));
}

BOOST_AUTO_TEST_CASE(quantities_are_read_and_written_for_people) {
    BOOST_TEST(load::parse_integer("0x6102") == 0x6102U);
    BOOST_TEST(load::parse_integer("18446744073709551615") == UINT64_MAX);
    for (auto const* text : {"", "-1", "+1", "1 ", "0x", "12a", "18446744073709551616"})
        BOOST_CHECK_THROW(load::parse_integer(text), std::invalid_argument);
    BOOST_TEST((load::parse_duration("250ms") == 250ms));
    BOOST_TEST((load::parse_duration("5m") == 5min));
    for (auto const* text : {"", "s", "5", "5h", "-5s", "9000000m"})
        BOOST_CHECK_THROW(load::parse_duration(text), std::invalid_argument);
    BOOST_TEST(load::grouped(0) == "0");
    BOOST_TEST(load::grouped(999) == "999");
    BOOST_TEST(load::grouped(1'000) == "1,000");
    BOOST_TEST(load::grouped(1'234'567) == "1,234,567");
}

BOOST_AUTO_TEST_SUITE_END()
