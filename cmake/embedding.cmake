# SPDX-License-Identifier: BSL-1.0
# millipede_embed(FOLDER STRUCTURE HEADER SOURCE): makes C++ of all files of a folder; the file's
# path goes to the variable SOURCE. It defines what HEADER declares, for a STRUCTURE named space::page_file
#
#   std::span<page_file const> page_files() noexcept;
#
# in that namespace; it is an aggregate of four std::string_view: name, content type, entity
# tag, bytes. See cmake/embed.cmake for the kinds of files there may be.
function(millipede_embed folder structure header source)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
  file(GLOB names CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*)
  list(TRANSFORM names PREPEND ${folder}/ OUTPUT_VARIABLE paths)
  string(REGEX REPLACE "^.*::" "" name ${structure})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}s.cpp)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D FOLDER=${folder} -D "FILES=\"${names}\""
            -D STRUCTURE=${structure} -D HEADER=${header} -P ${script}
    DEPENDS ${paths} ${script}
    COMMENT "Embedding ${name}s" VERBATIM)
  set(${source} ${output} PARENT_SCOPE)
endfunction()
