// SPDX-License-Identifier: BSL-1.0
// Whole connections over transports that fail, by a script (test/support/scripted_worker.hpp).
// First byte: bits 0 and 1 policy, bit 2 the end by a stop, bit 3 sockets and not streams; then
// acts.
#include "fuzz/target.hpp"
#include "support/scripted_worker.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    // Longer ones find nothing new, slowly.
    if (size < 1 || size > 4'096) return 0;
    using millipede::overflow_policy;
    static constexpr std::array policies{overflow_policy::close, overflow_policy::close,
                                         overflow_policy::drop_newest,
                                         overflow_policy::drop_oldest};
    try {
        auto carrier = data[0] & 8 ? test::carrier_kind::socket : test::carrier_kind::memory;
        test::scripted_worker subject{carrier, policies[data[0] & 3]};
        subject.play(test::script{{data + 1, size - 1}});
        if (data[0] & 4)
            subject.finish_by_stop();
        else
            subject.finish();
    } catch (test::contradiction const& found) {
        fuzz::require(false, found.what());
    }
    return 0;
}
