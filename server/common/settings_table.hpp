// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a user got wrong on a command line or in a file, in one line: what, where, what to do.
/// Programs print it and exit with status 2.
class usage_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// One thing that can be set, on the command line as `--name VALUE` and in a configuration file as
/// `name = VALUE`.
struct setting {
    std::string name;
    std::string argument; ///< How help calls the value; empty: a switch, set by "true" or "false".
    std::string help;
    /// Takes the value. Throws std::invalid_argument for a bad one; the caller adds where it stood.
    std::function<void(std::string const& value)> apply;
    /// May be given more than once; `apply` gets each. Called first, before those of one source:
    /// what a weaker source gave is forgotten.
    std::function<void()> begin_list = nullptr;
    /// Not empty: help begins a group with this setting, and calls it so.
    std::string group = "";
};

/// The settings of a program.
class settings_table {
  public:
    void add(setting entry) { settings_.push_back(std::move(entry)); }
    /// Null when there is none of that name.
    setting const* find(std::string_view name) const;
    std::vector<setting> const& all() const noexcept { return settings_; }
    std::vector<setting>& all() noexcept { return settings_; }
    /// A group of help begins with the setting of that name, which must be there.
    void begin_group(std::string_view name, std::string caption);

    /// For what can be told only when all settings have been read. Throws usage_error.
    void at_end(std::function<void()> check) { checks_.push_back(std::move(check)); }
    /// All settings have been read. \throws usage_error
    void finish() const {
        for (auto const& check : checks_)
            check();
    }

  private:
    std::vector<setting> settings_;
    std::vector<std::function<void()>> checks_;
};

/// Applies settings from one source (the command line, a file), where each may stand once unless
/// it is a list. \throws usage_error that begins with `where`
class settings_source {
  public:
    void apply(std::string const& where, setting const& which, std::string const& value);

  private:
    std::vector<setting const*> seen_;
};

/// A whole number of `least` to `most`, decimal or with 0x hexadecimal.
/// \throws std::invalid_argument
std::uint64_t parse_number(std::string const& text, std::uint64_t least, std::uint64_t most);

/// "true" or "false". \throws std::invalid_argument
bool parse_switch(std::string const& text);
