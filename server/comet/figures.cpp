// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"

#include <millipede/base/log.hpp>

#include <sstream>
#include <string>

namespace comet {

void add_figures(program_admin& endpoint, tally const& counters, hub const& channels) {
    for (std::size_t index = 0; index < tally::kinds.size(); ++index) {
        auto const& kind = tally::kinds[index];
        std::string name{kind.name};
        endpoint.add_counter("millipede_comet_" + name + "_total", "comet_" + name,
                             "Comet: " + std::string{kind.meaning} + ".",
                             [&counters, what = static_cast<counted>(index)] {
                                 return static_cast<double>(counters.sum(what));
                             });
    }
    endpoint.add_gauge("millipede_comet_channels", "comet_channels", "Comet: channels.",
                       [&] { return static_cast<double>(channels.channels()); });
    endpoint.add_gauge("millipede_comet_subscribers", "comet_subscribers", "Comet: subscribers.",
                       [&] { return static_cast<double>(channels.subscribers()); });
}

void log_figures(tally const& counters, hub const& channels) {
    std::ostringstream text;
    counters.for_each([&](auto name, auto value) { text << ' ' << name << '=' << value; });
    millipede::log(millipede::info) << "comet:" << text.str() << " channels=" << channels.channels()
                                    << " subscribers=" << channels.subscribers();
}

} // namespace comet
