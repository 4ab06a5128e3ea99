# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists all properties of the files in a directory, for comparison with another.

`trees.py DIRECTORY` prints it as JSON.
"""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link",
         stat.S_IFCHR: "character device", stat.S_IFBLK: "block device", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket"}


def _content(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _describe(path, names):
    status = os.lstat(path)
    kind = TYPES[stat.S_IFMT(status.st_mode)]
    told = {"type": kind, "mode": oct(stat.S_IMODE(status.st_mode)), "uid": status.st_uid,
            "gid": status.st_gid, "mtime": status.st_mtime_ns,
            "attributes": {name: os.getxattr(path, name, follow_symlinks=False).hex()
                           for name in os.listxattr(path, follow_symlinks=False)
                           if not name.startswith(("trusted.overlay.", "security.selinux"))}}
    if kind == "file":
        told.update(size=status.st_size, content=_content(path))
    if kind == "link":
        told["target"] = os.readlink(path)
    if "device" in kind:
        told["number"] = status.st_rdev
    if kind != "directory" and status.st_nlink > 1:
        names.setdefault((status.st_dev, status.st_ino), []).append(path)
    return told


def listing(root):
    """{path: properties}. Several names of one file refer to each other in "links"."""
    root = os.path.abspath(root)
    names, found = {}, {}
    for directory, directories, files in os.walk(root):
        for path in [directory] + [os.path.join(directory, name) for name in files + [
                name for name in directories if os.path.islink(os.path.join(directory, name))]]:
            found[os.path.relpath(path, root)] = _describe(path, names)
    for group in names.values():
        inside = sorted(os.path.relpath(path, root) for path in group)
        for path in inside if len(inside) > 1 else ():
            found[path]["links"] = inside
    return found


def differences(ours, theirs):
    """One line per difference, the first hundred."""
    lines = []
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            lines.append(f"{path}: {'missing' if one is None else 'too much'}")
            continue
        lines += [f"{path}: {key} is {one.get(key)}, not {other.get(key)}"
                  for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]
    return lines[:100]


def of_image(cli, image_id, workspace):
    """The listing of an image of the store: its layers as mounted by a machine's overlay."""
    image = Path(cli.state, "images", image_id.replace(":", "-"))
    record = json.loads((image / "image.json").read_text(encoding="utf-8"))
    layers = [image / "directories"] if record.get("directories") else []
    layers += [Path(cli.state, "layers", layer["diff_id"].replace(":", "-"), "tree")
               for layer in reversed(record["layers"])]
    stage = workspace / f"stage-{len(os.listdir(workspace))}"
    (stage / "root").mkdir(parents=True)
    (stage / "e").mkdir()
    # Short names, because a hundred of them must fit in one page. An overlay needs two layers.
    for number, layer in enumerate(layers):
        (stage / str(number)).symlink_to(layer)
    names = ":".join([*map(str, range(len(layers))), "e"])
    script = (f"cd '{stage}' && mount -t overlay -o "
              f"ro,lowerdir={names},metacopy=off,redirect_dir=nofollow,index=off overlay root && "
              f"exec '{sys.executable}' '{__file__}' root")
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                          check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_umoci(image, workspace):
    """The listing of "LAYOUT:TAG" as unpacked by umoci."""
    bundle = workspace / f"bundle-{len(os.listdir(workspace))}"
    done = subprocess.run(["umoci", "unpack", "--image", image, bundle], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return listing(bundle / "rootfs")


if __name__ == "__main__":
    json.dump(listing(sys.argv[1]), sys.stdout)
