// SPDX-License-Identifier: BSL-1.0
// Clients of a library without TLS.
#include <millipede/base/options.hpp>
#include <millipede/client/tls.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(client_tls_absent)

BOOST_AUTO_TEST_CASE(a_client_is_told_so) {
    BOOST_CHECK_EXCEPTION(millipede::client_tls{{}}, millipede::invalid_option,
                          [](millipede::invalid_option const& refusal) {
                              return refusal.option() == "tls" &&
                                     std::string{refusal.what()}.find("without TLS") !=
                                         std::string::npos;
                          });
}

BOOST_AUTO_TEST_SUITE_END()
