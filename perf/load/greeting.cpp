// SPDX-License-Identifier: BSL-1.0
#include "greeting.hpp"

#include "random.hpp"

#include <cstring>

namespace load {

greeting::greeting(options const& settings)
    : codec_{settings.codec},
      magic_{settings.magic},
      command_{settings.login_command},
      reply_{make_head(settings.magic, login_reply_bytes, settings.login_command)} {}

greeting::request greeting::make_request(std::uint64_t connection_key, std::uint16_t uid) const {
    auto asked = make_login(magic_, command_, uid);
    // Other bytes on every connection, so that one that got another's is found out.
    if (auto const mark = mixed(connection_key); codec_ == codec_kind::raw)
        std::memcpy(asked.data(), &mark, sizeof mark);
    return asked;
}

std::span<std::byte const> greeting::reply_to(request const& asked) const {
    if (codec_ == codec_kind::raw) return asked;
    return reply_;
}

} // namespace load
