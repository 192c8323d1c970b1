// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/output_ledger.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(output_ledger)

using millipede::payload;
using millipede::single_writer;
using millipede::detail::buffer_budget;
using ledger = millipede::detail::output_ledger;
using charge = ledger::charge;

namespace {

payload payload_of(std::size_t size) {
    return payload{millipede::as_bytes(std::string(size, 'x'))};
}

struct fixture {
    explicit fixture(std::size_t budget_bytes = 1'000'000) : budget{budget_bytes} {}
    buffer_budget budget;
    ledger subject{budget};
};

constexpr auto entry = ledger::entry_bytes;

} // namespace

BOOST_AUTO_TEST_CASE(what_one_queue_holds_counts_with_its_bytes) {
    fixture the;
    auto alone = payload_of(1'000);
    BOOST_TEST((the.subject.take(alone) == charge::whole));
    BOOST_TEST(the.subject.held_bytes() == 1'000 + entry);
    BOOST_TEST(the.budget.used_bytes() == 1'000 + entry);
    the.subject.give_back(alone, charge::whole);
    BOOST_TEST(the.subject.held_bytes() == 0U);
    BOOST_TEST(the.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(what_many_hold_counts_once_until_the_last_lets_go) {
    fixture the;
    auto shared = payload_of(1'000);
    auto another = payload_of(2'000);
    std::vector<payload> owners{shared, shared, another, another};
    for (auto const& each : owners)
        BOOST_TEST((the.subject.take(each) == charge::shared));
    BOOST_TEST(the.subject.held_bytes() == 3'000 + 4 * entry);
    the.subject.give_back(another, charge::shared);
    the.subject.give_back(shared, charge::shared);
    BOOST_TEST(the.subject.held_bytes() == 3'000 + 2 * entry);
    the.subject.give_back(another, charge::shared);
    BOOST_TEST(the.subject.held_bytes() == 1'000 + entry);
    the.subject.give_back(shared, charge::shared);
    BOOST_TEST(the.budget.used_bytes() == 0U);
    BOOST_TEST((the.subject.take(shared) == charge::shared)); // as if for the first time
    BOOST_TEST(the.subject.held_bytes() == 1'000 + entry);
    the.subject.give_back(shared, charge::shared);
}

BOOST_AUTO_TEST_CASE(small_ones_count_for_each_queue) {
    fixture the;
    auto small = payload_of(ledger::shared_bytes_min - 1);
    auto owner = small;
    BOOST_TEST((the.subject.take(small) == charge::whole));
    BOOST_TEST((the.subject.take(owner) == charge::whole));
    BOOST_TEST(the.subject.held_bytes() == 2 * (ledger::shared_bytes_min - 1 + entry));
    auto large = payload_of(ledger::shared_bytes_min);
    auto other = large;
    BOOST_TEST((the.subject.take(large) == charge::shared));
    the.subject.give_back(large, charge::shared);
    the.subject.give_back(small, charge::whole);
    the.subject.give_back(owner, charge::whole);
    BOOST_TEST(the.subject.held_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_used_up_budget_refuses_and_counts_nothing) {
    fixture the{1'000 + 2 * entry};
    auto shared = payload_of(1'000);
    auto other = shared;
    auto too_much = payload_of(1'001 + entry);
    auto owner = too_much;
    BOOST_TEST((the.subject.take(too_much) == charge::none));
    BOOST_TEST((the.subject.take(payload_of(1'001 + entry)) == charge::none));
    BOOST_TEST(the.subject.held_bytes() == 0U);
    BOOST_TEST((the.subject.take(shared) == charge::shared));
    BOOST_TEST((the.subject.take(other) == charge::shared));
    BOOST_TEST((the.subject.take(other) == charge::none)); // not even for the entry
    the.subject.give_back(shared, charge::shared);
    the.subject.give_back(other, charge::shared);
    BOOST_TEST(the.budget.used_bytes() == 0U);
    BOOST_TEST((the.subject.take(shared) == charge::shared)); // the refusals left nothing behind
    the.subject.give_back(shared, charge::shared);
    BOOST_TEST(the.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(the_sum_may_be_kept_where_others_read_it) {
    single_writer<std::uint64_t> cell;
    fixture the;
    the.subject.count_in(cell);
    auto alone = payload_of(10);
    BOOST_TEST((the.subject.take(alone) == charge::whole));
    BOOST_TEST(cell.load() == 10 + entry);
    the.subject.give_back(alone, charge::whole);
    BOOST_TEST(cell.load() == 0U);
}

BOOST_AUTO_TEST_CASE(many_payloads_at_once_are_told_apart) {
    fixture the{100'000'000};
    std::vector<payload> owners;
    for (std::size_t index = 0; index < 500; ++index)
        owners.push_back(payload_of(1'000 + index));
    auto others = owners;
    std::size_t bytes = 0;
    for (int round = 0; round < 3; ++round)
        for (auto const& each : owners) {
            BOOST_TEST((the.subject.take(each) == charge::shared));
            bytes += round == 0 ? each.size() + entry : entry;
        }
    BOOST_TEST(the.subject.held_bytes() == bytes);
    for (int round = 0; round < 3; ++round)
        for (auto each = owners.rbegin(); each != owners.rend(); ++each)
            the.subject.give_back(*each, charge::shared);
    BOOST_TEST(the.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
