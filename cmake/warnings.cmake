# SPDX-License-Identifier: BSL-1.0
# The warnings that every target of this project compiles without. Errors in the presets
# (MILLIPEDE_WARNINGS_AS_ERRORS), so that a newer compiler never breaks a user's build.
option(MILLIPEDE_WARNINGS_AS_ERRORS "Treat warnings as errors" OFF)

function(millipede_target_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wimplicit-fallthrough
    $<$<BOOL:${MILLIPEDE_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()
