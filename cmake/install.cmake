# SPDX-License-Identifier: BSL-1.0
# What `cmake --install` puts where: libraries, headers, find_package() and pkg-config files, and the
# programs. Nothing of it names the prefix, so an installed tree may be moved.
#
# Install components, by which the Debian packages are cut: `library` (shared libraries),
# `development` (headers, CMake and pkg-config files, static libraries), `runtime` (programs, and what
# they run with).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(${CMAKE_CURRENT_LIST_DIR}/pkg_config.cmake)
find_package(Boost 1.81 QUIET REQUIRED CONFIG COMPONENTS headers log) # lib's are not seen here

# The ABI may change with every minor version before 1.0: docs/packaging.md.
set(MILLIPEDE_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(millipede_config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/millipede)
set(millipede_target_core millipede)
set(millipede_target_tls millipede-tls)
set(millipede_target_admin millipede-admin)
set(millipede_target_client millipede-client-library)

set(millipede_components "")
foreach(component core tls admin client)
  if(TARGET ${millipede_target_${component}})
    list(APPEND millipede_components ${component})
  endif()
endforeach()

# The packages that a component's users must find, too: as it is linked, so all of a static library's
# and only those of the headers of a shared one.
function(millipede_dependencies component result)
  get_target_property(links ${millipede_target_${component}} INTERFACE_LINK_LIBRARIES)
  set(boost "")
  set(lines "")
  foreach(link IN LISTS links)
    if(link MATCHES "Boost::([a-z_]+)")
      list(APPEND boost ${CMAKE_MATCH_1})
    elseif(link MATCHES "Threads::")
      string(APPEND lines "find_dependency(Threads)\n")
    elseif(link MATCHES "OpenSSL::")
      string(APPEND lines "find_dependency(OpenSSL 3.0 COMPONENTS SSL Crypto)\n")
    elseif(link MATCHES "([a-z-]+)::core")
      string(APPEND lines "find_dependency(${CMAKE_MATCH_1} CONFIG COMPONENTS core)\n")
    elseif(link MATCHES "::")
      message(FATAL_ERROR "cmake/install.cmake does not know the package of ${link}")
    endif()
  endforeach()
  if(boost)
    list(JOIN boost " " boost)
    string(PREPEND lines "find_dependency(Boost 1.81 CONFIG COMPONENTS ${boost})\n")
  endif()
  set(${result} "${lines}" PARENT_SCOPE)
endfunction()

foreach(component IN LISTS millipede_components)
  set(target ${millipede_target_${component}})
  get_target_property(kind ${target} TYPE)
  if(component STREQUAL "core")
    set(exported millipede)
  else()
    set(exported ${component})
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${exported})
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    set_target_properties(${target} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${MILLIPEDE_SOVERSION})
  endif()
  if(kind STREQUAL "SHARED_LIBRARY")
    # What came with the compiler as a static library is no part of our ABI.
    target_link_options(${target} PRIVATE LINKER:--exclude-libs,libbacktrace.a)
    if(NOT CMAKE_SKIP_INSTALL_RPATH)
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    endif()
  endif()
  install(TARGETS ${target} EXPORT millipede-${component}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
            COMPONENT library NAMELINK_COMPONENT development
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT millipede-${component} NAMESPACE millipede::
    FILE millipede-${component}-targets.cmake
    DESTINATION ${millipede_config_folder} COMPONENT development)
  millipede_dependencies(${component} dependencies)
  file(CONFIGURE OUTPUT millipede-${component}-dependencies.cmake CONTENT "${dependencies}")
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/millipede-${component}-dependencies.cmake
    DESTINATION ${millipede_config_folder} COMPONENT development)
endforeach()

# Templates need most of the engine's own headers as well: all are installed. Only names outside of
# `detail` are for users.
install(DIRECTORY lib/millipede DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  FILES_MATCHING PATTERN *.hpp)

set(millipede_boost_version ${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR})
configure_package_config_file(cmake/millipede-config.cmake.in millipede-config.cmake
  INSTALL_DESTINATION ${millipede_config_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(millipede-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/millipede-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/millipede-config-version.cmake
  DESTINATION ${millipede_config_folder} COMPONENT development)

foreach(component IN LISTS millipede_components)
  millipede_install_pkg_config(${component})
endforeach()

file(RELATIVE_PATH way ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
foreach(program IN ITEMS online comet echo doctor client)
  if(TARGET millipede-${program})
    if(BUILD_SHARED_LIBS AND NOT CMAKE_SKIP_INSTALL_RPATH)
      set_target_properties(millipede-${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${way}")
    endif()
    install(TARGETS millipede-${program}
      RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
  endif()
endforeach()
