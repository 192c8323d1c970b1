# SPDX-License-Identifier: BSL-1.0
"""The Conan packages: made from the tree and, in ConanCenter's form, from an archive of it, against
Debian's libraries. Conan comes from PyPI, into build/, and so does all that it keeps."""

import hashlib
import json
import shutil
import subprocess
import sys

from tools import BUILD, FLAGS, ROOT, STRICT, WORK, fresh, has_admin, require, run, say

HOME = BUILD / "conan-home"
VENV = BUILD / "conan-venv"
CONAN = "conan>=2.2,<3"
UNREACHED = ("Could not find a version", "Temporary failure", "Connection", "timed out",
             "Failed to establish", "No matching distribution")


def get_conan():
    """Whether there is a Conan now; only that PyPI cannot be reached is no fault of ours."""
    if not (VENV / "bin/conan").exists():
        run(sys.executable, "-m", "venv", fresh(VENV))
        done = subprocess.run([str(VENV / "bin/pip"), "install", "--quiet", CONAN], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            shutil.rmtree(VENV)
            require(any(sign in done.stdout for sign in UNREACHED), done.stdout)
            print(done.stdout, "\n== NOT RUN: the Conan packages, for PyPI could not be reached\n",
                  flush=True)
            return False
    return True


def conan(*arguments, **more):
    return run(VENV / "bin/conan", *arguments, environment={"CONAN_HOME": str(HOME)}, **more)


def settings():
    """The profile, and the flags of all other builds here, so that ccache knows the files."""
    variables = {name: {"value": value, "cache": True, "type": "STRING", "force": True}
                 for name, value in (flag[2:].split("=", maxsplit=1) for flag in [*FLAGS, STRICT])
                 if name != "CMAKE_BUILD_TYPE"}
    variables["CMAKE_CXX_FLAGS"] = {"value": "", "cache": True, "type": "STRING", "force": True}
    return ["--profile:all", ROOT / "conan/profiles/system", "--no-remote",
            "-c", f"tools.cmake.cmaketoolchain:extra_variables={variables}",
            "-c", "tools.cmake.cmaketoolchain:generator=Ninja",
            "-c", f"tools.cmake.cmake_layout:test_folder={WORK / 'conan-test'}"]


def options(**wanted):
    if not has_admin():
        wanted["with_admin"] = False
    return [word for name, value in wanted.items() for word in ("-o", f"&:{name}={value}")]


def create(what, place, *arguments):
    say(f"conan create: {what}")
    fresh(WORK / "conan-test")
    conan("create", place, *settings(), *arguments)


def check_center_rules():
    """What ConanCenter's linters ask of a recipe, as far as it can be read off the files."""
    recipe = (ROOT / "conan/center/all/conanfile.py").read_text(encoding="utf-8")
    test = (ROOT / "conan/center/all/test_package/conanfile.py").read_text(encoding="utf-8")
    wanted = ('name = "millipede"', 'license = "BSL-1.0"', "topics = ", "package_type = ",
              'url = "https://github.com/conan-io/conan-center-index"', "homepage = ",
              'cmake_layout(self, src_folder="src")', '"licenses"', "check_min_cppstd(self, 20)")
    for text in wanted:
        require(text in recipe, f"the recipe for ConanCenter has no {text}")
    for text in ("    version =", "from conan import tools", "exports_sources", "getenv", "print("):
        require(text not in recipe, f"the recipe for ConanCenter has {text}")
    require("    name =" not in test, "a test_package has no name")
    # Both recipes declare the same package.
    own = (ROOT / "conan/conanfile.py").read_text(encoding="utf-8")
    for part in ("def package_info(self):", "def requirements(self):", "    options = {"):
        require(section(own, part) == section(recipe, part), f"the recipes differ in `{part}`")


def section(recipe, start):
    """From that line to the next method."""
    return recipe[recipe.index(start):].split("\n    def ", maxsplit=1)[0]


def center_recipe():
    """conan/center with the archive of a release, which here is the tree's last commit."""
    version = conan("inspect", ROOT / "conan", "--format=json")
    version = json.loads(version[version.index("{"):])["version"]
    archive = WORK / f"millipede-{version}.tar.gz"
    run("git", "-C", ROOT, "archive", f"--prefix=millipede-{version}/", "-o", archive, "HEAD")
    recipe = fresh(WORK / "center")
    shutil.copytree(ROOT / "conan/center", recipe)
    data = recipe / "all/conandata.yml"
    text = data.read_text(encoding="utf-8")
    for name, value in (("URL", archive.as_uri()),
                        ("SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())):
        require(f"RELEASE_ARCHIVE_{name}" in text, f"conandata.yml names no {name}")
        text = text.replace(f"RELEASE_ARCHIVE_{name}", value)
    data.write_text(text, encoding="utf-8")
    require(f'"{version}":' in (recipe / "config.yml").read_text(encoding="utf-8"),
            f"config.yml knows no version {version}")
    return recipe / "all", version


def part():
    if not get_conan():
        return
    HOME.mkdir(parents=True, exist_ok=True)
    systems = ["boost", "openssl"] + (["prometheus-cpp"] if has_admin() else [])
    for name in systems:
        conan("create", ROOT / "conan/system" / name, "--profile:all",
              ROOT / "conan/profiles/system", "--no-remote")
    recipe = ROOT / "conan"
    create("static", recipe, *options(shared=False))
    create("shared", recipe, *options(shared=True))
    create("without TLS and admin", recipe, *options(with_tls=False, with_admin=False))
    refused = conan("create", recipe, *settings(), "-s", "compiler.cppstd=17", fails=True)
    require("cppstd" in refused, f"C++17 is refused, but not for that: {refused}")
    check_center_rules()
    place, version = center_recipe()
    create("ConanCenter's form", place, "--version", version, *options(shared=False))
