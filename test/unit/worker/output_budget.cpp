// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/output_budget.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <new>
#include <vector>

BOOST_AUTO_TEST_SUITE(output_budget)

using namespace std::chrono_literals;
using millipede::single_writer;
using budget = millipede::detail::output_budget;

namespace {

// Three workers, whose figures the test sets.
struct fixture {
    explicit fixture(std::size_t max_bytes = 1'600)
        : subject{max_bytes, 3, [this](auto worker) {
                      asked.push_back(worker);
                      if (no_memory) throw std::bad_alloc{};
                  }} {
        for (std::uint32_t worker = 0; worker < 3; ++worker)
            subject.join(worker, held[worker], classes[worker]);
    }
    void holds(std::uint32_t worker, std::uint64_t bytes, std::uint64_t size_classes) {
        held[worker] = bytes;
        classes[worker] = size_classes;
    }

    std::array<single_writer<std::uint64_t>, 3> held;
    std::array<single_writer<std::uint64_t>, 3> classes;
    std::vector<std::uint32_t> asked;
    bool no_memory = false;
    budget::time_point now{100s};
    budget subject;
};

using workers = std::vector<std::uint32_t>;

} // namespace

BOOST_AUTO_TEST_CASE(it_is_exceeded_by_the_sum_a_sixteenth_early) {
    fixture the;
    BOOST_TEST(!the.subject.exceeded());
    the.holds(0, 500, 1);
    the.holds(1, 500, 1);
    the.holds(2, 500, 1);
    BOOST_TEST(!the.subject.exceeded());
    the.holds(2, 501, 1);
    BOOST_TEST(the.subject.exceeded());
}

BOOST_AUTO_TEST_CASE(without_a_limit_it_is_never_exceeded) {
    fixture the{0};
    the.holds(0, UINT64_MAX, 1);
    BOOST_TEST(!the.subject.exceeded());
    BOOST_TEST(the.subject.step_bytes() == 0U);
    BOOST_TEST(fixture{9'600'000}.subject.step_bytes() == 100'000U);
}

BOOST_AUTO_TEST_CASE(the_worker_with_the_largest_holder_is_found) {
    fixture the;
    BOOST_TEST(the.subject.holder_of_the_largest(the.now) == budget::nobody);
    the.holds(0, 900, 0b0100); // the most in all, of connections that hold little each
    the.holds(1, 300, 0b1001);
    the.holds(2, 200, 0b1000);
    BOOST_TEST(the.subject.holder_of_the_largest(the.now) == 1U);
    the.holds(2, 301, 0b1000);
    BOOST_TEST(the.subject.holder_of_the_largest(the.now) == 2U);
    the.holds(0, 900, 0b10000);
    BOOST_TEST(the.subject.holder_of_the_largest(the.now) == 0U);
    for (std::uint32_t worker = 0; worker < 3; ++worker)
        the.holds(worker, 900, 0); // held, but by nobody who could be shed
    BOOST_TEST(the.subject.holder_of_the_largest(the.now) == budget::nobody);
}

BOOST_AUTO_TEST_CASE(a_worker_is_asked_once_until_it_answers) {
    fixture the;
    the.subject.ask(1, the.now);
    the.subject.ask(1, the.now);
    the.subject.ask(2, the.now);
    BOOST_TEST(the.asked == (workers{1, 2}), boost::test_tools::per_element());
    the.subject.answered(1);
    the.subject.ask(1, the.now);
    BOOST_TEST(the.asked == (workers{1, 2, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_could_not_be_asked_is_asked_again) {
    fixture the;
    the.no_memory = true;
    the.subject.ask(1, the.now);
    the.no_memory = false;
    the.subject.ask(1, the.now);
    BOOST_TEST(the.asked == (workers{1, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_worker_that_does_not_answer_is_passed_over) {
    fixture the;
    the.holds(0, 100, 0b001);
    the.holds(1, 900, 0b100);
    the.subject.ask(1, the.now);
    BOOST_TEST(the.subject.holder_of_the_largest(the.now + budget::patience) == 1U);
    BOOST_TEST(the.subject.holder_of_the_largest(the.now + budget::patience + 1ms) == 0U);
    the.subject.answered(1);
    BOOST_TEST(the.subject.holder_of_the_largest(the.now + 2 * budget::patience) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
