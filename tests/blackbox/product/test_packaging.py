# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the descriptions of packages say about the tree: that they name every installed file, the same
version, and what the build needs; and the list of what is linked. test_packages.py builds them."""

import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

import harness
import pytest

BUILD = harness.SOURCE / "build"
DEBIAN = harness.SOURCE / "debian"
SPEC = harness.SOURCE / "packaging/machinectl-lite.spec"
APKBUILD = harness.SOURCE / "packaging/APKBUILD"
# systemd-container has this one: the packages are built with -Dmachines_target=false.
NOT_PACKAGED = {"usr/lib/systemd/system/machines.target"}
LIBDIR = "usr/lib/ARCHITECTURE"
# Only of a build with Sphinx.
PAGES = "usr/share/doc/machinectl-lite/html"


def introspect(what):
    """What meson tells about the build tree."""
    if not (BUILD / "build.ninja").exists():
        pytest.skip("needs the build tree in build/")
    done = subprocess.run(["meson", "introspect", what, str(BUILD)], capture_output=True,
                          text=True, check=True)
    return json.loads(done.stdout)


def option(name):
    """An option of the build tree."""
    return next(row["value"] for row in introspect("--buildoptions") if row["name"] == name)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The files that are installed, as with --prefix=/usr, with a libdir that is of no
    architecture."""
    prefix, libdir = option("prefix").strip("/"), option("libdir")
    target = tmp_path_factory.mktemp("packaging")
    subprocess.run(["meson", "install", "-C", str(BUILD), "--destdir", str(target),
                    "--no-rebuild", "--quiet"], check=True, stdin=subprocess.DEVNULL)
    found = set()
    for path in target.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            place = re.sub(f"^{prefix}/", "usr/", str(path.relative_to(target)))
            place = place.replace(f"usr/{libdir}/", f"{LIBDIR}/")
            found.add(re.sub("^usr/etc/", "etc/", place))
    return found - NOT_PACKAGED


def covers(pattern, path):
    """Whether a line of a list stands for a file: itself, a pattern, or a directory above it."""
    parts, names = pattern.split("/"), path.split("/")
    return len(parts) <= len(names) and all(map(fnmatch.fnmatch, names, parts))


def check_lists(patterns, files):
    """Each file is in one package, and no line is for nothing."""
    for path in files:
        found = [pattern for pattern in patterns if covers(pattern, path)]
        assert found, f"no package has /{path}"
    for pattern in patterns:
        assert pattern == PAGES or any(covers(pattern, path) for path in files), f"{pattern} stands for no file"


def test_debian_packages_have_every_file(installed):
    patterns = [re.sub(r"^usr/lib/\*/", LIBDIR + "/", line)
                for file in DEBIAN.glob("*.install") for line in file.read_text().split()]
    check_lists(patterns, installed)


def test_rpm_packages_have_every_file(installed):
    macros = {"_bindir": "usr/bin", "_datadir": "usr/share", "_includedir": "usr/include",
              "_libdir": LIBDIR, "_libexecdir": "usr/libexec", "_mandir": "usr/share/man",
              "_prefix": "usr", "_sysconfdir": "etc"}
    text = re.split(r"^%files.*$", SPEC.read_text(), flags=re.MULTILINE)[1:]
    lines = [line for part in text for line in part.partition("%changelog")[0].splitlines()]
    patterns = []
    for line in lines:
        words = line.split()
        if words and words[0] not in ("%license", "%doc"):
            patterns.append(re.sub(r"%\{(\w+)\}", lambda match: macros[match.group(1)], words[-1]))
    check_lists(patterns, {path for path in installed if not path.startswith("etc/apparmor.d/")})


def test_one_version():
    version = re.search(r"version: '([^']+)'",
                        (harness.SOURCE / "meson.build").read_text()).group(1)
    assert f"machinectl-lite ({version})" in (DEBIAN / "changelog").read_text().splitlines()[0]
    assert re.search(rf"^Version: +{re.escape(version)}$", SPEC.read_text(), re.MULTILINE)
    assert f"\npkgver={version}\n" in APKBUILD.read_text()
    assert (harness.SOURCE / "NEWS").read_text().startswith(f"machinectl-lite {version}")


