# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody has mounted in a tree of this program's is neither removed nor read with it."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import images
import pytest
from images import Image, layer, load, member

pytestmark = pytest.mark.needs("root")


@contextmanager
def mounted(source, target, *options):
    """A mount of the host's for as long as the block runs."""
    target = Path(target)
    if not target.exists():
        if Path(source).is_file():
            target.write_bytes(b"")
        else:
            target.mkdir(parents=True)
    subprocess.run(["mount", *(options or ["--bind"]), source, target], check=True)
    try:
        yield target
    finally:
        subprocess.run(["umount", "--lazy", target], check=True)


@pytest.fixture
def precious(workspace):
    """A directory of the host's with a file that must stay."""
    path = workspace / "precious"
    path.mkdir()
    (path / "file").write_text("kept", encoding="utf-8")
    return path


def refused(result, place, precious):
    """The error names the mount, and nothing in it was removed."""
    result.check(1)
    assert str(place) in result.stderr and "mounted" in result.stderr, result
    assert (precious / "file").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("below", ["upper/a/b", "upper", "work/x y", "", "volumes/data/data/deep"])
def test_delete_stops_before_a_mount(cli, precious, below):
    """Even a mount of the same file system, and before anything is removed; without the mount
    everything is removed."""
    layer = cli.state / "machines/one"
    (layer / "upper/first").mkdir(parents=True)
    (layer / "upper/first/file").write_text("written", encoding="utf-8")
    with mounted(precious, layer / below) as place:
        refused(cli("delete", "one"), place, precious)
    if below:
        assert (layer / "upper/first/file").exists()
        cli("delete", "one").check()
        assert not layer.exists()


def test_delete_stops_before_a_mounted_file_and_another_file_system(cli, precious):
    """A file has no directory that could not be entered: it would go by its name."""
    upper = cli.state / "machines/one/upper"
    upper.mkdir(parents=True)
    (upper / "written").write_text("written", encoding="utf-8")
    with mounted(precious / "file", upper / "hosts") as place:
        refused(cli("delete", "one"), place, precious)
    with mounted("tmpfs", upper / "memory", "-t", "tmpfs") as place:
        (place / "file").write_text("kept", encoding="utf-8")
        refused(cli("delete", "one"), place, place)
    assert (upper / "written").exists()
    cli("delete", "one").check()


def test_delete_force_stops_no_machine_that_it_cannot_delete(cli, machine_file, busybox_root,
                                                             precious):
    """Obstacles to the removal are found before the machine is stopped."""
    name = f"mounted-{os.getpid()}"
    file = machine_file(name, overlay=[busybox_root], command=["sleep", "1000"])
    cli("start", file).check()
    with mounted(precious, cli.state / f"machines/{name}/upper/data") as place:
        refused(cli("delete", "--force", name), place, precious)
        cli("status", name).check()
    cli("delete", "--force", name).check()


def test_delete_takes_a_tree_deeper_than_any_path(cli):
    """Payloads can create directories of any depth: paths, descriptors and the stack must not be
    exhausted."""
    upper = cli.state / "machines/deep/upper"
    upper.mkdir(parents=True)
    below = os.open(upper, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("d" * 60, dir_fd=below)
        following = os.open("d" * 60, os.O_RDONLY, dir_fd=below)
        os.close(below)
        below = following
    os.close(below)
    try:
        cli("delete", "deep").check()
        assert not (cli.state / "machines/deep").exists()
    finally:
        subprocess.run(["rm", "-rf", cli.state / "machines/deep"], check=True)


def test_the_image_store_is_not_removed_through_a_mount(cli, precious):
    """Layers, images: the references stay, too."""
    name = load(cli, Image(layer(*images.base_members(), member("etc/file", b"x"))))
    tree = next(cli.state.glob("layers/*/tree"))
    before = cli("list-images", "--json=short").check().stdout
    with mounted(precious, tree / "etc") as place:
        for command in (["remove-image", name], ["prune", "--all"]):
            refused(cli(*command), place, precious)
        assert cli("list-images", "--json=short").check().stdout == before
        result = cli("save", name, cli.directory / "saved.tar")
        refused(result, place, precious)
        refused(cli("image-status", "--verify", name), place, precious)
    cli("image-status", "--verify", name).check()
    with mounted(cli.state / "layers", cli.state / "layers"):
        cli("prune", "--all").check()
    assert not list(cli.state.glob("layers/*/tree"))


def test_commit_reads_no_mount(cli, machine_file, precious):
    """What the host has mounted in a writable layer must not get into an image."""
    name = f"commit-{os.getpid()}"
    image = load(cli, Image(layer(*images.base_members())))
    cli("run", machine_file(name, image=image, command=["/bin/true"])).check()
    with mounted(precious, cli.state / f"machines/{name}/upper/data") as place:
        refused(cli("commit", name, "test/committed:1"), place, precious)
    cli("delete", name).check()
