# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory of definitions, and the host that it is applied to."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import harness

STAY = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org",
       "-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false"]


class Fleet:
    """fleet.define("web", limits={..}) writes a definition; fleet.apply() applies the directory."""

    def __init__(self, cli, directory, root):
        self.cli = cli
        self.root = root
        self.tree = Path(directory, "tree")
        self.tree.mkdir()
        self.tree.chmod(0o755)
        self.prefix = f"fleet{os.getpid()}-"
        self.names = set()

    def name(self, short):
        """The name of a machine of this test: control groups are the whole host's."""
        return self.prefix + short

    def define(self, short, where=".", **keys):
        """Writes NAME.machine; a machine of busybox that stays until it is stopped."""
        self.names.add(self.name(short))
        if not {"rootfs", "overlay", "image"} & set(keys):
            keys["overlay"] = [self.root]
        keys = {"upper": "volatile", "command": STAY, "network": {"mode": "none"}, **keys}
        path = self.tree / where / f"{self.name(short)}.machine"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(harness.definition(**keys), encoding="utf-8")
        return path

    def write(self, path, text):
        """Writes any file of the tree."""
        target = self.tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def remove(self, short):
        """Removes a definition."""
        (self.tree / f"{self.name(short)}.machine").unlink()

    def apply(self, *options, **how):
        """Applies the directory."""
        return self.cli("apply", *options, self.tree, **{"timeout": 120, **how})

    def plan(self, *options, origin=None):
        """{short name: (word, reason)} of --plan."""
        result = self.cli("apply", "--plan", "--json=short", *options, origin or self.tree).check()
        return {machine["name"].removeprefix(self.prefix): (machine["plan"], machine["reason"])
                for machine in json.loads(result.stdout)["machines"]}

    def words(self, *options, **how):
        """{short name: word} of what is not unchanged."""
        return {name: word for name, (word, _) in self.plan(*options, **how).items()
                if word != "unchanged"}

    def show(self, short):
        """What `show` says, or None for a machine without a record."""
        result = self.cli("show", self.name(short))
        return json.loads(result.stdout) if result.status == 0 else None

    def state(self, short):
        """The state of a machine."""
        shown = self.show(short)
        return shown and shown["state"]

    def pid(self, short):
        """The first process of a machine, which tells whether it was restarted."""
        return self.show(short)["pid"]

    def run(self, short, *command):
        """The output of a program in a machine."""
        return self.cli("exec", self.name(short), *command).check().stdout

    def source(self):
        """The directory of the only source."""
        [source] = [path for path in (self.cli.state / "sources").iterdir()
                    if not path.name.startswith(".")]
        return source

    def record(self):
        """The record of the only source."""
        return json.loads((self.source() / "record.json").read_text())

    def current(self):
        """The current revision."""
        return os.readlink(self.source() / "current")

    def finish(self):
        """Stops and deletes all machines."""
        for name in self.names:
            self.cli("delete", "--force", name)


class Repository:
    """A git repository whose work tree is a fleet's directory."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.path = fleet.tree
        self.git("init", "-q")
        self.url = f"file://{self.path}"

    def git(self, *arguments, **environment):
        """Runs git in the work tree; returns its output."""
        done = subprocess.run([*GIT, *arguments], cwd=self.path, check=False, text=True,
                              capture_output=True, env={**os.environ, "HOME": "/nonexistent",
                                                        **environment})
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def commit(self, message="change", *options):
        """Commits everything; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", *options, "-m", message)
        return self.git("rev-parse", "HEAD")

    def write_object(self, kind, content):
        """Writes an object, whether git would or not; returns its id."""
        return subprocess.run([*GIT, "hash-object", "-w", "-t", kind, "--literally", "--stdin"],
                              cwd=self.path, check=True, input=content,
                              stdout=subprocess.PIPE).stdout.decode().strip()

    def apply(self, *options, **how):
        """Applies the repository by its URL."""
        return self.fleet.cli("apply", *options, self.url, **{"timeout": 120, **how})


def needs_git(pytest):
    """Skips a test without git."""
    if not shutil.which("git"):
        pytest.skip("needs git")
