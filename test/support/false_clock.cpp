// SPDX-License-Identifier: BSL-1.0
// Preloaded into a program (LD_PRELOAD), shifts its wall clock by so many seconds as the file
// MILLIPEDE_FALSE_CLOCK holds: a 64-bit number that a test changes while the program runs. What
// runs on the steady clock must not notice.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

using shift_type = std::atomic<std::int64_t>;
static_assert(shift_type::is_always_lock_free && sizeof(shift_type) == sizeof(std::int64_t));

shift_type const* shift = nullptr;

[[gnu::constructor]] void map_shift() {
    auto const* file = std::getenv("MILLIPEDE_FALSE_CLOCK");
    int descriptor = file ? ::open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    auto* mapped = ::mmap(nullptr, sizeof(shift_type), PROT_READ, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    if (mapped != MAP_FAILED) shift = static_cast<shift_type const*>(mapped);
}

std::int64_t shift_seconds() {
    return shift ? shift->load(std::memory_order_relaxed) : 0;
}

int true_time(clockid_t clock, timespec* now) {
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
}

} // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
    int result = true_time(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift_seconds();
    return result;
}

int gettimeofday(timeval* now, void*) noexcept {
    timespec precise{};
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    if (result == 0) *now = {precise.tv_sec, precise.tv_nsec / 1'000};
    return result;
}

time_t time(time_t* now) noexcept {
    timespec precise{};
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now) *now = precise.tv_sec;
    return precise.tv_sec;
}
}
