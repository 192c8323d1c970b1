// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/pid_file.hpp>

#include "support/folder.hpp"

#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

BOOST_AUTO_TEST_SUITE(pid_file)

namespace {

using subject = millipede::detail::pid_file;

std::string content_of(std::string const& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

BOOST_AUTO_TEST_CASE(it_is_there_while_it_is_meant_to_be) {
    test::folder folder;
    auto path = folder / "pid";
    std::ofstream{path} << "somebody else's, of before";
    {
        subject own{path};
        BOOST_TEST(content_of(path) != std::to_string(::getpid()) + '\n');
        own.write();
        BOOST_TEST(content_of(path) == std::to_string(::getpid()) + '\n');
    }
    BOOST_TEST(std::filesystem::is_empty(std::filesystem::path{path}.parent_path()));
}

BOOST_AUTO_TEST_CASE(another_process_s_is_left_there) {
    test::folder folder;
    auto path = folder / "pid";
    {
        subject own{path};
        own.write();
        std::ofstream{path} << "1\n";
    }
    BOOST_TEST(content_of(path) == "1\n");
    { subject never_written{path}; }
    BOOST_TEST(content_of(path) == "1\n");
    {
        subject taken_away{path};
        taken_away.write();
        std::filesystem::remove(path);
    }
    BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(one_that_is_left_stays_for_the_next_process) {
    test::folder folder;
    auto path = folder / "pid";
    {
        subject own{path};
        own.write();
        own.leave();
    }
    BOOST_TEST(content_of(path) == std::to_string(::getpid()) + '\n');
}

BOOST_AUTO_TEST_CASE(without_a_path_there_is_none) {
    subject none{""};
    none.write();
}

BOOST_AUTO_TEST_CASE(where_nothing_can_be_written_it_says_so) {
    test::folder folder;
    subject nowhere{folder / "missing/pid"};
    BOOST_CHECK_THROW(nowhere.write(), boost::system::system_error);
    std::filesystem::create_directory(folder / "a folder");
    {
        subject in_the_way{folder / "a folder"};
        BOOST_CHECK_THROW(in_the_way.write(), boost::system::system_error);
    }
    auto all = std::filesystem::directory_iterator{std::filesystem::path{folder / ""}};
    BOOST_TEST(std::distance(begin(all), end(all)) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
