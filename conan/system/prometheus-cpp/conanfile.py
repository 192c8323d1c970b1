# SPDX-License-Identifier: BSL-1.0
"""Debian's prometheus-cpp under the name of ConanCenter's, for the profile `system`."""
from conan import ConanFile
from conan.tools.system import package_manager


class SystemPrometheusCpp(ConanFile):
    name = "prometheus-cpp"
    version = "system"
    license = "MIT"
    settings = "os", "arch", "compiler", "build_type"
    package_type = "shared-library"

    def package_id(self):
        self.info.clear()

    def system_requirements(self):
        package_manager.Apt(self).install(["prometheus-cpp-dev"], check=True)

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "prometheus-cpp")
        self.cpp_info.set_property("system_package_version", "1.0.1")
        core = self.cpp_info.components["prometheus-cpp-core"]
        core.set_property("cmake_target_name", "prometheus-cpp::core")
        core.system_libs = ["prometheus-cpp-core"]
        for place in (self.cpp_info, core):
            place.includedirs = place.libdirs = place.bindirs = []
