// SPDX-License-Identifier: BSL-1.0
// The settings of millipede-online from a file: refused with one line that says where, or accepted
// as they can be served.
//
// MILLIPEDE_FUZZ_OPTION is the option that names the file: --config or --init-conf.
#include "fuzz/memory_file.hpp"
#include "fuzz/target.hpp"

#include "common/settings_table.hpp"
#include "online/settings.hpp"

#include <array>
#include <exception>
#include <stdexcept>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static fuzz::memory_file file;
    static std::string const option = std::string{MILLIPEDE_FUZZ_OPTION} + "=" + file.path();
    file.assign(fuzz::text_of({data, size}));
    std::array<char const*, 2> arguments{"millipede-online", option.c_str()};
    online_settings settings;
    try {
        fuzz::require(read_online_settings(settings, 2, arguments.data()), "there is help to run");
    } catch (usage_error const& refusal) {
        std::string_view what = refusal.what();
        fuzz::require(what.substr(0, file.path().size()) == file.path(), "a refusal says where");
        fuzz::require(what.find('\n') == std::string_view::npos, "a refusal is one line");
        auto reason = what.substr(file.path().size());
        fuzz::require(reason.find(": ", 1) != std::string_view::npos, "a refusal has a reason");
        return 0;
    }
    try {
        auto limits = millipede::validated(settings.limits);
        fuzz::require(limits.workers > 0 && limits.connections_per_worker > 0 &&
                          !limits.listen.empty(),
                      "what is accepted can be served");
        millipede::frame_codec codec{settings.frames};
        fuzz::require(codec.size_max() >= sizeof(millipede::frame_head), "a head has room");
    } catch (millipede::invalid_option const&) {
        // More descriptors than there are; a time of more than a year.
    } catch (std::invalid_argument const&) {
        fuzz::require(settings.frames.skip_crlf, "only a magic against skip_crlf is found so late");
    }
    return 0;
}
