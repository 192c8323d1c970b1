// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/error.hpp>

#include <string>

namespace millipede {
namespace {

char const* text_of(errc code) noexcept {
    switch (code) {
    case errc::closed_by_peer:
        return "closed by peer";
    case errc::closed_by_server:
        return "closed by server";
    case errc::idle_timeout:
        return "idle timeout";
    case errc::write_timeout:
        return "write timeout";
    case errc::bad_magic:
        return "bad magic";
    case errc::bad_size:
        return "bad size";
    case errc::unknown_command:
        return "unknown command";
    case errc::bad_message:
        return "bad message";
    case errc::handler_failed:
        return "handler failed";
    case errc::output_full:
        return "output full";
    case errc::buffers_exhausted:
        return "buffers exhausted";
    case errc::no_memory:
        return "no memory";
    case errc::stopping:
        return "stopping";
    case errc::stale_connection:
        return "stale connection";
    case errc::mailbox_full:
        return "mailbox full";
    case errc::not_running:
        return "not running";
    case errc::first_message_timeout:
        return "first message timeout";
    case errc::message_timeout:
        return "message timeout";
    case errc::too_fast:
        return "too fast";
    case errc::output_budget_exceeded:
        return "output budget exceeded";
    case errc::offload_full:
        return "offload full";
    case errc::bad_proxy_header:
        return "bad PROXY header";
    case errc::handshake_timeout:
        return "handshake timeout";
    case errc::stream_truncated:
        return "stream truncated";
    case errc::no_inherited_socket:
        return "no such listening socket was handed over";
    case errc::connect_timeout:
        return "connect timeout";
    case errc::request_timeout:
        return "request timeout";
    case errc::heartbeat_timeout:
        return "heartbeat timeout";
    case errc::requests_full:
        return "requests full";
    case errc::input_full:
        return "input full";
    }
    return "unknown error";
}

char const* text_of(close_reason reason) noexcept {
    switch (reason) {
    case close_reason::peer:
        return "closed by peer";
    case close_reason::timeout:
        return "timeout";
    case close_reason::error:
        return "error";
    case close_reason::refused:
        return "refused";
    case close_reason::shed:
        return "shed";
    case close_reason::stopping:
        return "stopping";
    case close_reason::server:
        return "closed by server";
    case close_reason::failed:
        return "handler failed";
    }
    return "unknown reason";
}

class category_type final : public boost::system::error_category {
  public:
    char const* name() const noexcept override { return "millipede"; }
    std::string message(int code) const override { return text_of(static_cast<errc>(code)); }
};

class close_category_type final : public boost::system::error_category {
  public:
    char const* name() const noexcept override { return "millipede.close"; }
    std::string message(int reason) const override {
        return text_of(static_cast<close_reason>(reason));
    }
    bool equivalent(error_code const& code, int condition) const noexcept override {
        return code.failed() && reason_of(code) == static_cast<close_reason>(condition);
    }
};

} // namespace

boost::system::error_category const& category() noexcept {
    static category_type const instance;
    return instance;
}

boost::system::error_category const& close_category() noexcept {
    static close_category_type const instance;
    return instance;
}

error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), category()};
}

boost::system::error_condition make_error_condition(close_reason reason) noexcept {
    return {static_cast<int>(reason), close_category()};
}

close_reason reason_of(error_code const& code) noexcept {
    if (code.category() != category()) return close_reason::error;
    switch (static_cast<errc>(code.value())) {
    case errc::closed_by_peer:
        return close_reason::peer;
    case errc::closed_by_server:
        return close_reason::server;
    case errc::idle_timeout:
    case errc::write_timeout:
    case errc::first_message_timeout:
    case errc::message_timeout:
    case errc::handshake_timeout:
    case errc::connect_timeout:
    case errc::request_timeout:
    case errc::heartbeat_timeout:
        return close_reason::timeout;
    case errc::bad_magic:
    case errc::bad_size:
    case errc::unknown_command:
    case errc::bad_message:
    case errc::too_fast:
    case errc::bad_proxy_header:
        return close_reason::refused;
    case errc::output_full:
    case errc::buffers_exhausted:
    case errc::output_budget_exceeded:
    case errc::offload_full:
    case errc::requests_full:
    case errc::input_full:
        return close_reason::shed;
    case errc::stopping:
        return close_reason::stopping;
    case errc::handler_failed:
        return close_reason::failed;
    default:
        return close_reason::error;
    }
}

} // namespace millipede
