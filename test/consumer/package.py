#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Uses the library in each of the ways that docs/packaging.md names, as a stranger would.

Goal: what is installed, packed or made part of another project builds strangers' programs, and
these run, wherever it was moved to.
Method: builds and installs the library (static; shared; without TLS and admin), moves the result,
builds the consumers in this folder against it and runs them; makes Debian packages, installs them
below a root of their own and runs what they brought; makes Conan packages. All of it below build/.

Parts: install, project, debian, conan; all of them if none is named."""

import argparse
import os
import re
import shutil
import subprocess
import sys

import conan_package
from tools import (BUILD, FLAGS, HERE, LIBRARIES_ALONE, ROOT, STRICT, WORK, Failure, abi_version,
                   components, configure_and_build, fresh, require, run, run_consumers, say)


# install: find_package and pkg-config

def install(name, *settings):
    """Builds and installs as `name`, and moves that elsewhere; the place where it is then."""
    build = BUILD / f"package-{name}"
    first, moved = fresh(WORK / f"first-{name}"), fresh(WORK / f"moved-{name}")
    configure_and_build(ROOT, build, STRICT,
                        f"-DCMAKE_INSTALL_PREFIX={first}", *settings)
    run("cmake", "--install", build)
    named = subprocess.run(["grep", "-rIlF", str(first), str(first)], stdout=subprocess.PIPE,
                           text=True, check=False).stdout
    require(not named, f"these name the place where they were installed first:\n{named}")
    first.rename(moved)
    return moved


def use_found(name, prefix, wanted):
    build = fresh(WORK / f"find_package-{name}")
    configure_and_build(HERE / "find_package", build, f"-DCMAKE_PREFIX_PATH={prefix}",
                        f"-DCONSUMER_COMPONENTS={';'.join(wanted)}")
    run_consumers(build, wanted)


def use_pkg_config(name, prefix, *settings):
    folder = fresh(WORK / f"pkg_config-{name}")
    folder.mkdir()
    places = ":".join(str(found) for found in prefix.glob("lib*/**/pkgconfig"))
    run("make", "-C", HERE / "pkg_config", "-j2", f"output={folder}", f"PKG_CONFIG_PATH={places}",
        f"CXX={'ccache ' if shutil.which('ccache') else ''}c++", "CXXFLAGS=-O1 -Wall -Wextra",
        *settings)
    run_consumers(folder, ["core", "client"])


def refusal(prefix, *arguments):
    """What find_package says of an installation that has not what is wanted."""
    build = fresh(WORK / "refused")
    return " ".join(run("cmake", "-G", "Ninja", "-S", HERE / "find_package", "-B", build,
                        f"-DCMAKE_PREFIX_PATH={prefix}", *arguments, fails=True).split())


def check_refusals(bare):
    said = refusal(bare, "-DCONSUMER_COMPONENTS=core;tls")
    require("was installed without its component 'tls'" in said and "MILLIPEDE_WITH_TLS" in said,
            f"a component that was not installed: {said}")
    said = refusal(bare, "-DCONSUMER_COMPONENTS=websocket")
    require("no component 'websocket'; there are: core, tls, admin, client" in said,
            f"a component that nobody has: {said}")
    # An installation that was built with another Boost than is found.
    config = next(bare.glob("**/millipede-config.cmake"))
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r"(set\(millipede_boost_version) [0-9.]+", r"\1 1.60", text),
                      encoding="utf-8")
    said = refusal(bare)
    require("was built with Boost 1.60" in said, f"another Boost: {said}")
    config.write_text(text, encoding="utf-8")


def check_abi(shared):
    """The shared library has its version in its name, and exports nothing of the compiler's own."""
    library = next(shared.glob("lib/**/libmillipede.so"))
    name = re.search(r"SONAME.*\[(.*)\]", run("readelf", "-d", library))[1]
    version = abi_version()
    require(name == f"libmillipede.so.{version}", f"the shared library's name is {name}")
    exported = run("nm", "-D", "--defined-only", library)
    require(" backtrace_" not in exported, "libbacktrace's functions are exported")


def part_install():
    say("installed, static: find_package, pkg-config")
    static = install("static", *LIBRARIES_ALONE)
    use_found("static", static, components())
    use_pkg_config("static", static)
    use_pkg_config("static", static, "PKG_CONFIG_FLAGS=--static")
    say("installed, shared: find_package, pkg-config, programs")
    shared = install("shared", "-DBUILD_SHARED_LIBS=ON", *LIBRARIES_ALONE,
                     "-DMILLIPEDE_BUILD_PROGRAMS=ON")
    check_abi(shared)
    use_found("shared", shared, components())
    libraries = next(shared.glob("lib/**/libmillipede.so")).parent
    use_pkg_config("shared", shared, f"LDFLAGS=-Wl,-rpath,{libraries}")
    serve_and_ask(shared / "bin")
    say("installed without TLS and admin: what find_package refuses")
    bare = install("bare", *LIBRARIES_ALONE, "-DMILLIPEDE_WITH_TLS=OFF",
                   "-DMILLIPEDE_WITH_ADMIN=OFF")
    use_found("bare", bare, ["core", "client"])
    check_refusals(bare)


