// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/group_names.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(group_names)

namespace {

using millipede::detail::group_state;
using names = millipede::detail::group_names;
using state_ptr = boost::intrusive_ptr<group_state>;

state_ptr make() {
    return state_ptr{new group_state{1, nullptr}};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_name_leads_to_one_group) {
    names all;
    auto lobby = all.find_or_make("lobby", make);
    auto other = all.find_or_make("other", make);
    BOOST_TEST((all.find_or_make("lobby", make) == lobby));
    BOOST_TEST((lobby != other));
    BOOST_TEST((all.find_or_make("", make) == all.find_or_make("", make)));
}

BOOST_AUTO_TEST_CASE(those_that_nobody_holds_are_forgotten) {
    names all;
    std::vector<state_ptr> held;
    for (int number = 0; number < 10'000; ++number) {
        auto made = all.find_or_make("room " + std::to_string(number), make);
        if (number % 100 == 0) held.push_back(made);
        BOOST_REQUIRE(all.size() <= 2 * held.size() + 64);
    }
    for (std::size_t index = 0; index < held.size(); ++index)
        BOOST_TEST((all.find_or_make("room " + std::to_string(100 * index), make) == held[index]));
}

BOOST_AUTO_TEST_CASE(threads_that_ask_for_one_name_get_one_group) {
    names all;
    std::vector<state_ptr> got(4);
    std::vector<std::thread> askers;
    for (auto& mine : got)
        askers.emplace_back([&all, &mine] {
            for (int number = 0; number < 500; ++number)
                all.find_or_make("passing " + std::to_string(number), make);
            mine = all.find_or_make("lobby", make);
        });
    for (auto& asker : askers)
        asker.join();
    for (auto const& each : got)
        BOOST_TEST((each == got[0]));
}

BOOST_AUTO_TEST_SUITE_END()
