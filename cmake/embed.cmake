# SPDX-License-Identifier: BSL-1.0
# Makes C++ of files: cmake -D OUTPUT=page_files.cpp -D FOLDER=... -D "FILES=a.html;b.js"
#   -D STRUCTURE=space::page_file -D HEADER=page_file.hpp -P embed.cmake
# `page_files()` has them then, with their content types, in the order of FILES. (embedding.cmake)
set(types_html "text/html; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_svg "image/svg+xml")
set(types_png "image/png")
set(types_ico "image/x-icon")
set(types_json "application/json")
set(types_txt "text/plain; charset=utf-8")
set(types_woff2 "font/woff2")

string(REGEX REPLACE "::[^:]*$" "" namespace "${STRUCTURE}")
string(REGEX REPLACE "^.*::" "" structure "${STRUCTURE}")
set(arrays "")
set(rows "")
set(number 0)
string(REPLACE "\"" "" FILES "${FILES}")
foreach(name IN LISTS FILES)
  string(REGEX REPLACE "^.*\\." "" ending "${name}")
  if(NOT DEFINED "types_${ending}")
    message(FATAL_ERROR "${name}: cmake/embed.cmake knows no content type for .${ending}")
  endif()
  file(READ "${FOLDER}/${name}" bytes HEX)
  file(SHA256 "${FOLDER}/${name}" hash)
  string(SUBSTRING "${hash}" 0 16 hash)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  # The zero is not part of it, but an array without elements is no C++.
  string(APPEND arrays "constexpr char bytes_${number}[] = {\n${bytes}'\\0'};\n")
  string(APPEND rows "    ${structure}{\"${name}\", \"${types_${ending}}\", \"\\\"${hash}\\\"\",\n"
                     "              {bytes_${number}, sizeof bytes_${number} - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}.new" "// SPDX-License-Identifier: BSL-1.0
// Made by cmake/embed.cmake.
#include <${HEADER}>

#include <array>

namespace ${namespace} {
namespace {

${arrays}
constexpr std::array files{
${rows}};

} // namespace

std::span<${structure} const> ${structure}s() noexcept {
    return files;
}

} // namespace ${namespace}
")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
