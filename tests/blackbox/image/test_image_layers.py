# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers that refer to the layers below them: whiteouts, paths through links, hard links. The
result is compared with umoci's."""

import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import images
import pytest
from images import Image, directory, hard_link, layer, link, member

pytestmark = pytest.mark.needs("root")

LIBRARY = [directory("./"), directory("usr", mode=0o751, uid=3),
           directory("usr/lib", mode=0o750, gid=4), member("usr/lib/old.so", b"old"),
           link("lib", "usr/lib")]


def seen(root):
    """Every path of a root: type, mode, owner, content or target, number of links."""
    found = {}
    for path in sorted(Path(root).rglob("*")):
        status = path.lstat()
        content = (path.read_bytes() if stat.S_ISREG(status.st_mode) else
                   os.readlink(path) if stat.S_ISLNK(status.st_mode) else "")
        links = 1 if stat.S_ISDIR(status.st_mode) else status.st_nlink
        found[str(path.relative_to(root))] = (status.st_mode, status.st_uid, status.st_gid, content,
                                              links)
    return found


def merged(cli, image_id, workspace):
    """The root that a machine of the image sees."""
    place = Path(cli.state, "images", image_id.replace(":", "-"))
    record = json.loads((place / "image.json").read_text(encoding="utf-8"))
    trees = [place / f"resolved/{number}/tree" if entry.get("resolved") else
             Path(cli.state, "layers", entry["diff_id"].replace(":", "-"), "tree")
             for number, entry in enumerate(record["layers"])]
    if record["directories"]:
        trees.append(place / "directories")
    (workspace / "empty").mkdir(exist_ok=True)
    mount = "lowerdir=" + ":".join(map(str, [*reversed(trees), workspace / "empty"]))
    copy = workspace / f"copy-{len(list(workspace.iterdir()))}"
    subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                    'mount -t overlay -o "ro,$1" overlay /mnt && cp -a /mnt "$2"', "sh", mount,
                    copy],
                   check=True)
    return seen(copy)


def by_umoci(image, workspace):
    """The root that umoci unpacks, or None without umoci."""
    if not images.umoci_available():
        return None
    image.write_layout(workspace / "layout", "image")
    subprocess.run(["umoci", "unpack", "--image", f"{workspace}/layout:image", workspace / "bundle"],
                   check=True, capture_output=True)
    return seen(workspace / "bundle/rootfs")


def check(cli, workspace, *layers):
    """Loads an image of these layers and compares the result in a machine, in umoci, and in a
    machine again after saving and loading. Returns the result."""
    image = Image(*(layer(*members) for members in layers))
    images.load(cli, image)
    found, other = merged(cli, image.id, workspace), by_umoci(image, workspace)
    assert other is None or found == other
    cli("image-status", "--verify", "test/app:1").check()
    cli("save", "--format=docker", "test/app:1", workspace / "saved.tar").check()
    again = cli("load", "--name", "again:1", workspace / "saved.tar").check().stdout.split()[1]
    assert merged(cli, again, workspace) == found
    return found


def test_through_a_link_of_a_lower_layer(cli, workspace):
    """lib/new.so over lib -> usr/lib becomes usr/lib/new.so, and lib remains a link."""
    found = check(cli, workspace, LIBRARY,
                  [member("lib/new.so", b"new"), member("lib/sub/deep", b"1")],
                  [member("usr/lib/new.so", b"newer"), member("lib/third", b"3")])
    assert found["lib"][3] == "usr/lib" and found["usr/lib/new.so"][3] == b"newer"
    assert found["usr/lib/sub/deep"][3] == b"1" and found["usr/lib/third"][3] == b"3"
    assert stat.S_IMODE(found["usr/lib"][0]) == 0o750 and found["usr/lib"][2] == 4
    assert found["usr"][1] == 3


def test_through_links_of_all_kinds(cli, workspace):
    """Absolute, relative, nested and dangling links, and links out of the root."""
    found = check(cli, workspace, [
        directory("./"), directory("a"), directory("a/b"), link("absolute", "/a/b"),
        link("a/up", "../absolute"), link("missing", "later/made"), link("out", "../../../../a")],
        [member("absolute/1", b""), member("a/up/2", b""), member("missing/3", b""),
         member("out/4", b"")])
    assert {"a/b/1", "a/b/2", "later/made/3", "a/4"} <= set(found)
    assert {name for name, value in found.items() if stat.S_ISLNK(value[0])} == {
        "absolute", "a/up", "missing", "out"}


def test_an_entry_for_the_directory_takes_the_place_of_a_link(cli, workspace):
    """The layer has its own entry for lib."""
    found = check(cli, workspace, LIBRARY, [directory("lib"), member("lib/new.so", b"new")])
    assert stat.S_ISDIR(found["lib"][0]) and found["lib/new.so"][3] == b"new"
    assert "usr/lib/new.so" not in found and "lib/old.so" not in found


def test_a_whiteout_of_the_link_comes_first(cli, workspace):
    """The link is removed before the layer writes below its name."""
    found = check(cli, workspace, LIBRARY, [member(".wh.lib", b""), member("lib/new.so", b"new")])
    assert stat.S_ISDIR(found["lib"][0]) and "usr/lib/new.so" not in found


