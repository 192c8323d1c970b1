// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/connection_pool.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(connection_pool)

using millipede::as_bytes;
using millipede::connection_id;
using millipede::errc;
using millipede::payload;
using millipede::detail::connection_record;
using millipede::detail::no_slot;
using pool_type = millipede::detail::connection_pool;
using state = connection_record::state;

namespace {

constexpr std::uint32_t worker_number = 3;

pool_type make_pool(std::uint32_t count = 8, std::size_t session_bytes = 16,
                    std::size_t budget_bytes = 1'000'000) {
    return pool_type{worker_number, count, session_bytes, budget_bytes};
}

/// Two connected sockets; `far` is closed in the end, `near` is for a connection to own.
struct socket_pair {
    socket_pair() {
        int ends[2];
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        near = ends[0];
        far = ends[1];
    }
    ~socket_pair() { ::close(far); }
    socket_pair(socket_pair const&) = delete;
    socket_pair& operator=(socket_pair const&) = delete;

    /// Whether the near end was closed.
    bool ended() const {
        char byte = 0;
        return ::recv(far, &byte, 1, MSG_DONTWAIT) == 0;
    }

    int near = -1;
    int far = -1;
};

bool is_open(int descriptor) {
    return ::fcntl(descriptor, F_GETFD) != -1;
}

/// A transport that only tells what was done to it.
struct told_transport final : millipede::detail::transport {
    struct history {
        int closed = 0;
        int aborted = 0;
        int destroyed = 0;
    };
    explicit told_transport(history& told) : what{&told} {}
    ~told_transport() override { ++what->destroyed; }
    void start(std::function<void(millipede::detail::edge)>) override {}
    millipede::detail::io_result read(std::span<std::byte>) override { return {}; }
    millipede::detail::io_result write(std::span<iovec const>) override { return {}; }
    millipede::error_code failure() const override { return {}; }
    bool flushed() const override { return true; }
    void shutdown_write() override {}
    void close() override { ++what->closed; }
    void abort() override { ++what->aborted; }
    boost::asio::ip::tcp::endpoint remote_endpoint(millipede::error_code&) const override {
        return {};
    }
    history* what;
};

constexpr auto entry = millipede::detail::write_queue::entry_bytes;

void enqueue(pool_type& pool, connection_record& record, std::string_view text) {
    auto& queue = pool.extend(record).output;
    BOOST_REQUIRE(queue.push_droppable(payload{as_bytes(text)}, pool.ledger()));
    pool.weigh(record);
}

void keep_input(pool_type& pool, connection_record& record, std::string_view text) {
    BOOST_REQUIRE(pool.extend(record).input.append(as_bytes(text), pool.buffers()));
}

std::uint32_t slot_of(pool_type& pool, connection_record const& record) {
    return pool.all().slot_of(record);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_connection_begins_open_idle_and_with_nothing) {
    auto pool = make_pool();
    auto* record = pool.open(2, 7);
    BOOST_TEST_REQUIRE(record != nullptr);
    BOOST_TEST((record->where == state::open));
    BOOST_TEST(record->descriptor == -1);
    BOOST_TEST(record->generation == 1U);
    BOOST_TEST(record->protocol == 2);
    BOOST_TEST(record->flags == 0);
    BOOST_TEST(record->active_tick == 7U);
    BOOST_TEST(record->extra == nullptr);
    BOOST_TEST(record->receiving());
    BOOST_TEST(!record->has_output());
    BOOST_TEST(pool.idle.front() == slot_of(pool, *record));
    BOOST_TEST(pool.blocked.empty());
    BOOST_TEST(pool.lingering.empty());
}

BOOST_AUTO_TEST_CASE(as_many_are_opened_as_there_are_slots) {
    auto pool = make_pool(3);
    std::set<connection_record*> records;
    for (int count = 0; count < 3; ++count)
        records.insert(pool.open(0, 0));
    BOOST_TEST(records.count(nullptr) == 0U);
    BOOST_TEST(records.size() == 3U);
    BOOST_TEST(pool.open(0, 0) == nullptr);
    pool.release(**records.begin());
    BOOST_TEST(pool.open(0, 0) == *records.begin());
    BOOST_TEST(pool.open(0, 0) == nullptr);
    BOOST_TEST(pool.all().in_use() == 3U);
}

BOOST_AUTO_TEST_CASE(a_connection_is_found_by_its_id_and_its_token) {
    auto pool = make_pool();
    pool.open(0, 0);
    auto* record = pool.open(0, 0);
    auto id = pool.id_of(*record);
    BOOST_TEST(id.worker() == worker_number);
    BOOST_TEST(id.slot() == 1U);
    BOOST_TEST(id.generation() == 1U);
    BOOST_TEST(pool.find(id) == record);
    BOOST_TEST(pool.token_of(*record) == (std::uint64_t{1} << 32 | 1));
    BOOST_TEST(pool.find_token(pool.token_of(*record)) == record);
}

BOOST_AUTO_TEST_CASE(stale_and_foreign_ids_find_nobody) {
    auto pool = make_pool();
    auto* record = pool.open(0, 0);
    auto id = pool.id_of(*record);
    auto token = pool.token_of(*record);
    BOOST_TEST(pool.find({}) == nullptr);
    BOOST_TEST(pool.find({worker_number + 1, id.slot(), id.generation()}) == nullptr);
    BOOST_TEST(pool.find({worker_number, id.slot(), id.generation() + 1}) == nullptr);
    BOOST_TEST(pool.find({worker_number, 1, 1}) == nullptr); // never used
    BOOST_TEST(pool.find({worker_number, 1, 0}) == nullptr);
    BOOST_TEST(pool.find({worker_number, connection_id::slots_max - 1, 1}) == nullptr);

    pool.release(*record);
    BOOST_TEST(pool.find(id) == nullptr);
    BOOST_TEST(pool.find_token(token) == nullptr);
    BOOST_TEST(pool.find({worker_number, id.slot(), id.generation() + 1}) == nullptr); // free
    auto* successor = pool.open(0, 0);
    BOOST_TEST(successor == record); // the same slot
    BOOST_TEST(pool.find(id) == nullptr);
    BOOST_TEST(pool.find_token(token) == nullptr);
    BOOST_TEST(pool.find(pool.id_of(*successor)) == successor);
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_has_no_name_but_keeps_its_token) {
    auto pool = make_pool();
    auto* record = pool.open(0, 0);
    auto id = pool.id_of(*record);
    for (auto where : {state::flushing, state::lingering}) {
        if (where == state::lingering)
            pool.linger(*record, 1);
        else
            record->where = where;
        BOOST_TEST(pool.find(id) == nullptr);
        BOOST_TEST(pool.find_token(pool.token_of(*record)) == record);
        BOOST_TEST(!record->receiving());
    }
}

BOOST_AUTO_TEST_CASE(flags_are_set_and_cleared_by_themselves) {
    connection_record record;
    record.where = state::open;
    for (auto one : {connection_record::output_blocked, connection_record::input_paused,
                     connection_record::close_requested, connection_record::output_watched,
                     connection_record::needs_settling, connection_record::input_waits,
                     connection_record::abort_on_close, connection_record::hung_up,
                     connection_record::throttled, connection_record::awaits_first,
                     connection_record::awaits_rest}) {
        BOOST_TEST(!record.is(one));
        auto before = record.flags;
        record.set(one);
        BOOST_TEST(record.is(one));
        BOOST_TEST(record.flags != before);
        bool stops =
            one == connection_record::output_blocked || one == connection_record::input_paused ||
            one == connection_record::close_requested || one == connection_record::throttled;
        BOOST_TEST(record.receiving() == !stops);
        record.clear(one);
        BOOST_TEST(record.flags == before);
    }
    record.set(connection_record::needs_settling);
    record.set(connection_record::input_waits);
    record.clear(connection_record::needs_settling);
    BOOST_TEST(record.is(connection_record::input_waits));
}

BOOST_AUTO_TEST_CASE(sessions_follow_their_records_and_do_not_overlap) {
    auto pool = make_pool(4, 20);
    std::vector<connection_record*> records;
    for (unsigned char count = 0; count < 4; ++count) {
        records.push_back(pool.open(0, 0));
        auto* session = pool.session_of(*records.back());
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(session) % 8 == 0U);
        std::memset(session, count + 1, 20);
    }
    for (unsigned char count = 0; count < 4; ++count) {
        auto const* session = static_cast<unsigned char*>(pool.session_of(*records[count]));
        for (int index = 0; index < 20; ++index)
            BOOST_TEST(session[index] == count + 1);
        BOOST_TEST((records[count]->where == state::open));
    }
}

