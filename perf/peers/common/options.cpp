// SPDX-License-Identifier: BSL-1.0
#include "common/options.hpp"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <string>
#include <vector>

#include <sched.h>

namespace peers {

namespace {

constexpr unsigned workers_max = 256;
constexpr char const* listen_default = "127.0.0.1:8082";

struct word {
    std::string_view name;  // with its dashes, as given
    std::string_view value; // behind the equals sign
    bool has_value = false;
};

unsigned usable_cores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    return static_cast<unsigned>(std::max(CPU_COUNT(&allowed), 1));
}

unsigned parse_workers(std::string_view text) {
    unsigned number = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || end != text.data() + text.size() || number < 1 ||
        number > workers_max)
        throw usage_error{"--workers: '" + std::string{text} + "' is not a number from 1 to " +
                          std::to_string(workers_max)};
    return number;
}

codec parse_codec(std::string_view text) {
    if (text == "frame") return codec::frame;
    if (text == "raw") return codec::raw;
    throw usage_error{"--codec: '" + std::string{text} + "' is neither frame nor raw"};
}

void print_help(subject const& about) {
    std::cout << about.name << " [options]: " << about.purpose << "\n\nOptions:\n"
              << "  --listen ADDR:PORT  where to listen, IPv6 in brackets, port 0: any ["
              << listen_default << "]\n"
              << "  --workers N         threads that serve connections [" << usable_cores()
              << ", the cores]\n";
    if (about.takes_codec)
        std::cout << "  --codec frame|raw   frames, or any bytes as they come [frame]\n";
    if (about.takes_no_pin)
        std::cout << "  --no-pin            leave it to the system where workers run\n";
    std::cout << "  --help              show this\n"
              << "  --version           show the version\n";
}

// Reads words in order; each option may be given once.
class reader {
  public:
    reader(subject const& about, int argument_count, char const* const* arguments)
        : about_{about}, arguments_{arguments + 1, arguments + std::max(argument_count, 1)} {}

    options read() {
        options settings;
        settings.listen = parse_endpoint(listen_default);
        settings.workers = std::min(usable_cores(), workers_max);
        while (position_ < arguments_.size()) {
            auto given = next_word();
            if (std::find(seen_.begin(), seen_.end(), given.name) != seen_.end())
                throw usage_error{std::string{given.name} + ": given twice"};
            seen_.push_back(given.name);
            apply(given, settings);
        }
        return settings;
    }

  private:
    word next_word() {
        std::string_view text = arguments_[position_++];
        auto equals = text.find('=');
        if (equals == std::string_view::npos) return {text, {}, false};
        return {text.substr(0, equals), text.substr(equals + 1), true};
    }

    void apply(word const& given, options& settings) {
        if (given.name == "--listen")
            settings.listen = listen_value(value_of(given));
        else if (given.name == "--workers")
            settings.workers = parse_workers(value_of(given));
        else if (given.name == "--codec" && about_.takes_codec)
            settings.speaks = parse_codec(value_of(given));
        else if (given.name == "--no-pin" && about_.takes_no_pin && !given.has_value)
            settings.pin = false;
        else
            throw usage_error{"'" + std::string{given.name} + "' is no option of this program"};
    }

    std::string_view value_of(word const& given) {
        if (given.has_value) return given.value;
        if (position_ == arguments_.size())
            throw usage_error{std::string{given.name} + ": its value is missing"};
        return arguments_[position_++];
    }

    static endpoint listen_value(std::string_view text) {
        try {
            return parse_endpoint(text);
        } catch (std::invalid_argument const& refusal) {
            throw usage_error{std::string{"--listen: "} + refusal.what()};
        }
    }

    subject const& about_;
    std::vector<std::string_view> arguments_;
    std::vector<std::string_view> seen_;
    std::size_t position_ = 0;
};

} // namespace

std::optional<options> parse_options(subject const& about, int argument_count,
                                     char const* const* arguments) {
    for (int position = 1; position < argument_count; ++position) {
        std::string_view text = arguments[position];
        if (text == "--help") return print_help(about), std::nullopt;
        if (text == "--version") {
            std::cout << about.name << " " MILLIPEDE_VERSION "\n";
            return std::nullopt;
        }
    }
    return reader{about, argument_count, arguments}.read();
}

} // namespace peers
