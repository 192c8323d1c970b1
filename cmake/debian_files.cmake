# SPDX-License-Identifier: BSL-1.0
# Run by cpack on what it is about to pack: what Debian's policy asks for beside the installed files.
file(GLOB components RELATIVE ${CPACK_TEMPORARY_DIRECTORY} ${CPACK_TEMPORARY_DIRECTORY}/*)
foreach(component IN LISTS components)
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${component})
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  if(NOT package)
    continue()
  endif()

  # The licence, what changed, manual pages.
  set(documents ${root}/usr/share/doc/${package})
  file(MAKE_DIRECTORY ${documents})
  file(COPY_FILE ${CPACK_MILLIPEDE_SOURCE}/LICENSE ${documents}/copyright)
  file(COPY_FILE ${CPACK_MILLIPEDE_SOURCE}/CHANGELOG.md ${documents}/changelog)
  file(GLOB_RECURSE pages ${root}/usr/share/man/*.[1-8])
  foreach(page IN LISTS pages) # a page of a program that is not packed has no place either
    get_filename_component(program ${page} NAME_WE)
    if(page MATCHES "\\.[18]$" AND NOT EXISTS ${root}/usr/bin/${program})
      file(REMOVE ${page})
      list(REMOVE_ITEM pages ${page})
    endif()
  endforeach()
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  set(release ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
  file(WRITE ${documents}/changelog.Debian "millipede (${release}) unstable; urgency=medium

  * See changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
  execute_process(COMMAND gzip -9nf ${documents}/changelog ${documents}/changelog.Debian ${pages}
                  COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB_RECURSE files ${documents}/*)
  file(CHMOD ${files} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

  # Files that an administrator may change are kept by an upgrade.
  file(GLOB_RECURSE settings RELATIVE ${root} ${root}/etc/*)
  set(lines "")
  foreach(file IN LISTS settings)
    string(APPEND lines "/${file}\n")
  endforeach()
  if(lines)
    set(conffiles ${CPACK_MILLIPEDE_BUILD}/${component}/conffiles)
    file(WRITE ${conffiles} "${lines}")
    list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${conffiles})
  endif()
endforeach()