BOOST_AUTO_TEST_CASE(a_connection_is_on_the_list_of_its_state) {
    auto pool = make_pool();
    auto* first = pool.open(0, 1);
    auto* second = pool.open(0, 2);
    auto one = slot_of(pool, *first);
    auto two = slot_of(pool, *second);
    BOOST_TEST(pool.idle.front() == one);

    pool.block(*first, 3);
    BOOST_TEST(first->is(connection_record::output_blocked));
    BOOST_TEST(!first->receiving());
    BOOST_TEST(first->active_tick == 3U);
    BOOST_TEST(pool.idle.front() == two);
    BOOST_TEST(pool.blocked.front() == one);

    pool.unblock(*first, 4);
    BOOST_TEST(first->receiving());
    BOOST_TEST(first->active_tick == 4U);
    BOOST_TEST(pool.blocked.empty());
    BOOST_TEST(pool.idle.front() == two);
    BOOST_TEST(second->links.next == one);

    pool.linger(*second, 5);
    BOOST_TEST((second->where == state::lingering));
    BOOST_TEST(second->active_tick == 5U);
    BOOST_TEST(pool.idle.front() == one);
    BOOST_TEST(pool.lingering.front() == two);

    pool.block(*first, 6);
    first->where = state::flushing;
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(pool.blocked.front() == one);
    pool.linger(*first, 7);
    BOOST_TEST(pool.blocked.empty());
    BOOST_TEST(second->links.next == one);

    pool.release(*first);
    pool.release(*second);
    BOOST_TEST(pool.lingering.empty());
}

