// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/capacity.hpp>

#include <string>

/// All that can be set on millipede-doctor.
struct doctor_settings {
    millipede::capacity_question asked{};
    std::string root = "/"; ///< Where `proc` and `sys` are.
    bool json = false;
};

/// From the command line. \returns false when there is nothing to do. \throws usage_error
bool read_doctor_settings(doctor_settings& settings, int argc, char const* const* argv);
