# SPDX-License-Identifier: BSL-1.0
# The programs of every CMake consumer, for the components in CONSUMER_COMPONENTS. Built as strict
# users build: hidden symbols, their own warnings as errors.
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

function(add_consumer name source)
  add_executable(consumer-${name} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${source})
  target_link_libraries(consumer-${name} PRIVATE ${ARGN})
  target_compile_options(consumer-${name} PRIVATE -Wall -Wextra -Werror)
endfunction()

add_consumer(core core.cpp millipede::millipede)
if("client" IN_LIST CONSUMER_COMPONENTS)
  add_consumer(client client.cpp millipede::millipede millipede::client)
endif()
if("tls" IN_LIST CONSUMER_COMPONENTS) # the same, and links what only a library with TLS has
  add_executable(consumer-tls $<TARGET_OBJECTS:consumer-client>)
  set_target_properties(consumer-tls PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(consumer-tls PRIVATE millipede::client millipede::tls)
endif()
if("admin" IN_LIST CONSUMER_COMPONENTS)
  add_consumer(admin admin.cpp millipede::admin)
endif()
