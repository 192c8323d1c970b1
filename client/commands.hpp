// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "settings.hpp"

#include <boost/asio/awaitable.hpp>

/// What the client can do. Each one throws when it did not work.

/// Logs in, waits for the reply, and stays connected for `settings.hold`.
boost::asio::awaitable<void> login(client_settings const& settings);

/// Sends one frame and prints the frame that comes back.
boost::asio::awaitable<void> send(client_settings const& settings);

/// Logs in and prints every frame that comes, until the server ends the connection.
boost::asio::awaitable<void> watch(client_settings const& settings);
