// SPDX-License-Identifier: BSL-1.0
#include <millipede/client/blocking_call.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/system_error.hpp>

namespace millipede::detail {
namespace {

template <class Executor>
bool runs(boost::asio::any_io_executor const& executor) noexcept {
    auto const* target = executor.target<Executor>();
    return target && target->running_in_this_thread();
}

} // namespace

bool runs_here(boost::asio::any_io_executor const& executor) noexcept {
    using namespace boost::asio;
    return runs<io_context::executor_type>(executor) ||
           runs<thread_pool::executor_type>(executor) ||
           runs<strand<io_context::executor_type>>(executor) ||
           runs<strand<thread_pool::executor_type>>(executor) ||
           runs<strand<any_io_executor>>(executor);
}

error_code code_of(std::exception_ptr const& failure) noexcept {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (boost::system::system_error const& named) {
        // A code that stands for success would make a success of it.
        return named.code() ? named.code() : make_error_code(errc::handler_failed);
    } catch (...) {
        return errc::handler_failed;
    }
}

} // namespace millipede::detail
