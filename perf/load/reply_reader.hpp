// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace load {

// What is not HTTP, or not a reply of status 200.
struct wrong_reply : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// One HTTP/1.1 reply after the other on a connection: status 200, and a body by its length, in
// chunks, or to the end of the stream. Small, as there may be a million: text is kept only of a
// line that has not come to its end.
class reply_reader {
  public:
    // What the front of some bytes was.
    struct part {
        std::size_t size = 0;    // so many bytes were taken
        std::string_view body{}; // of these, the body's
        bool ends = false;       // the reply ends with them
    };

    // Takes the next part of bytes that came, at least one byte of them. Throws wrong_reply.
    part take(std::string_view bytes);

    // The fields of the reply have come, its end has not.
    bool in_body() const { return next_ > expected::field; }

  private:
    enum class expected : std::uint8_t {
        status,
        field, // in a head; from here on in a body
        counted,
        everything,
        chunk_size,
        chunk,
        chunk_end,
        trailer
    };

    part take_line(std::string_view bytes);
    part take_counted(std::string_view bytes);
    bool understand(std::string_view line); // whether the reply ends with it
    void understand_field(std::string_view line);
    bool end_head();
    void begin_chunk(std::string_view line);

    std::unique_ptr<std::string> line_; // what has come of it
    std::uint64_t left_ = 0;            // of the body or of the chunk
    expected next_ = expected::status;
    bool in_chunks_ = false;
    bool has_length_ = false;
};

} // namespace load