def test_build_dependencies_are_those_of_the_tests():
    """The list that builds the project on a Debian host, without what debhelper brings."""
    listed = {line.strip() for line in
              (harness.SOURCE / "tests/vm/packages/build").read_text().splitlines()
              if line.strip() and not line.startswith("#")}
    control = (DEBIAN / "control").read_text()
    field = re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.MULTILINE).group(1)
    named = {word.split()[0].rstrip(",") for word in field.splitlines()}
    assert listed - named == {"gcc", "libc6-dev", "ninja-build", "pkg-config"}


def test_scripts_are_shell():
    for file in [*DEBIAN.glob("*.p*rm"), *DEBIAN.glob("*.p*inst"), DEBIAN / "tests/start-machine",
                 DEBIAN / "tests/build-example", APKBUILD]:
        subprocess.run(["sh", "-n", str(file)], check=True)
    for name in ("deb", "rpm"):
        subprocess.run(["bash", "-n", str(harness.SOURCE / "packaging" / name)], check=True)


@pytest.mark.needs("program:rpmspec")
def test_spec_is_understood():
    done = subprocess.run(["rpmspec", "-q", "--qf", "%{name} ", str(SPEC)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    assert done.stdout.split() == ["machinectl-lite", "libmachine", "libmachine-devel",
                                   "machinectl-lite-doc"]


def test_removal_and_upgrade_of_the_debian_package(workspace):
    """The script before a removal stops machines, and nothing else does."""
    script = (DEBIAN / "machinectl-lite.prerm").read_text().replace("#DEBHELPER#", "")
    script = script.replace("/run/machinectl-lite/machines", str(workspace / "machines"))
    (workspace / "prerm").write_text(script)
    (workspace / "machinectl-lite").write_text(
        f'#!/bin/sh\necho "$@" >>{workspace}/calls\nexit ${{STATUS:-0}}\n')
    (workspace / "machinectl-lite").chmod(0o755)

    def run(argument, status="0"):
        return subprocess.run(["sh", str(workspace / "prerm"), argument], check=False,
                              capture_output=True, text=True,
                              env={"PATH": f"{workspace}:/usr/bin:/bin", "STATUS": status})

    assert run("remove").returncode == 0 and not (workspace / "calls").exists()
    (workspace / "machines").mkdir()
    assert run("upgrade").returncode == 0 and not (workspace / "calls").exists()
    assert run("remove").returncode == 0
    assert (workspace / "calls").read_text() == "stop --all\n"
    failed = run("remove", "1")
    assert failed.returncode == 1 and "machinectl-lite list" in failed.stderr


# ---- what is linked ----


@pytest.fixture(scope="module")
def document():
    """The SPDX list of the build tree."""
    path = BUILD / "build-aux/machinectl-lite.spdx.json"
    if not path.exists():
        pytest.skip("needs the build tree in build/")
    return json.loads(path.read_text())


def test_list_of_contents_is_complete(document, installed):
    """Every program and library is in it, and every element is described."""
    assert document["spdxVersion"] == "SPDX-2.3"
    names = {package["name"] for package in document["packages"]}
    for path in installed:
        if re.search(r"bin/|libexec/|-generators/|\.so\.[0-9.]+\.[0-9]+$", path):
            assert f"machinectl-lite:{path.rpartition('/')[2]}" in names, path
    known = {package["SPDXID"] for package in document["packages"]} | {"SPDXRef-DOCUMENT"}
    for row in document["relationships"]:
        assert {row["spdxElementId"], row["relatedSpdxElement"]} <= known
    for package in document["packages"]:
        assert package["versionInfo"] and package["licenseDeclared"]


def test_static_libraries_are_listed_with_their_versions(document):
    if not option("musl_libraries"):
        pytest.skip("build/ is linked with the host's libraries")
    packages = {package["SPDXID"]: package for package in document["packages"]}
    linked = {}
    for row in document["relationships"]:
        if row["relationshipType"] == "STATIC_LINK":
            linked.setdefault(packages[row["spdxElementId"]]["name"], set()).add(
                packages[row["relatedSpdxElement"]]["name"])
    own = {"musl", "gcc"}
    libraries = {"jansson", "libcap-ng", "libconfig", "libnl3", "util-linux"}
    assert linked == {"machinectl-lite:machine-init": own,
                      "machinectl-lite:machinectl-lite": own | libraries,
                      "machinectl-lite:machine-oci": own | libraries}
    for package in packages.values():
        if package["name"] in libraries:
            assert re.match(r"[0-9]+\.[0-9]+.*-", package["versionInfo"]), package
            assert len(package["checksums"][0]["checksumValue"]) == 64


def test_nothing_of_the_place_of_the_build_is_in_it():
    """Otherwise two builds would differ."""
    for place in ("src/cli/machinectl-lite", "src/launch/init/machine-init",
                  "src/image/machinectl-lite-image"):
        program = BUILD / place
        if not program.exists():
            pytest.skip("needs the build tree in build/")
        assert str(harness.SOURCE).encode() not in program.read_bytes(), program


@pytest.mark.needs("root")
def test_fedora_gets_its_own_packages(workspace):
    """What examples/run and tests/run install where there is dnf: the lists, by Fedora's names."""
    tools = workspace / "tools"
    tools.mkdir()
    for name in ("bash", "sed", "awk", "id", "cat"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "rpm").write_text('#!/bin/bash\n[ "$4" = gcc ]\n')
    (tools / "dnf").write_text(f'#!/bin/bash\necho "$@" >{workspace}/said\n')
    for name in ("rpm", "dnf"):
        (tools / name).chmod(0o755)
    script = ('. tests/support.sh; install_missing "${build_packages[@]}" "${example_packages[@]}" '
              '"${static_packages[@]}" "${test_packages[@]}"')
    subprocess.run(["bash", "-euc", script], check=True, cwd=harness.SOURCE, capture_output=True,
                   env={"PATH": str(tools)})
    said = (workspace / "said").read_text().split()
    assert said[:4] == ["-q", "install", "-y", "--setopt=install_weak_deps=False"]
    names = said[4:]
    assert {"meson", "libnl3-devel", "musl-gcc", "nftables-devel", "busybox"} <= set(names)
    assert "gcc" not in names
    assert {name for name in names if name.endswith("-dev")} == {"dpkg-dev"}


@pytest.mark.slow
@pytest.mark.needs("program:git")
def test_archive_of_a_release_is_the_same_every_time(workspace):
    """`meson dist` for the last commit, without a build."""
    if not (harness.SOURCE / ".git").exists():
        pytest.skip("needs a clone")
    digests = set()
    for number in ("1", "2"):
        clone = workspace / number
        subprocess.run(["git", "clone", "--quiet", str(harness.SOURCE), str(clone)], check=True)
        subprocess.run(["meson", "setup", str(clone / "build"), str(clone)], check=True,
                       capture_output=True)
        subprocess.run(["meson", "dist", "-C", str(clone / "build"), "--no-tests"], check=True,
                       capture_output=True)
        [archive] = (clone / "build/meson-dist").glob("machinectl-lite-*.tar.xz")
        digests.add(hashlib.sha256(archive.read_bytes()).hexdigest())
        # Another second.
        time.sleep(1.1)
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.needs("program:musl-gcc")
def test_everything_compiles_on_a_host_with_musl(workspace):
    """As on Alpine Linux, with the headers of this host's other libraries: what the static programs
    do not contain, and machine-init."""
    multiarch = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True,
                               check=True).stdout.strip()
    build = workspace / "build"
    environment = {**os.environ, "CC": "musl-gcc",
                   "CFLAGS": f"-idirafter /usr/include/{multiarch} -idirafter /usr/include"}
    subprocess.run(["meson", "setup", str(build), str(harness.SOURCE), "-Dsystemd=disabled",
                    "-Dpages=disabled", "-Dmusl=disabled", "-Dapparmor_profile=disabled"],
                   check=True, capture_output=True, env=environment)
    done = subprocess.run(["ninja", "-C", str(build), "src/base/libbase.a",
                           "src/image/libimage-common.a", "src/image/libimage-unpack.a",
                           "src/image/libimage-work.a", "src/launch/init/machine-init"],
                          capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-4000:]
    installed = subprocess.run(["meson", "introspect", "--installed", str(build)],
                               capture_output=True, text=True, check=True).stdout
    assert "systemd" not in installed and "firewalld" not in installed
