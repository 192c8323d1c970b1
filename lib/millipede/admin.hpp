// SPDX-License-Identifier: BSL-1.0
#pragma once

/// \file
/// The admin endpoint, an optional component (`millipede::admin`).

#include <millipede/admin/admin_endpoint.hpp>
#include <millipede/admin/admin_options.hpp>
