// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/processor.hpp>

#include <boost/test/unit_test.hpp>

#include <sched.h>

#include <thread>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(processor)

namespace {

std::vector<std::size_t> processors_of_this_thread() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    std::vector<std::size_t> found;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        for (std::size_t each = 0; each < CPU_SETSIZE; ++each)
            if (CPU_ISSET(each, &allowed)) found.push_back(each);
    return found;
}

} // namespace

BOOST_AUTO_TEST_CASE(threads_get_the_processors_in_turn) {
    auto all = processors_of_this_thread();
    BOOST_REQUIRE(!all.empty());
    for (std::uint32_t number = 0; number < 2 * all.size() + 1; ++number) {
        std::vector<std::size_t> own;
        millipede::error_code failure;
        std::thread{[&] {
            failure = millipede::detail::pin_this_thread(number);
            own = processors_of_this_thread();
        }}.join();
        BOOST_TEST(!failure.failed());
        BOOST_TEST((own == std::vector{all[number % all.size()]}));
    }
    BOOST_TEST((processors_of_this_thread() == all));
}

BOOST_AUTO_TEST_SUITE_END()
