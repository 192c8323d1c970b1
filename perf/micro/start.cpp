// SPDX-License-Identifier: BSL-1.0
// What it takes to start workers with places for so many connections: time until every worker's
// thread answers, and private memory then. The servers themselves refuse to start where the
// process may not open that many descriptors; memory for connections does not depend on it.
#include <millipede/process/worker_pool.hpp>
#include <millipede/worker/dispatcher.hpp>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace millipede;

struct visitor { // as large as the online-count server's
    bool logged_in = false;
};

std::uint64_t private_bytes() {
    std::ifstream accounts{"/proc/self/smaps_rollup"};
    std::uint64_t sum = 0;
    for (std::string name; accounts >> name;) {
        std::uint64_t kilobytes = 0;
        if ((name == "Private_Dirty:" || name == "Swap:") && accounts >> kilobytes)
            sum += kilobytes * 1024;
    }
    return sum;
}

// A request that only tells that the worker's thread runs.
struct greeting final : detail::mail {
    explicit greeting(std::atomic<std::uint32_t>& count) : answered{&count} {}
    void run(detail::worker&) override {
        answered->fetch_add(1);
        answered->notify_one();
    }
    std::atomic<std::uint32_t>* answered;
};

void measure(std::uint32_t places, std::uint32_t workers) {
    options limits;
    limits.workers = workers;
    limits.connections_per_worker = places;
    detail::dispatcher<visitor, frame_codec> speaker{frame_codec{}};
    detail::protocol* protocols[] = {&speaker};

    auto before = private_bytes();
    auto begin = std::chrono::steady_clock::now();
    detail::worker_pool pool{limits, protocols};
    pool.start([] {});
    std::atomic<std::uint32_t> answered{0};
    for (std::uint32_t index = 0; index < workers; ++index)
        if (auto code = pool.find(index)->post(std::make_unique<greeting>(answered)))
            throw boost::system::system_error{code, "post"};
    for (auto count = answered.load(); count != workers; count = answered.load())
        answered.wait(count);
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    auto grown = private_bytes() - before;

    std::cout << "{\"places\": " << places << ", \"workers\": " << workers
              << ", \"ready_ms\": " << took.count() << ", \"private_bytes\": " << grown << "}\n";
    pool.stop();
    pool.join();
}

bool read_number(std::string_view text, std::uint32_t& number) {
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc{} && end == text.data() + text.size() && number > 0;
}

} // namespace

int main(int argc, char** argv) {
    std::uint32_t places = 0;
    std::uint32_t workers = 1;
    bool understood = (argc == 2 || argc == 3) && read_number(argv[1], places) &&
                      (argc < 3 || read_number(argv[2], workers)) && workers <= 1'024;
    if (!understood) {
        std::cerr << "usage: bench-start PLACES_PER_WORKER [WORKERS, 1 to 1024]\n";
        return 2;
    }
    try {
        measure(places, workers);
    } catch (std::exception const& failure) {
        std::cerr << "bench-start: " << failure.what() << '\n';
        return 1;
    }
    return 0;
}
