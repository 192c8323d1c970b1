// SPDX-License-Identifier: BSL-1.0
// The server's end of TLS, against a client whose bytes the test carries by hand.
#include <millipede/base/options.hpp>
#include <millipede/worker/tls_context.hpp>

#include "support/certificates.hpp"
#include "support/printing.hpp"
#include "support/tls_peer.hpp"
#include "support/wire.hpp"
#include "unit/support/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(tls_transports)

namespace {

namespace detail = millipede::detail;
using millipede::errc;
using millipede::invalid_option;
using millipede::test::pattern;

// One certificate serves all tests.
struct shared_files {
    test::temporary_folder folder;
    test::certificate_authority authority{folder};
    test::issued server = authority.issue("server");
    millipede::listen_options listener() const {
        millipede::listen_options wanted{"127.0.0.1:0"};
        wanted.tls = millipede::tls_options{server.certificate_file, server.key_file};
        return wanted;
    }
};

shared_files const& files() {
    static shared_files const instance{};
    return instance;
}

detail::tls_context const& context() {
    static detail::tls_context const instance{files().listener()};
    return instance;
}

// A connection: our end in TLS, and its peer, whose socket the test holds.
struct pair {
    explicit pair(int version = 0, std::size_t budget_bytes = 1 << 20)
        : peer{version}, budget{budget_bytes} {
        std::array<int, 2> ends{};
        BOOST_REQUIRE(
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
        int small = 4096; // so that a record of ours does not fit
        ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        theirs = ends[1];
        ours = context().accept(ends[0], buffers);
    }
    ~pair() {
        ours.reset();
        BOOST_TEST(budget.used_bytes() == 0U);
        end_peer();
    }

    // Puts bytes into the socket; returns how many it took.
    std::size_t push(std::string_view bytes) {
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            auto size = ::send(theirs, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (size < 0) break;
            sent += static_cast<std::size_t>(size);
        }
        return sent;
    }
    // Takes bytes out of the socket, up to `most`.
    std::string pull(std::size_t most = SIZE_MAX) {
        std::string bytes;
        std::array<char, 65'536> room;
        while (bytes.size() < most) {
            auto size = ::recv(theirs, room.data(), std::min(room.size(), most - bytes.size()), 0);
            if (size == 0) stream_ended = true;
            if (size <= 0) break;
            bytes.append(room.data(), static_cast<std::size_t>(size));
        }
        return bytes;
    }
    void carry_all() {
        peer.feed(pull());
        while (ours->flush())
            peer.feed(pull());
    }
    void shake() {
        bool peer_is_done = false;
        for (int rounds = 0; rounds < 10; ++rounds) {
            peer_is_done = peer.shake();
            push(peer.take());
            auto result = ours->handshake();
            carry_all();
            if (peer_is_done && result.what == detail::io_result::status::done) return;
        }
        BOOST_FAIL("no end of the handshake");
    }
    detail::io_result read(std::string& text, std::size_t room = 65'536) {
        std::vector<std::byte> bytes(room);
        auto got = ours->read(bytes);
        text = test::text_of(std::span{bytes}.first(got.size));
        return got;
    }
    detail::io_result write(std::string_view text) {
        iovec buffer{const_cast<char*>(text.data()), text.size()};
        return ours->write({&buffer, 1});
    }
    void end_peer() {
        if (theirs >= 0) ::close(std::exchange(theirs, -1));
    }

    test::tls_peer peer;
    detail::buffer_budget budget;
    detail::buffer_pool buffers{budget};
    std::unique_ptr<detail::transport> ours;
    int theirs = -1;
    bool stream_ended = false;
};

constexpr std::array versions{TLS1_2_VERSION, TLS1_3_VERSION};

std::string refused_member(millipede::listen_options const& listener) {
    try {
        detail::tls_context subject{listener};
    } catch (invalid_option const& refusal) {
        return refusal.option();
    }
    return "";
}

} // namespace

BOOST_AUTO_TEST_CASE(bytes_travel_both_ways) {
    for (int version : versions) {
        pair subject{version};
        subject.shake();
        std::string text;
        BOOST_TEST(subject.read(text).would_block());
        subject.push(subject.peer.seal("ping"));
        BOOST_TEST(subject.read(text).size == 4U);
        BOOST_TEST(text == "ping");
        BOOST_TEST(subject.write("pong").size == 4U);
        subject.carry_all();
        BOOST_TEST(subject.peer.text() == "pong");
        BOOST_TEST(subject.ours->in_readiness_set());
    }
}

BOOST_AUTO_TEST_CASE(older_versions_are_refused) {
    pair subject{TLS1_1_VERSION};
    SSL_set_security_level(subject.peer.session(), 0); // or the client would not even try
    SSL_set_cipher_list(subject.peer.session(), "ALL:@SECLEVEL=0");
    subject.peer.shake();
    subject.push(subject.peer.take());
    BOOST_TEST(subject.ours->handshake().failed());
    BOOST_TEST(subject.ours->failure().category().name() == std::string{"millipede.tls"});
    BOOST_TEST(subject.ours->failure().message() == "unsupported protocol");
}

// Every beginning of what a client says, and then its end.
BOOST_AUTO_TEST_CASE(a_handshake_cut_at_every_byte_fails_and_gives_all_back) {
    for (int version : versions) {
        std::size_t cuts = 0;
        for (std::size_t cut = 0;; ++cut, ++cuts) {
            pair subject{version};
            std::size_t sent = 0;
            auto status = detail::io_result::status::would_block;
            for (int rounds = 0; rounds < 4 && sent < cut; ++rounds) {
                subject.peer.shake();
                auto bytes = subject.peer.take();
                sent += subject.push(std::string_view{bytes}.substr(0, cut - sent));
                status = subject.ours->handshake().what;
                subject.carry_all();
            }
            if (status == detail::io_result::status::done) break; // said all there is to say
            BOOST_REQUIRE((status == detail::io_result::status::would_block));
            subject.end_peer();
            BOOST_REQUIRE(subject.ours->handshake().failed());
            auto expected = sent == 0 ? errc::closed_by_peer : errc::stream_truncated;
            BOOST_REQUIRE(subject.ours->failure() == expected);
        }
        BOOST_TEST(cuts > 200U);
    }
}

BOOST_AUTO_TEST_CASE(a_handshake_byte_by_byte_succeeds) {
    for (int version : versions) {
        pair subject{version};
        bool over = false;
        for (int rounds = 0; rounds < 10 && !over; ++rounds) {
            subject.peer.shake();
            for (char byte : subject.peer.take()) {
                BOOST_REQUIRE(!over);
                subject.push({&byte, 1});
                auto result = subject.ours->handshake();
                BOOST_REQUIRE(!result.failed());
                over = !result.would_block();
            }
            subject.carry_all();
        }
        BOOST_TEST(over);
        BOOST_TEST(subject.write("hello").size == 5U);
        subject.carry_all();
        BOOST_TEST(subject.peer.shake());
        BOOST_TEST(subject.peer.text() == "hello");
    }
}

// The server's own flight does not fit: it waits, and goes on when there is room.
BOOST_AUTO_TEST_CASE(a_handshake_whose_peer_takes_bytes_one_by_one_succeeds) {
    pair subject;
    bool over = false;
    for (int rounds = 0; rounds < 10 && !over; ++rounds) {
        bool peer_over = subject.peer.shake();
        subject.push(subject.peer.take());
        auto result = subject.ours->handshake();
        BOOST_REQUIRE(!result.failed());
        std::string bytes;
        while (!(bytes = subject.pull(1)).empty() || subject.ours->flush())
            subject.peer.feed(bytes);
        over = peer_over && !result.would_block();
    }
    BOOST_TEST(over);
    BOOST_TEST(subject.ours->flushed());
}

BOOST_AUTO_TEST_CASE(what_is_no_tls_fails_with_openssls_reason) {
    pair subject;
    subject.push("GET / HTTP/1.1\r\n\r\n");
    BOOST_TEST(subject.ours->handshake().failed());
    BOOST_TEST(subject.ours->failure().message() == "http request");
    BOOST_TEST((subject.ours->failure() == millipede::close_reason::error));
    BOOST_TEST(subject.ours->handshake().failed()); // and again
}

BOOST_AUTO_TEST_CASE(large_writes_wait_for_room_and_arrive_whole) {
    for (int version : versions) {
        pair subject{version};
        subject.shake();
        auto const sent = pattern(200'000);
        std::string got;
        std::size_t taken = 0;
        std::size_t blocked = 0;
        while (got.size() < sent.size()) {
            if (taken < sent.size()) {
                auto result = subject.write(std::string_view{sent}.substr(taken));
                BOOST_REQUIRE(!result.failed());
                taken += result.size;
                if (result.would_block()) ++blocked;
            }
            subject.peer.feed(subject.pull(3'000));
            got += subject.peer.text();
            subject.ours->flush();
            if (taken == sent.size() && subject.ours->flushed()) {
                subject.peer.feed(subject.pull());
                got += subject.peer.text();
                break;
            }
        }
        BOOST_TEST((got == sent));
        BOOST_TEST(blocked > 0U);
        BOOST_TEST(subject.budget.used_bytes() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(many_small_buffers_share_records) {
    pair subject;
    subject.shake();
    std::string const text = pattern(50'000);
    std::vector<iovec> buffers{{nullptr, 0}};
    for (std::size_t at = 0, step = 1; at < text.size(); at += buffers.back().iov_len, step += 37) {
        auto size = std::min(step, text.size() - at);
        buffers.push_back({const_cast<char*>(text.data()) + at, size});
    }
    buffers.push_back({nullptr, 0});
    std::size_t at = 0;
    std::string got;
    while (got.size() < text.size()) {
        auto result = subject.ours->write(buffers);
        BOOST_REQUIRE(!result.failed());
        at += result.size;
        for (auto left = result.size; left > 0;) {
            auto& front = buffers.front();
            auto used = std::min(left, front.iov_len);
            front.iov_base = static_cast<char*>(front.iov_base) + used;
            front.iov_len -= used;
            left -= used;
            if (front.iov_len == 0) buffers.erase(buffers.begin());
        }
        subject.carry_all();
        got += subject.peer.text();
    }
    BOOST_TEST((got == text));
    BOOST_TEST(at == text.size());
}

BOOST_AUTO_TEST_CASE(unsent_bytes_count_against_the_budget) {
    pair subject{TLS1_3_VERSION, 8 * 1024};
    subject.shake();
    BOOST_TEST(subject.write(pattern(65'536)).failed());
    BOOST_TEST(subject.ours->failure() == errc::buffers_exhausted);
    std::string text;
    BOOST_TEST(subject.read(text).failed());
    BOOST_TEST(subject.ours->flushed()); // nothing more to wait for
}

BOOST_AUTO_TEST_CASE(a_read_that_fills_its_room_leaves_the_rest_for_the_next) {
    pair subject;
    subject.shake();
    auto const sent = pattern(16'000);
    subject.push(subject.peer.seal(sent));
    std::string got;
    while (got.size() < sent.size()) {
        std::string text;
        BOOST_REQUIRE(subject.read(text, 700).size > 0U);
        got += text;
    }
    BOOST_TEST((got == sent));
    std::string text;
    BOOST_TEST(subject.read(text).would_block());
}

BOOST_AUTO_TEST_CASE(records_of_one_byte_are_read_in_turns) {
    pair subject;
    subject.shake();
    std::string sealed;
    for (int times = 0; times < 1'000; ++times)
        sealed += subject.peer.seal(std::string(1, static_cast<char>('a' + times % 26)));
    BOOST_REQUIRE(subject.push(sealed) == sealed.size());
    std::string got, text;
    int reads = 0;
    do {
        subject.read(text);
        got += text;
        ++reads;
    } while (subject.ours->has_more());
    BOOST_TEST(got.size() == 1'000U);
    BOOST_TEST(got.substr(0, 30) == "abcdefghijklmnopqrstuvwxyzabcd");
    BOOST_TEST(reads >= 4);
    BOOST_TEST(subject.read(text).would_block());
}

BOOST_AUTO_TEST_CASE(an_end_behind_bytes_is_announced_by_has_more) {
    pair subject;
    subject.shake();
    auto sealed = subject.peer.seal("last words");
    sealed += subject.peer.close_notify();
    subject.push(sealed);
    std::string text;
    BOOST_TEST(subject.read(text).size == 10U);
    BOOST_TEST(subject.ours->has_more());
    auto end = subject.read(text);
    BOOST_TEST((end.size == 0U && end.what == detail::io_result::status::done));
    // Its own direction is still open.
    BOOST_TEST(subject.write("reply").size == 5U);
    subject.carry_all();
}

BOOST_AUTO_TEST_CASE(a_stream_without_close_notify_is_truncated) {
    for (int version : versions) {
        pair subject{version};
        subject.shake();
        auto sealed = subject.peer.seal("whole");
        sealed += subject.peer.seal("half").substr(0, 10);
        subject.push(sealed);
        subject.end_peer();
        std::string text;
        BOOST_TEST(subject.read(text).size == 5U);
        subject.read(text);
        BOOST_TEST(subject.ours->failure() == errc::stream_truncated);
        BOOST_TEST(subject.ours->has_more());
        BOOST_TEST(subject.write("x").failed());
    }
}

BOOST_AUTO_TEST_CASE(a_record_changed_on_its_way_is_an_error) {
    pair subject;
    subject.shake();
    auto sealed = subject.peer.seal("secret");
    sealed.back() = static_cast<char>(sealed.back() ^ 1);
    subject.push(sealed);
    std::string text;
    BOOST_TEST(subject.read(text).failed());
    BOOST_TEST(subject.ours->failure().category().name() == std::string{"millipede.tls"});
    BOOST_TEST(subject.ours->failure().message() == "decryption failed or bad record mac");
}

BOOST_AUTO_TEST_CASE(negotiating_again_is_refused) {
    pair subject{TLS1_2_VERSION};
    subject.shake();
    SSL_renegotiate(subject.peer.session());
    SSL_do_handshake(subject.peer.session());
    subject.push(subject.peer.take());
    std::string text;
    auto result = subject.read(text); // an alert is the answer
    BOOST_TEST(result.size == 0U);
    subject.carry_all();
    BOOST_CHECK_THROW(subject.peer.shake(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(the_end_of_our_output_is_close_notify_and_then_the_streams_end) {
    pair subject;
    subject.shake();
    subject.write("goodbye");
    subject.ours->shutdown_write();
    subject.carry_all();
    BOOST_TEST(subject.peer.text() == "goodbye");
    BOOST_TEST(subject.peer.ended());
    subject.pull();
    BOOST_TEST(subject.stream_ended);
    // What the peer says yet is still read, up to its end.
    auto sealed = subject.peer.seal("farewell");
    sealed += subject.peer.close_notify();
    subject.push(sealed);
    std::string text;
    BOOST_TEST(subject.read(text).size == 8U);
}

BOOST_AUTO_TEST_CASE(an_end_that_does_not_fit_follows_when_there_is_room) {
    pair subject;
    subject.shake();
    auto const sent = pattern(300'000);
    std::size_t taken = 0;
    for (auto result = subject.write(sent); !result.would_block(); result = subject.write(sent))
        taken += result.size;
    subject.ours->shutdown_write();
    BOOST_TEST(!subject.ours->flushed());
    std::string got;
    while (!subject.ours->flushed()) {
        subject.peer.feed(subject.pull(1'000));
        got += subject.peer.text();
        BOOST_REQUIRE(!subject.stream_ended);
        subject.ours->flush();
    }
    subject.peer.feed(subject.pull());
    got += subject.peer.text();
    BOOST_TEST(got.size() == taken);
    BOOST_TEST(subject.peer.ended());
    subject.pull();
    BOOST_TEST(subject.stream_ended);
}

BOOST_AUTO_TEST_CASE(close_says_close_notify_and_abort_does_not) {
    for (bool politely : {true, false}) {
        pair subject;
        subject.shake();
        if (politely)
            subject.ours->close();
        else
            subject.ours->abort();
        subject.peer.feed(subject.pull());
        subject.peer.text();
        BOOST_TEST(subject.peer.ended() == politely);
        BOOST_TEST(subject.stream_ended);
        subject.ours->close(); // again
        subject.ours->abort();
    }
}

BOOST_AUTO_TEST_CASE(a_released_socket_stays_open) {
    pair subject;
    int descriptor = subject.ours->release_socket();
    subject.ours.reset();
    BOOST_TEST(::fcntl(descriptor, F_GETFD) != -1);
    ::close(descriptor);
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_gone_fails_the_write) {
    pair subject;
    subject.shake();
    subject.end_peer();
    BOOST_TEST(subject.write("hello").failed());
    BOOST_TEST(subject.ours->failure().value() == EPIPE);
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_used_are_named) {
    test::temporary_folder folder;
    test::certificate_authority authority{folder};
    auto good = authority.issue("good");
    auto other = authority.issue("other");
    auto secret = authority.issue("secret");
    test::certificate_authority::encrypt(secret, "passphrase");
    auto text = folder.write("text", "no certificate\n");
    auto verdict = [](std::string certificate, std::string key, std::string client_ca = {}) {
        millipede::listen_options listener{"127.0.0.1:0"};
        listener.tls = millipede::tls_options{certificate, key, client_ca};
        return refused_member(listener);
    };
    auto const& certificate = good.certificate_file;
    BOOST_TEST(verdict(certificate, good.key_file) == "");
    BOOST_TEST(verdict(certificate, good.key_file, authority.file()) == "");
    BOOST_TEST(verdict(folder.file("none"), good.key_file) == "tls.certificate_file");
    BOOST_TEST(verdict(text, good.key_file) == "tls.certificate_file");
    BOOST_TEST(verdict(certificate, folder.file("none")) == "tls.private_key_file");
    BOOST_TEST(verdict(certificate, text) == "tls.private_key_file");
    BOOST_TEST(verdict(certificate, other.key_file) == "tls.private_key_file");
    BOOST_TEST(verdict(secret.certificate_file, secret.key_file) == "tls.private_key_file");
    BOOST_TEST(verdict(certificate, good.key_file, folder.file("none")) == "tls.client_ca_file");
    BOOST_TEST(verdict(certificate, good.key_file, text) == "tls.client_ca_file");
    try {
        millipede::listen_options listener{"127.0.0.1:0"};
        listener.tls = millipede::tls_options{folder.file("none"), good.key_file};
        detail::tls_context subject{listener};
        BOOST_ERROR("a file that is not there");
    } catch (invalid_option const& refusal) {
        BOOST_TEST(refusal.what() == "tls.certificate_file: '" + folder.file("none") +
                                         "' cannot be used: No such file or directory");
    }
}

// OpenSSL would have set aside what is claimed, and more.
BOOST_AUTO_TEST_CASE(a_hello_that_claims_too_much_fails_at_once_and_costs_nothing) {
    std::string const claim{"\x16\x03\x01\0\x04\x01\x02\0\0", 9}; // 128 KiB
    for (auto record_bytes : {4U, 1U}) {
        pair subject;
        BOOST_TEST(subject.ours->handshake().would_block());
        std::string stream;
        for (std::size_t at = 5; at < claim.size(); at += record_bytes)
            stream += claim.substr(0, 4) + static_cast<char>(record_bytes) +
                      claim.substr(at, record_bytes);
        auto before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
        for (char byte : stream.substr(0, stream.size() - 1)) {
            subject.push({&byte, 1});
            BOOST_TEST(subject.ours->handshake().would_block());
        }
        subject.push(stream.substr(stream.size() - 1));
        BOOST_TEST(subject.ours->handshake().failed());
        BOOST_TEST(subject.ours->failure().message() == "excessive message size");
        BOOST_TEST(subject.ours->failure().category().name() == "millipede.tls");
        auto after = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
        BOOST_TEST(after < before + 100'000); // its buffers for a record and for a message
        BOOST_TEST(subject.ours->handshake().failed()); // and so it stays
    }
}

BOOST_AUTO_TEST_CASE(a_hello_may_take_as_much_as_one_record_holds) {
    pair subject;
    SSL_set_tlsext_host_name(subject.peer.session(), "example.org");
    std::vector<unsigned char> protocols; // a list that makes the hello long
    while (protocols.size() < 14'000) {
        protocols.push_back(200);
        protocols.insert(protocols.end(), 200, 'p');
    }
    SSL_set_alpn_protos(subject.peer.session(), protocols.data(),
                        static_cast<unsigned>(protocols.size()));
    subject.shake();
    BOOST_TEST((subject.ours->failure() == millipede::error_code{}));
}

// Encrypted records of TLS 1.2 look like plain ones: what is in them is not measured.
BOOST_AUTO_TEST_CASE(what_is_encrypted_is_not_taken_for_a_hello) {
    pair subject{TLS1_2_VERSION};
    subject.peer.shake();
    subject.push(subject.peer.take());
    BOOST_TEST(subject.ours->handshake().would_block());
    subject.carry_all();
    subject.peer.shake();
    auto flight = subject.peer.take();
    std::size_t last = 0; // record: Finished
    auto length_at = [&](std::size_t at) {
        return std::size_t{static_cast<unsigned char>(flight[at + 3])} << 8 |
               static_cast<unsigned char>(flight[at + 4]);
    };
    while (last + 5 + length_at(last) < flight.size())
        last += 5 + length_at(last);
    BOOST_REQUIRE(flight[last] == 22);
    flight.replace(last + 5, 4, "\x01\xff\xff\xff");
    subject.push(flight);
    BOOST_TEST(subject.ours->handshake().failed());
    BOOST_TEST(subject.ours->failure().category().name() == "millipede.tls");
    BOOST_TEST(subject.ours->failure().message() != "excessive message size");
}

BOOST_AUTO_TEST_SUITE_END()
