// SPDX-License-Identifier: BSL-1.0
#include "common/program_admin.hpp"

#include <millipede/admin.hpp>

#include <fstream>
#include <iostream>
#include <utility>

namespace {

std::string token_in(admin_settings const& settings) {
    auto const& file = settings.token_file;
    std::ifstream stream{file};
    std::string line;
    if (!std::getline(stream, line) || line.empty())
        throw usage_error{"--" + settings.option + "-token-file: there is no token in " + file +
                          "; its first line is the token"};
    if (line.back() == '\r') line.pop_back();
    return line;
}

millipede::admin_options options_of(admin_settings const& settings, std::string const& name,
                                    std::string const& version) {
    millipede::admin_options wanted;
    wanted.endpoint = settings.endpoint;
    wanted.open = settings.open;
    wanted.program = name;
    wanted.version = version;
    if (!settings.token_file.empty()) wanted.token = token_in(settings);
    return wanted;
}

// The library speaks of members of its options.
[[noreturn]] void refuse(millipede::invalid_option const& refusal, std::string const& name) {
    std::string why = refusal.what();
    auto option = "--" + name;
    if (refusal.option() == "admin.token")
        throw usage_error{option + "-token-file" + why.substr(refusal.option().size())};
    if (refusal.option() == "admin.endpoint")
        throw usage_error{option + why.substr(refusal.option().size()) + " (" + option +
                          "-token-file FILE, or " + option + " ADDR:PORT,open)"};
    throw usage_error{option + ": " + why};
}

} // namespace

class program_admin::implementation {
  public:
    implementation(millipede::basic_server& server, millipede::admin_options const& wanted,
                   std::string called)
        : endpoint{server, wanted}, option{std::move(called)} {}

    millipede::admin_endpoint endpoint;
    std::string option;
};

program_admin::program_admin(millipede::basic_server& server, admin_settings const& settings,
                             std::string const& name, std::string const& version) {
    if (settings.endpoint.empty()) return;
    try {
        implementation_ = std::make_unique<implementation>(
            server, options_of(settings, name, version), settings.option);
    } catch (millipede::invalid_option const& refusal) {
        refuse(refusal, settings.option);
    }
}

program_admin::~program_admin() = default;

void program_admin::add_gauge(std::string const& metric, std::string const& field,
                              std::string const& help, std::function<double()> read) {
    if (implementation_)
        implementation_->endpoint.add_gauge({.metric = metric, .help = help, .field = field},
                                            std::move(read));
}

void program_admin::add_counter(std::string const& metric, std::string const& field,
                                std::string const& help, std::function<double()> read) {
    if (implementation_)
        implementation_->endpoint.add_counter({.metric = metric, .help = help, .field = field},
                                              std::move(read));
}

void program_admin::announce() const {
    if (implementation_)
        std::cout << implementation_->option << " on " << implementation_->endpoint.url()
                  << std::endl;
}
