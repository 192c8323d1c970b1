# SPDX-License-Identifier: BSL-1.0
"""Debian's Boost under the name of ConanCenter's, for the profile `system`."""
from conan import ConanFile
from conan.tools.system import package_manager

# Library: those that it needs.
LIBRARIES = {
    "atomic": [],
    "chrono": [],
    "filesystem": ["atomic"],
    "regex": [],
    "thread": ["atomic", "chrono"],
    "log": ["atomic", "chrono", "filesystem", "regex", "thread"],
    "program_options": [],
}


class SystemBoost(ConanFile):
    name = "boost"
    version = "system"
    license = "BSL-1.0"
    settings = "os", "arch", "compiler", "build_type"
    package_type = "shared-library"

    def package_id(self):
        self.info.clear()

    def system_requirements(self):
        package_manager.Apt(self).install(["libboost1.81-dev", "libboost-log1.81-dev"], check=True)

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "Boost")
        self.cpp_info.set_property("system_package_version", "1.81.0")
        headers = self.cpp_info.components["headers"]
        headers.system_libs = ["pthread"]  # a component without anything makes no target
        headers.set_property("cmake_target_name", "Boost::headers")
        for name, needed in LIBRARIES.items():
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", f"Boost::{name}")
            component.system_libs = [f"boost_{name}"]
            component.defines = [f"BOOST_{name.upper()}_DYN_LINK", f"BOOST_{name.upper()}_NO_LIB"]
            component.requires = ["headers", *needed]
        for place in (self.cpp_info, *self.cpp_info.components.values()):
            place.includedirs = place.libdirs = place.bindirs = []
