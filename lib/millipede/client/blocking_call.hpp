// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <future>
#include <type_traits>
#include <utility>
#include <variant>

namespace millipede::detail {

/// Whether this thread runs `executor` at this moment, as far as an io_context or a strand tells.
bool runs_here(boost::asio::any_io_executor const& executor) noexcept;

/// The code of an exception: a system_error's own, else `errc::handler_failed`; none for none.
error_code code_of(std::exception_ptr const& failure) noexcept;

/// Has `begin(handler)` called on `executor` and waits until it has called `handler(code[,
/// result])` from there. \throws what `begin` throws
template <class Result, class Begin>
Result blocking_call(boost::asio::any_io_executor const& executor, Begin begin, error_code& code) {
    using value_type = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;
    if (runs_here(executor)) {
        code = make_error_code(boost::system::errc::resource_deadlock_would_occur);
        return Result();
    }
    std::promise<std::pair<error_code, value_type>> promise;
    auto answer = promise.get_future();
    boost::asio::post(executor, [&] {
        try {
            if constexpr (std::is_void_v<Result>)
                begin([&](error_code const& why) { promise.set_value({why, {}}); });
            else
                begin([&](error_code const& why, Result result) {
                    promise.set_value({why, std::move(result)});
                });
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
    });
    auto pair = answer.get();
    code = pair.first;
    if constexpr (!std::is_void_v<Result>) return std::move(pair.second);
}

} // namespace millipede::detail
