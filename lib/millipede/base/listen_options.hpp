// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace millipede {

/// TLS 1.2 or 1.3 on a listener. All files are PEM. They are read when the server is made, and once
/// more by `server::reload_certificates()`.
struct tls_options {
    /// The server's certificate, followed by those that lead from it to the root.
    std::string certificate_file{};

    /// The key of that certificate, without a passphrase.
    std::string private_key_file{};

    /// Whose certificates clients must show; empty: clients need none. They are checked in the
    /// handshake; a client without a good one never reaches `on_open`.
    std::string client_ca_file{};

    friend bool operator==(tls_options const&, tls_options const&) = default;
};

/// One endpoint to listen on, and what its clients say before their first message. Text alone is
/// a plain one: `options{.listen = {"0.0.0.0:8082"}}`.
struct listen_options {
    listen_options() = default;
    /// Text alone: an endpoint without more.
    listen_options(std::string where) : endpoint{std::move(where)} {}
    /// \copydoc listen_options(std::string)
    listen_options(char const* where) : endpoint{where} {}

    /// `ADDR:PORT`, IPv6 in brackets, port 0 lets the system pick one. Or a Unix domain socket,
    /// `unix:/run/service.sock`: what a process that was killed has left at that path is removed,
    /// and the path is at the end. Or a listening socket that was handed over by who started the
    /// process: `fd:3` by its number, `systemd:NAME` by its name in the socket unit, `systemd:` for
    /// all that systemd has handed over.
    std::string endpoint{};

    /// An IPv6 endpoint serves IPv4 clients as well, as IPv4-mapped addresses; else IPv6 alone.
    bool dual_stack = false;

    /// The permissions of a Unix domain socket, such as 0660: whoever may write may connect. 0: as
    /// the umask says.
    std::uint32_t unix_mode = 0;

    /// Every connection begins with a PROXY protocol header, version 1 or 2, of up to 536 bytes:
    /// `connection::remote_endpoint()` is then the client that it names, and limits per source are
    /// for that client. A connection without one is closed. Only for listeners that nobody but the
    /// proxies can reach: whoever connects may claim any address.
    bool proxy_protocol = false;

    /// Serves TLS, after the PROXY header if there is one.
    std::optional<tls_options> tls{};

    friend bool operator==(listen_options const&, listen_options const&) = default;
};

} // namespace millipede
