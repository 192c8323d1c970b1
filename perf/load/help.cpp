// SPDX-License-Identifier: BSL-1.0
#include "help.hpp"

namespace load {

namespace {

constexpr char const* introduction =
    R"(millipede-load MODE HOST:PORT [options]: load for servers of the framed protocol

Modes:
  hold    open and log in N connections, hold them, close them
  echo    requests that the server echoes, closed loop, or open loop with --rate
  rate    connect, log in, read the reply, close; over and over
  churn   hold N; each second drop K random ones, open K new, echo on M others

)";

constexpr char const* explanation = R"(
Lines of --marks on standard output, each written at once (the same for --settle, below):
  opened UNIX_TIME COUNT         all connections are open, and logged in where that is wanted
  running UNIX_TIME              the load begins
  drained UNIX_TIME              it is over: all is answered, or waiting for it was given up
  closed UNIX_TIME               all connections are closed; not with --close none, where the
                                 program ends with them open and the kernel closes them
The final text goes to standard error then; the object of --json comes last on standard output.

Lines of churn --settle on standard output, each written at once:
  busy ROUND UNIX_TIME FLOOR     from now on the server's number of logged-in connections moves
                                 between FLOOR and N
  quiet ROUND UNIX_TIME COUNT    all logins answered, all echoes verified; nothing moves until
                                 the next busy line, and COUNT connections are logged in
  done UNIX_TIME 0               everything is closed
Times are seconds with microseconds. Round 0 is the opening (from 0 to N). Rounds 1, 2, ... begin
with a second between them, one per second of --duration, or at once if the round before took
longer. A last busy line with floor 0 stands before the closing. Without --settle, drops and
echoes are spread evenly over each second.

Latency of an echo counts from the moment its request should have been sent, of a login from the
moment its connection should have been opened. "own CPU" tells when this program is the limit;
"observed" is what the process of --observe used: CPU time while the load ran, and memory of its
own (private dirty pages, and swapped ones) before the first connection and with all open.

Exit status: 0 if every expectation held, 1 if not, 2 for a bad option or too few descriptors.
)";

} // namespace

void print_help(std::ostream& out, boost::program_options::options_description const& described) {
    out << introduction << described << explanation;
}

} // namespace load