BOOST_AUTO_TEST_CASE(who_is_asked_whether_it_is_there_is_idle_until_it_answers) {
    auto pool = make_pool();
    auto* first = pool.open(0, 1);
    auto* second = pool.open(0, 2);
    auto one = slot_of(pool, *first);
    auto two = slot_of(pool, *second);
    pool.ask(*first);
    BOOST_TEST(pool.idle.front() == two);
    BOOST_TEST(pool.asked.front() == one);
    BOOST_TEST(first->active_tick == 1U); // its time goes on
    BOOST_TEST(first->receiving());
    pool.ask(*second);
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(first->links.next == two);

    pool.touch(*first, 9);
    BOOST_TEST(pool.idle.front() == one);
    BOOST_TEST(first->active_tick == 9U);
    BOOST_TEST(!first->is(connection_record::asked));
    BOOST_TEST(pool.asked.front() == two);

    pool.block(*second, 10); // nobody knows whether the question has left
    pool.unblock(*second, 11);
    BOOST_TEST(pool.asked.empty());
    BOOST_TEST(first->links.next == two);

    pool.ask(*first);
    pool.progress(*first, false, true, 12); // what a pause kept is the beginning of a message
    BOOST_TEST(pool.incomplete.front() == one);
    pool.progress(*first, true, false, 13);
    BOOST_TEST(pool.asked.empty());
    BOOST_TEST(second->links.next == one);

    pool.ask(*second);
    pool.release(*second);
    BOOST_TEST(pool.asked.empty());
    pool.ask(*first);
    pool.linger(*first, 14);
    BOOST_TEST(pool.asked.empty());
    BOOST_TEST(pool.lingering.front() == one);
    pool.release(*first);
    BOOST_TEST(pool.lingering.empty());
}

BOOST_AUTO_TEST_CASE(who_is_asked_and_then_sends_too_fast_is_there) {
    auto pool = make_pool();
    auto* fast = pool.open(0, 1);
    auto fast_slot = slot_of(pool, *fast);
    pool.ask(*fast);
    pool.throttle(*fast, 5); // by messages that were read before
    BOOST_TEST(pool.asked.empty());
    BOOST_TEST(!fast->is(connection_record::asked));
    pool.unthrottle(*fast, 6);
    BOOST_TEST(pool.asked.empty());
    BOOST_TEST(pool.idle.front() == fast_slot);
}

