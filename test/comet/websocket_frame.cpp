// SPDX-License-Identifier: BSL-1.0
#include "wire/websocket_frame.hpp"

#include <millipede/wire/payload.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

BOOST_AUTO_TEST_SUITE(websocket_frames)

using comet::close_code;
using comet::websocket_event;
using comet::websocket_frame;
using comet::websocket_opcode;
using kind = comet::websocket_event::kind;
using status = millipede::decode_result::status;
using namespace std::string_literals;

constexpr std::size_t data_max = 70'000;

// What a client sends: both first bytes as told, the length in `length_bytes` of its own.
std::string client_frame(unsigned first, std::string const& data, unsigned length_bytes = 0) {
    constexpr std::string_view mask{"\x11\x22\x33\x44"};
    std::string bytes{static_cast<char>(first)};
    auto marker = length_bytes == 0 ? data.size() : length_bytes == 2 ? 126U : 127U;
    bytes += static_cast<char>(0x80U | marker);
    for (unsigned shift = length_bytes * 8; shift != 0; shift -= 8)
        bytes += static_cast<char>(std::uint64_t{data.size()} >> (shift - 8));
    bytes += mask;
    for (std::size_t at = 0; at < data.size(); ++at)
        bytes += static_cast<char>(data[at] ^ mask[at % 4]);
    return bytes;
}

struct reading {
    millipede::decode_result result;
    websocket_frame frame{};
    close_code fault = close_code::none;
};

reading read(std::string_view bytes, std::size_t max = data_max) {
    reading made;
    made.result =
        comet::read_websocket_frame(millipede::as_bytes(bytes), max, made.frame, made.fault);
    return made;
}

int code(close_code value) {
    return static_cast<int>(value);
}

