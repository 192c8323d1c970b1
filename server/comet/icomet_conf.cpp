// SPDX-License-Identifier: BSL-1.0
#include "icomet_conf.hpp"

#include "common/settings_table.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>

namespace {

using millipede::severity;

constexpr std::uint32_t count_max = 1'000'000'000;
constexpr std::uint32_t rotate_least = 1024 * 1024; // bytes

std::string_view stripped(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::uint32_t number(std::string const& text, std::uint32_t least, std::uint32_t most) {
    return static_cast<std::uint32_t>(parse_number(text, least, most));
}

severity level_of(std::string const& text) {
    static std::map<std::string, severity> const levels{
        {"none", severity::fatal},   {"fatal", severity::fatal},     {"error", severity::error},
        {"warn", severity::warning}, {"warning", severity::warning}, {"info", severity::info},
        {"debug", severity::debug},  {"trace", severity::trace}};
    auto found = levels.find(text);
    if (found == levels.end())
        throw std::invalid_argument{"'" + text +
                                    "' is none of none, fatal, error, warn, info, "
                                    "debug, trace"};
    return found->second;
}

bool needs_token(std::string const& text) {
    if (text != "token" && text != "none")
        throw std::invalid_argument{"'" + text + "' is neither none nor token"};
    return text == "token";
}

using known_names = std::map<std::string, std::function<void(std::string const&)>>;

// `folder` is that of the file: icomet goes there before it opens anything.
known_names names_of(comet_settings& settings, std::filesystem::path const& folder) {
    auto& limits = settings.live.channels;
    auto& log = settings.limits.log;
    auto count = [](std::uint32_t& target, std::uint32_t least) {
        return
            [&target, least](std::string const& text) { target = number(text, least, count_max); };
    };
    return {
        {"pidfile",
         [&, folder](auto const& text) { settings.limits.pid_file = (folder / text).string(); }},
        {"logger.level", [&](auto const& text) { log.level = level_of(text); }},
        {"logger.output",
         [&, folder](auto const& text) {
             log.file = text == "stdout" || text == "stderr" ? "" : (folder / text).string();
         }},
        {"logger.rotate.size",
         [&](auto const& text) {
             log.rotate_bytes = std::max(number(text, 0, UINT32_MAX), rotate_least);
         }},
        {"admin.listen",
         [&](auto const& text) { settings.admin = millipede::listen_options{text}; }},
        {"admin.allow", [&](auto const& text) { settings.live.gate.allow(text); }},
        {"admin.deny", [&](auto const& text) { settings.live.gate.deny(text); }},
        {"front.listen", [&](auto const& text) { settings.limits.listen = {text}; }},
        {"front.auth", [&](auto const& text) { limits.needs_token = needs_token(text); }},
        {"front.max_channels", count(limits.channels_max, 1)},
        {"front.max_subscribers_per_channel", count(limits.subscribers_max, 1)},
        {"front.channel_buffer_size", count(limits.buffer_size, 0)},
        {"front.channel_timeout",
         [&](auto const& text) {
             limits.channel_timeout = text.starts_with('-') ? 0 : number(text, 0, 86'400);
         }},
        {"front.polling_timeout",
         [&](auto const& text) { limits.polling_timeout = number(text, 1, 86'400); }},
    };
}

// As the option of the command line that it is.
void note(std::string name, std::string const& value, std::map<std::string, std::string>& said) {
    if (name == "pidfile" || name.starts_with("logger.") || name == "front.listen")
        return; // which other servers have as well
    if (name.starts_with("front.")) name.erase(0, name.find('.') + 1);
    if (name == "admin.listen") name = "admin";
    std::replace_if(
        name.begin(), name.end(), [](char each) { return each == '_' || each == '.'; }, '-');
    auto& noted = said[name];
    bool is_list = name == "admin-allow" || name == "admin-deny";
    noted = is_list && !noted.empty() ? noted + "," + value : value;
}

// The keys that a line stands under, by their depth.
class nesting {
  public:
    std::string name_at(std::size_t depth, std::string_view key) {
        keys_.resize(std::min(depth, keys_.size()));
        keys_.emplace_back(key);
        std::string name;
        for (auto const& each : keys_)
            name += (name.empty() ? "" : ".") + each;
        return name;
    }

  private:
    std::vector<std::string> keys_;
};

} // namespace

std::vector<std::string> apply_icomet_conf(std::string const& file, comet_settings& settings) {
    std::vector<std::string> warnings;
    auto const known = names_of(settings, std::filesystem::absolute(file).parent_path());
    nesting sections;
    std::ifstream stream{file};
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) {
        auto where = file + ":" + std::to_string(number);
        auto content = stripped(line);
        if (content.empty() || content.front() == '#') continue;
        auto separator = content.find_first_of(":=");
        if (separator == std::string_view::npos)
            throw usage_error{where + ": '" + std::string{content} +
                              "'; lines are KEY: VALUE or KEY = VALUE"};
        auto depth = std::min(line.find_first_not_of('\t'), line.size());
        auto name = sections.name_at(depth, stripped(content.substr(0, separator)));
        std::string value{stripped(content.substr(separator + 1))};
        if (value.empty()) continue; // a section, or left at its default
        auto found = known.find(name);
        if (found == known.end()) {
            warnings.push_back(where + ": unknown name '" + name + "' ignored");
            continue;
        }
        try {
            found->second(value);
            note(name, value, settings.said);
        } catch (std::invalid_argument const& refusal) {
            throw usage_error{where + ": " + name + ": " + refusal.what()};
        }
    }
    if (!stream.eof()) throw usage_error{file + ": cannot be read; is the path right?"};
    return warnings;
}