# project: add_subdirectory and FetchContent

def part_project():
    say("add_subdirectory, in a project with unity builds")
    build = fresh(WORK / "add_subdirectory")
    configure_and_build(HERE / "add_subdirectory", build, f"-DMILLIPEDE_SOURCE={ROOT}",
                        "-DCMAKE_UNITY_BUILD=ON", f"-DCONSUMER_COMPONENTS={';'.join(components())}")
    run_consumers(build, components())
    say("FetchContent")
    build = fresh(WORK / "fetch_content")
    configure_and_build(HERE / "fetch_content", build, f"-DMILLIPEDE_REPOSITORY=file://{ROOT}",
                        f"-DMILLIPEDE_TAG={run('git', '-C', ROOT, 'rev-parse', 'HEAD').strip()}",
                        targets=["consumer-core"])
    run_consumers(build, ["core"])


# debian: packages

def serve_and_ask(programs, environment=None):
    """The online-count server of that folder serves, its client gets answers, and both end well."""
    environment = {**os.environ, **(environment or {})}
    with subprocess.Popen([str(programs / "millipede-online"), "--listen", "127.0.0.1:0"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=environment) as server:
        try:
            place = ""
            said = []
            while not place:
                line = server.stdout.readline()
                require(line, "millipede-online ended: " + "".join(said))
                said.append(line)
                if "listening on " in line and "127.0.0.1:" in line:
                    place = re.search(r"127\.0\.0\.1:[0-9]+", line)[0]
            answer = run(programs / "millipede-client", "send", place, "--data", "packed",
                         environment=environment, timeout=120)
            require("70 61 63 6b 65 64" in answer, f"the answer was {answer!r}")
            server.terminate()
            server.stdout.read()
            status = server.wait(timeout=120)
            require(status == 0, f"millipede-online ended with {status}")
        finally:
            server.kill()


def dpkg(root, *arguments):
    """dpkg on a root of its own, which knows the packages of this machine: dependencies count."""
    as_root = [] if os.getuid() == 0 else ["unshare", "--map-root-user"]
    return run(*as_root, "dpkg", f"--root={root}", "--force-script-chrootless", "--no-triggers",
               "--log=/dev/null", *arguments)


def check_packages(packages):
    """Names, dependencies and files, by what dpkg-deb reads from them."""
    by_name = {run("dpkg-deb", "-f", package, "Package").strip(): package for package in packages}
    version = abi_version()
    require(set(by_name) == {f"libmillipede{version}", "libmillipede-dev", "millipede"},
            f"the packages are {sorted(by_name)}")
    needs = {name: run("dpkg-deb", "-f", package, "Depends") for name, package in by_name.items()}
    for name, wanted in ((f"libmillipede{version}", "libboost-log1.81.0"),
                         (f"libmillipede{version}", "libssl3"),
                         ("libmillipede-dev", f"libmillipede{version} (="),
                         ("libmillipede-dev", "libboost1.81-dev"),
                         ("millipede", f"libmillipede{version}")):
        require(wanted in needs[name], f"{name} depends on {needs[name]}, and not on {wanted}")
    files = run("dpkg-deb", "-c", by_name["millipede"])
    settings = set(re.findall(r"\./(etc/\S*[^/\s])$", files, re.M))
    kept = run("dpkg-deb", "-I", by_name["millipede"], "conffiles") if settings else ""
    require(all(f"/{name}\n" in kept for name in settings), f"not kept in upgrades: {settings}")


def part_debian():
    say("Debian packages: made, installed, run, purged")
    build = BUILD / "package"
    run("cmake", "--preset", "package", *FLAGS, cwd=ROOT)
    run("cmake", "--build", build)
    for package in build.glob("*.deb"):
        package.unlink()
    run("cpack", "-B", build, cwd=build)
    packages = sorted(build.glob("*.deb"))
    check_packages(packages)
    root = fresh(WORK / "root")
    for folder in ("info", "updates"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    shutil.copy("/var/lib/dpkg/status", root / "var/lib/dpkg/status")
    dpkg(root, "--install", *packages)
    libraries = next(root.glob("usr/lib/**/libmillipede.so")).parent
    environment = {"LD_LIBRARY_PATH": str(libraries)}
    serve_and_ask(root / "usr/bin", environment)
    use_found("debian", root / "usr", ["core", "client"])
    names = [run("dpkg-deb", "-f", package, "Package").strip() for package in packages]
    dpkg(root, "--purge", *names)
    left = [str(path) for path in root.rglob("*") if path.is_file() and "millipede" in path.name]
    require(not left, f"after a purge there are still {left}")


PARTS = {"install": part_install, "project": part_project, "debian": part_debian,
         "conan": conan_package.part}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all, if none is named")
    wanted = parser.parse_args().parts or PARTS
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    for name in wanted:
        PARTS[name]()
    say("consumed in every way")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
