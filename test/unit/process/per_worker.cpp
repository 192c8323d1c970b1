// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/per_worker.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

BOOST_AUTO_TEST_SUITE(per_worker)

namespace {

struct server_of_three {
    std::uint32_t worker_count() const { return 3; }
};

// A worker that never runs, and a connection of it.
struct one_worker {
    explicit one_worker(std::uint32_t index) : worker{index, limits, {}} {}

    millipede::options limits{.connections_per_worker = 1};
    millipede::detail::worker worker;
    millipede::detail::connection_record& record = *worker.pool().open(0, 0);
    millipede::basic_connection connection{worker, record};
};

} // namespace

BOOST_AUTO_TEST_CASE(a_new_one_sums_up_to_nothing) {
    BOOST_TEST(millipede::per_worker<std::int64_t>{server_of_three{}}.sum() == 0);
    BOOST_TEST(millipede::per_worker<double>{std::size_t{4}}.sum() == 0.0);
}

BOOST_AUTO_TEST_CASE(every_worker_counts_for_itself_and_the_sum_is_of_all) {
    millipede::per_worker<std::int64_t> online{server_of_three{}};
    for (std::uint32_t index = 0; index < 3; ++index) {
        one_worker one{index};
        BOOST_TEST(one.connection.worker_index() == index);
        online[one.connection] += index + 1;
        ++online[one.connection];
        BOOST_TEST(online[one.connection].load() == index + 2);
        one.worker.pool().release(one.record);
    }
    BOOST_TEST(online.sum() == 9);
}

BOOST_AUTO_TEST_SUITE_END()
