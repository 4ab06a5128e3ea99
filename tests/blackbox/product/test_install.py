# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files that `meson install` installs, and that they work."""

import json
import os
import re
import shutil
import subprocess

import pytest

import harness
import images

BUILD = harness.SOURCE / "build"

EXAMPLE = harness.SOURCE / "examples/libmachine/published-ports.c"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The project installed under a directory, as a package builder does it."""
    if not (BUILD / "build.ninja").exists():
        pytest.skip("needs the build tree in build/")
    target = tmp_path_factory.mktemp("install")
    subprocess.run(["meson", "install", "-C", str(BUILD), "--destdir", str(target),
                    "--no-rebuild", "--quiet"], check=True, stdin=subprocess.DEVNULL)
    return target


def paths(top):
    """All files below a directory, relative."""
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir())


def test_everything_has_its_place(installed):
    """The places that a distribution expects, and nothing else."""
    found = paths(installed)
    for pattern in (r"bin/machinectl-lite$", r"libexec/machinectl-lite/machine-init$",
                    r"libexec/machinectl-lite/machinectl-lite-image$",
                    r"libexec/machinectl-lite/machinectl-lite-unpack$",
                    r"lib/.*libmachine\.so\.0$", r"lib/.*pkgconfig/machine\.pc$",
                    r"include/machine/machine\.h$", r"include/machine/load\.h$",
                    r"lib/systemd/system-generators/machinectl-lite-generator$",
                    r"man/man1/machinectl-lite\.1$", r"man/man5/machine\.5$",
                    r"man/man5/network\.5$"):
        assert [path for path in found if re.search(pattern, path)], (pattern, found)
    assert not [path for path in found if "test" in path or path.endswith(".a")], found


def test_installed_command_runs_a_machine(installed, cli, machine_file):
    """The command finds its parts where they were installed, without the build tree."""
    [binary] = [installed / path for path in paths(installed)
                if path.endswith("bin/machinectl-lite")]
    cli.binary = str(binary)
    result = cli("run", machine_file(command=["echo", "installed"])).check()
    assert result.stdout == "installed\n"


def built_with(option):
    """The value of an option of the build tree."""
    with open(BUILD / "meson-info/intro-buildoptions.json", encoding="utf-8") as file:
        return next(row["value"] for row in json.load(file) if row["name"] == option)


def test_what_a_start_runs_is_static(installed):
    """Nothing is loaded on the way to a payload."""
    if not built_with("musl_libraries"):
        pytest.skip("build/ is linked with the host's libraries")
    for name in ("machinectl-lite", "machine-init"):
        [program] = [installed / path for path in paths(installed) if path.endswith(f"/{name}")
                     and "bin/" in path or path.endswith(f"libexec/machinectl-lite/{name}")]
        assert not linked(program), name


def linked(path):
    """What an executable is linked with, without versions."""
    text = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True,
                          check=True).stdout
    return {name.partition(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text)}


def test_libraries_of_images(installed):
    """The program for registries loads no libraries for unpacking, and the one that reads foreign
    archives none for networks."""
    [image] = installed.rglob("machinectl-lite-image")
    [unpack] = installed.rglob("machinectl-lite-unpack")
    assert "libcurl" in linked(image) and not {"libzstd", "liblzma", "libbz2"} & linked(image)
    assert "libzstd" in linked(unpack)
    assert not {"libcurl", "libssl", "liblzma", "libbz2"} & linked(unpack)


@pytest.mark.needs("root")
def test_unpacker_is_for_what_is_not_here(installed, cli, workspace):
    """Pulling an existing image works without the unpacker; pulling others and loading report that
    it is missing."""
    shutil.copytree(installed, workspace / "installed", symlinks=True)
    [cli.binary] = map(str, (workspace / "installed").rglob("bin/machinectl-lite"))
    [unpack] = (workspace / "installed").rglob("machinectl-lite-unpack")
    with images.registry() as server:
        first, second = (images.Image(images.layer(images.member("name", text)))
                         for text in (b"first", b"second"))
        reference = server.add("a", "1", first)
        cli("pull", "--insecure", reference).check()
        unpack.unlink()
        cli("pull", "--insecure", reference).check()
        result = cli("pull", "--insecure", server.add("a", "2", second)).check(1)
        assert "machinectl-lite-unpack" in result.stderr and "install" in result.stderr
    (workspace / "root.tar").write_bytes(images.layer(images.member("name", b"third")))
    result = cli("load", "--name", "x:1", workspace / "root.tar").check(1)
    assert "machinectl-lite-unpack" in result.stderr
    assert not images.leftovers(cli)


def test_library(installed, cli, machine_file, workspace):
    """The example, built with pkg-config's answers, loads definitions and reports what is wrong."""
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    [config] = [installed / path for path in paths(installed) if path.endswith("machine.pc")]
    environment = {**os.environ, "PKG_CONFIG_PATH": str(config.parent),
                   "PKG_CONFIG_SYSROOT_DIR": str(installed),
                   "LD_LIBRARY_PATH": str(config.parent.parent), **cli.environment}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "machine"], env=environment,
                           capture_output=True, text=True, check=True).stdout.split()
    program = workspace / "program"
    subprocess.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-o", str(program),
                    str(EXAMPLE)] + flags, check=True)

    def load(path):
        return subprocess.run([str(program), str(path)], env=environment, capture_output=True,
                              text=True, check=False)

    done = load(machine_file("alpha", command=["true"], network={"mode": "bridge"},
                             ports=["127.0.0.1:8080-8081:80-81"]))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == "alpha 127.0.0.1 8080 80\nalpha 127.0.0.1 8081 81\n"
    done = load(machine_file("beta", text="memroy = 1;\n"))
    assert done.returncode == 1 and "memroy" in done.stderr and "beta.machine:1" in done.stderr
    done = load(workspace / "missing.machine")
    assert done.returncode == 1 and "missing.machine" in done.stderr


def test_library_shows_nothing_but_its_interface(installed):
    """No symbol of the inside is visible."""
    [library] = [installed / path for path in paths(installed)
                 if re.search(r"libmachine\.so\.[0-9.]+\.[0-9]+$", path)]
    names = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True,
                           text=True, check=True).stdout.split("\n")
    visible = {line.split()[2] for line in names if line} - {"__bss_start", "_edata", "_end"}
    assert {"machine_load", "machine_free"} <= visible
    assert all(name.startswith(("machine_", "network_definition_", "volume_definition_")) for name in visible), visible


def test_manual_is_well_formed(installed):
    """The manual pages, the generated one included, have no error that man(1) sees."""
    if not shutil.which("man"):
        pytest.skip("needs man")
    for path in paths(installed):
        if "/man/" in path:
            done = subprocess.run(["man", "-l", "--warnings", "-Tutf8", str(installed / path)],
                                  capture_output=True, text=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
            assert done.returncode == 0 and done.stderr == "", (path, done.stderr)
