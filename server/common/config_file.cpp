// SPDX-License-Identifier: BSL-1.0
#include "common/config_file.hpp"

#include <fstream>

namespace {

std::string_view stripped(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

} // namespace

void for_each_line(std::string const& file,
                   std::function<void(std::string const&, std::string_view)> const& f) {
    std::ifstream stream{file};
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) {
        auto where = file + ":" + std::to_string(number);
        if (line.find('\0') != std::string::npos) // whatever is said of such a line ends there
            throw usage_error{where + ": there is a zero byte in it; is this a text file?"};
        auto content = stripped(line);
        if (content.empty() || content.front() == '#') continue;
        f(where, content);
    }
    if (!stream.eof()) throw usage_error{file + ": cannot be read; is the path right?"};
}

void apply_config_file(std::string const& file, settings_table const& table) {
    settings_source source;
    for_each_line(file, [&](std::string const& where, std::string_view line) {
        auto equals = line.find('=');
        if (equals == std::string_view::npos)
            throw usage_error{where + ": no '=' in '" + std::string{line} +
                              "'; lines are NAME = VALUE"};
        std::string name{stripped(line.substr(0, equals))};
        std::string value{stripped(line.substr(equals + 1))};
        auto const* found = table.find(name);
        if (!found) throw usage_error{where + ": unknown option '" + name + "'; see --help"};
        source.apply(where + ": " + name, *found, value);
    });
}
