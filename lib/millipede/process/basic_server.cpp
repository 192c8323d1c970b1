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

std::string with_thousands(std::uint64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

} // namespace

basic_server::basic_server(options wanted) : limits_{validated(std::move(wanted))} {
    prepare_greetings();
}

void basic_server::shut_down() noexcept {
    if (acceptor_) acceptor_->stop();
    if (workers_) { // both exist as long as a handler may ask for metrics
        workers_->stop();
        workers_->join();
    }
    acceptor_.reset();
    workers_.reset();
}

void basic_server::require_not_started(char const* what) const {
    if (started_) throw std::logic_error{std::string{what} + " after the server has been started"};
}

void basic_server::start() {
    if (started_) return;
    if (!logging::active()) logging_ = std::make_unique<logging>(limits_.log);
    workers_.emplace(limits_, protocols_, greetings_);
    acceptor_.emplace(context_, *workers_, limits_);
    listen();
    log_budget();
    started_ = true;
    workers_->start([this] { boost::asio::post(context_, [this] { context_.stop(); }); });
    acceptor_->start();
}

void basic_server::listen() {
    endpoints_.clear();
    try {
        for (std::size_t index = 0; index < limits_.listen.size(); ++index)
            endpoints_.push_back(acceptor_->listen(parse_endpoint(limits_.listen[index].endpoint),
                                                   0, greeting_of_listener_[index]));
    } catch (...) { // as if nothing had happened: start() may be tried again
        endpoints_.clear();
        acceptor_.reset();
        workers_.reset();
        throw;
    }
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
    if (limits_.handle_signals && !tls_.empty()) wait_for_reload();
    for (auto& task : periodics_)
        schedule(task);
    auto guard = boost::asio::make_work_guard(context_);
    try {
        context_.run();
    } catch (...) { // handlers must not run on while the caller's objects are destroyed
        acceptor_->stop();
        workers_->stop();
        workers_->join();
        throw;
    }
    workers_->join();
}

void basic_server::stop() {
    boost::asio::post(context_, [this] { begin_stop(); });
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
        if (code) return;
        log(fatal) << "a handler holds a worker's thread beyond the deadline: ending the process";
        logging::flush_active();
        std::quick_exit(EXIT_FAILURE);
    });
}

void basic_server::callback_failed(std::string_view what) {
    ++counters_.callback_failures;
    log(error) << "a function of every() failed: " << what;
}

metrics basic_server::metrics() const {
    millipede::metrics sum;
    if (!started_ || !workers_) return sum;
    sum += counters_;
    sum += acceptor_->counters();
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
