// SPDX-License-Identifier: BSL-1.0
#include "channels/framing.hpp"

#include "wire/http_reply.hpp"
#include "wire/utf8.hpp"
#include "wire/websocket_frame.hpp"

#include <millipede/wire/frame.hpp>

#include <array>

namespace comet {
namespace {

constexpr std::string_view fields_of_all{"Expires: 0\r\nCache-Control: no-cache\r\n"};

// The frame's page and the page around it come from different hosts of one domain; so both name
// that domain as theirs, or else the one could not call the other.
constexpr std::string_view iframe_begin{
    "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">"
    "<meta http-equiv=\"Cache-Control\" content=\"no-store, no-cache\">"
    "<meta http-equiv=\"Pragma\" content=\"no-cache\"><meta http-equiv=\"Expires\" content=\"0\">"
    "<script type=\"text/javascript\">"
    "try{var p=document.domain.split('.');"
    "if(p.length>2&&!/^[0-9.]+$/.test(document.domain))document.domain=p.slice(-2).join('.');"
    "}catch(e){}"
    "</script></head><body>\n"};

// When the stream breaks, a browser comes back after so many milliseconds.
constexpr std::string_view sse_begin{"retry: 2000\n\n"};

// In a script element "</" ends it; in a JSON string "<\/" means the same.
void append_for_script(std::string& to, std::string_view object) {
    for (std::size_t at = 0; at < object.size(); ++at) {
        to += object[at];
        if (object[at] != '<' || at + 1 == object.size()) continue;
        if (object[at + 1] == '/') to += '\\';
        if (object[at + 1] == '!') { // "<!--" as well has a meaning of its own there
            to.pop_back();
            to += "\\u003c";
        }
    }
}

// Browsers show it when they come back, as the field Last-Event-ID.
void append_id(std::string& to, framing const& frame, framed_message const& message) {
    if (!frame.epoch || !message.position) return;
    to.append("id: ").append(std::to_string(*message.position));
    to.append("@").append(epoch_text(*frame.epoch)).append("\n");
}

void append_enclosed(std::string& to, framing const& frame, framed_message const& message) {
    auto object = message.object;
    switch (frame.how) {
    case transport::sse:
        append_id(to, frame, message);
        to.append("data: ").append(object).append("\n\n");
        break;
    case transport::iframe:
        to.append("<script>parent.icomet_cb(");
        append_for_script(to, object);
        to.append(");</script>\n");
        break;
    default:
        to.append(object).append("\n");
        break;
    }
}

// Frames of TCP.
struct frame_sink {
    std::string& to;
    void append(std::span<std::byte const> bytes) {
        to.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    }
};

void append_frame(std::string& to, std::uint16_t command, std::string_view data) {
    frame_sink sink{to};
    millipede::frame_codec{}.encode(command, millipede::as_bytes(data), sink);
}

void append_frames(std::string& to, std::string_view object) {
    auto data_max = millipede::frame_codec{}.size_max() - sizeof(millipede::frame_head);
    for (; object.size() > data_max; object.remove_prefix(data_max))
        append_frame(to, frame_command::piece, object.substr(0, data_max));
    append_frame(to, frame_command::message, object);
}

// What is no reply has no other bytes either than what its receivers can read: publishers may have
// sent what is not UTF-8, and a browser would end a WebSocket for it.
void append_framed(std::string& to, transport how, std::string_view object) {
    std::string mended;
    if (!is_utf8(object)) object = mended = as_utf8(object);
    if (how == transport::websocket)
        append_websocket_frame(to, websocket_opcode::text, object);
    else
        append_frames(to, object);
}

std::string poll_body(framing const& frame, std::span<framed_message const> messages, bool batch) {
    bool is_array = batch || messages.size() != 1;
    std::string body;
    if (!frame.callback.empty()) body.append(frame.callback).append("(");
    if (is_array) body += '[';
    for (std::size_t index = 0; index < messages.size(); ++index) {
        if (index != 0) body += ',';
        body.append(messages[index].object);
    }
    if (is_array) body += ']';
    if (!frame.callback.empty()) body.append(");");
    body += '\n';
    return body;
}

} // namespace

std::string subscription_head(transport how, reply_terms const& terms,
                              std::string_view more_fields) {
    std::string fields{fields_of_all};
    switch (how) {
    case transport::sse:
        fields.append("Content-Type: text/event-stream; charset=utf-8\r\n");
        break;
    case transport::iframe:
        fields.append("Content-Type: text/html; charset=utf-8\r\n");
        break;
    default:
        fields.append("Content-Type: application/json; charset=utf-8\r\n");
        break;
    }
    fields.append(more_fields);
    auto head = endless_head(fields, terms);
    if (how == transport::iframe) append_chunk(head, terms.chunked, iframe_begin);
    if (how == transport::sse) append_chunk(head, terms.chunked, sse_begin);
    return head;
}

void append_messages(std::string& to, framing const& frame,
                     std::span<framed_message const> messages, bool batch) {
    if (messages.empty()) return;
    if (frame.how == transport::poll)
        return append_chunk(to, frame.chunked, poll_body(frame, messages, batch));
    for (auto const& each : messages) {
        if (!is_reply(frame.how)) {
            append_framed(to, frame.how, each.object);
            continue;
        }
        std::string enclosed;
        append_enclosed(enclosed, frame, each);
        append_chunk(to, frame.chunked, enclosed);
    }
}

void append_noop(std::string& to, framing const& frame, std::string_view channel, sequence number) {
    if (frame.how == transport::websocket)
        return append_websocket_frame(to, websocket_opcode::ping, {});
    if (frame.how == transport::frame) return append_frame(to, frame_command::silence, {});
    auto object = message_object(message_type::noop, channel, number, "");
    std::array<framed_message, 1> messages{{{object}}};
    append_messages(to, frame, messages, false);
}

void append_end(std::string& to, framing const& frame) {
    if (frame.chunked) to.append(last_chunk);
}

} // namespace comet
