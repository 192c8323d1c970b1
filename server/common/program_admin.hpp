// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/admin_settings.hpp"

#include <millipede/process/basic_server.hpp>

#include <functional>
#include <memory>
#include <string>

/// The admin endpoint of a program, if its user wants one; without the library's component, wanting
/// one is an error. Made before the server starts, and gone before the server is.
class program_admin {
  public:
    /// \throws usage_error, millipede::invalid_option, millipede::listen_error
    program_admin(millipede::basic_server& server, admin_settings const& settings,
                  std::string const& name, std::string const& version);
    ~program_admin();
    program_admin(program_admin const&) = delete;
    program_admin& operator=(program_admin const&) = delete;

    /// A number of the program's own: `metric` in /metrics, `field` in /stats.
    void add_gauge(std::string const& metric, std::string const& field, std::string const& help,
                   std::function<double()> read);
    /// The same for a number that only goes up, from 0; the name of its `metric` ends in `_total`.
    void add_counter(std::string const& metric, std::string const& field, std::string const& help,
                     std::function<double()> read);
    /// Says on standard output where it is, behind the lines that say where the server listens.
    void announce() const;

  private:
    class implementation;
    std::unique_ptr<implementation> implementation_; // null: nobody wants it
};
