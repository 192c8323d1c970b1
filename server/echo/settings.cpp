// SPDX-License-Identifier: BSL-1.0
#include "settings.hpp"

#include "common/command_line.hpp"

#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

using namespace millipede;

// What the options say of codecs, whichever is chosen.
struct codec_choices {
    std::string name = "frame";
    std::optional<std::uint32_t> message_max{}; ///< None: as the codec has it.
    std::uint32_t magic = frame_codec::settings{}.magic;
    line_ending ending = line_ending::lf;
    std::uint32_t length_bits = 32;
    std::endian length_order = std::endian::big;
    std::uint32_t fixed_size = 64;
};

template <class Value>
Value one_of(std::map<std::string, Value> const& known, std::string const& text) {
    if (auto found = known.find(text); found != known.end()) return found->second;
    std::string names;
    for (auto const& [name, value] : known)
        names += (names.empty() ? "" : ", ") + name;
    throw std::invalid_argument{"'" + text + "' is none of " + names};
}

any_codec chosen_frame(codec_choices const& wanted) {
    frame_codec::settings settings;
    settings.magic = wanted.magic;
    settings.size_max = wanted.message_max.value_or(settings.size_max);
    return frame_codec{settings};
}

any_codec chosen_line(codec_choices const& wanted) {
    line_codec::settings settings;
    settings.ending = wanted.ending;
    settings.size_max = wanted.message_max.value_or(settings.size_max);
    return line_codec{settings};
}

any_codec chosen_length(codec_choices const& wanted) {
    length_prefixed_codec::settings settings;
    settings.bits = wanted.length_bits;
    settings.order = wanted.length_order;
    settings.data_max = wanted.message_max.value_or(wanted.length_bits == 8 ? 255 : 65'535);
    return length_prefixed_codec{settings};
}

any_codec chosen_raw(codec_choices const& wanted) {
    return wanted.message_max ? raw_codec{*wanted.message_max} : raw_codec{};
}

any_codec chosen_fixed(codec_choices const& wanted) {
    return fixed_codec{wanted.fixed_size};
}

std::map<std::string, any_codec (*)(codec_choices const&)> const codecs{{"frame", chosen_frame},
                                                                        {"line", chosen_line},
                                                                        {"raw", chosen_raw},
                                                                        {"length", chosen_length},
                                                                        {"fixed", chosen_fixed}};

void add_codec_settings(settings_table& table, codec_choices& wanted) {
    table.add({"codec", "CODEC", "frame, line, raw, length or fixed [frame]",
               [&](std::string const& text) {
                   one_of(codecs, text);
                   wanted.name = text;
               }});
    table.add({"message-max", "BYTES", "the longest message [as the codec has it]",
               [&](std::string const& text) {
                   wanted.message_max =
                       static_cast<std::uint32_t>(parse_number(text, 0, UINT32_MAX));
               }});
    table.add({"magic", "WORD", "frame: the word that frames begin with [0x8eb69af7]",
               [&](std::string const& text) {
                   wanted.magic = static_cast<std::uint32_t>(parse_number(text, 0, UINT32_MAX));
               }});
    table.add(
        {"line-ending", "WHICH", "line: lf, crlf or either [lf]", [&](std::string const& text) {
             wanted.ending = one_of<line_ending>({{"lf", line_ending::lf},
                                                  {"crlf", line_ending::crlf},
                                                  {"either", line_ending::either}},
                                                 text);
         }});
    table.add({"length-bits", "N", "length: the bits of it, 8, 16, 32 or 64 [32]",
               [&](std::string const& text) {
                   wanted.length_bits =
                       one_of<std::uint32_t>({{"8", 8}, {"16", 16}, {"32", 32}, {"64", 64}}, text);
               }});
    table.add({"length-order", "WHICH", "length: which end comes first, big or little [big]",
               [&](std::string const& text) {
                   wanted.length_order = one_of<std::endian>(
                       {{"big", std::endian::big}, {"little", std::endian::little}}, text);
               }});
    table.add({"fixed-size", "BYTES", "fixed: of every message [64]", [&](std::string const& text) {
                   wanted.fixed_size = static_cast<std::uint32_t>(parse_number(text, 1, 1U << 30));
               }});
}

} // namespace

bool read_echo_settings(echo_settings& settings, int argc, char const* const* argv) {
    settings_table table;
    codec_choices wanted;
    add_codec_settings(table, wanted);
    table.add({"pin", "", "each worker on a processor of its own",
               [&](std::string const& text) { settings.limits.pin_workers = parse_switch(text); }});
    add_server_settings(table, settings.limits);
    add_admin_settings(table, settings.admin);
    table.at_end([&] {
        try {
            settings.codec = codecs.at(wanted.name)(wanted);
        } catch (std::invalid_argument const& refusal) {
            throw usage_error{"--message-max: " + std::string{refusal.what()}};
        }
    });
    program about{"millipede-echo", MILLIPEDE_VERSION,
                  "Sends back every message, in the framing of your choice."};
    return read_settings(about, {}, table, argc, argv);
}
