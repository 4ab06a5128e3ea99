# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests whose machines belong to root, to an ordinary user, or to each in turn:
`@pytest.mark.owners("root", "user")` on a test or, as `pytestmark`, on a file.

The fixtures `cli`, `machine_file`, `closed` and `own_root` are then those of the owner: roots and
layers belong to him, and user_namespace = "none", which a user cannot have, becomes "self", which
also has the ids of the host. Without the marker machines belong to root.
"""

import os
import stat
from pathlib import Path

import pytest
import roots


def pytest_configure(config):
    config.addinivalue_line("markers", "owners(owner, ..): runs once for each; see owners.py")


def pytest_generate_tests(metafunc):
    mark = metafunc.definition.get_closest_marker("owners")
    if mark:
        metafunc.parametrize("owner", mark.args, indirect=True)


@pytest.fixture
def owner(request):
    """Whose machines they are: "root" or "user"."""
    return getattr(request, "param", "root")


@pytest.fixture
def trees(owner, request):
    """What belongs to the owner of the machines."""
    return Trees(request.getfixturevalue("cli")) if owner == "user" else RootsTrees()


class RootsTrees:
    """Of root everything is used as it is."""

    def give(self, top):
        return top

    def keys(self, keys):
        return keys


class Trees:
    """Files, roots and layers of a user."""

    def __init__(self, cli):
        self.cli = cli
        self.copies = {}
        first, after = cli.subordinate()
        self.first, self.mine = first, set(range(first, after)) | {cli.uid}

    def _id(self, number):
        if number in self.mine:
            return number
        return self.first + number - 1 if number else self.cli.uid

    def _give_one(self, path):
        info = os.lstat(path)
        wanted = self._id(info.st_uid), self._id(info.st_gid)
        if wanted != (info.st_uid, info.st_gid):
            os.chown(path, *wanted, follow_symlinks=False)
            # chown(2) removes the set-user-ID bit.
            if stat.S_ISREG(info.st_mode):
                os.chmod(path, stat.S_IMODE(info.st_mode))

    def give(self, top):
        """Gives a tree to the user, with its ids as his machines see them."""
        self._give_one(top)
        for directory, names, leaves in os.walk(top):
            for name in names + leaves:
                self._give_one(os.path.join(directory, name))
        return top

    def _is_of_test(self, path):
        return self.cli.home.parent.parent in Path(path).parents

    def own(self, path):
        """A tree for the user: below the test's directory itself, otherwise a copy."""
        path = Path(path)
        if self._is_of_test(path):
            return self.give(path)
        if path not in self.copies:
            target = self.cli.home / f"tree-{len(self.copies)}"
            target.mkdir()
            self.copies[path] = self.give(roots.copy(path, target))
        return self.copies[path]

    def keys(self, keys):
        """The keys of a definition for root's machine as those of the user's."""
        changed = dict(keys)
        if "rootfs" in keys:
            changed["rootfs"] = self.own(keys["rootfs"])
        if "overlay" in keys:
            changed["overlay"] = [self.own(layer) for layer in keys["overlay"]]
        if keys.get("user_namespace") == "none":
            changed["user_namespace"] = "self"
        for mount in keys.get("mounts", ()):
            if "source" in mount and self._is_of_test(mount["source"]):
                self.give(mount["source"])
        return changed
