// SPDX-License-Identifier: BSL-1.0
#include "common/settings_table.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <utility>

setting const* settings_table::find(std::string_view name) const {
    auto found = std::find_if(settings_.begin(), settings_.end(),
                              [&](setting const& each) { return each.name == name; });
    return found == settings_.end() ? nullptr : &*found;
}

void settings_table::begin_group(std::string_view name, std::string caption) {
    auto found = std::find_if(settings_.begin(), settings_.end(),
                              [&](setting const& each) { return each.name == name; });
    if (found == settings_.end())
        throw std::logic_error{"there is no setting '" + std::string{name} + "'"};
    found->group = std::move(caption);
}

void settings_source::apply(std::string const& where, setting const& which,
                            std::string const& value) {
    bool first = std::find(seen_.begin(), seen_.end(), &which) == seen_.end();
    if (!first && !which.begin_list) throw usage_error{where + ": given more than once"};
    if (first) {
        seen_.push_back(&which);
        if (which.begin_list) which.begin_list();
    }
    try {
        which.apply(value);
    } catch (std::invalid_argument const& refusal) {
        throw usage_error{where + ": " + refusal.what()};
    }
}

std::uint64_t parse_number(std::string const& text, std::uint64_t least, std::uint64_t most) {
    bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    auto const* begin = text.data() + (hexadecimal ? 2 : 0);
    auto const* end = text.data() + text.size();
    std::uint64_t number = 0;
    auto [stop, failure] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);
    if (failure != std::errc{} || stop != end || number < least || number > most)
        throw std::invalid_argument{"'" + text + "' is not a whole number from " +
                                    std::to_string(least) + " to " + std::to_string(most)};
    return number;
}

bool parse_switch(std::string const& text) {
    if (text == "true") return true;
    if (text == "false") return false;
    throw std::invalid_argument{"'" + text + "' is neither true nor false"};
}
