// SPDX-License-Identifier: BSL-1.0
#include <millipede/server.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(a_server_without_an_endpoint_is_refused) {
    BOOST_CHECK_THROW(millipede::server<>{millipede::options{}}, millipede::invalid_option);
}

BOOST_AUTO_TEST_SUITE_END()
