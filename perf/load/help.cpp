// SPDX-License-Identifier: BSL-1.0
#include "help.hpp"

namespace load {

namespace {

constexpr char const* introduction =
    R"(millipede-load MODE HOST:PORT [options]: load for servers of the framed protocol, and
subscribers for comet servers

Modes:
  hold       open and log in N connections, hold them, close them
  echo       requests that the server echoes, closed loop, or open loop with --rate
  rate       connect, log in, read the reply, close; over and over
  churn      hold N; each second drop K random ones, open K new, echo on M others
  subscribe  N HTTP requests that wait for messages; who has got a whole reply asks again

)";

constexpr char const* explanation = R"(
Exit status: 0 if every expectation held, 1 if not, 2 for a bad option or too few descriptors.
What --marks and --settle print, and how latency counts: millipede-load(1).
)";

} // namespace

void print_help(std::ostream& out, boost::program_options::options_description const& described) {
    out << introduction << described << explanation;
}

} // namespace load
