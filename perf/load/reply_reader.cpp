// SPDX-License-Identifier: BSL-1.0
#include "reply_reader.hpp"

#include <algorithm>
#include <charconv>

#include <strings.h>

namespace load {

namespace {

constexpr std::size_t line_bytes_max = 8'192;

[[noreturn]] void refuse(std::string const& what, std::string_view line) {
    throw wrong_reply{what + ": '" + std::string{line.substr(0, 80)} + "'"};
}

// The value of the field when the line has it; null when it is another.
char const* value_of(std::string_view line, std::string_view name) {
    if (line.size() <= name.size() || line[name.size()] != ':') return nullptr;
    if (::strncasecmp(line.data(), name.data(), name.size()) != 0) return nullptr;
    auto const begin = std::min(line.find_first_not_of(' ', name.size() + 1), line.size());
    return line.data() + begin;
}

std::uint64_t number(std::string_view text, int base, std::string_view line) {
    std::uint64_t value = 0;
    auto const end = text.data() + text.size();
    auto const [stop, failure] = std::from_chars(text.data(), end, value, base);
    if (failure != std::errc{} || stop != end) refuse("no number", line);
    return value;
}

} // namespace

reply_reader::part reply_reader::take(std::string_view bytes) {
    switch (next_) {
    case expected::everything:
        return {bytes.size(), bytes};
    case expected::counted:
    case expected::chunk:
        return take_counted(bytes);
    default:
        return take_line(bytes);
    }
}

reply_reader::part reply_reader::take_counted(std::string_view bytes) {
    auto const body = bytes.substr(0, left_);
    left_ -= body.size();
    if (left_ != 0) return {body.size(), body};
    if (next_ == expected::chunk) {
        next_ = expected::chunk_end;
        return {body.size(), body};
    }
    next_ = expected::status;
    return {body.size(), body, true};
}

reply_reader::part reply_reader::take_line(std::string_view bytes) {
    auto const end = bytes.find('\n');
    auto const piece = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    auto const begun = line_ ? line_->size() : 0;
    if (begun + piece.size() > line_bytes_max) refuse("a line without end", piece);
    if (end == std::string_view::npos) {
        if (!line_) line_ = std::make_unique<std::string>();
        line_->append(piece);
        return {piece.size()};
    }
    if (!line_) return {piece.size(), {}, understand(piece)};
    auto const whole = std::move(line_);
    whole->append(piece);
    return {piece.size(), {}, understand(*whole)};
}

bool reply_reader::understand(std::string_view line) {
    if (!line.ends_with("\r\n")) refuse("a line does not end with CR LF", line);
    line.remove_suffix(2);
    switch (next_) {
    case expected::status:
        if (!line.starts_with("HTTP/1.1 200 ")) refuse("not a reply of status 200", line);
        in_chunks_ = has_length_ = false;
        left_ = 0;
        next_ = expected::field;
        return false;
    case expected::field:
        if (line.empty()) return end_head();
        understand_field(line);
        return false;
    case expected::chunk_size:
        begin_chunk(line);
        return false;
    case expected::chunk_end:
        if (!line.empty()) refuse("a chunk does not end where it said", line);
        next_ = expected::chunk_size;
        return false;
    default: // a trailer
        if (!line.empty()) return false;
        next_ = expected::status;
        return true;
    }
}

void reply_reader::understand_field(std::string_view line) {
    auto const end = line.data() + line.size();
    if (auto const length = value_of(line, "content-length")) {
        has_length_ = true;
        left_ = number({length, static_cast<std::size_t>(end - length)}, 10, line);
    } else if (auto const coding = value_of(line, "transfer-encoding")) {
        if (std::string_view{coding, static_cast<std::size_t>(end - coding)} != "chunked")
            refuse("an unknown coding", line);
        in_chunks_ = true;
    }
}

bool reply_reader::end_head() {
    if (in_chunks_ && has_length_) refuse("a reply has chunks and a length", "");
    next_ = in_chunks_     ? expected::chunk_size
            : !has_length_ ? expected::everything
            : left_ != 0   ? expected::counted
                           : expected::status;
    return next_ == expected::status;
}

void reply_reader::begin_chunk(std::string_view line) {
    left_ = number(line.substr(0, line.find(';')), 16, line);
    next_ = left_ != 0 ? expected::chunk : expected::trailer;
}

} // namespace load
