// SPDX-License-Identifier: BSL-1.0
// Where the library was built without its admin endpoint.
#include "common/program_admin.hpp"

class program_admin::implementation {};

program_admin::program_admin(millipede::basic_server&, admin_settings const& settings,
                             std::string const&, std::string const&) {
    if (!settings.endpoint.empty())
        throw usage_error{"--" + settings.option +
                          ": this program was built without it (MILLIPEDE_WITH_ADMIN)"};
}

program_admin::~program_admin() = default;

void program_admin::add_gauge(std::string const&, std::string const&, std::string const&,
                              std::function<double()>) {}

void program_admin::add_counter(std::string const&, std::string const&, std::string const&,
                                std::function<double()>) {}

void program_admin::announce() const {}
