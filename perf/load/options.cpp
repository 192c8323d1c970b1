// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include "descriptor_limit.hpp"
#include "frame.hpp"
#include "help.hpp"
#include "observed_process.hpp"
#include "quantity.hpp"
#include "request_template.hpp"
#include "text_counter.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <array>
#include <iostream>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace po = boost::program_options;

namespace load {

std::string_view name(run_mode mode) {
    static constexpr std::array<std::string_view, 5> names{"hold", "echo", "rate", "churn",
                                                           "subscribe"};
    return names[static_cast<std::size_t>(mode)];
}

std::string_view name(close_kind kind) {
    static constexpr std::array<std::string_view, 4> names{"rst", "fin", "mixed", "none"};
    return names[static_cast<std::size_t>(kind)];
}

std::string_view name(codec_kind kind) {
    return kind == codec_kind::raw ? "raw" : "frame";
}

namespace {

[[noreturn]] void refuse(std::string const& sentence) {
    throw std::invalid_argument(sentence);
}

std::string named(char const* option) {
    return "--" + std::string{option} + ": ";
}

template <typename Parse>
auto explained(char const* option, Parse parse) {
    try {
        return parse();
    } catch (std::invalid_argument const& error) {
        refuse(named(option) + error.what());
    }
}

// Numbers are read as text first: the library's own reading knows neither 0x nor good messages.
class reader {
  public:
    explicit reader(po::variables_map const& given) : given_{given} {}

    bool has(char const* option) const { return given_.count(option) != 0; }
    std::string text(char const* option) const { return given_[option].as<std::string>(); }

    std::vector<std::string> texts(char const* option) const {
        return given_[option].as<std::vector<std::string>>();
    }

    template <typename Integer>
    void integer(char const* option, Integer& value, std::uint64_t low, std::uint64_t high) const {
        if (!has(option)) return;
        auto const number = explained(option, [&] { return parse_integer(text(option)); });
        if (number < low || number > high)
            refuse(named(option) + std::to_string(number) + " is not between " +
                   std::to_string(low) + " and " + std::to_string(high));
        value = static_cast<Integer>(number);
    }

