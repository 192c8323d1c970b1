# SPDX-License-Identifier: BSL-1.0
"""The library as a Conan 2 package, made from the sources around this folder. What it asks for, and
what it declares, stands in center/all/conanfile.py as well, which is made from a release."""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.2"


class MillipedeConan(ConanFile):
    name = "millipede"
    description = "Millions of long-lived TCP connections in one process, on Boost.Asio"
    license = "BSL-1.0"
    topics = ("networking", "tcp", "server", "asio", "coroutines", "push")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "shared": [True, False],
        "fPIC": [True, False],
        "with_tls": [True, False],
        "with_admin": [True, False],
    }
    default_options = {"shared": False, "fPIC": True, "with_tls": True, "with_admin": True}
    implements = ["auto_shared_fpic"]

    def set_version(self):
        if not self.version:  # in the cache it is known, and the file below is not there
            project = load(self, os.path.join(self.recipe_folder, "..", "CMakeLists.txt"))
            self.version = re.search(r"project\(millipede VERSION ([0-9.]+)", project)[1]

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "lib/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def layout(self):
        self.folders.root = ".."
        cmake_layout(self)

    def requirements(self):
        self.requires("boost/1.90.0", transitive_headers=True, transitive_libs=True)
        if self.options.with_tls:
            self.requires("openssl/[>=3 <4]")
        if self.options.with_admin:
            self.requires("prometheus-cpp/1.2.3", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration(f"{self.ref} is for Linux: it stands on epoll")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        for part in ("PROGRAMS", "EXAMPLES", "PERF", "TESTS"):
            toolchain.cache_variables[f"MILLIPEDE_BUILD_{part}"] = False
        toolchain.cache_variables["MILLIPEDE_WITH_TLS"] = bool(self.options.with_tls)
        toolchain.cache_variables["MILLIPEDE_WITH_ADMIN"] = bool(self.options.with_admin)
        # Some compilers bring it, others do not: a package must not depend on which one made it.
        toolchain.cache_variables["MILLIPEDE_HAS_LIBBACKTRACE"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "millipede")
        self.cpp_info.set_property("cmake_target_name", "millipede::all")
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "millipede::millipede")
        core.set_property("pkg_config_name", "millipede")
        core.libs = ["millipede"]
        core.requires = ["boost::headers", "boost::log"]
        core.system_libs = ["pthread", "dl"]
        client = self.cpp_info.components["client"]
        client.set_property("cmake_target_name", "millipede::client")
        client.set_property("pkg_config_name", "millipede-client")
        client.libs = ["millipede-client"]
        client.requires = ["core"]
        if self.options.with_tls:
            core.requires.append("openssl::ssl")
            client.requires.append("openssl::ssl")
            tls = self.cpp_info.components["tls"]
            tls.set_property("cmake_target_name", "millipede::tls")
            tls.set_property("pkg_config_name", "millipede-tls")
            tls.requires = ["core"]
        if self.options.with_admin:
            admin = self.cpp_info.components["admin"]
            admin.set_property("cmake_target_name", "millipede::admin")
            admin.set_property("pkg_config_name", "millipede-admin")
            admin.libs = ["millipede-admin"]
            admin.requires = ["core", "prometheus-cpp::prometheus-cpp-core"]
