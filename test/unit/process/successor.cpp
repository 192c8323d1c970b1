// SPDX-License-Identifier: BSL-1.0
// Shell scripts in the place of the next process; its descriptor 3 is the channel.
#include <millipede/process/successor.hpp>

#include "support/wait.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <memory>
#include <string>

BOOST_AUTO_TEST_SUITE(successor)

namespace {

using namespace std::chrono_literals;
using millipede::detail::own_program;

struct fixture {
    void start(std::string const& text, std::chrono::milliseconds patience) {
        subject = std::make_shared<millipede::detail::successor>(
            context, patience, [this] { ready = true; },
            [this](std::string const& reason) { why = reason; });
        subject->start({"/bin/sh", {"sh", "-c", text}}, {});
    }
    /// Runs handlers until one of the two was called.
    void wait() {
        auto end = std::chrono::steady_clock::now() + test::patience;
        context.restart();
        while (!ready && why.empty() && std::chrono::steady_clock::now() < end)
            context.run_one_for(100ms);
    }
    int status() const {
        int status = 0;
        BOOST_REQUIRE(::waitpid(subject->process(), &status, 0) == subject->process());
        return status;
    }
    std::string name() const { return "process " + std::to_string(subject->process()); }

    boost::asio::io_context context;
    std::shared_ptr<millipede::detail::successor> subject;
    bool ready = false;
    std::string why;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(it_is_ready_when_it_says_so_and_free_when_let_go, fixture) {
    start("printf r >&3; read end <&3; exit 9", 1h);
    wait();
    BOOST_TEST(ready);
    BOOST_TEST(subject->pending());
    subject->let_go();
    BOOST_TEST(!subject->pending());
    subject->give_up();                     // does nothing any more
    BOOST_TEST(WEXITSTATUS(status()) == 9); // it has read the end
    context.run();                          // nothing holds it
    BOOST_TEST(why == "");
}

BOOST_FIXTURE_TEST_CASE(it_may_end_before, fixture) {
    start("exit 3", 1h);
    wait();
    BOOST_TEST(!ready);
    BOOST_TEST(why == name() + " ended with status 3 before it was ready");
    BOOST_TEST(!subject->pending());
    context.run();
}

BOOST_FIXTURE_TEST_CASE(it_may_take_too_long, fixture) {
    start("exec sleep 1000", 1ms);
    wait();
    BOOST_TEST(!ready);
    BOOST_TEST(why == name() + " was not ready within 1 ms; it was ended by signal 15");
    context.run();
}

BOOST_FIXTURE_TEST_CASE(it_may_close_the_channel_and_go_on, fixture) {
    start("exec 3>&-; exec sleep 1000", 1h);
    wait();
    BOOST_TEST(why == name() + " was ended by signal 9 before it was ready");
}

BOOST_FIXTURE_TEST_CASE(somebody_else_may_have_waited_for_its_end, fixture) {
    start("exit 3", 1h);
    status();
    wait();
    BOOST_TEST(why == name() + " ended (how is not known) before it was ready");
}

BOOST_FIXTURE_TEST_CASE(it_may_not_be_wanted_any_more, fixture) {
    start("exec sleep 1000", 1h);
    subject->give_up();
    subject->give_up();
    BOOST_TEST(WTERMSIG(status()) == SIGTERM);
    context.run();
    BOOST_TEST(!ready);
    BOOST_TEST(why == "");
    start("exec sleep 1000", 1h);
    auto second = subject->process();
    subject.reset(); // its handlers keep it
    context.restart();
    context.poll();
    BOOST_TEST(::kill(second, 0) == 0);
    ::kill(second, SIGKILL);
    wait();
    BOOST_TEST(why != "");
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_started_is_not_waited_for, fixture) {
    auto absent = std::make_shared<millipede::detail::successor>(
        context, 1h, [] {}, [](std::string const&) {});
    BOOST_CHECK_THROW(absent->start({"/nowhere/at all", {"x"}}, {}), boost::system::system_error);
    BOOST_TEST(!absent->pending());
    context.run();
}

BOOST_AUTO_TEST_SUITE_END()
