# SPDX-License-Identifier: LGPL-2.1-or-later
"""The systemd generator as a plain program: definitions in, units out."""

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def generate(cli, workspace):
    """Runs it and returns the created files by path, and its output."""
    program = Path(cli.binary).parents[1] / "systemd" / "machinectl-lite-generator"
    if not program.exists():
        pytest.skip("needs the generator beside the binary, as in a build tree")

    def run():
        places = [workspace / name for name in ("normal", "early", "late")]
        for place in places:
            place.mkdir(exist_ok=True)
        done = subprocess.run([program, *places], env=cli.environment, capture_output=True,
                              text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout) == (0, ""), done
        assert not any(path for place in places[1:] for path in place.iterdir())
        made = {}
        for path in places[0].rglob("*"):
            if path.is_symlink():
                made[str(path.relative_to(places[0]))] = os.readlink(path)
            elif path.is_file():
                made[str(path.relative_to(places[0]))] = path.read_text()
        return made, done.stderr

    return run


def define(cli, name, text):
    """Writes a definition that is right in itself."""
    (cli.config / f"{name}.machine").write_text(
        f'rootfs = "/srv/{name}"; command = ["/bin/true"];\n' + text)


def test_nothing_comes_of_nothing(cli, generate):
    define(cli, "web", "")
    define(cli, "db", "autostart = false;")
    assert generate() == ({}, "")


def test_autostart(cli, generate):
    define(cli, "my-web", "autostart = true;")
    made, said = generate()
    assert said == ""
    assert {path: Path(target).name for path, target in made.items()} == {
        "multi-user.target.wants/machines.target": "machines.target",
        "machines.target.wants/container@my\\x2dweb.service": "container@.service"}
    assert all(target.endswith("lib/systemd/system/" + Path(target).name)
               for target in made.values())


def test_requirements_and_order(cli, generate):
    for name in ("db", "cache"):
        define(cli, name, "")
    define(cli, "web", 'requires = ["db"]; after = ["cache"];')
    made, _ = generate()
    assert made == {"container@web.service.d/50-definition.conf":
                    "[Unit]\nRequires=container@db.service\nAfter=container@db.service\n"
                    "After=container@cache.service\n"}


def test_a_broken_definition_does_not_keep_the_others(cli, generate):
    define(cli, "a", "autostart = true; no_such_key = 1;")
    (cli.config / "b.machine").write_bytes(b"\x00\xff{{{")
    define(cli, "c", "autostart = true;")
    made, said = generate()
    assert sorted(path for path in made if "container@" in path) == [
        "machines.target.wants/container@c.service"]
    lines = said.splitlines()
    assert len(lines) == 2 and "a is skipped" in lines[0] and "b is skipped" in lines[1]


def test_twice_is_as_once(cli, generate):
    define(cli, "web", 'autostart = true; requires = ["db"];')
    define(cli, "db", "")
    assert generate() == generate()


def test_it_wants_three_directories(cli, generate):
    program = Path(cli.binary).parents[1] / "systemd" / "machinectl-lite-generator"
    assert subprocess.run([program], capture_output=True, check=False).returncode == 1
