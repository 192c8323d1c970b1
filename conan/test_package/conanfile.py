# SPDX-License-Identifier: BSL-1.0
"""A consumer of the Conan package: the programs of test/consumer, by the package's own targets."""
import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class TestPackage(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeDeps"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def components(self):
        options = self.dependencies[self.tested_reference_str.split("/", maxsplit=1)[0]].options
        return ["core", "client", *(name for name in ("tls", "admin")
                                     if options.get_safe(f"with_{name}"))]

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        toolchain.cache_variables["CONSUMER_COMPONENTS"] = ";".join(self.components())
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def test(self):
        if can_run(self):
            for name in self.components():
                if name != "tls":  # wants a certificate; that it links is what counts here
                    program = os.path.join(self.cpp.build.bindir, f"consumer-{name}")
                    self.run(program, env="conanrun")
