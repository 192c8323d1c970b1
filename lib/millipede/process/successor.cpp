// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/successor.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/system_error.hpp>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <exception>
#include <utility>

namespace millipede::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto look_interval = 20ms;

// How long one that is to end may take for it: it may have clients by then.
constexpr auto end_patience = 2s;

std::string in_words(int status) {
    if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
    return "was ended by signal " + std::to_string(WTERMSIG(status));
}

} // namespace

successor::successor(asio::io_context& context, std::chrono::milliseconds patience,
                     std::function<void()> ready, std::function<void(std::string const&)> failed)
    : channel_{context},
      timer_{context},
      patience_{patience},
      ready_{std::move(ready)},
      failed_{std::move(failed)} {}

void successor::start(own_program const& program, std::vector<heirloom> const& heirlooms) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw boost::system::system_error{errno, boost::system::system_category(), "socketpair"};
    try {
        channel_.assign(ends[0]);
        process_ = program.start(heirlooms, ends[1]);
    } catch (...) {
        ::close(ends[1]);
        throw;
    }
    ::close(ends[1]);
    over_ = false;
    try {
        wait_for_word();
    } catch (...) { // no memory: nobody would hear how it goes
        give_up();
        throw;
    }
}

void successor::wait_for_word() {
    timer_.expires_after(patience_);
    timer_.async_wait([this, self = shared_from_this()](error_code code) {
        if (code || over_ || std::exchange(decided_, true)) return;
        end_it("was not ready within " + std::to_string(patience_.count()) + " ms");
    });
    auto heard = [this, self = shared_from_this()](error_code code, std::size_t) {
        if (over_ || std::exchange(decided_, true)) return;
        timer_.cancel();
        if (!code) return ready_();
        kill_ = std::chrono::steady_clock::now() + end_patience; // it has closed its end: it ends
        wait_for_its_end();
    };
    channel_.async_read_some(asio::buffer(word_), std::move(heard));
}

void successor::end_it(std::string why) {
    why_ended_ = std::move(why);
    ::kill(process_, SIGTERM);
    kill_ = std::chrono::steady_clock::now() + end_patience;
    wait_for_its_end();
}

void successor::wait_for_its_end() {
    if (over_) return;
    if (auto how = look_for_its_end()) {
        over_ = true;
        auto text = "process " + std::to_string(process_) + ' ';
        return failed_(why_ended_.empty() ? text + *how + " before it was ready"
                                          : text + why_ended_ + "; it " + *how);
    }
    if (std::chrono::steady_clock::now() > kill_) ::kill(process_, SIGKILL);
    timer_.expires_after(look_interval);
    timer_.async_wait([this, self = shared_from_this()](error_code code) {
        if (!code) wait_for_its_end();
    });
}

// How it ended, if it has.
std::optional<std::string> successor::look_for_its_end() const {
    int status = 0;
    auto ended = ::waitpid(process_, &status, WNOHANG);
    if (ended == process_) return in_words(status);
    if (ended < 0 && errno == ECHILD) return "ended (how is not known)";
    return std::nullopt;
}

void successor::let_go() {
    over_ = true;
    timer_.cancel();
    channel_.close();
}

void successor::give_up() noexcept {
    if (std::exchange(over_, true)) return;
    ::kill(process_, SIGTERM); // before the channel closes, which would make it the owner of all
    try {
        timer_.cancel();
        channel_.close();
    } catch (std::exception const&) {
        // The process ends.
    }
}

} // namespace millipede::detail
