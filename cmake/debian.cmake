# SPDX-License-Identifier: BSL-1.0
# `cpack` makes three Debian packages out of the install components (cmake/install.cmake): the shared
# libraries, what one builds against them with, and the programs. Shared libraries and the prefix /usr
# are the preset `package`'s.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME millipede)
set(CPACK_PACKAGE_VENDOR Millipede)
set(CPACK_PACKAGE_CONTACT "The Millipede developers <millipede@localhost>" CACHE STRING
    "Who answers for the packages: name and mail address")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "TCP services with millions of connections")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL library development runtime)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library)
set(CPACK_COMPONENT_RUNTIME_DEPENDS library)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian_files.cmake)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON) # of those that have any
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libmillipede${MILLIPEDE_SOVERSION})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "The shared libraries of Millipede, a
C++20 library on Boost.Asio for TCP services that hold millions of long-lived
connections in one process: gateways, push, chat, presence.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/triggers)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmillipede-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Headers, CMake and pkg-config files to
build servers and clients with Millipede, a C++20 library on Boost.Asio.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libboost${millipede_boost_version}-dev")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME millipede)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION net)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The online-count server, wire-compatible
with MarioTCP's, a comet server, wire-compatible with icomet's, an echo server, and a
command-line client.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/debian/postinst ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)

set(CPACK_MILLIPEDE_SOURCE ${PROJECT_SOURCE_DIR}) # for debian_files.cmake
set(CPACK_MILLIPEDE_BUILD ${PROJECT_BINARY_DIR}/debian)
include(CPack)
