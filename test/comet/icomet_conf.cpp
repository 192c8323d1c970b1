// SPDX-License-Identifier: BSL-1.0
#include "icomet_conf.hpp"

#include "common/settings_table.hpp"
#include "support/folder.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <string>

BOOST_AUTO_TEST_SUITE(icomet_conf)

namespace {

comet_settings read(std::string const& text, std::vector<std::string>* warnings = nullptr) {
    test::folder folder;
    auto file = folder / "icomet.conf";
    std::ofstream{file} << text;
    comet_settings settings;
    auto told = apply_icomet_conf(file, settings);
    if (warnings) *warnings = told;
    return settings;
}

} // namespace

BOOST_AUTO_TEST_CASE(both_separators_and_blanks) {
    auto settings = read("front:\r\n\tmax_channels :  7\r\n\tchannel_buffer_size=3\n"
                         "\tpolling_timeout\t=\t9\n\n  # a comment\n");
    BOOST_TEST(settings.live.channels.channels_max == 7U);
    BOOST_TEST(settings.live.channels.buffer_size == 3U);
    BOOST_TEST(settings.live.channels.polling_timeout == 9U);
}

BOOST_AUTO_TEST_CASE(sections_end_where_the_tabs_do) {
    std::vector<std::string> warnings;
    auto settings = read("logger:\n\tlevel: error\n\trotate:\n\t\tsize: 1\n\toutput: stdout\n"
                         "front:\n\tauth: token\nauth: none\n",
                         &warnings);
    BOOST_TEST((settings.limits.log.level == millipede::severity::error));
    BOOST_TEST(settings.limits.log.rotate_bytes == 1024U * 1024);
    BOOST_TEST(settings.limits.log.file == "");
    BOOST_TEST(settings.live.channels.needs_token);
    BOOST_REQUIRE(warnings.size() == 1U);
    BOOST_TEST(warnings[0].ends_with(":8: unknown name 'auth' ignored"));
}

BOOST_AUTO_TEST_CASE(files_stand_beside_it) {
    auto settings = read("pidfile: run/icomet.pid\nlogger:\n\toutput: /var/log/x\n");
    BOOST_TEST(settings.limits.pid_file.starts_with("/"));
    BOOST_TEST(settings.limits.pid_file.ends_with("/run/icomet.pid"));
    BOOST_TEST(settings.limits.log.file == "/var/log/x");
}

BOOST_AUTO_TEST_CASE(a_timeout_of_nothing) {
    BOOST_TEST(read("front:\n\tchannel_timeout: -1\n").live.channels.channel_timeout == 0U);
    BOOST_TEST(read("front:\n\tchannel_timeout:\n").live.channels.channel_timeout == 30U);
    BOOST_CHECK_THROW(read("front:\n\tpolling_timeout: -1\n"), usage_error);
}

BOOST_AUTO_TEST_SUITE_END()
