// SPDX-License-Identifier: BSL-1.0
// The same in TLS: what is not to be had in the middle of a handshake, of a record, of an end.
#include "faults/bench.hpp"

#include <millipede/worker/tls_context.hpp>

#include "support/certificates.hpp"
#include "support/tls_peer.hpp"

#include <stdexcept>

BOOST_AUTO_TEST_SUITE(failing_memory_in_tls)

using namespace test::faults;

namespace {

class tls_bench final : public bench {
  public:
    explicit tls_bench(greeting_type const& asked)
        : bench{transport_kind::epoll, begins::at_once, asked} {}

  private:
    void greet() override {
        client_ = std::make_unique<test::tls_peer>();
        bool ended = false;
        BOOST_TEST(test::eventually([&] {
            bool done = client_->shake();
            say(client_->take());
            run();
            if (!done) client_->feed(hear(SIZE_MAX, ended));
            return done || ended;
        }));
    }
    std::string sealed(std::string_view bytes) override {
        try {
            return client_->seal(bytes);
        } catch (std::runtime_error const&) { // the server has left
            return {};
        }
    }
    std::string opened(std::string_view bytes) override {
        client_->feed(bytes);
        try {
            return client_->text();
        } catch (std::runtime_error const&) {
            return {};
        }
    }

    std::unique_ptr<test::tls_peer> client_;
};

} // namespace

BOOST_AUTO_TEST_CASE(an_allocation_that_fails_costs_one_connection_at_most) {
    test::temporary_folder folder;
    test::certificate_authority ca{folder};
    auto files = ca.issue("server");
    millipede::listen_options listener;
    listener.tls = millipede::tls_options{files.certificate_file, files.key_file};
    millipede::detail::tls_context context{listener};
    millipede::set_log_level(millipede::fatal);
    for (auto count : {how_many::one, how_many::all_from_there}) {
        auto failed = fail_at_every_allocation(
            count, [&] { return std::make_unique<tls_bench>(greeting_type{.tls = &context}); });
        BOOST_TEST(failed > 2U);
    }
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_SUITE_END()
