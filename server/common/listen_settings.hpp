// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <millipede/base/options.hpp>

/// Adds where to listen and how, `--listen PLACE[,tls][,proxy][,dual-stack][,mode=660]`, and the
/// files of those with TLS. They set `limits`, whose first endpoint is the default.
void add_listen_settings(settings_table& table, millipede::options& limits);
