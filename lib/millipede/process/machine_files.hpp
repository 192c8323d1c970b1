// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millipede::detail {

/// What stands between separators, each one character; nothing that is empty.
std::vector<std::string_view> parts_of(std::string_view text, std::string_view separators);

/// Words between blanks and line ends.
std::vector<std::string_view> words_of(std::string_view text);

/// Lines, without their ends.
std::vector<std::string_view> lines_of(std::string_view text);

/// A whole number, decimal and without a sign; "max" and "unlimited" are `unlimited`.
std::optional<std::uint64_t> number_of(std::string_view word) noexcept;

/// The small files of /proc and /sys, below a root. One that is not there is no fault; one that is
/// and cannot be understood is remembered.
class machine_files {
  public:
    explicit machine_files(std::filesystem::path root) : root_{std::move(root)} {}

    /// All of a file. \param path as the machine has it, absolute.
    std::optional<std::string> text(std::string const& path);

    /// The numbers that a file consists of: exactly `Count`.
    template <std::size_t Count>
    std::optional<std::array<std::uint64_t, Count>> numbers(std::string const& path) {
        std::array<std::uint64_t, Count> found{};
        if (!read_numbers(path, found.data(), Count)) return std::nullopt;
        return found;
    }

    /// The number that a file consists of.
    std::optional<std::uint64_t> number(std::string const& path) {
        auto found = numbers<1>(path);
        return found ? std::optional{found->front()} : std::nullopt;
    }

    /// The number behind a word that begins a line. \param content that file's.
    std::optional<std::uint64_t> field(std::string const& path, std::string_view content,
                                       std::string_view name);

    /// The names in a folder, in order; none when it is not there.
    std::vector<std::string> names_in(std::string const& path);

    /// Remembers that a file could not be understood.
    void complain(std::string const& path, std::string_view why);

    bool of_this_machine() const { return root_ == "/"; }
    std::vector<std::string> const& complaints() const noexcept { return complaints_; }

  private:
    bool read_numbers(std::string const& path, std::uint64_t* found, std::size_t count);
    std::filesystem::path below_root(std::string const& path) const;

    std::filesystem::path root_;
    std::vector<std::string> complaints_{};
};

} // namespace millipede::detail
