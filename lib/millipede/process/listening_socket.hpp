// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>
#include <millipede/base/listen_address.hpp>
#include <millipede/base/options.hpp>

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace millipede::detail {

/// The path at which this process listens on a Unix domain socket. It is taken away at the end,
/// unless something else stands there by then, or another process listens there, too.
class socket_path {
  public:
    /// What is there now. \throws boost::system::system_error
    explicit socket_path(std::string path);
    /// Whether this process is the one to take it away: at first it is.
    void own(bool ours) noexcept { ours_ = ours; }
    socket_path(socket_path&& other) noexcept;
    socket_path& operator=(socket_path&&) = delete;
    ~socket_path();

  private:
    std::string path_; // empty: somebody else's
    dev_t device_ = 0;
    ino_t file_ = 0;
    bool ours_ = true;
};

/// A socket that listens, and does not block.
class listening_socket {
  public:
    /// Opens what `wanted` names: one socket, or as many as systemd has handed over. Inherited ones
    /// are copies: theirs go on listening after these are closed, for whoever has them, too.
    /// What the process before this one has handed over for the same place comes first; its path is
    /// not ours before we say so.
    /// \throws listen_error
    static std::vector<listening_socket> open(listen_options const& wanted, options const& limits);

    listening_socket(listening_socket&& other) noexcept;
    listening_socket& operator=(listening_socket&&) = delete;
    ~listening_socket();

    /// Where it listens, for people: `127.0.0.1:8082`, `[::]:8082`, `unix:/run/service.sock`.
    std::string const& name() const noexcept { return name_; }
    /// How the next process will call it; see `heirloom`.
    std::string const& heirloom_name() const noexcept { return heirloom_name_; }
    /// `name()` for programs, with the port that the system picked; none for a Unix domain socket.
    std::optional<boost::asio::ip::tcp::endpoint> const& endpoint() const noexcept {
        return endpoint_;
    }
    int descriptor() const noexcept { return descriptor_; }
    /// The descriptor, which is the caller's from now on.
    int release() noexcept;
    /// Its path, if it has made one: to be kept as long as it listens.
    std::optional<socket_path>& path() noexcept { return path_; }

  private:
    explicit listening_socket(int descriptor) noexcept : descriptor_{descriptor} {}
    static listening_socket open_tcp(boost::asio::ip::tcp::endpoint const& where,
                                     listen_options const& wanted, options const& limits);
    static listening_socket open_unix(unix_address const& where, listen_options const& wanted,
                                      options const& limits);
    static listening_socket open_inherited(int descriptor, options const& limits);
    static std::vector<listening_socket> take_heirlooms(listen_address const& where,
                                                        listen_options const& wanted,
                                                        options const& limits);
    void be_non_blocking();
    void begin(options const& limits);

    int descriptor_;
    std::string name_;
    std::string heirloom_name_;
    std::optional<boost::asio::ip::tcp::endpoint> endpoint_;
    std::optional<socket_path> path_;
};

} // namespace millipede::detail
