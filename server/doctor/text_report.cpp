// SPDX-License-Identifier: BSL-1.0
#include "reports.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

namespace {

using namespace millipede;

constexpr std::size_t columns = 80;
constexpr std::size_t name_columns = 32;
constexpr std::size_t figure_columns = 15;
constexpr std::size_t where_columns = 18;

constexpr char red[] = "\x1b[1;31m";
constexpr char green[] = "\x1b[1;32m";
constexpr char bold[] = "\x1b[1m";
constexpr char plain[] = "\x1b[0m";

std::string with_thousands(std::uint64_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    return digits;
}

std::string in_bytes(std::uint64_t bytes) {
    constexpr std::uint64_t mebibyte = 1'024 * 1'024;
    constexpr std::uint64_t readable_max = 100'000; // of them
    bool large = bytes / mebibyte >= readable_max;
    auto unit = large ? mebibyte * 1'024 : mebibyte;
    return with_thousands(bytes / unit) + (large ? " GiB" : " MiB");
}

std::string right(std::string const& text) {
    return text.size() < figure_columns ? std::string(figure_columns - text.size(), ' ') + text
                                        : " " + text;
}

std::string left(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

// Words in lines of at most `columns`, each behind so many blanks.
std::string wrapped(std::string_view text, std::size_t indent) {
    std::string lines, line;
    auto flush = [&] {
        if (!line.empty()) lines += std::string(indent, ' ') + line + '\n';
        line.clear();
    };
    while (!text.empty()) {
        auto end = std::min(text.find(' '), text.size());
        if (indent + line.size() + 1 + end > columns) flush();
        line += (line.empty() ? "" : " ") + std::string{text.substr(0, end)};
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    flush();
    return lines;
}

class text_report {
  public:
    text_report(capacity const& verdict, bool coloured) : verdict_{verdict}, coloured_{coloured} {}

    std::string written() {
        add_verdict();
        add_table();
        add_remedies();
        add_advice();
        if (!verdict_.unclear.empty()) text_ += "\nNot known, so that the answer may be wrong:\n";
        for (auto const& each : verdict_.unclear)
            text_ += wrapped(each, 2);
        return std::move(text_);
    }

  private:
    std::string in_colour(char const* colour, std::string const& text) const {
        return coloured_ ? colour + text + plain : text;
    }

    void add_verdict() {
        auto holds = with_thousands(verdict_.holds());
        if (verdict_.wanted == 0) {
            text_ += in_colour(bold, holds + " idle connections can be held here.") + '\n';
        } else if (auto enough = verdict_.enough(); !enough) {
            text_ += in_colour(bold, "It cannot be told: not all limits could be read.") + '\n';
        } else {
            text_ += *enough ? in_colour(green, "Enough: ") : in_colour(red, "Not enough: ");
            text_ += holds + " idle connections can be held here, " +
                     with_thousands(verdict_.wanted) + " are wanted.\n";
        }
        text_ += "First to end: " + verdict_.limits.front().name + '\n';
        text_ += "Reckoned with " + with_thousands(verdict_.workers) +
                 (verdict_.workers == 1 ? " worker" : " workers") + " in one process, and " +
                 with_thousands(verdict_.bytes_per_connection) + " bytes for each connection.\n\n";
    }

    static std::string shown(std::uint64_t value, bool bytes) {
        if (value == unlimited) return "unlimited";
        return bytes ? in_bytes(value) : with_thousands(value);
    }

    void add_table() {
        text_ += left("limit", name_columns) + right("value") + right("allows");
        if (verdict_.wanted > 0) text_ += right("needed");
        text_ += '\n';
        for (auto const& each : verdict_.limits) {
            auto name = left(each.name, name_columns);
            if (name.size() > name_columns) name += '\n' + std::string(name_columns, ' ');
            text_ += name + right(shown(each.value, each.in_bytes)) +
                     right(each.allows == unlimited ? "any" : with_thousands(each.allows));
            bool lacks = each.allows < verdict_.wanted;
            if (verdict_.wanted > 0) text_ += right(shown(each.needs, each.in_bytes));
            text_ += lacks ? in_colour(red, " !") + '\n' : "\n";
        }
    }

    void add_lines(std::vector<remedy> const& remedies) {
        for (auto const& each : remedies)
            text_ += "    " + left(each.where, where_columns) + each.line + '\n';
    }

    void add_remedies() {
        if (verdict_.holds() >= verdict_.wanted) {
            if (verdict_.wanted == 0)
                text_ += "\nWhat to change for more: millipede-doctor --connections N\n";
            return;
        }
        text_ += "\nFor " + with_thousands(verdict_.wanted) +
                 " connections change, each where it suits you:\n";
        for (auto const& each : verdict_.limits) {
            if (each.remedies.empty()) continue;
            text_ += "  " + in_colour(bold, each.name) + '\n';
            add_lines(each.remedies);
        }
    }

    void add_advice() {
        if (!verdict_.advice.empty()) text_ += "\nThat ends no connection, but is worth a look:\n";
        for (auto const& each : verdict_.advice) {
            text_ += "  " + in_colour(bold, each.name) + '\n' + wrapped(each.text, 4);
            add_lines(each.remedies);
        }
    }

    capacity const& verdict_;
    bool coloured_;
    std::string text_{};
};

} // namespace

std::string as_text(capacity const& verdict, bool coloured) {
    return text_report{verdict, coloured}.written();
}
