# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory that a machine writes to belongs to it: other machines that would write to it, or use
it as a layer, are refused, whatever path they use."""

import itertools
import os
import subprocess

import harness
import pytest
import roots

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
STAY = ["sleep", "1000"]


class Pair:
    """Two machines with roots of the test's choice."""

    def __init__(self, cli):
        self.cli = cli
        self.names = [f"tree-{os.getpid()}-{next(NUMBERS)}" for _ in range(2)]

    def start(self, number, **keys):
        """Writes one definition and starts it."""
        file = self.cli.config / f"{self.names[number]}.machine"
        file.write_text(harness.definition(command=STAY, network={"mode": "none"}, **keys),
                        encoding="utf-8")
        return self.cli("start", self.names[number])

    def refused(self, path, **keys):
        """The second is refused with an error that names the directory and the first machine;
        `check` of both reports it as well. It starts when the first has ended."""
        result = self.start(1, **keys).check(1)
        assert str(path) in result.stderr and "in use" in result.stderr, result
        assert f'"{self.names[0]}"' in result.stderr and "hint" in result.stderr, result
        files = [self.cli.config / f"{name}.machine" for name in self.names]
        assert "that is also used by machine" in self.cli("check", *files).check(65).stderr
        self.cli("stop", self.names[0]).check()
        self.cli("start", self.names[1]).check()


@pytest.fixture
def pair(cli):
    """Two machines, which are deleted afterwards."""
    made = Pair(cli)
    yield made
    for name in made.names:
        cli("delete", "--force", name)


@pytest.fixture
def upper(closed):
    """An upper directory of the user's."""
    path = closed / "writes"
    path.mkdir()
    return path


@pytest.mark.parametrize("spelling", ["same", "link", "bind", "dots"])
@pytest.mark.parametrize("kind", ["rootfs", "upper"])
def test_two_writers(closed, pair, busybox_root, own_root, upper, kind, spelling):
    """One root in place, one upper directory: compared by inode, not by path."""
    path = own_root if kind == "rootfs" else upper
    other = closed / "other"
    rest = {} if kind == "rootfs" else {"overlay": [busybox_root]}
    if spelling == "link":
        other.symlink_to(path)
    elif spelling == "bind":
        other.mkdir()
        subprocess.run(["mount", "--bind", path, other], check=True)
    else:
        other = path if spelling == "same" else f"{path}/../{path.name}"
    try:
        pair.start(0, **{kind: path}, **rest).check()
        pair.refused(other, **{kind: other}, **rest)
        pair.cli("stop", *pair.names).check()
    finally:
        if spelling == "bind":
            subprocess.run(["umount", "--lazy", other], check=True)


def test_a_reader_of_what_is_written(pair, busybox_root, own_root, upper):
    """A layer that is another machine's root or upper; and the other way round."""
    pair.start(0, rootfs=own_root).check()
    pair.refused(own_root, overlay=[own_root], upper="volatile")
    pair.cli("stop", pair.names[1]).check()
    pair.start(0, overlay=[busybox_root], upper=upper).check()
    pair.refused(upper / "upper", overlay=[upper / "upper", busybox_root], upper="volatile")
    # The reader is running, so the writer is refused.
    result = pair.cli("start", pair.names[0]).check(1)
    assert str(upper / "upper") in result.stderr and pair.names[1] in result.stderr
    pair.cli("stop", pair.names[1]).check()


def test_the_writable_layer_of_another_machine(cli, pair, busybox_root):
    """What this program keeps for a machine can be named as a layer as well."""
    pair.start(0, overlay=[busybox_root]).check()
    upper = cli.state / f"machines/{pair.names[0]}/upper"
    result = pair.start(1, overlay=[upper, busybox_root], upper="volatile").check(1)
    assert str(upper) in result.stderr and pair.names[0] in result.stderr
    cli("stop", pair.names[0]).check()
    cli("start", pair.names[1]).check()


def test_a_layer_of_an_overlay_mount(pair, busybox_root, own_root):
    """It is read as the layers of the root are."""
    pair.start(0, rootfs=own_root).check()
    pair.refused(own_root, overlay=[busybox_root], upper="volatile",
                 mounts=[{"type": "overlay", "source": f"{own_root}:{busybox_root}",
                          "target": "/mnt"}])


def test_readers_share(pair, busybox_root):
    """Layers, and a root that is not written."""
    pair.start(0, overlay=[busybox_root], upper="volatile").check()
    pair.start(1, rootfs=busybox_root, read_only=True).check()
    assert pair.cli("check", pair.cli.config).status == 0


@pytest.mark.parametrize("verb", ["run", "run --ephemeral"])
def test_run_is_held_to_it(pair, own_root, verb):
    """In the foreground, too; an ephemeral machine may only read."""
    pair.start(0, rootfs=own_root).check()
    result = pair.cli(*verb.split(), "--rootfs", own_root, "true").check(125)
    assert str(own_root) in result.stderr and pair.names[0] in result.stderr


def test_death_frees(pair, own_root):
    """A supervisor that was killed has nothing left."""
    pair.start(0, rootfs=own_root).check()
    pid = pair.cli("show", pair.names[0]).check().stdout.split('"supervisor": {')[1]
    os.kill(int(pid.split('"pid":')[1].split(",")[0]), 9)
    harness.wait_for(lambda: pair.cli("status", pair.names[0]).status == 3)
    pair.start(1, rootfs=own_root).check()


def test_a_copy_is_another_tree(closed, pair, own_root):
    """Names are not compared."""
    copy = closed / "copy" / own_root.name
    copy.mkdir(parents=True)
    roots.copy(own_root, copy)
    pair.start(0, rootfs=own_root).check()
    pair.start(1, rootfs=copy).check()