def test_whiteouts_through_a_link(cli, workspace):
    """lib/.wh.old.so removes usr/lib/old.so."""
    found = check(cli, workspace, LIBRARY, [member("lib/.wh.old.so", b"")])
    assert "usr/lib/old.so" not in found and found["lib"][3] == "usr/lib"


def test_a_file_where_a_directory_should_be(cli):
    """No tool can unpack this; the error names the path."""
    image = Image(layer(directory("./"), member("a", b"")), layer(member("a/b", b"")))
    image.write_layout(cli.state / "source")
    result = cli("load", cli.state / "source").check(1)
    assert "/a" in result.stderr and "file" in result.stderr


@pytest.mark.parametrize("members", [
    [member(".wh.d", b""), member("d/.wh.x", b"")],
    [member("d/.wh.x", b""), member(".wh.d", b"")],
    [member("d/e/.wh.x", b""), member("d/.wh..wh..opq", b""), member(".wh.d", b"")],
    [member(".wh.d", b""), member("d/.wh..wh..opq", b""), member("d/e/.wh.x", b"")],
])
def test_a_directory_that_is_whited_out_stays_away(cli, workspace, members):
    """Whatever else the layer removes below it, before or after."""
    found = check(cli, workspace, [directory("./"), directory("d"), directory("d/e"),
                                   member("d/x", b"")], members)
    assert not found


@pytest.mark.parametrize("layers", [
    ([directory("./"), member("kept", b"")], [member("d/e/.wh.x", b""),
                                              member("d/.wh..wh..opq", b"")]),
    ([directory("./"), member("kept", b""), member("d/.wh.x", b"")],),
    ([directory("./"), member("kept", b"")], [member("kept/.wh.x", b"")]),
])
def test_whiteouts_make_no_directories(cli, workspace, layers):
    """A whiteout in a directory that no layer holds has no effect."""
    image = Image(*(layer(*members) for members in layers))
    images.load(cli, image)
    assert set(merged(cli, image.id, workspace)) == {"kept"}
    cli("image-status", "--verify", "test/app:1").check()


def test_a_whited_out_directory_that_is_made_anew(cli, workspace):
    """Nothing of the lower layer is visible."""
    found = check(cli, workspace, [directory("./"), directory("d"), member("d/old", b"")],
                  [member(".wh.d", b""), member("d/.wh.old", b""), member("d/new", b"1")])
    assert found["d/new"][3] == b"1" and "d/old" not in found


def test_hard_links_into_lower_layers(cli, workspace):
    """To a file, to a link, through a link to a directory, and to each other: one file each."""
    found = check(cli, workspace, [
        *LIBRARY, directory("bin", mode=0o711), member("bin/tool", b"tool", mode=0o4755)],
        [hard_link("alias", "bin/tool"), hard_link("second", "alias"), hard_link("of-link", "lib"),
         hard_link("through", "lib/old.so"), hard_link("lib/inside", "/bin/tool")])
    assert found["alias"] == found["bin/tool"] == found["second"] == found["usr/lib/inside"]
    assert found["alias"][4] == 4 and stat.S_IMODE(found["alias"][0]) == 0o4755
    assert found["of-link"][3] == "usr/lib" and found["through"][3] == b"old"
    assert stat.S_IMODE(found["bin"][0]) == 0o711


@pytest.mark.parametrize("lower", [[directory("./")], [directory("./"), directory("x")],
                                   [directory("./"), link("x", "x")]])
def test_hard_links_to_what_no_layer_holds(cli, lower):
    """They are refused, and the error names both paths."""
    target = "x/y" if len(lower) > 1 and lower[1][0].type == tarfile.SYMTYPE else "x"
    image = Image(layer(*lower), layer(hard_link("a", target)))
    image.write_layout(cli.state / "source")
    result = cli("load", cli.state / "source").check(1)
    assert "/a" in result.stderr or "resolve" in result.stderr, result


def test_commit_over_such_an_image(cli, workspace):
    """The writable layer of a machine becomes a layer. A file name with a meaning in layers is
    refused with its path, and no image is made."""
    image = Image(layer(*images.base_members(), *LIBRARY[1:]), layer(member("lib/new.so", b"new")))
    images.define(cli, "app", image=images.load(cli, image), user="0",
                  arguments=["echo more > /lib/more.so; ln /bin/busybox /lib/tool; "
                             "rm /usr/lib/old.so"],
                  command=["/bin/sh", "-c"])
    cli("run", "app", cgroup2=True).check()
    made = cli("commit", "app", "made/by:hand").check().stdout.split()[-1]
    result = cli("image-status", "made/by:hand").check()
    identifier = next(word for word in result.stdout.split() if word.startswith("sha256:"))
    found = merged(cli, identifier, workspace)
    assert made and found["lib"][3] == "usr/lib"
    assert found["usr/lib/more.so"][3] == b"more\n" and "usr/lib/old.so" not in found
    (Path(cli.state) / "machines/app/upper/usr/.wh.lib").write_text("payload", encoding="utf-8")
    result = cli("commit", "app", "made/by:payload").check(1)
    assert "/usr/.wh.lib" in result.stderr and ".wh." in result.stderr
    assert "made/by:payload" not in cli("list-images").check().stdout
