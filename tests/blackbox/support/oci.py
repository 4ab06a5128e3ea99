# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs machine-oci as callers of an OCI runtime do: bundles, and containers that outlive `create`."""

import itertools
import json
import os
import shutil
import socket
from pathlib import Path

import harness

NUMBERS = itertools.count(1)
NAMESPACES = ("pid", "mount", "ipc", "uts", "network", "cgroup")
MOUNTS = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
)
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID",
                "CAP_SETPCAP", "CAP_SETUID", "CAP_NET_BIND_SERVICE"]


def find_binary():
    """The runtime under test: MACHINECTL_LITE_OCI_BINARY, or what was installed or built with the
    other binary."""
    chosen = os.environ.get("MACHINECTL_LITE_OCI_BINARY")
    other = Path(harness.find_binary())
    beside = other.parent / "machine-oci"
    return chosen or str(beside if beside.exists() else other.parents[1] / "runtime/machine-oci")


def configuration(root, args, **changes):
    """A config.json as Podman writes one. A change is for the top level, or for `process` or `linux`
    if it is called process_NAME or linux_NAME; None removes."""
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": list(args),
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
            "capabilities": {each: CAPABILITIES for each in
                             ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "box",
        "mounts": [dict(mount) for mount in MOUNTS],
        "linux": {"namespaces": [{"type": each} for each in NAMESPACES]},
    }
    for key, value in changes.items():
        head, _, rest = key.partition("_")
        target, name = (config[head], rest) if head in ("process", "linux") and rest else (config,
                                                                                          key)
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value
    return config


class Oci(harness.Cli):
    """The binary with records and bundles of its own: `oci("state", id)` returns a Result."""

    def __init__(self, directory, rootfs):
        super().__init__(directory, find_binary())
        self.rootfs = rootfs
        self.records = self.directory / "records"
        self.bundles = self.directory / "bundles"
        self.bundles.mkdir()
        self.ids = []

    def command(self, *arguments, cgroup2=False, wrapper=(), by_root=()):
        front = list(by_root) + list(wrapper) + (harness.WITH_CGROUP2 if cgroup2 else [])
        return front + [self.binary, "--root", str(self.records), *map(str, arguments)]

    def name(self):
        """The id of a new container, whose processes are ended with the test."""
        name = f"mlite-{os.getpid()}-{next(NUMBERS)}"
        self.ids.append(name)
        return name

    def bundle(self, *args, config=None, **changes):
        """The directory of a new bundle."""
        directory = self.bundles / str(next(NUMBERS))
        directory.mkdir()
        config = config or configuration(self.rootfs, args or ["true"], **changes)
        (directory / "config.json").write_text(json.dumps(config, indent=1))
        return directory

    def create(self, bundle, *arguments, name=None, status=0, **options):
        """Creates a container, whose output goes to bundle/output; returns its id."""
        name = name or self.name()
        with open(bundle / "output", "ab") as output:
            self("create", "--bundle", bundle, *arguments, name, stdout=output, stderr=output,
                 **options).check(status)
        return name

    def begin(self, *args, **changes):
        """A container that runs; (its id, its bundle)."""
        bundle = self.bundle(*args, **changes)
        name = self.create(bundle)
        self("start", name).check()
        return name, bundle

    def state(self, name):
        """What `state` answers."""
        return json.loads(self("state", name).check().stdout)

    def wait_stopped(self, name):
        """Waits until the first process has ended."""
        return harness.wait_for(lambda: self.state(name)["status"] == "stopped", 20,
                                f"{name} to stop")

    def output(self, bundle):
        """What a container of create() has written."""
        return (bundle / "output").read_text()

    def finish(self):
        for name in self.ids:
            self("delete", "--force", name)
        super().finish()


class ConsoleSocket:
    """Where a runtime sends the master side of a terminal."""

    def __init__(self, path):
        self.path = Path(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        self.socket.listen(1)
        self.master = -1

    def take(self):
        """The descriptor that has been sent."""
        self.socket.settimeout(20)
        connection, _ = self.socket.accept()
        with connection:
            _, (self.master,), _, _ = socket.recv_fds(connection, 4096, 1)
        return self.master

    def close(self):
        """Closes everything."""
        self.socket.close()
        if self.master >= 0:
            os.close(self.master)


def write_script(path, text):
    """A program of the host's."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def copy_root(source, target):
    """A root of the test's own."""
    return Path(shutil.copytree(source, target, symlinks=True))
