// SPDX-License-Identifier: BSL-1.0
// Runs a fuzz target over a corpus, without libFuzzer: what CI does, with any compiler.
//
//     fuzz-NAME [--mutations N] [--seed S] FILE|FOLDER...
//
// Every file is run as it stands; then each of N inputs is one of the files, changed at random in a
// few places. The seed is printed, and so is the file that is being run, so that a crash names it;
// MILLIPEDE_FUZZ_KEEP=FILE keeps a mutation there before it is run.
#include "fuzz/target.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

using bytes = std::vector<std::uint8_t>;

struct input {
    std::string name;
    bytes content;
};

std::vector<input> inputs_of(std::vector<std::filesystem::path> const& places) {
    std::vector<std::filesystem::path> files;
    for (auto const& place : places)
        if (std::filesystem::is_directory(place))
            for (auto const& entry : std::filesystem::directory_iterator{place})
                files.push_back(entry.path());
        else
            files.push_back(place);
    std::sort(files.begin(), files.end()); // a folder has no order of its own
    std::vector<input> inputs;
    for (auto const& file : files) {
        std::ifstream stream{file, std::ios::binary};
        if (!stream) {
            std::cerr << "replay: " << file << " cannot be read\n";
            std::exit(2);
        }
        inputs.push_back({file.string(), bytes{std::istreambuf_iterator<char>{stream}, {}}});
    }
    return inputs;
}

// One change such as a fuzzer makes.
void mutate(bytes& content, std::vector<input> const& corpus, std::mt19937& random) {
    auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
    auto at = [&](std::size_t index) {
        return content.begin() + static_cast<std::ptrdiff_t>(index);
    };
    auto place = below(content.size() + 1);
    auto count = std::min(content.size() - place, 1 + below(16));
    switch (below(6)) {
    case 0: // a bit
        if (place < content.size()) content[place] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
    case 1: // a byte, of the kinds that limits are made of
        if (place < content.size()) {
            static constexpr std::uint8_t special[] = {0,    1,    7,    8,    0x7f,
                                                       0x80, 0xfc, 0xff, '\r', '\n'};
            content[place] = special[below(std::size(special))];
        }
        break;
    case 2: // something new
        content.insert(at(place), 1 + below(8), static_cast<std::uint8_t>(random()));
        break;
    case 3: // less
        content.erase(at(place), at(place + count));
        break;
    case 4: { // the same again
        bytes const copied(at(place), at(place + count));
        content.insert(at(below(content.size() + 1)), copied.begin(), copied.end());
        break;
    }
    default: { // the end of another one
        auto const& other = corpus[below(corpus.size())].content;
        auto from = static_cast<std::ptrdiff_t>(below(other.size() + 1));
        content.resize(place);
        content.insert(content.end(), other.begin() + from, other.end());
    }
    }
}

void keep(bytes const& content) {
    auto const* file = std::getenv("MILLIPEDE_FUZZ_KEEP");
    if (!file) return;
    std::ofstream stream{file, std::ios::binary | std::ios::trunc};
    stream.write(reinterpret_cast<char const*>(content.data()),
                 static_cast<std::streamsize>(content.size()));
}

std::uint32_t number(char const* text) {
    std::uint32_t value = 0;
    auto const* end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr == end && end != text) return value;
    std::cerr << "replay: '" << text << "' is not a number\n";
    std::exit(2);
}

} // namespace

int main(int argc, char** argv) {
    std::uint32_t mutations = 0;
    std::uint32_t seed = std::random_device{}();
    std::vector<std::filesystem::path> places;
    for (int index = 1; index < argc; ++index) {
        std::string_view word = argv[index];
        bool has_value = index + 1 < argc;
        if (word == "--mutations" && has_value)
            mutations = number(argv[++index]);
        else if (word == "--seed" && has_value)
            seed = number(argv[++index]);
        else
            places.emplace_back(word);
    }
    auto const corpus = inputs_of(places);
    if (corpus.empty()) {
        std::cerr << "replay: no input\n";
        return 2;
    }
    for (auto const& each : corpus) {
        std::cerr << "replay: " << each.name << std::endl;
        LLVMFuzzerTestOneInput(each.content.data(), each.content.size());
    }
    std::cerr << "replay: " << mutations << " mutations, --seed " << seed << std::endl;
    std::mt19937 random{seed};
    for (std::uint32_t count = 0; count < mutations; ++count) {
        auto content = corpus[random() % corpus.size()].content;
        for (auto changes = 1 + random() % 4; changes > 0; --changes)
            mutate(content, corpus, random);
        keep(content);
        LLVMFuzzerTestOneInput(content.data(), content.size());
    }
    std::cerr << "replay: " << corpus.size() << " files and " << mutations
              << " mutations contradict nothing" << std::endl;
    return 0;
}
