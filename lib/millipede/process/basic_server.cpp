// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/basic_server.hpp>

#include <millipede/process/process_role.hpp>

#include <algorithm>
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
    payload_mail(connection_id id, payload message, overflow_policy policy)
        : id_{id}, message_{std::move(message)}, policy_{policy} {}
    void run(detail::worker& recipient) override {
        recipient.send(id_, std::move(message_), policy_);
    }

  private:
    connection_id id_;
    payload message_;
    overflow_policy policy_;
};

std::string with_thousands(std::uint64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

// How long handlers may hold a thread beyond the deadline of the end.
constexpr auto grace = 1s;

// There is no safe way to end a thread.
[[noreturn]] void end_process(char const* why) noexcept {
    try {
        log(fatal) << why << " beyond the deadline: ending the process";
        logging::flush_active();
    } catch (std::exception const&) {
        // No memory for a line.
    }
    std::quick_exit(EXIT_FAILURE);
}

} // namespace

basic_server::basic_server(options wanted)
    : limits_{validated(std::move(wanted))},
      overflow_{limits_.overflow},
      listeners_given_{limits_.listen.size()} {
    for (auto const& each : limits_.listen)
        prepare_listener(each, 0);
}

basic_server::~basic_server() = default;

void basic_server::shut_down() noexcept {
    end_workers(std::chrono::steady_clock::now() + limits_.stop_timeout);
    end_awaiters_.complete(errc::not_running, {});
    supervisor_.reset(); // all exist as long as a handler may ask for metrics
    acceptor_.reset();
    offload_.reset();
    workers_.reset();
}

// `offload_cut`: until when requests that wait for the offload pool are still handled.
void basic_server::end_workers(std::chrono::steady_clock::time_point offload_cut) noexcept {
    if (!workers_ || !started_) return;
    try {
        acceptor_->stop();
    } catch (std::exception const&) {
        // No memory: whoever has not been accepted yet is reset.
    }
    workers_->stop();
    if (!workers_->wait_until(std::chrono::steady_clock::now() + limits_.stop_timeout + grace))
        end_process("a handler holds a worker's thread");
    supervisor_->stop(); // until here it gave another thread to whoever lost its own
    workers_->join();
    if (offload_ && !offload_->end(offload_cut, offload_cut + grace))
        end_process("an offloaded handler runs");
}

void basic_server::require_not_started(char const* what) const {
    if (started_) throw std::logic_error{std::string{what} + " after the server has been started"};
}

void basic_server::start() {
    if (started_) return;
    for (auto const* speaker : protocols_)
        if (limits_.heartbeat_interval > 0ms && speaker->heartbeat.empty())
            throw invalid_option{"heartbeat_interval", "no message to ask by; see set_heartbeat()"};
    if (!logging::active()) logging_ = std::make_unique<logging>(limits_.log);
    try {
        if (limits_.handle_signals) { // their default effect is to end the process
            wait_for_reload();
            wait_for_signal();
        }
        workers_.emplace(limits_, protocols_, greetings_);
        if (counts_commands_) workers_->count_commands();
        if (uses_offload_) offload_.emplace(*workers_, limits_);
        acceptor_.emplace(context_, *workers_, limits_);
        supervisor_.emplace(limits_, *workers_);
        begin_role(); // before anybody knows that there is a server: signals wait for run()
        listen();
        log_budget();
        started_with_ = limits_;
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
    end_workers(std::chrono::steady_clock::now());
    started_ = false;
    error_code ignored;
    reload_signals_.clear(ignored);
    signals_.clear(ignored);
    role_.reset();
    supervisor_.reset();
    acceptor_.reset();
    offload_.reset();
    workers_.reset();
    endpoints_.clear();
    places_.clear();
}

void basic_server::listen() {
    for (std::size_t index = 0; index < limits_.listen.size(); ++index) {
        auto const& wanted = limits_.listen[index];
        for (auto& opened : detail::listening_socket::open(wanted, limits_)) {
            acceptor_->add(opened, protocol_of_listener_[index], greeting_of_listener_[index],
                           wanted.proxy_protocol);
            if (opened.endpoint()) endpoints_.push_back(*opened.endpoint());
            places_.push_back(opened.name());
        }
    }
}

void basic_server::log_budget() const {
    std::size_t session_bytes = 0;
    for (auto* speaker : protocols_)
        session_bytes = std::max(session_bytes, speaker->session_bytes());
    auto slot_bytes =
        detail::connection_pool::slot_bytes(session_bytes, detail::slot_appendix{limits_});
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
    auto guard = boost::asio::make_work_guard(context_);
    try {
        for (auto& task : periodics_)
            schedule(task);
        role_->begin();
        context_.run();
    } catch (...) { // handlers must not run on while the caller's objects are destroyed
        role_->end();
        end_workers(std::chrono::steady_clock::now() + limits_.stop_timeout);
        throw;
    }
    // They have ended, unless somebody stopped the io_context.
    end_workers(stopping_ ? cut_ : std::chrono::steady_clock::now() + limits_.stop_timeout);
    if (stopping_) report_end();
    role_->end();
    auto result = stopping_ ? error_code{} : error_code{errc::not_running};
    if (end_awaiters_.complete(result, report_)) finish_handlers();
}

// What those who awaited the end have to do, if they do it here.
void basic_server::finish_handlers() {
    constexpr int handlers_max = 10'000; // one that posts itself again and again does not hold it
    deadline_.cancel();                  // it was kept
    context_.restart();
    for (int count = 0; count < handlers_max && context_.poll_one() != 0;)
        ++count;
}

void basic_server::stop() noexcept {
    if (!stop_asked_.exchange(true))
        detail::post_reserved(context_, stop_memory_,
                              [this] { begin_stop({.deadline = limits_.stop_timeout}); });
}

void basic_server::drain(std::chrono::milliseconds deadline, std::chrono::milliseconds spread) {
    constexpr std::chrono::milliseconds year = std::chrono::hours{24 * 365};
    if (deadline < 0ms || deadline > year || spread < 0ms || spread > year)
        throw std::invalid_argument{"drain(): a time is negative or longer than a year"};
    detail::stop_plan plan{.deadline = deadline,
                           .window = std::min(spread, deadline * 3 / 4),
                           .come_back = spread,
                           .says_goodbye = true};
    if (!drain_asked_.exchange(true)) // a second one would do nothing
        detail::post_reserved(context_, drain_memory_, [this, plan] { begin_stop(plan); });
}

void basic_server::wait_for_signal() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this](error_code code, int signal) {
        if (code) return;
        auto spread = limits_.drain_spread;
        auto over = spread == 0ms ? "" : " over " + std::to_string(spread.count()) + " ms";
        log(info) << (signal == SIGINT ? "SIGINT" : "SIGTERM") << ": stopping" << over
                  << "; once more ends at once";
        signals_.clear(); // the second one has its default effect: the process ends
        begin_stop(plan_after_signal());
    });
}

