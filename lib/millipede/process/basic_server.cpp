// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/basic_server.hpp>

#include <millipede/base/endpoint.hpp>

#include <boost/asio/post.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <utility>

namespace millipede {
namespace {

using namespace std::chrono_literals;

class payload_mail final : public detail::mail {
  public:
    payload_mail(connection_id id, payload message) : id_{id}, message_{std::move(message)} {}
    void run(detail::worker& recipient) override { recipient.send(id_, std::move(message_)); }

  private:
    connection_id id_;
    payload message_;
};

// There is no safe way to end a thread.
[[noreturn]] void end_process() noexcept {
    try {
        log(fatal) << "a handler holds a worker's thread beyond the deadline: ending the process";
        logging::flush_active();
    } catch (std::exception const&) {
        // No memory for a line.
    }
    std::quick_exit(EXIT_FAILURE);
}

std::string with_thousands(std::uint64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

} // namespace

basic_server::basic_server(options wanted) : limits_{validated(std::move(wanted))} {}

void basic_server::shut_down() noexcept {
    end_workers(); // all exist as long as a handler may ask for metrics
    supervisor_.reset();
    acceptor_.reset();
    workers_.reset();
}

void basic_server::end_workers() noexcept {
    if (!workers_ || !started_) return;
    try {
        acceptor_->stop();
    } catch (std::exception const&) {
        // No memory: whoever has not been accepted yet is reset.
    }
    workers_->stop();
    if (!workers_->wait_until(std::chrono::steady_clock::now() + limits_.stop_timeout + 1s))
        end_process();
    supervisor_->stop(); // until here it gave another thread to whoever lost its own
    workers_->join();
}

void basic_server::require_not_started(char const* what) const {
    if (started_) throw std::logic_error{std::string{what} + " after the server has been started"};
}

void basic_server::start() {
    if (started_) return;
    if (!logging::active()) logging_ = std::make_unique<logging>(limits_.log);
    try {
        workers_.emplace(limits_, protocols_);
        acceptor_.emplace(context_, *workers_, limits_);
        supervisor_.emplace(limits_, *workers_);
        listen();
        log_budget();
        started_ = true;
        workers_->start(
            [this] { detail::post_reserved(context_, end_memory_, [this] { context_.stop(); }); });
        supervisor_->start();
        acceptor_->start();
    } catch (...) { // as if nothing had happened: start() may be tried again
        abandon_start();
        throw;
    }
}

void basic_server::abandon_start() noexcept {
    if (workers_) workers_->disregard_end();
    end_workers();
    started_ = false;
    supervisor_.reset();
    acceptor_.reset();
    workers_.reset();
    endpoints_.clear();
}

void basic_server::listen() {
    for (auto const& text : limits_.listen)
        endpoints_.push_back(acceptor_->listen(parse_endpoint(text), 0));
}

void basic_server::log_budget() const {
    std::size_t session_bytes = 0;
    for (auto* speaker : protocols_)
        session_bytes = std::max(session_bytes, speaker->session_bytes());
    auto slot_bytes = detail::slots<detail::connection_record>::stride(session_bytes);
    std::uint64_t total = 0;
    for (auto const& term : memory_budget(limits_, slot_bytes)) {
        log(info) << "memory budget: " << with_thousands(term.count) << " x "
                  << with_thousands(term.each_bytes) << " B = " << with_thousands(term.bytes())
                  << " B for " << term.what;
        total += term.bytes();
    }
    log(info) << "memory budget: " << with_thousands(total) << " B in all, for "
              << with_thousands(std::uint64_t{limits_.workers} * limits_.connections_per_worker)
              << " connections on " << limits_.workers << " workers";
}

void basic_server::run() {
    if (ran_) throw std::logic_error{"run(): the server has run already"};
    start();
    ran_ = true;
    if (limits_.handle_signals) wait_for_signal();
    for (auto& task : periodics_)
        schedule(task);
    auto guard = boost::asio::make_work_guard(context_);
    try {
        context_.run();
    } catch (...) { // handlers must not run on while the caller's objects are destroyed
        end_workers();
        throw;
    }
    end_workers(); // which have ended, unless somebody stopped the io_context
}

void basic_server::stop() noexcept {
    if (!stop_asked_.exchange(true))
        detail::post_reserved(context_, stop_memory_, [this] { begin_stop(); });
}

void basic_server::wait_for_signal() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this](error_code code, int signal) {
        if (code) return;
        log(info) << (signal == SIGINT ? "SIGINT" : "SIGTERM")
                  << ": stopping; once more ends at once";
        signals_.clear(); // the second one has its default effect: the process ends
        begin_stop();
    });
}

void basic_server::every(std::chrono::milliseconds period, std::function<void()> f) {
    require_not_started("every()");
    if (period <= 0ms) throw std::invalid_argument{"every(): the period is not positive"};
    periodics_.push_back({period, std::move(f), boost::asio::steady_timer{context_}});
}

void basic_server::schedule(periodic& task) {
    // From the last time it was due, not from now: a slow function does not shift the rest.
    auto now = std::chrono::steady_clock::now();
    auto due = task.timer.expiry() + task.period;
    task.timer.expires_at(due > now ? due : now + task.period);
    task.timer.async_wait([this, &task](error_code code) {
        if (code) return;
        try {
            task.function();
        } catch (std::exception const& failure) {
            callback_failed(failure.what());
        } catch (...) {
            callback_failed("not a std::exception");
        }
        schedule(task);
    });
}

void basic_server::begin_stop() {
    if (std::exchange(stopping_, true)) return;
    acceptor_->stop();
    workers_->stop();
    deadline_.expires_after(limits_.stop_timeout + 1s);
    deadline_.async_wait([](error_code code) {
        if (!code) end_process();
    });
}

void basic_server::callback_failed(std::string_view what) noexcept {
    ++counters_.callback_failures;
    try {
        log(error) << "a function of every() failed: " << what;
    } catch (...) {
        // No memory for a line: the counter tells.
    }
}

metrics basic_server::metrics() const {
    millipede::metrics sum;
    if (!started_ || !workers_) return sum;
    sum += counters_;
    sum += acceptor_->counters();
    sum += supervisor_->counters();
    workers_->add_to(sum);
    return sum;
}

error_code basic_server::send(connection_id id, payload message) {
    auto* recipient = started_ ? workers_->find(id.worker()) : nullptr;
    if (!recipient) return started_ ? errc::stale_connection : errc::not_running;
    if (recipient == detail::worker::current()) return recipient->send(id, std::move(message));
    return recipient->post(std::make_unique<payload_mail>(id, std::move(message)));
}

error_code basic_server::post(connection_id id, std::unique_ptr<detail::mail> request) {
    auto* recipient = started_ ? workers_->find(id.worker()) : nullptr;
    if (!recipient) return started_ ? errc::stale_connection : errc::not_running;
    return recipient->post(std::move(request));
}

} // namespace millipede