    void rate(char const* option, double& value) const {
        std::uint64_t per_second = 0;
        if (!has(option)) return;
        integer(option, per_second, 0, 1'000'000'000);
        value = static_cast<double>(per_second);
    }

    void duration(char const* option, std::chrono::nanoseconds& value) const {
        if (has(option)) value = explained(option, [&] { return parse_duration(text(option)); });
    }

    void closing(close_kind& value) const {
        if (!has("close")) return;
        for (auto const kind :
             {close_kind::reset, close_kind::finish, close_kind::mixed, close_kind::none})
            if (text("close") == name(kind)) return void(value = kind);
        refuse(named("close") + "'" + text("close") + "' is not rst, fin, mixed or none");
    }

    void codec(codec_kind& value) const {
        if (!has("codec")) return;
        for (auto const kind : {codec_kind::frame, codec_kind::raw})
            if (text("codec") == name(kind)) return void(value = kind);
        refuse(named("codec") + "'" + text("codec") + "' is not frame or raw");
    }

  private:
    po::variables_map const& given_;
};

// clang-format off: one line per option is the table it should look like.
po::options_description described_options() {
    auto const text = [](char const* placeholder) {
        return po::value<std::string>()->value_name(placeholder);
    };
    po::options_description load{"Load", 100, 60};
    load.add_options()("connections", text("N"), "connections held, not for rate (100)")(
        "duration", text("TIME"), "how long the load lasts once all are open (10s)")(
        "requests", text("N"), "echo, rate: end after exactly N in all, not after a time")(
        "rate", text("R"), "echo, rate: this many per second in all, open loop (0: closed loop)")(
        "size", text("BYTES"), "size of a whole request, 8 to 65535, raw 1 to 65535 (64)")(
        "depth", text("D"), "echo: requests in flight per connection (1)")(
        "login", "echo: log every connection in first")("no-login", "hold: only connect")(
        "churn", text("K"), "churn: connections dropped and opened each second (N / 50)")(
        "send", text("M"), "churn: echoes each second on others (N / 10)")(
        "settle", "churn: bursts with quiet between them, reported line by line")(
        "sample", text("M"), "hold: each second one echo on M random connections (0)")(
        "close", text("HOW"), "rst, fin, mixed; hold, echo: none, the kernel does (rst)");
    po::options_description subscribe{"Mode subscribe", 100, 60};
    subscribe.add_options()(
        "path", text("PATH"),
        "{n}: a channel's number, {seq}: the next message's (/sub?cname=c{n}&seq={seq})")(
        "channels", text("C"), "{n} is one of 0 to C - 1 (1)")("first-sequence", text("N"),
                                                               "{seq} of the first request (1)")(
        "field", po::value<std::vector<std::string>>()->value_name("NAME:VALUE"),
        "of requests; repeatable")("count", text("TEXT"),
                                   "stands once in each message (\"type\":\"data\")")(
        "messages", text("M"), "end once everybody has had M messages (0: after the duration)")(
        "retry", text("TIME"), "until who got a reply without a message asks again (1s)")(
        "spin", text("TIME"), "do not sleep for so long after something came (0s)")(
        "opened-by", text("WHAT"), "counts as open with the reply's head, or its request (head)")(
        "arrivals", "rounds of --marks end when the last message comes to this machine");
    po::options_description pace{"Pace and machine", 100, 60};
    pace.add_options()("open-rate", text("R"),
                       "connections opened per second (0: as fast as possible)")(
        "concurrency", text("C"), "connects and logins in progress at most (256)")(
        "threads", text("T"), "threads, each with its share of the connections (1)")(
        "sources", text("S"), "source addresses from 127.0.0.1 on (as many as are needed)")(
        "drain", text("TIME"), "how long to wait for the last replies (10s)")(
        "deadline", text("TIME"),
        "limit for everything, beyond it is failure (duration + 60s; with --requests 10m)")(
        "errors-max", text("E"), "stop early after so many errors (100)")(
        "seed", text("N"), "seed of the random choices (1)")(
        "allow-remote", "permit targets outside 127.0.0.0/8 and ::1");
    po::options_description protocol{"Protocol", 100, 60};
    protocol.add_options()("codec", text("NAME"), "frame, or raw: no login, any bytes (frame)")(
        "magic", text("WORD"), "(0x8eb69af7)")("command", text("NUMBER"),
                                               "the command that the server echoes (0x6102)")(
        "login-command", text("NUMBER"), "(0x6101)")("login-uid-base", text("UID"),
                                                     "uid of the first connection; counts up (1)");
    po::options_description output{"Output", 100, 60};
    output.add_options()("json", "print one JSON object at the end")(
        "observe", text("PID"), "measure CPU time and memory of that process as well")(
        "marks", "print the time of each stage, at once")(
        "progress", "one updating line on standard error (default on a terminal)")(
        "no-progress", "never")("help", "print this text")("version", "print the version");
    po::options_description all;
    all.add(load).add(subscribe).add(pace).add(protocol).add(output);
    return all;
}
// clang-format on

po::variables_map parse(po::options_description const& described, int argument_count,
                        char const* const* arguments) {
    po::options_description positional;
    positional.add(described);
    positional.add_options()("mode", po::value<std::string>())("target", po::value<std::string>());
    po::positional_options_description places;
    places.add("mode", 1).add("target", 1);
    namespace style = po::command_line_style;
    po::variables_map given;
    po::store(po::command_line_parser(argument_count, arguments)
                  .options(positional)
                  .positional(places)
                  .style(style::default_style & ~style::allow_guessing)
                  .run(),
              given);
    po::notify(given);
    return given;
}

run_mode parse_mode(std::string const& text) {
    for (auto const mode :
         {run_mode::hold, run_mode::echo, run_mode::rate, run_mode::churn, run_mode::subscribe})
        if (text == name(mode)) return mode;
    refuse("mode '" + text + "' is not hold, echo, rate, churn or subscribe");
}

// An option that the mode would silently ignore is a measurement of something else.
void refuse_foreign_options(reader const& given, run_mode mode) {
    struct rule {
        char const* option;
        std::string_view modes;
    };
    static constexpr rule rules[] = {
        {"connections", "hold echo churn subscribe"},
        {"rate", "echo rate"},
        {"size", "hold echo churn"},
        {"depth", "echo"},
        {"login", "echo"},
        {"no-login", "hold"},
        {"churn", "churn"},
        {"send", "churn"},
        {"settle", "churn"},
        {"sample", "hold"},
        {"requests", "echo rate"},
        {"command", "hold echo churn"},
        {"open-rate", "hold echo churn subscribe"},
        {"path", "subscribe"},
        {"field", "subscribe"},
        {"count", "subscribe"},
        {"channels", "subscribe"},
        {"first-sequence", "subscribe"},
        {"messages", "subscribe"},
        {"opened-by", "subscribe"},
        {"spin", "subscribe"},
        {"arrivals", "subscribe"},
        {"retry", "subscribe"},
        {"observe", "hold echo rate churn"},
        {"codec", "hold echo rate churn"},
        {"magic", "hold echo rate churn"},
        {"login-command", "hold echo rate churn"},
        {"login-uid-base", "hold echo rate churn"},
        {"drain", "hold echo rate churn"},
        {"seed", "hold echo rate churn"},
    };
    for (auto const& rule : rules)
        if (given.has(rule.option) && rule.modes.find(name(mode)) == std::string_view::npos)
            refuse("--" + std::string{rule.option} + " has no meaning in mode " +
                   std::string{name(mode)});
}

void refuse_contradictions(reader const& given, options const& settings) {
    if (given.has("requests") && given.has("duration"))
        refuse("--requests and --duration exclude each other: a run ends after so many or so long");
    if (settings.mode == run_mode::hold && !given.has("sample"))
        for (auto const option : {"size", "command"})
            if (given.has(option))
                refuse(named(option) + "has no meaning in mode hold without --sample");
    if (settings.arrivals && !settings.marks)
        refuse("--arrivals has no meaning without --marks, which print them");
    if (settings.closing == close_kind::none && settings.mode != run_mode::hold &&
        settings.mode != run_mode::echo && settings.mode != run_mode::subscribe)
        refuse("--close: none has no meaning in mode " + std::string{name(settings.mode)});
    if (settings.codec != codec_kind::raw) return;
    for (auto const option :
         {"login", "no-login", "magic", "command", "login-command", "login-uid-base"})
        if (given.has(option)) refuse(named(option) + "has no meaning with --codec raw");
}

void read_subscribe_values(reader const& given, options& settings) {
    given.integer("channels", settings.channels, 1, 100'000'000);
    given.integer("first-sequence", settings.first_sequence, 0, INT32_MAX);
    given.integer("messages", settings.messages, 1, INT32_MAX);
    given.duration("spin", settings.spin);
    given.duration("retry", settings.retry);
    settings.arrivals = given.has("arrivals");
    if (given.has("path")) settings.path = given.text("path");
    if (given.has("count")) settings.counted = given.text("count");
    if (given.has("field")) settings.fields = given.texts("field");
    if (given.has("opened-by")) {
        settings.awaits_head = given.text("opened-by") == "head";
        if (!settings.awaits_head && given.text("opened-by") != "request")
            refuse(named("opened-by") + "'" + given.text("opened-by") + "' is not head or request");
    }
    explained("count", [&] { return text_counter{settings.counted}; });
    explained("path", [&] { return request_template{settings.path, settings.server.text, {}}; });
    explained("field", [&] {
        return request_template{settings.path, settings.server.text, settings.fields};
    });
}

void read_values(reader const& given, options& settings) {
    constexpr std::uint64_t many = 100'000'000;
    given.integer("connections", settings.connections, 1, many);
    given.integer("concurrency", settings.concurrency, 1, many);
    given.codec(settings.codec);
    given.integer("size", settings.size_bytes, settings.codec == codec_kind::raw ? 1 : head_bytes,
                  frame_bytes_max);
    given.integer("depth", settings.depth, 1, 65'536);
    settings.churn_per_second = settings.connections / 50;
    settings.sends_per_second = settings.connections / 10;
    given.integer("churn", settings.churn_per_second, 0, many);
    given.integer("send", settings.sends_per_second, 0, many);
    given.integer("sample", settings.samples, 0, settings.connections);
    given.integer("requests", settings.requests, 1, UINT64_MAX);
    given.integer("observe", settings.observed, 1, INT32_MAX);
    given.integer("threads", settings.threads, 1, 256);
    given.integer("errors-max", settings.errors_max, 1, UINT64_MAX);
    given.integer("seed", settings.seed, 0, UINT64_MAX);
    given.integer("magic", settings.magic, 0, UINT32_MAX);
    given.integer("command", settings.command, 0, UINT16_MAX);
    given.integer("login-command", settings.login_command, 0, UINT16_MAX);
    given.integer("login-uid-base", settings.login_uid_base, 0, UINT16_MAX);
    given.rate("rate", settings.rate);
    given.rate("open-rate", settings.open_rate);
    given.duration("duration", settings.duration);
    given.duration("drain", settings.drain);
    settings.deadline = settings.requests > 0 ? std::chrono::nanoseconds{std::chrono::minutes{10}}
                                              : settings.duration + std::chrono::seconds{60};
    given.duration("deadline", settings.deadline);
    given.closing(settings.closing);
    read_subscribe_values(given, settings);
    settings.settle = given.has("settle");
    settings.marks = given.has("marks");
    settings.json = given.has("json");
    settings.progress =
        (given.has("progress") || ::isatty(STDERR_FILENO) == 1) && !given.has("no-progress");
}

void check_churn(options const& settings) {
    if (settings.mode != run_mode::churn || !settings.settle) return;
    auto const touched = std::uint64_t{settings.churn_per_second} + settings.sends_per_second;
    if (touched > settings.connections)
        refuse("--churn and --send together exceed --connections, but a round of --settle "
               "touches every connection once at most");
}

void choose_sources(reader const& given, options& settings) {
    // A port is taken while its connection lives, and for a second in TIME_WAIT if we close first
    // by FIN: on loopback the kernel gives such ports away again after that (tcp_tw_reuse).
    std::uint64_t ports = settings.connections;
    if (settings.closing != close_kind::reset)
        ports += settings.mode == run_mode::rate ? 131'072 : 2ULL * settings.churn_per_second;
    if (settings.server.in_loopback_network)
        settings.sources = enough_source_addresses(ports, local_ports());
    given.integer("sources", settings.sources, 1, source_addresses_max);
    if (settings.sources > 1 && !settings.server.in_loopback_network)
        refuse("--sources: more than one needs a target in 127.0.0.0/8");
}

void check_descriptors(options const& settings) {
    auto const needed = descriptors_needed(settings.connections, settings.threads);
    auto const limit = raise_descriptor_limit(needed);
    auto const shortage = descriptor_shortage(needed, limit, descriptor_limit_max());
    if (!shortage.empty()) refuse("--connections: " + shortage);
}

// Before the run rather than after it, where only half of the figures would be missing.
void check_observed(options const& settings) {
    if (settings.observed == 0) return;
    observed_process const process{settings.observed};
    try {
        process.cpu_ns();
        process.memory_bytes();
    } catch (std::runtime_error const& error) {
        refuse(named("observe") + error.what());
    }
}

} // namespace

std::optional<options> parse_options(int argument_count, char const* const* arguments) {
    auto const described = described_options();
    auto const map = parse(described, argument_count, arguments);
    reader const given{map};
    if (given.has("help")) return print_help(std::cout, described), std::nullopt;
    if (given.has("version"))
        return std::cout << "millipede-load " MILLIPEDE_VERSION "\n", std::nullopt;
    if (!given.has("target")) refuse("MODE and HOST:PORT are needed; --help explains");

    options settings;
    settings.mode = parse_mode(given.text("mode"));
    settings.server = parse_target(given.text("target"), given.has("allow-remote"));
    refuse_foreign_options(given, settings.mode);
    read_values(given, settings);
    settings.login = settings.mode == run_mode::echo ? given.has("login") : !given.has("no-login");
    // Of a byte echo, only mode rate wants a first answer.
    if (settings.codec == codec_kind::raw) settings.login = settings.mode == run_mode::rate;
    refuse_contradictions(given, settings);
    // In mode rate the connections in progress are all there are.
    if (settings.mode == run_mode::rate) {
        settings.connections = settings.concurrency;
        settings.open_rate = settings.rate;
    }
    settings.threads = std::min(settings.threads, settings.connections);
    check_churn(settings);
    choose_sources(given, settings);
    check_descriptors(settings);
    check_observed(settings);
    return settings;
}

} // namespace load