detail::stop_plan basic_server::plan_after_signal() const {
    auto spread = limits_.drain_spread;
    return {.deadline = spread + limits_.stop_timeout,
            .window = spread,
            .come_back = spread,
            .says_goodbye = true};
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

void basic_server::begin_stop(detail::stop_plan const& plan) {
    bool first = !std::exchange(stopping_, true);
    // What comes second can only cut a drain short.
    if (!first && (!draining_ || plan.says_goodbye)) return;
    draining_ = plan.says_goodbye;
    auto now = std::chrono::steady_clock::now();
    auto cut = now + plan.deadline;
    if (first) {
        before_end_ = metrics();
        end_began_ = now;
        cut_ = cut;
        acceptor_->stop();
        if (role_) role_->stopping(plan.deadline);
    }
    cut_ = std::min(cut_, cut);
    workers_->stop(plan);
    deadline_.expires_at(cut_ + grace);
    deadline_.async_wait([](error_code code) {
        if (!code) end_process("a handler holds a worker's thread");
    });
}

void basic_server::report_end() {
    auto sums = metrics();
    auto released = sums.released - before_end_.released;
    report_.cut = sums.cut - before_end_.cut;
    report_.in_peace = released - report_.cut;
    report_.requests_dropped = sums.offload_dropped;
    report_.took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - end_began_);
    log(info) << "ended in " << with_thousands(static_cast<std::uint64_t>(report_.took.count()))
              << " ms: " << with_thousands(report_.in_peace) << " connections in peace, "
              << with_thousands(report_.cut) << " cut off, "
              << with_thousands(report_.requests_dropped) << " offloaded requests dropped";
}

void basic_server::callback_failed(std::string_view what) noexcept {
    ++counters_.callback_failures;
    try {
        if (auto suppressed = callback_lines_.admit(std::chrono::steady_clock::now()))
            log(error) << "a function of every() failed: " << field("reason", what)
                       << suppressed_note(*suppressed);
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
    if (offload_) offload_->add_to(sum);
    return sum;
}

error_code basic_server::send(connection_id id, payload message) {
    return send(id, std::move(message), default_overflow());
}

error_code basic_server::send(connection_id id, payload message, overflow_policy policy) {
    auto* recipient = started_ ? workers_->find(id.worker()) : nullptr;
    if (!recipient) return started_ ? errc::stale_connection : errc::not_running;
    if (recipient == detail::worker::current())
        return recipient->send(id, std::move(message), policy);
    auto bytes = message.size();
    return recipient->post(std::make_unique<payload_mail>(id, std::move(message), policy), bytes);
}

error_code basic_server::post(connection_id id, std::unique_ptr<detail::mail> request) {
    auto* recipient = started_ ? workers_->find(id.worker()) : nullptr;
    if (!recipient) return started_ ? errc::stale_connection : errc::not_running;
    return recipient->post(std::move(request));
}

error_code basic_server::post_admitted(connection_id id, std::unique_ptr<detail::mail> request) {
    auto* recipient = started_ ? workers_->find(id.worker()) : nullptr;
    if (!recipient) return started_ ? errc::stale_connection : errc::not_running;
    return recipient->post_admitted(std::move(request));
}

detail::worker* basic_server::worker_here(connection_id id) noexcept {
    auto* found = started_ ? workers_->find(id.worker()) : nullptr;
    return found && found == detail::worker::current() ? found : nullptr;
}

} // namespace millipede
