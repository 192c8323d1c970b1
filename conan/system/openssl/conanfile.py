# SPDX-License-Identifier: BSL-1.0
"""Debian's OpenSSL under the name of ConanCenter's, for the profile `system`."""
from conan import ConanFile
from conan.tools.system import package_manager


class SystemOpenssl(ConanFile):
    name = "openssl"
    version = "system"
    license = "Apache-2.0"
    settings = "os", "arch", "compiler", "build_type"
    package_type = "shared-library"

    def package_id(self):
        self.info.clear()

    def system_requirements(self):
        package_manager.Apt(self).install(["libssl-dev"], check=True)

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "OpenSSL")
        self.cpp_info.set_property("cmake_find_mode", "both")
        self.cpp_info.set_property("system_package_version", "3.0.0")
        for name, target in (("crypto", "Crypto"), ("ssl", "SSL")):
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", f"OpenSSL::{target}")
            component.system_libs = [name]
        self.cpp_info.components["ssl"].requires = ["crypto"]
        for place in (self.cpp_info, *self.cpp_info.components.values()):
            place.includedirs = place.libdirs = place.bindirs = []