BOOST_AUTO_TEST_CASE(a_frame_is_read_from_any_length_of_length) {
    for (auto [size, length_bytes] : std::vector<std::pair<std::size_t, unsigned>>{
             {0, 0}, {1, 0}, {125, 0}, {126, 2}, {65'535, 2}, {65'536, 8}, {70'000, 8}}) {
        std::string data(size, 'x');
        if (size > 2) data[size - 1] = 'y';
        auto bytes = client_frame(0x81, data, length_bytes);
        auto found = read(bytes + "more");
        BOOST_TEST((found.result.found == status::complete), size);
        BOOST_TEST(found.result.size == bytes.size());
        BOOST_TEST(code(found.fault) == 0);
        BOOST_TEST((found.frame.what == websocket_opcode::text));
        BOOST_TEST(found.frame.is_final);
        BOOST_TEST((found.frame.data == data), size);
    }
}

BOOST_AUTO_TEST_CASE(it_says_how_much_it_needs) {
    auto bytes = client_frame(0x81, std::string(200, 'x'), 2);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        auto found = read(std::string_view{bytes}.substr(0, size));
        BOOST_TEST((found.result.found == status::incomplete), size);
        BOOST_TEST(found.result.size == (size < 2 ? 2 : size < 4 ? 4 : bytes.size()), size);
    }
}

BOOST_AUTO_TEST_CASE(kinds_and_pieces) {
    auto found = read(client_frame(0x01, "a"));
    BOOST_TEST(!found.frame.is_final);
    BOOST_TEST((read(client_frame(0x80, "a")).frame.what == websocket_opcode::continuation));
    BOOST_TEST((read(client_frame(0x82, "a")).frame.what == websocket_opcode::binary));
    BOOST_TEST((read(client_frame(0x88, "")).frame.what == websocket_opcode::close));
    BOOST_TEST((read(client_frame(0x89, "")).frame.what == websocket_opcode::ping));
    BOOST_TEST((read(client_frame(0x8a, "")).frame.what == websocket_opcode::pong));
}

BOOST_AUTO_TEST_CASE(what_a_head_may_not_say) {
    struct wrong_frame {
        std::string bytes;
        close_code why;
    };
    for (auto const& [bytes, why] : std::vector<wrong_frame>{
             {"\xc1\x80"s, close_code::protocol_error}, // reserved bits
             {"\xa1\x80"s, close_code::protocol_error},
             {"\x91\x80"s, close_code::protocol_error},
             {"\x83\x80"s, close_code::protocol_error}, // opcodes
             {"\x87\x80"s, close_code::protocol_error},
             {"\x8b\x80"s, close_code::protocol_error},
             {"\x8f\x80"s, close_code::protocol_error},
             {"\x81\x01x"s, close_code::protocol_error}, // no mask
             {"\x09\x80"s, close_code::protocol_error},  // a control frame in pieces
             {"\x89\xfe"s, close_code::protocol_error},  // ... or too long
             {"\x88\xff"s, close_code::protocol_error},
             {"\x81\xfe\x00\x7d"s, close_code::protocol_error}, // a length that a shorter form has
             {"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"s, close_code::protocol_error},
             {"\x81\xff\x80\x00\x00\x00\x00\x01\x00\x00"s, close_code::protocol_error},
             {"\x81\xff\x00\x00\x00\x00\x00\x01\x11\x71"s, close_code::too_large}, // 70,001
             {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"s, close_code::too_large}}) {
        auto found = read(bytes);
        BOOST_TEST((found.result.found == status::complete));
        BOOST_TEST(found.result.size == bytes.size());
        BOOST_TEST(code(found.fault) == code(why));
    }
    BOOST_TEST(code(read("\x81\xff\x00\x00\x00\x00\x00\x01\x11\x70"s).fault) == 0);
    BOOST_TEST(code(read(client_frame(0x81, std::string(11, 'x')), 10).fault) ==
               code(close_code::too_large));
    BOOST_TEST(code(read(client_frame(0x81, std::string(10, 'x')), 10).fault) == 0);
}

BOOST_AUTO_TEST_CASE(what_the_server_writes) {
    auto written = [](std::size_t size) {
        std::string bytes;
        comet::append_websocket_frame(bytes, websocket_opcode::text, std::string(size, 'x'));
        BOOST_TEST(bytes.substr(bytes.size() - size) == std::string(size, 'x'));
        return bytes.substr(0, bytes.size() - size);
    };
    BOOST_TEST(written(0) == "\x81\x00"s);
    BOOST_TEST(written(125) == "\x81\x7d"s);
    BOOST_TEST(written(126) == "\x81\x7e\x00\x7e"s);
    BOOST_TEST(written(65'535) == "\x81\x7e\xff\xff"s);
    BOOST_TEST(written(65'536) == "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
    std::string bytes{"x"};
    comet::append_websocket_frame(bytes, websocket_opcode::pong, "ab");
    BOOST_TEST(bytes == "x\x8a\x02"
                        "ab");
    BOOST_TEST(comet::websocket_close_frame(close_code::none, "why") == "\x88\x00"s);
    BOOST_TEST(comet::websocket_close_frame(close_code::going_away) == "\x88\x02\x03\xe9"s);
    BOOST_TEST(comet::websocket_close_frame(close_code::policy_violation, "why") ==
               "\x88\x05\x03\xf0why"s);
    BOOST_TEST(comet::websocket_close_frame(close_code::normal, std::string(200, 'x')).size() ==
               127U);
}

// Frames one after the other, as on one connection; what they come to.
struct client {
    std::unique_ptr<std::string> pending;
    std::size_t message_max = 10;

    websocket_event send(websocket_opcode what, std::string data, bool is_final = true) {
        return comet::take_websocket_frame({what, is_final, std::move(data)}, pending, message_max);
    }
};

BOOST_AUTO_TEST_CASE(a_limit_that_is_lowered_between_the_pieces) {
    client one;
    BOOST_TEST((one.send(websocket_opcode::text, "12345678", false).what == kind::nothing));
    one.message_max = 5;
    BOOST_TEST(code(one.send(websocket_opcode::continuation, "9", false).code) ==
               code(close_code::too_large));
}

BOOST_AUTO_TEST_CASE(a_message_in_pieces_with_others_between_them) {
    client one;
    BOOST_TEST((one.send(websocket_opcode::text, "ab", false).what == kind::nothing));
    auto ping = one.send(websocket_opcode::ping, "p");
    BOOST_TEST((ping.what == kind::ping));
    BOOST_TEST(ping.data == "p");
    BOOST_TEST((one.send(websocket_opcode::continuation, "", false).what == kind::nothing));
    BOOST_TEST((one.send(websocket_opcode::pong, "p").what == kind::nothing));
    auto whole = one.send(websocket_opcode::continuation, "cd");
    BOOST_TEST((whole.what == kind::text));
    BOOST_TEST(whole.data == "abcd");
    BOOST_TEST(!one.pending);
    BOOST_TEST(one.send(websocket_opcode::text, "ef").data == "ef");
    BOOST_TEST(!one.pending);
}

BOOST_AUTO_TEST_CASE(pieces_in_no_order) {
    using what = websocket_opcode;
    auto fault_of = [](websocket_event const& event) {
        BOOST_TEST((event.what == kind::fault));
        return code(event.code);
    };
    BOOST_TEST(fault_of(client{}.send(what::continuation, "x")) == 1002);
    BOOST_TEST(fault_of(client{}.send(what::binary, "x")) == 1003);
    for (auto next : {what::text, what::binary}) {
        client one;
        one.send(what::text, "a", false);
        BOOST_TEST(fault_of(one.send(next, "b")) == 1002);
    }
    client one;
    one.send(what::text, "abcde", false);
    one.send(what::continuation, "fghij", false);
    BOOST_TEST(fault_of(one.send(what::continuation, "k")) == 1009);
    BOOST_TEST(one.send(what::continuation, "").data == "abcdefghij");
}

BOOST_AUTO_TEST_CASE(how_clients_close) {
    auto close = [](std::string data) { return client{}.send(websocket_opcode::close, data); };
    BOOST_TEST((close("").what == kind::closed));
    BOOST_TEST(code(close("").code) == 0);
    for (unsigned value : {1000U, 1001U, 1003U, 1007U, 1011U, 1014U, 3000U, 4999U}) {
        auto event = close({static_cast<char>(value >> 8), static_cast<char>(value), 'b', 'y'});
        BOOST_TEST((event.what == kind::closed), value);
        BOOST_TEST(code(event.code) == static_cast<int>(value));
    }
    for (unsigned value : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1100U, 2999U, 5000U, 65535U}) {
        auto event = close({static_cast<char>(value >> 8), static_cast<char>(value)});
        BOOST_TEST((event.what == kind::fault), value);
        BOOST_TEST(code(event.code) == 1002);
    }
    BOOST_TEST(code(close("\x03").code) == 1002);
    BOOST_TEST((close("\x03\xe8\xff").what == kind::fault));
    BOOST_TEST(code(close("\x03\xe8\xff").code) == 1007);
}

BOOST_AUTO_TEST_SUITE_END()
