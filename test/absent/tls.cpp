// SPDX-License-Identifier: BSL-1.0
// The library as it is without OpenSSL: this program brings tls_absent.cpp along, in whatever way
// the library itself was built.
#include <millipede/server.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(tls_absent)

BOOST_AUTO_TEST_CASE(a_listener_with_tls_is_refused_and_told_what_is_missing) {
    millipede::options wanted{.listen = {"127.0.0.1:0"}};
    wanted.workers = 1;
    wanted.connections_per_worker = 1;
    wanted.listen[0].tls = millipede::tls_options{"certificate.pem", "key.pem"};
    BOOST_CHECK_EXCEPTION(millipede::server<>{wanted}, millipede::invalid_option,
                          [](millipede::invalid_option const& refusal) {
                              BOOST_TEST(refusal.option() == "listen");
                              return std::string{refusal.what()}.find("MILLIPEDE_WITH_TLS") !=
                                     std::string::npos;
                          });
}

BOOST_AUTO_TEST_CASE(a_listener_without_tls_is_served) {
    millipede::options wanted{.listen = {"127.0.0.1:0"}};
    wanted.workers = 1;
    wanted.connections_per_worker = 1;
    wanted.log.level = millipede::fatal;
    millipede::server<> server{wanted};
    server.start();
    BOOST_TEST(server.endpoints().size() == 1U);
    BOOST_TEST(server.reload_certificates());
}

BOOST_AUTO_TEST_SUITE_END()
