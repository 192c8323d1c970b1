// SPDX-License-Identifier: BSL-1.0
// Replaces the program's operator new.
#include "faults/failing_allocations.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace test {
namespace {

struct thread_state {
    bool fragile = false;
    bool goes_on = false;
    std::uint64_t until_failure = 0;
    std::uint64_t failed = 0;
};
thread_local constinit thread_state state;

bool fails() noexcept {
    if (!state.fragile || state.until_failure == 0) return false;
    if (--state.until_failure != 0) return false;
    if (state.goes_on) state.until_failure = 1;
    ++state.failed;
    return true;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
    if (fails()) throw std::bad_alloc{};
    auto rounded = (bytes + alignment - 1) / alignment * alignment;
    auto* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    if (!memory) throw std::bad_alloc{};
    return memory;
}

} // namespace

failing_allocations::failing_allocations(std::uint64_t number, how_many count) noexcept {
    state.until_failure = number;
    state.goes_on = count == how_many::all_from_there;
}

failing_allocations::~failing_allocations() {
    state.until_failure = 0;
}

fragile_scope::fragile_scope() noexcept {
    state.fragile = true;
}

fragile_scope::~fragile_scope() {
    state.fragile = false;
}

std::uint64_t failed_allocations() noexcept {
    return state.failed;
}

} // namespace test

void* operator new(std::size_t bytes) {
    return test::allocate(bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t bytes) {
    return test::allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return test::allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return test::allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
