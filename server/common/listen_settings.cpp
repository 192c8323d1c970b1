// SPDX-License-Identifier: BSL-1.0
#include "common/listen_settings.hpp"

#include "common/duration.hpp"

#include <millipede/base/listen_address.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace {

using millipede::listen_options;
using millipede::tls_options;

constexpr std::string_view mode_word{"mode="};

// The permissions of a path in octal, as chmod takes them: 1 to 777.
std::uint32_t parse_mode(std::string_view text) {
    std::uint32_t mode = 0;
    auto const* end = text.data() + text.size();
    auto [stop, failure] = std::from_chars(text.data(), end, mode, 8);
    if (failure != std::errc{} || stop != end || mode == 0 || mode > 0777)
        throw std::invalid_argument{"'" + std::string{text} + "' is no mode such as 660"};
    return mode;
}

// PLACE[,tls][,proxy][,dual-stack][,mode=660]; the words in any order, each once.
listen_options parse_listener(std::string const& text) {
    auto comma = std::min(text.find(','), text.size());
    listen_options listener{text.substr(0, comma)};
    millipede::parse_listen_address(listener.endpoint);
    auto words = std::string_view{text}.substr(comma);
    while (!words.empty()) {
        words.remove_prefix(1);
        auto word = words.substr(0, words.find(','));
        words.remove_prefix(word.size());
        if (word == "tls" && !listener.tls)
            listener.tls.emplace();
        else if (word == "proxy" && !listener.proxy_protocol)
            listener.proxy_protocol = true;
        else if (word == "dual-stack" && !listener.dual_stack)
            listener.dual_stack = true;
        else if (word.starts_with(mode_word) && listener.unix_mode == 0)
            listener.unix_mode = parse_mode(word.substr(mode_word.size()));
        else
            throw std::invalid_argument{"'" + text + "': behind the place may stand ,tls ,proxy " +
                                        ",dual-stack and ,mode=660, each once"};
    }
    return listener;
}

// The same files for all listeners with TLS; those without must not be meant to have it.
void apply_files(millipede::options& limits, tls_options const& files) {
    bool any = false;
    for (auto& listener : limits.listen) {
        if (!listener.tls) continue;
        listener.tls = files;
        any = true;
    }
    if (!any && files != tls_options{})
        throw usage_error{"--tls-...: no endpoint has TLS; write --listen ADDR:PORT,tls"};
}

} // namespace

void add_listen_settings(settings_table& table, millipede::options& limits) {
    table.add({"listen", "ADDR:PORT",
               "where to listen; repeatable; or unix:PATH, fd:N, systemd:NAME; "
               "behind it ,tls ,proxy ,dual-stack ,mode=660 [" +
                   limits.listen.at(0).endpoint + "]",
               [&](std::string const& text) { limits.listen.push_back(parse_listener(text)); },
               [&] { limits.listen.clear(); }});

    auto files = std::make_shared<tls_options>();
    auto add_file = [&](char const* name, char const* help, std::string tls_options::*member) {
        table.add({name, "FILE", help,
                   [files, member](std::string const& text) { (*files).*member = text; }});
    };
    add_file("tls-certificate", "certificate and its chain, PEM; SIGHUP reads all three anew",
             &tls_options::certificate_file);
    add_file("tls-key", "its private key, PEM, without a passphrase",
             &tls_options::private_key_file);
    add_file("tls-client-ca", "admit only clients with a certificate of one of these CAs, PEM",
             &tls_options::client_ca_file);
    auto const& timeout = limits.handshake_timeout;
    table.add(
        {"tls-handshake-timeout", "TIME",
         "time for TLS handshake and PROXY header [" + to_string(duration{timeout}) + "]",
         [&](std::string const& text) { limits.handshake_timeout = parse_duration(text).value; }});
    table.at_end([files, &limits] { apply_files(limits, *files); });
}
