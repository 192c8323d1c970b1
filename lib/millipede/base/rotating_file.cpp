// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/rotating_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace millipede::detail {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr std::size_t digits_min = 5;

// The number of a rotated file of that name.
std::optional<std::uint64_t> number_of(std::string_view file, std::string_view name) {
    if (!file.starts_with(name) || file.size() < name.size() + 1 + digits_min) return {};
    file.remove_prefix(name.size());
    std::uint64_t number = 0;
    auto [end, failure] = std::from_chars(file.data() + 1, file.data() + file.size(), number);
    bool whole = failure == std::errc{} && end == file.data() + file.size();
    return file.front() == '.' && whole ? std::optional{number} : std::nullopt;
}

std::filesystem::path numbered(std::filesystem::path const& path, std::uint64_t number) {
    auto digits = std::to_string(number);
    digits.insert(0, digits_min - std::min(digits_min, digits.size()), '0');
    return path.string() + '.' + digits;
}

// Of all rotated files that are there, ascending. \throws std::filesystem::filesystem_error
std::vector<std::uint64_t> numbers_beside(std::filesystem::path const& path) {
    std::vector<std::uint64_t> numbers;
    for (auto const& entry : std::filesystem::directory_iterator{path.parent_path()})
        if (auto number = number_of(entry.path().filename().string(), path.filename().string()))
            numbers.push_back(*number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

int open_to_append(std::filesystem::path const& path) noexcept {
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}

} // namespace

rotating_file::rotating_file(std::string const& path, std::uint64_t rotate_bytes,
                             std::uint32_t files_max)
    : path_{std::filesystem::absolute(path)}, rotate_bytes_{rotate_bytes}, files_max_{files_max} {
    open();
    try {
        remove_oldest();
    } catch (std::exception const&) {
        // A folder that cannot be read: with the next rotation, perhaps.
    }
}

rotating_file::~rotating_file() {
    flush();
    ::close(descriptor_);
}

void rotating_file::open() {
    int next = open_to_append(path_);
    if (next < 0) throw std::system_error{errno, std::system_category(), path_.string()};
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = next;
    struct stat found {};
    bytes_ = ::fstat(descriptor_, &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

void rotating_file::write(std::string_view line) {
    auto more = line.size() + 1;
    if (bytes_ > 0 && bytes_ + more > rotate_bytes_) {
        flush();
        try {
            rotate();
        } catch (std::exception const&) {
            bytes_ = 0; // on in this file, until as much again is there
        }
    }
    buffer_.reserve(buffer_.size() + more); // all of it or nothing
    buffer_.append(line).push_back('\n');
    bytes_ += more;
    if (buffer_.size() >= buffer_bytes) flush();
}

void rotating_file::flush() noexcept {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        auto written = ::write(descriptor_, rest.data(), rest.size());
        if (written >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            lost_ += static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
            break;
        }
    }
    buffer_.clear();
}

std::uint64_t rotating_file::take_lost() noexcept {
    return std::exchange(lost_, 0);
}

void rotating_file::rotate() {
    if (is_at_its_path()) {
        auto numbers = numbers_beside(path_);
        std::filesystem::rename(path_, numbered(path_, numbers.empty() ? 0 : numbers.back() + 1));
    }
    open();
    remove_oldest();
}

// Else somebody has renamed it already.
bool rotating_file::is_at_its_path() const noexcept {
    struct stat ours {};
    struct stat there {};
    return ::fstat(descriptor_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

void rotating_file::remove_oldest() const {
    auto numbers = numbers_beside(path_);
    for (std::size_t index = 0; index + files_max_ < numbers.size(); ++index)
        std::filesystem::remove(numbered(path_, numbers[index]));
}

} // namespace millipede::detail