BOOST_AUTO_TEST_CASE(the_blocked_ones_are_in_the_order_of_their_output) {
    auto pool = make_pool();
    auto* small = pool.open(0, 0);
    auto* large = pool.open(0, 0);
    auto* largest_of_all = pool.open(0, 0);
    enqueue(pool, *small, "x");
    enqueue(pool, *large, std::string(1'000, 'x'));
    enqueue(pool, *largest_of_all, std::string(9'000, 'x'));
    BOOST_TEST(pool.by_size.largest() == no_slot); // their peers take it, as far as is known
    pool.block(*small, 1);
    pool.block(*large, 1);
    BOOST_TEST(pool.by_size.largest() == slot_of(pool, *large));
    enqueue(pool, *small, std::string(3'000, 'x')); // grows while it is blocked
    BOOST_TEST(pool.by_size.largest() == slot_of(pool, *small));
    small->extra->output.consume(3'001, pool.ledger());
    pool.weigh(*small);
    BOOST_TEST(pool.by_size.largest() == slot_of(pool, *large));
    pool.unblock(*large, 2);
    BOOST_TEST(pool.by_size.largest() == no_slot);
    pool.block(*large, 3);
    pool.block(*largest_of_all, 3);
    pool.release(*largest_of_all);
    BOOST_TEST(pool.by_size.largest() == slot_of(pool, *large));
    pool.release(*large);
    BOOST_TEST(pool.by_size.largest() == no_slot);
}

BOOST_AUTO_TEST_CASE(a_touch_moves_a_connection_within_its_own_list) {
    auto pool = make_pool();
    std::vector<connection_record*> records;
    for (int count = 0; count < 6; ++count)
        records.push_back(pool.open(0, 0));
    for (auto index : {2U, 3U})
        pool.block(*records[index], 0);
    for (auto index : {4U, 5U})
        pool.linger(*records[index], 0);
    for (auto index : {0U, 2U, 4U})
        pool.touch(*records[index], 1);
    BOOST_TEST(pool.idle.front() == 1U);
    BOOST_TEST(pool.blocked.front() == 3U);
    BOOST_TEST(pool.lingering.front() == 5U);
    BOOST_TEST(records[2]->active_tick == 1U);
    pool.touch(*records[1], 1);
    BOOST_TEST(pool.idle.front() == 0U);
    pool.touch(*records[0], 1); // at most once per tick
    BOOST_TEST(pool.idle.front() == 0U);
}

BOOST_AUTO_TEST_CASE(a_release_takes_a_connection_off_any_list) {
    auto pool = make_pool();
    std::vector<connection_record*> records;
    for (int count = 0; count < 6; ++count)
        records.push_back(pool.open(0, 0));
    for (auto index : {2U, 3U})
        pool.block(*records[index], 0);
    for (auto index : {4U, 5U})
        pool.linger(*records[index], 0);
    records[3]->where = state::flushing;
    for (auto index : {0U, 2U, 4U})
        pool.release(*records[index]);
    BOOST_TEST(pool.idle.front() == 1U);
    BOOST_TEST(pool.blocked.front() == 3U);
    BOOST_TEST(pool.lingering.front() == 5U);
    for (auto index : {1U, 3U, 5U})
        pool.release(*records[index]);
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(pool.blocked.empty());
    BOOST_TEST(pool.lingering.empty());
    BOOST_TEST(pool.all().in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_release_closes_the_socket) {
    auto pool = make_pool();
    socket_pair sockets;
    auto* record = pool.open(0, 0);
    record->descriptor = sockets.near;
    BOOST_TEST(!sockets.ended());
    pool.release(*record);
    BOOST_TEST(sockets.ended());
    BOOST_TEST(!is_open(sockets.near));
    BOOST_TEST(record->descriptor == -1);
}

BOOST_AUTO_TEST_CASE(a_release_can_end_with_a_reset) {
    auto pool = make_pool();
    for (bool abort : {false, true}) {
        auto listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        BOOST_REQUIRE(::bind(listener, generic, size) == 0);
        BOOST_REQUIRE(::listen(listener, 1) == 0);
        BOOST_REQUIRE(::getsockname(listener, generic, &size) == 0);
        auto far = ::socket(AF_INET, SOCK_STREAM, 0);
        BOOST_REQUIRE(::connect(far, generic, size) == 0);

        auto* record = pool.open(0, 0);
        record->descriptor = ::accept(listener, nullptr, nullptr);
        BOOST_REQUIRE(record->descriptor >= 0);
        if (abort) record->set(connection_record::abort_on_close);
        pool.release(*record);
        char byte = 0;
        auto got = ::recv(far, &byte, 1, 0);
        if (abort) {
            BOOST_TEST(got == -1);
            BOOST_TEST(errno == ECONNRESET);
        } else {
            BOOST_TEST(got == 0);
        }
        ::close(far);
        ::close(listener);
    }
}

BOOST_AUTO_TEST_CASE(a_release_gives_back_buffers_and_budget) {
    auto pool = make_pool();
    auto* record = pool.open(0, 0);
    auto* other = pool.open(0, 0);
    enqueue(pool, *other, "stays");
    enqueue(pool, *record, "some output");
    enqueue(pool, *record, "and more");
    keep_input(pool, *record, "incomplete");
    record->extra->output.consume(4, pool.ledger());
    record->extra->close_code = errc::output_full;
    record->set(connection_record::close_requested);
    BOOST_TEST(record->has_output());
    BOOST_TEST(pool.budget().used_bytes() == 5U + entry + 19 + 2 * entry + 512);
    pool.release(*record);
    BOOST_TEST(pool.budget().used_bytes() == 5U + entry);
    BOOST_TEST(other->has_output());
}

BOOST_AUTO_TEST_CASE(the_next_owner_of_a_slot_finds_nothing_of_the_one_before) {
    auto pool = make_pool(1);
    auto* record = pool.open(5, 0);
    enqueue(pool, *record, "secret");
    keep_input(pool, *record, "secret");
    record->extra->input.needed = 99;
    record->extra->close_code = errc::bad_magic;
    record->extra->untold.messages = 3;
    for (auto one : {connection_record::close_requested, connection_record::input_paused,
                     connection_record::output_watched, connection_record::needs_settling,
                     connection_record::input_waits, connection_record::abort_on_close})
        record->set(one);
    pool.block(*record, 1);
    pool.release(*record);

    auto* successor = pool.open(0, 2);
    BOOST_TEST_REQUIRE(successor == record);
    BOOST_TEST(successor->flags == 0);
    BOOST_TEST(successor->extra == nullptr);
    BOOST_TEST(successor->protocol == 0);
    BOOST_TEST(pool.idle.front() == 0U);
    auto& extra = pool.extend(*successor);
    BOOST_TEST(extra.input.empty());
    BOOST_TEST(extra.input.needed == 0U);
    BOOST_TEST(extra.output.empty());
    BOOST_TEST(!extra.close_code.failed());
    BOOST_TEST(extra.untold.messages == 0U);
    BOOST_TEST(extra.by_size.size_class == 0);
    BOOST_TEST(!extra.stream);
}

BOOST_AUTO_TEST_CASE(a_release_closes_and_destroys_a_transport) {
    auto pool = make_pool();
    told_transport::history told;
    auto* record = pool.open(0, 0);
    pool.extend(*record).stream = std::make_unique<told_transport>(told);
    pool.release(*record);
    BOOST_TEST(told.closed == 1);
    BOOST_TEST(told.destroyed == 1);
}

BOOST_AUTO_TEST_CASE(a_release_with_a_reset_aborts_a_transport) {
    auto pool = make_pool();
    told_transport::history told;
    auto* record = pool.open(0, 0);
    pool.extend(*record).stream = std::make_unique<told_transport>(told);
    record->set(connection_record::abort_on_close);
    pool.release(*record);
    BOOST_TEST(told.aborted == 1);
    BOOST_TEST(told.closed == 0);
    BOOST_TEST(told.destroyed == 1);
}

BOOST_AUTO_TEST_CASE(who_has_to_greet_first_is_on_a_list_of_its_own_and_has_no_name) {
    auto pool = make_pool();
    auto* record = pool.open(0, 3);
    auto id = pool.id_of(*record);
    pool.greet(*record, 5);
    BOOST_TEST((record->where == state::greeting));
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(pool.greeting.overdue(9, 5) == no_slot);
    BOOST_TEST(pool.greeting.overdue(10, 5) == slot_of(pool, *record));
    BOOST_TEST(pool.find(id) == nullptr);
    pool.welcome(*record, 7);
    BOOST_TEST((record->where == state::open));
    BOOST_TEST(pool.greeting.empty());
    BOOST_TEST(pool.idle.front() == slot_of(pool, *record));
    BOOST_TEST(record->active_tick == 7U);
    BOOST_TEST(pool.find(id) == record);
}

BOOST_AUTO_TEST_CASE(a_greeting_may_end_in_any_way) {
    auto pool = make_pool();
    auto* released = pool.open(0, 0);
    auto* lingering = pool.open(0, 0);
    for (auto* record : {released, lingering})
        pool.greet(*record, 0);
    pool.linger(*lingering, 1);
    BOOST_TEST(pool.lingering.front() == slot_of(pool, *lingering));
    BOOST_TEST(pool.greeting.front() == slot_of(pool, *released));
    pool.release(*released);
    BOOST_TEST(pool.greeting.empty());
    pool.release(*lingering);
    BOOST_TEST(pool.all().in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(an_extension_stays_for_a_greeting_and_for_the_client_behind_a_proxy) {
    auto pool = make_pool();
    auto* record = pool.open(0, 0);
    auto* extra = &pool.extend(*record);
    extra->greeting = 1;
    pool.trim(*record);
    BOOST_TEST(record->extra == extra);
    extra->greeting = 0;
    extra->client = std::make_unique<boost::asio::ip::tcp::endpoint>();
    pool.trim(*record);
    BOOST_TEST(record->extra == extra);
    extra->greeting = 2;
    pool.release(*record);

    auto& next = pool.extend(*pool.open(0, 0));
    BOOST_TEST(&next == extra); // the same one, and nothing of its former owner in it
    BOOST_TEST(!next.client);
    BOOST_TEST(next.greeting == 0);
}

BOOST_AUTO_TEST_CASE(an_extension_is_made_once) {
    auto pool = make_pool();
    auto* record = pool.open(0, 0);
    auto& extra = pool.extend(*record);
    BOOST_TEST(record->extra == &extra);
    BOOST_TEST(&pool.extend(*record) == &extra);
}

BOOST_AUTO_TEST_CASE(a_trimmed_extension_is_used_again) {
    auto pool = make_pool();
    auto* first = pool.open(0, 0);
    auto* second = pool.open(0, 0);
    auto* extra = &pool.extend(*first);
    extra->close_code = errc::bad_size;
    pool.trim(*first);
    BOOST_TEST(first->extra == nullptr);
    BOOST_TEST(&pool.extend(*second) == extra);
    BOOST_TEST(!second->extra->close_code.failed());
    BOOST_TEST(&pool.extend(*first) != extra);
}

BOOST_AUTO_TEST_CASE(an_extension_that_holds_something_is_not_trimmed) {
    auto pool = make_pool();
    told_transport::history told;
    auto* record = pool.open(0, 0);
    pool.trim(*record); // without one
    BOOST_TEST(record->extra == nullptr);

    keep_input(pool, *record, "incomplete");
    pool.trim(*record);
    BOOST_TEST(record->extra != nullptr);
    record->extra->input.release(pool.buffers());

    enqueue(pool, *record, "output");
    pool.trim(*record);
    BOOST_TEST(record->extra != nullptr);
    record->extra->output.consume(6, pool.ledger());
    record->extra->untold.messages = 1;
    pool.trim(*record);
    BOOST_TEST(record->extra != nullptr);
    record->extra->untold = {};

    record->set(connection_record::close_requested);
    pool.trim(*record);
    BOOST_TEST(record->extra != nullptr);
    record->clear(connection_record::close_requested);

    record->extra->stream = std::make_unique<told_transport>(told);
    pool.trim(*record);
    BOOST_TEST(record->extra != nullptr);
    record->extra->stream.reset();

    pool.trim(*record);
    BOOST_TEST(record->extra == nullptr);
    BOOST_TEST(pool.budget().used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(many_extensions_come_and_go) {
    auto pool = make_pool(3'000, 0, 100'000'000); // more than are kept in reserve
    std::vector<connection_record*> records;
    for (int count = 0; count < 3'000; ++count) {
        records.push_back(pool.open(0, 0));
        enqueue(pool, *records.back(), "x");
    }
    for (auto* record : records)
        pool.release(*record);
    BOOST_TEST(pool.budget().used_bytes() == 0U);
    BOOST_TEST(pool.idle.empty());
}

BOOST_AUTO_TEST_CASE(a_used_up_budget_refuses_input_and_output) {
    auto pool = make_pool(2, 0, 600);
    auto* record = pool.open(0, 0);
    keep_input(pool, *record, "incomplete");
    auto* other = pool.open(0, 0);
    auto& input = pool.extend(*other).input;
    BOOST_TEST(!input.append(as_bytes("refused"), pool.buffers()));
    BOOST_TEST(!pool.budget().take(100));
    pool.release(*record);
    BOOST_TEST(input.append(as_bytes("granted"), pool.buffers()));
}

BOOST_AUTO_TEST_CASE(an_end_with_live_connections_closes_them_all) {
    socket_pair idle;
    socket_pair blocked;
    socket_pair lingering;
    socket_pair released;
    told_transport::history told;
    {
        auto pool = make_pool();
        pool.open(0, 0)->descriptor = idle.near;
        auto* second = pool.open(0, 0);
        second->descriptor = blocked.near;
        enqueue(pool, *second, "unsent");
        keep_input(pool, *second, "incomplete");
        pool.block(*second, 0);
        second->where = state::flushing;
        auto* third = pool.open(0, 0);
        third->descriptor = lingering.near;
        pool.linger(*third, 0);
        auto* fourth = pool.open(0, 0);
        pool.extend(*fourth).stream = std::make_unique<told_transport>(told);
        auto* fifth = pool.open(0, 0);
        fifth->descriptor = released.near;
        pool.release(*fifth);
        BOOST_TEST(released.ended());
        BOOST_TEST(!idle.ended());
    }
    BOOST_TEST(idle.ended());
    BOOST_TEST(blocked.ended());
    BOOST_TEST(lingering.ended());
    BOOST_TEST(told.closed == 1);
    BOOST_TEST(told.destroyed == 1);
    for (int descriptor : {idle.near, blocked.near, lingering.near})
        BOOST_TEST(!is_open(descriptor));
}

BOOST_AUTO_TEST_CASE(a_history_of_many_connections_never_mixes_names) {
    auto pool = make_pool(4);
    std::set<std::uint64_t> names;
    std::vector<connection_id> ended;
    for (int turn = 0; turn < 500; ++turn) {
        auto* first = pool.open(0, 0);
        auto* second = pool.open(0, 0);
        for (auto* record : {first, second}) {
            auto id = pool.id_of(*record);
            BOOST_TEST(names.insert(id.value()).second); // never seen before
            ended.push_back(id);
        }
        pool.release(turn % 2 == 0 ? *first : *second);
        pool.release(turn % 2 == 0 ? *second : *first);
        for (auto id : ended)
            BOOST_REQUIRE(pool.find(id) == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(a_newcomer_counts_from_its_beginning_until_a_message_is_complete) {
    auto pool = make_pool();
    auto* record = pool.open(0, 1);
    auto slot = slot_of(pool, *record);
    pool.await_first(*record, 1);
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(pool.newcomers.front() == slot);
    for (std::uint32_t tick = 2; tick < 5; ++tick) { // bytes come, and no message of them
        pool.touch(*record, tick);
        pool.progress(*record, false, tick % 2 == 0, tick);
        BOOST_TEST(pool.newcomers.front() == slot);
        BOOST_TEST(record->active_tick == 1U);
    }
    pool.progress(*record, true, false, 5);
    BOOST_TEST(pool.newcomers.empty());
    BOOST_TEST(pool.idle.front() == slot);
    BOOST_TEST(record->active_tick == 5U);
    pool.release(*record);
}

BOOST_AUTO_TEST_CASE(an_incomplete_message_counts_from_its_own_beginning) {
    auto pool = make_pool();
    auto* record = pool.open(0, 1);
    auto slot = slot_of(pool, *record);
    pool.progress(*record, false, true, 2);
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(pool.incomplete.front() == slot);
    pool.touch(*record, 3); // one byte more
    pool.progress(*record, false, true, 3);
    BOOST_TEST(record->active_tick == 2U);
    pool.progress(*record, true, true, 4); // complete, and the next one begun
    BOOST_TEST(pool.incomplete.front() == slot);
    BOOST_TEST(record->active_tick == 4U);
    pool.progress(*record, true, false, 5);
    BOOST_TEST(pool.incomplete.empty());
    BOOST_TEST(pool.idle.front() == slot);
    BOOST_TEST(record->active_tick == 5U);
    pool.release(*record);
}

BOOST_AUTO_TEST_CASE(a_newcomer_that_ends_its_first_message_in_the_middle_of_the_next) {
    auto pool = make_pool();
    auto* record = pool.open(0, 1);
    pool.await_first(*record, 1);
    pool.progress(*record, true, true, 2);
    BOOST_TEST(pool.newcomers.empty());
    BOOST_TEST(pool.incomplete.front() == slot_of(pool, *record));
    BOOST_TEST(record->active_tick == 2U);
    pool.release(*record);
    BOOST_TEST(pool.incomplete.empty());
}

BOOST_AUTO_TEST_CASE(throttled_connections_stand_in_line_and_go_back_to_where_they_were) {
    auto pool = make_pool();
    auto* first = pool.open(0, 1);
    auto* second = pool.open(0, 1);
    pool.throttle(*first, 2);
    pool.throttle(*second, 3);
    BOOST_TEST(!first->receiving());
    BOOST_TEST(pool.idle.empty());
    BOOST_TEST(pool.throttled.front() == slot_of(pool, *first));
    pool.touch(*first, 4);
    BOOST_TEST(first->active_tick == 2U);
    pool.restart(*first, 4);
    BOOST_TEST(pool.throttled.front() == slot_of(pool, *second));
    BOOST_TEST(first->active_tick == 4U);
    pool.unthrottle(*second, 5);
    BOOST_TEST(second->receiving());
    BOOST_TEST(pool.idle.front() == slot_of(pool, *second));
    BOOST_TEST(second->active_tick == 5U);
    pool.release(*first);
    pool.release(*second);
    BOOST_TEST(pool.throttled.empty());
    BOOST_TEST(pool.idle.empty());
}

BOOST_AUTO_TEST_CASE(who_takes_no_output_is_on_that_list_whatever_else_it_does) {
    auto pool = make_pool();
    auto* record = pool.open(0, 1);
    auto slot = slot_of(pool, *record);
    pool.block(*record, 2);
    pool.throttle(*record, 2);
    BOOST_TEST(pool.blocked.front() == slot);
    pool.progress(*record, true, true, 3);
    BOOST_TEST(pool.blocked.front() == slot);
    BOOST_TEST(record->active_tick == 2U); // the time of its output goes on
    pool.unblock(*record, 4);
    BOOST_TEST(pool.throttled.front() == slot);
    pool.unthrottle(*record, 5);
    BOOST_TEST(pool.incomplete.front() == slot);
    pool.linger(*record, 6);
    BOOST_TEST(pool.incomplete.empty());
    BOOST_TEST(pool.lingering.front() == slot);
    pool.release(*record);
    BOOST_TEST(pool.lingering.empty());
}

BOOST_AUTO_TEST_CASE(limits_that_are_off_take_no_room_in_the_slots) {
    using millipede::detail::slot_appendix;
    millipede::options off;
    BOOST_TEST(slot_appendix{off}.bytes() == 0U);
    BOOST_TEST(pool_type::slot_bytes(0, slot_appendix{off}) == sizeof(connection_record));
    BOOST_TEST(pool_type::slot_bytes(20, slot_appendix{off}) == sizeof(connection_record) + 24);
    off.first_message_timeout = std::chrono::seconds{1};
    off.message_timeout = std::chrono::seconds{1};
    off.connections_max = 1;
    off.accepts_per_second_per_source = 1;
    BOOST_TEST(slot_appendix{off}.bytes() == 0U);

    millipede::options on;
    on.connections_per_source_max = 1;
    BOOST_TEST(slot_appendix{on}.bytes() == 8U);
    on.bytes_per_second = 1;
    BOOST_TEST(slot_appendix{on}.bytes() == 24U);
    on.messages_per_second = 1;
    BOOST_TEST(slot_appendix{on}.bytes() == 24U);
    on.connections_per_source_max = 0;
    on.bytes_per_second = 0;
    BOOST_TEST(slot_appendix{on}.bytes() == 16U);
}

BOOST_AUTO_TEST_CASE(what_limits_know_stands_beside_the_session_and_is_new_for_each_connection) {
    using millipede::detail::slot_appendix;
    pool_type pool{worker_number, 4, 20, 1'000'000, slot_appendix{true, true}};
    millipede::detail::source_key const here{boost::asio::ip::address_v4::loopback()};
    millipede::detail::rate_limit::bucket const used{
        millipede::detail::rate_limit::time_point{std::chrono::hours{1}}};
    std::vector<connection_record*> records;
    for (unsigned char count = 0; count < 4; ++count) {
        auto& record = *records.emplace_back(pool.open(0, 0));
        BOOST_TEST(!pool.source_of(record).known());
        pool.source_of(record) = here;
        pool.pace_of(record) = {used, used};
        std::memset(pool.session_of(record), count + 1, 20);
    }
    for (unsigned char count = 0; count < 4; ++count) {
        auto const* session = static_cast<unsigned char*>(pool.session_of(*records[count]));
        for (int index = 0; index < 20; ++index)
            BOOST_TEST(session[index] == count + 1);
        BOOST_TEST((pool.source_of(*records[count]) == here));
        BOOST_TEST((pool.pace_of(*records[count]).bytes.full_at == used.full_at));
    }
    pool.release(*records[2]);
    auto* successor = pool.open(0, 0);
    BOOST_TEST(successor == records[2]);
    BOOST_TEST(!pool.source_of(*successor).known());
    BOOST_TEST((pool.pace_of(*successor).messages.full_at.time_since_epoch().count() == 0));
    BOOST_TEST((pool.pace_of(*successor).bytes.full_at.time_since_epoch().count() == 0));
}

BOOST_AUTO_TEST_CASE(time_goes_on_when_ticks_become_shorter_or_longer) {
    using namespace std::chrono_literals;
    auto pool = make_pool();
    std::uint32_t const now = 1'000;
    auto* old = pool.open(0, now - 300);
    auto* young = pool.open(0, now - 11);
    auto* newborn = pool.open(0, now);
    auto* left = pool.open(0, now - 5);
    pool.release(*left);
    pool.count_anew(now, 100ms, 20ms);
    // Of the first tick a part had passed: it does not count, so that nobody's time is over early.
    BOOST_TEST(now - old->active_tick == 299U * 5);
    BOOST_TEST(now - young->active_tick == 10U * 5);
    BOOST_TEST(now - newborn->active_tick == 0U);
    pool.count_anew(now, 20ms, 1s);
    BOOST_TEST(now - old->active_tick == (299U * 5 - 1) / 50);
    BOOST_TEST(now - young->active_tick == 0U);
    BOOST_TEST(now - newborn->active_tick == 0U);
}

BOOST_AUTO_TEST_CASE(an_age_that_no_count_of_shorter_ticks_can_tell_stays_an_age) {
    using namespace std::chrono_literals;
    auto pool = make_pool();
    auto* silent = pool.open(0, 0);
    pool.count_anew(3'000'000'000U, 1s, 10ms);
    BOOST_TEST(3'000'000'000U - silent->active_tick == UINT32_MAX / 2);
}

BOOST_AUTO_TEST_CASE(what_is_not_timed_any_more_goes_back_to_the_idle) {
    using flag = connection_record::flag;
    auto pool = make_pool();
    auto* newcomer = pool.open(0, 1);
    pool.await_first(*newcomer, 1);
    auto* begun = pool.open(0, 1);
    pool.progress(*begun, false, true, 1);
    auto* blocked = pool.open(0, 1);
    pool.await_first(*blocked, 1);
    pool.block(*blocked, 2);
    pool.await_no_more(flag::awaits_first, 9);
    BOOST_TEST(pool.newcomers.empty());
    BOOST_TEST(pool.idle.front() == slot_of(pool, *newcomer));
    BOOST_TEST(newcomer->active_tick == 9U);
    BOOST_TEST(pool.incomplete.front() == slot_of(pool, *begun));
    BOOST_TEST(pool.blocked.front() == slot_of(pool, *blocked));
    BOOST_TEST(blocked->active_tick == 2U); // the write timeout's time goes on
    BOOST_TEST(!blocked->is(flag::awaits_first));
    pool.await_no_more(flag::awaits_rest, 9);
    BOOST_TEST(pool.incomplete.empty());
    pool.unblock(*blocked, 10);
    BOOST_TEST(pool.newcomers.empty());
}

BOOST_AUTO_TEST_SUITE_END()
