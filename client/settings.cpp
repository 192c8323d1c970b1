// SPDX-License-Identifier: BSL-1.0
#include "settings.hpp"

#include <boost/algorithm/hex.hpp>
#include <boost/program_options.hpp>

#include <charconv>
#include <iostream>
#include <iterator>
#include <limits>
#include <span>
#include <string_view>

namespace {

namespace po = boost::program_options;

std::uint64_t parse_number(std::string_view name, std::string_view text, std::uint64_t most) {
    bool hexadecimal = text.starts_with("0x");
    auto digits = text.substr(hexadecimal ? 2 : 0);
    std::uint64_t number = 0;
    auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number,
                                          hexadecimal ? 16 : 10);
    if (failure != std::errc{} || end != digits.data() + digits.size() || number > most)
        throw usage_error{"--" + std::string{name} + ": '" + std::string{text} +
                          "' is not a whole number from 0 to " + std::to_string(most)};
    return number;
}

std::chrono::milliseconds parse_time(std::string_view name, std::string_view text) {
    constexpr std::int64_t milliseconds_max = 365LL * 24 * 3'600'000;
    std::int64_t count = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    std::int64_t factor = unit == "ms"  ? 1
                          : unit == "s" ? 1'000
                          : unit == "m" ? 60'000
                          : unit == "h" ? 3'600'000
                                        : 0;
    if (failure != std::errc{} || count < 0 || factor == 0 || count > milliseconds_max / factor)
        throw usage_error{"--" + std::string{name} + ": '" + std::string{text} +
                          "' is not a time: a number and its unit, such as 10s or 500ms"};
    return std::chrono::milliseconds{count * factor};
}

std::vector<std::byte> parse_hex(std::string const& text) {
    std::string bytes;
    try {
        boost::algorithm::unhex(text, std::back_inserter(bytes));
    } catch (boost::algorithm::hex_decode_error const&) {
        throw usage_error{"--hex: '" + text + "' is not pairs of hexadecimal digits"};
    }
    auto view = std::as_bytes(std::span{bytes});
    return {view.begin(), view.end()};
}

void split_target(std::string const& target, client_settings& settings) {
    auto colon = target.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == target.size())
        throw usage_error{"'" + target + "' is not HOST:PORT"};
    settings.host = target.substr(0, colon);
    settings.port = target.substr(colon + 1);
    if (settings.host.front() == '[' && settings.host.back() == ']')
        settings.host = settings.host.substr(1, settings.host.size() - 2);
}

po::options_description described() {
    po::options_description options{"Options"};
    auto text = [](char const* argument) { return po::value<std::string>()->value_name(argument); };
    options.add_options()("uid", text("N"), "login: who logs in, 0 to 65535 [1]")(
        "hold", text("TIME"), "login: stay connected so long [0s]")(
        "command", text("N"), "send: the frame's command [0x6102, the echo]")(
        "data", text("TEXT"), "send: the frame's data")("hex", text("BYTES"),
                                                        "send: the same in hexadecimal")(
        "magic", text("WORD"), "the word that frames begin with [0x8eb69af7]")(
        "timeout", text("TIME"), "for connecting and for each reply [5s]")("help", "show this")(
        "version", "show the version");
    return options;
}

void apply_options(po::variables_map const& given, client_settings& settings) {
    auto with = [&](char const* name, auto f) {
        if (given.count(name)) f(given[name].as<std::string>());
    };
    auto number = [](char const* name, std::string const& text, auto& target) {
        using type = std::remove_reference_t<decltype(target)>;
        target = static_cast<type>(parse_number(name, text, std::numeric_limits<type>::max()));
    };
    with("uid", [&](auto const& text) { number("uid", text, settings.uid); });
    with("command", [&](auto const& text) { number("command", text, settings.command); });
    with("magic", [&](auto const& text) { number("magic", text, settings.magic); });
    with("hold", [&](auto const& text) { settings.hold = parse_time("hold", text); });
    with("timeout", [&](auto const& text) { settings.timeout = parse_time("timeout", text); });
    with("hex", [&](auto const& text) { settings.data = parse_hex(text); });
    with("data", [&](auto const& text) {
        auto bytes = std::as_bytes(std::span{text});
        settings.data.assign(bytes.begin(), bytes.end());
    });
    if (given.count("data") && given.count("hex"))
        throw usage_error{"--data and --hex exclude each other"};
}

} // namespace

client_settings read_settings(int argc, char const* const* argv) {
    auto options = described();
    po::options_description all;
    all.add(options).add_options()("words", po::value<std::vector<std::string>>());
    po::positional_options_description words;
    words.add("words", -1);
    po::variables_map given;
    try {
        po::store(po::command_line_parser{argc, argv}.options(all).positional(words).run(), given);
    } catch (po::error const& refusal) {
        throw usage_error{refusal.what()};
    }
    client_settings settings;
    if (given.count("help")) {
        std::cout << "A client of framed servers such as millipede-online.\n"
                     "Usage: millipede-client login HOST:PORT [--uid N] [--hold TIME]\n"
                     "       millipede-client send HOST:PORT [--command N] [--data TEXT]\n"
                     "       millipede-client watch HOST:PORT\n"
                  << options << "Exit status: 0 worked, 1 did not, 2 wrong usage.\n";
        return settings;
    }
    if (given.count("version")) {
        std::cout << "millipede-client " MILLIPEDE_VERSION "\n";
        return settings;
    }
    std::vector<std::string> named;
    if (given.count("words")) named = given["words"].as<std::vector<std::string>>();
    if (named.size() != 2) throw usage_error{"expected: login, send or watch, then HOST:PORT"};
    settings.verb = named[0];
    if (settings.verb != "login" && settings.verb != "send" && settings.verb != "watch")
        throw usage_error{"'" + settings.verb + "' is none of login, send, watch"};
    split_target(named[1], settings);
    apply_options(given, settings);
    return settings;
}
