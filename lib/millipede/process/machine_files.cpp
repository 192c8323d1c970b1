// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/machine_files.hpp>

#include <millipede/process/machine.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace millipede::detail {
namespace {

// None of these files is larger than a few KB; what is has been mistaken for one.
constexpr std::size_t file_bytes_max = 1024 * 1024;

class open_file {
  public:
    explicit open_file(std::filesystem::path const& path)
        : descriptor_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {}
    ~open_file() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    open_file(open_file const&) = delete;
    open_file& operator=(open_file const&) = delete;

    bool is_open() const noexcept { return descriptor_ >= 0; }

    // False with errno set.
    bool read_all(std::string& content) const {
        std::array<char, 4'096> part{};
        while (content.size() < file_bytes_max) {
            auto count = ::read(descriptor_, part.data(), part.size());
            if (count == 0) return true;
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return false;
            content.append(part.data(), static_cast<std::size_t>(count));
        }
        errno = EFBIG;
        return false;
    }

  private:
    int descriptor_;
};

} // namespace

std::vector<std::string_view> parts_of(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        auto end = std::min(text.find_first_of(separators), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::vector<std::string_view> words_of(std::string_view text) {
    return parts_of(text, " \t\n");
}

std::vector<std::string_view> lines_of(std::string_view text) {
    return parts_of(text, "\n");
}

std::optional<std::uint64_t> number_of(std::string_view word) noexcept {
    if (word == "max" || word == "unlimited") return unlimited;
    std::uint64_t number = 0;
    auto const* end = word.data() + word.size();
    auto [stop, failure] = std::from_chars(word.data(), end, number);
    if (failure != std::errc{} || stop != end) return std::nullopt;
    return number;
}

std::filesystem::path machine_files::below_root(std::string const& path) const {
    return root_ / std::filesystem::path{path}.relative_path();
}

void machine_files::complain(std::string const& path, std::string_view why) {
    complaints_.push_back(path + ": " + std::string{why});
}

std::optional<std::string> machine_files::text(std::string const& path) {
    open_file file{below_root(path)};
    std::string content;
    if (file.is_open() && file.read_all(content)) return content;
    // Some files of interfaces and groups are there but have nothing to say.
    if (errno != ENOENT && errno != ENOTDIR && errno != EOPNOTSUPP && errno != EINVAL)
        complain(path, std::error_code{errno, std::generic_category()}.message());
    return std::nullopt;
}

bool machine_files::read_numbers(std::string const& path, std::uint64_t* found, std::size_t count) {
    auto content = text(path);
    if (!content) return false;
    auto words = words_of(*content);
    bool right = words.size() == count;
    for (std::size_t index = 0; right && index < count; ++index) {
        auto number = number_of(words[index]);
        right = number.has_value();
        found[index] = number.value_or(0);
    }
    if (!right) complain(path, "not " + std::to_string(count) + " whole numbers");
    return right;
}

std::optional<std::uint64_t> machine_files::field(std::string const& path, std::string_view content,
                                                  std::string_view name) {
    for (auto line : lines_of(content)) {
        auto words = words_of(line);
        if (words.size() < 2 || words[0] != name) continue;
        auto number = number_of(words[1]);
        if (!number) complain(path, std::string{name} + " is no whole number");
        return number;
    }
    return std::nullopt;
}

std::vector<std::string> machine_files::names_in(std::string const& path) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (std::filesystem::directory_iterator each{below_root(path), ignored}, end;
         !ignored && each != end; each.increment(ignored))
        names.push_back(each->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace millipede::detail
