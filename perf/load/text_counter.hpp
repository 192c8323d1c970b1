// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace load {

// How often a text stands in a stream that comes in pieces (Knuth, Morris, Pratt): what is kept of
// a stream between its pieces is one number.
class text_counter {
  public:
    using position = std::uint8_t;

    // Throws std::invalid_argument for a text of no or of more than 255 bytes.
    explicit text_counter(std::string text) : text_{std::move(text)}, back_(text_.size() + 1) {
        if (text_.empty() || text_.size() > 255)
            throw std::invalid_argument("use a text of 1 to 255 bytes");
        for (std::size_t end = 1; end < text_.size(); ++end)
            back_[end + 1] = after(back_[end], text_[end]);
    }

    // Goes on at `where`, 0 at the begin, and moves it.
    std::uint32_t count(std::string_view piece, position& where) const {
        std::uint32_t found = 0;
        for (auto const letter : piece) {
            where = after(where, letter);
            if (where != text_.size()) continue;
            ++found;
            where = 0; // texts that overlap count once
        }
        return found;
    }

  private:
    position after(position where, char letter) const {
        while (where != 0 && text_[where] != letter)
            where = back_[where];
        return text_[where] == letter ? static_cast<position>(where + 1) : position{0};
    }

    std::string text_;
    std::vector<position> back_; // so much of the text is still there when the next letter is wrong
};

} // namespace load
