// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/listening_socket.hpp>

#include <millipede/base/endpoint.hpp>
#include <millipede/process/heritage.hpp>
#include <millipede/process/inherited_options.hpp>
#include <millipede/process/systemd_sockets.hpp>

#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace millipede::detail {
namespace {

using boost::asio::ip::tcp;
using boost::system::system_error;

[[noreturn]] void fail(char const* what) {
    throw system_error{errno, boost::system::system_category(), what};
}

int checked(int result, char const* what) {
    if (result < 0) fail(what);
    return result;
}

int open_socket(int family) {
    return checked(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
}

void set_option(int descriptor, int level, int name, int value) {
    checked(::setsockopt(descriptor, level, name, &value, sizeof value), "setsockopt");
}

int option_of(int descriptor, int name) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

struct unix_endpoint {
    explicit unix_endpoint(std::string const& path) {
        std::memcpy(name.sun_path, path.data(), path.size());
    }
    sockaddr const* data() const noexcept { return reinterpret_cast<sockaddr const*>(&name); }

    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
};

// Whether a socket stands there that nobody listens on: what a process left that was killed.
bool is_stale(unix_endpoint const& where) {
    struct stat found {};
    if (::lstat(where.name.sun_path, &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
    int probe = open_socket(AF_UNIX);
    bool refused = ::connect(probe, where.data(), sizeof where.name) != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return refused;
}

void bind_path(int descriptor, unix_endpoint const& where) {
    if (::bind(descriptor, where.data(), sizeof where.name) == 0) return;
    if (errno != EADDRINUSE) fail("bind");
    if (!is_stale(where)) throw system_error{EADDRINUSE, boost::system::system_category(), "bind"};
    ::unlink(where.name.sun_path);
    checked(::bind(descriptor, where.data(), sizeof where.name), "bind");
}

bool listens(int descriptor) noexcept {
    return option_of(descriptor, SO_ACCEPTCONN) == 1 &&
           option_of(descriptor, SO_TYPE) == SOCK_STREAM;
}

// A socket that is dual cannot become another, nor the reverse.
std::string heirloom_name_of(listen_options const& wanted) {
    return wanted.endpoint + (wanted.dual_stack ? ",dual-stack" : "");
}

} // namespace

socket_path::socket_path(std::string path) : path_{std::move(path)} {
    struct stat found {};
    checked(::lstat(path_.c_str(), &found), "stat");
    device_ = found.st_dev;
    file_ = found.st_ino;
}

socket_path::socket_path(socket_path&& other) noexcept
    : path_{std::exchange(other.path_, {})},
      device_{other.device_},
      file_{other.file_},
      ours_{other.ours_} {}

socket_path::~socket_path() {
    struct stat found {};
    if (path_.empty() || !ours_ || ::lstat(path_.c_str(), &found) != 0) return;
    if (found.st_dev == device_ && found.st_ino == file_) ::unlink(path_.c_str());
}

listening_socket::listening_socket(listening_socket&& other) noexcept
    : descriptor_{other.release()},
      name_{std::move(other.name_)},
      heirloom_name_{std::move(other.heirloom_name_)},
      endpoint_{std::move(other.endpoint_)},
      path_{std::move(other.path_)} {}

listening_socket::~listening_socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

int listening_socket::release() noexcept {
    return std::exchange(descriptor_, -1);
}

std::vector<listening_socket> listening_socket::open(listen_options const& wanted,
                                                     options const& limits) {
    std::vector<listening_socket> opened;
    try {
        auto where = parse_listen_address(wanted.endpoint);
        opened = take_heirlooms(where, wanted, limits);
        if (!opened.empty())
            return opened;
        else if (auto const* endpoint = std::get_if<tcp::endpoint>(&where))
            opened.push_back(open_tcp(*endpoint, wanted, limits));
        else if (auto const* path = std::get_if<unix_address>(&where))
            opened.push_back(open_unix(*path, wanted, limits));
        else if (auto const* inherited = std::get_if<inherited_address>(&where))
            opened.push_back(open_inherited(inherited->descriptor, limits));
        else
            for (int descriptor : systemd_sockets(std::get<systemd_address>(where).name))
                opened.push_back(open_inherited(descriptor, limits));
        if (opened.empty()) throw system_error{errc::no_inherited_socket};
        for (auto& each : opened)
            each.heirloom_name_ = heirloom_name_of(wanted);
    } catch (system_error const& failure) {
        throw listen_error{wanted.endpoint, failure.code()};
    }
    return opened;
}

listening_socket listening_socket::open_tcp(tcp::endpoint const& where,
                                            listen_options const& wanted, options const& limits) {
    listening_socket opened{open_socket(where.protocol().family())};
    set_option(opened.descriptor_, SOL_SOCKET, SO_REUSEADDR, 1);
    if (where.address().is_v6())
        set_option(opened.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, wanted.dual_stack ? 0 : 1);
    checked(::bind(opened.descriptor_, where.data(), static_cast<socklen_t>(where.size())), "bind");
    opened.begin(limits);
    return opened;
}

listening_socket listening_socket::open_unix(unix_address const& where,
                                             listen_options const& wanted, options const& limits) {
    listening_socket opened{open_socket(AF_UNIX)};
    unix_endpoint endpoint{where.path};
    auto mode = static_cast<mode_t>(wanted.unix_mode);
    // What the socket has before bind() its path gets, as far as the umask allows: nobody else can
    // connect before the path has its mode.
    if (mode != 0) checked(::fchmod(opened.descriptor_, mode), "fchmod");
    bind_path(opened.descriptor_, endpoint);
    opened.path_.emplace(where.path);
    if (mode != 0) checked(::chmod(where.path.c_str(), mode), "chmod");
    opened.begin(limits);
    return opened;
}

listening_socket listening_socket::open_inherited(int descriptor, options const& limits) {
    if (!listens(descriptor)) throw system_error{errc::no_inherited_socket};
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); // it was handed over to us, not to our children
    listening_socket opened{checked(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "fcntl")};
    opened.be_non_blocking();
    opened.begin(limits);
    return opened;
}

void listening_socket::be_non_blocking() {
    auto flags = checked(::fcntl(descriptor_, F_GETFL), "fcntl");
    checked(::fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK), "fcntl");
}

std::vector<listening_socket> listening_socket::take_heirlooms(listen_address const& where,
                                                               listen_options const& wanted,
                                                               options const& limits) {
    std::vector<listening_socket> taken;
    auto name = heirloom_name_of(wanted);
    auto next = [&] { return heritage::of_process().take(name); };
    bool several = std::holds_alternative<systemd_address>(where);
    for (int each = next(); each >= 0; each = several ? next() : -1) {
        listening_socket opened{each};
        if (!listens(each)) throw system_error{errc::no_inherited_socket};
        opened.heirloom_name_ = name;
        opened.be_non_blocking();
        opened.begin(limits);
        if (auto const* place = std::get_if<unix_address>(&where)) {
            opened.path_.emplace(place->path);
            opened.path_->own(false);
            if (wanted.unix_mode != 0)
                checked(::chmod(place->path.c_str(), static_cast<mode_t>(wanted.unix_mode)),
                        "chmod");
        }
        taken.push_back(std::move(opened));
    }
    return taken;
}

// Listens, or goes on listening, and sees where that is.
void listening_socket::begin(options const& limits) {
    union { // of the families that there may be
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
        sockaddr_un path;
    } own{};
    socklen_t size = sizeof own;
    checked(::getsockname(descriptor_, &own.any, &size), "getsockname");
    if (own.any.sa_family == AF_UNIX) {
        auto end = std::size_t{size} - offsetof(sockaddr_un, sun_path);
        name_ = "unix:" + std::string{own.path.sun_path, ::strnlen(own.path.sun_path, end)};
    } else if (own.any.sa_family == AF_INET || own.any.sa_family == AF_INET6) {
        set_inherited_options(descriptor_, limits);
    } else {
        throw system_error{errc::no_inherited_socket};
    }
    checked(::listen(descriptor_, static_cast<int>(limits.listen_backlog)), "listen");
    if (own.any.sa_family == AF_UNIX) return;
    size = sizeof own; // bound by now, with a port that the system may have picked
    checked(::getsockname(descriptor_, &own.any, &size), "getsockname");
    endpoint_.emplace();
    std::memcpy(endpoint_->data(), &own.any, size);
    endpoint_->resize(size);
    name_ = to_string(*endpoint_);
}

} // namespace millipede::detail
