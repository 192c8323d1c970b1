// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace millipede::detail {

/// A file of lines that is renamed to `<file>.00000` and counting when it is full. One thread.
///
/// Several processes may write to one: each appends whole lines, and none renames what another has
/// put there meanwhile. (Boost.Log's file backend renames by way of the process's folder, which may
/// be read only, and numbers anew when a file is opened again.)
class rotating_file {
  public:
    /// Opens it, to append. \throws std::system_error
    rotating_file(std::string const& path, std::uint64_t rotate_bytes, std::uint32_t files_max);
    ~rotating_file();
    rotating_file(rotating_file const&) = delete;
    rotating_file& operator=(rotating_file const&) = delete;

    /// Adds a line; it may stay here until `flush()`. Where a full file cannot be renamed, or the
    /// next one not be opened, it goes on in the former. \throws std::bad_alloc
    void write(std::string_view line);
    /// Hands all lines to the system.
    void flush() noexcept;
    /// How many lines the system did not take (no room), since the last call.
    std::uint64_t take_lost() noexcept;

  private:
    void open();
    void rotate();
    bool is_at_its_path() const noexcept;
    void remove_oldest() const;

    std::filesystem::path path_;
    std::uint64_t rotate_bytes_;
    std::uint32_t files_max_;
    int descriptor_ = -1;
    std::uint64_t bytes_ = 0; // in the file and in the buffer
    std::string buffer_;
    std::uint64_t lost_ = 0;
};

} // namespace millipede::detail
