# SPDX-License-Identifier: LGPL-2.1-or-later
"""OCI bundles with a busybox root, run by the real machine-oci, or by another runtime to compare."""

import copy
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import harness

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_MKNOD", "CAP_SETGID",
                "CAP_SETUID", "CAP_SYS_CHROOT"]
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs",
     "options": ["nosuid", "noexec", "nodev", "ro"]},
]
CONFIG = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/true"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "cwd": "/",
        "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs"},
    "hostname": "bundle",
    "mounts": MOUNTS,
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount",
                                                   "cgroup")],
    },
}
IDS = itertools.count()


def find_runtime():
    """The runtime under test: MACHINE_OCI_BINARY, or that of the build of the other binary."""
    chosen = os.environ.get("MACHINE_OCI_BINARY")
    if chosen:
        return chosen
    beside = Path(harness.find_binary()).parent
    built = beside.parent / "runtime/machine-oci"
    return str(built if built.exists() else beside / "machine-oci")


class Bundle:
    """A directory with a config.json, which a test changes, and a root."""

    def __init__(self, directory, root, runtime=None):
        self.directory = Path(directory)
        self.root = self.directory / "rootfs"
        self.state = self.directory / "state"
        self.runtime = runtime or find_runtime()
        self.config = copy.deepcopy(CONFIG)
        self.id = f"test-{os.getpid()}-{next(IDS)}"
        self.started = []
        Path(root).rename(self.root)

    # ---- what the configuration says ----

    @property
    def process(self):
        """The object `process`."""
        return self.config["process"]

    @property
    def linux(self):
        """The object `linux`."""
        return self.config["linux"]

    def mount(self, destination, **more):
        """Adds a mount at the end."""
        self.config["mounts"].append({"destination": destination, **more})

    def bind(self, source, destination, *options):
        """Adds a bind mount at the end."""
        self.mount(destination, type="bind", source=str(source), options=["bind", *options])

    def without(self, *kinds):
        """Leaves out namespaces."""
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"]
                                    if entry["type"] not in kinds]
        if "uts" in kinds:
            self.config.pop("hostname", None)

    def with_user_namespace(self, base=1234500000, count=65536, root=True):
        """Adds a user namespace, and gives its root the bundle's files."""
        self.linux["namespaces"].append({"type": "user"})
        line = {"containerID": 0, "hostID": base, "size": count}
        self.linux["uidMappings"] = self.linux["gidMappings"] = [line]
        if root:
            for directory, names, files in os.walk(self.root):
                for name in ["", *names, *files]:
                    path = os.path.join(directory, name) if name else directory
                    info = os.lstat(path)
                    if info.st_uid < count:
                        os.lchown(path, base + info.st_uid, base + info.st_gid)

    # ---- running it ----

    def write(self, text=None):
        """Writes config.json."""
        (self.directory / "config.json").write_text(
            json.dumps(self.config, indent=2) if text is None else text, encoding="utf-8")

    def __call__(self, *arguments, timeout=30, **keys):
        """Runs the runtime with arguments; the Result."""
        command = [self.runtime, "--root", str(self.state), *map(str, arguments)]
        keys.setdefault("stdin", subprocess.DEVNULL)
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              check=False, errors="replace", **keys)
        return harness.Result(command, done.returncode, done.stdout, done.stderr,
                              time.monotonic() - began)

    def run(self, *arguments, status=0, script=None, **keys):
        """Writes the configuration and runs it to its end; the Result."""
        if script is not None:
            self.process["args"] = ["/bin/sh", "-c", script]
        elif arguments:
            self.process["args"] = list(map(str, arguments))
        self.write()
        return self("run", "--bundle", self.directory, self.id, **keys).check(status)

    def out(self, script, **keys):
        """What a script of the container's shell prints, without the last newline."""
        return self.run(script=script, **keys).stdout.rstrip("\n")

    def refused(self, *texts, **keys):
        """The container does not start, and standard error has all the texts; the Result."""
        self.write()
        result = self("run", "--bundle", self.directory, self.id, **keys)
        assert result.status != 0, str(result)
        for text in texts:
            assert text in result.stderr, f"no {text!r} in\n{result}"
        assert self("state", self.id).status != 0, "the container is still there"
        return result

    def start(self, *arguments, script=None):
        """Creates and starts the container; the pid of its first process."""
        if script is not None:
            self.process["args"] = ["/bin/sh", "-c", script]
        elif arguments:
            self.process["args"] = list(map(str, arguments))
        self.write()
        self.started.append(self.id)
        with open(self.directory / "output", "wb") as output:
            for verb in (["create", "--bundle", self.directory, self.id], ["start", self.id]):
                done = subprocess.run([self.runtime, "--root", str(self.state), *map(str, verb)],
                                      stdin=subprocess.DEVNULL, stdout=output,
                                      stderr=subprocess.STDOUT, timeout=30, check=False)
                assert done.returncode == 0, (self.directory / "output").read_text()
        return json.loads(self("state", self.id).check().stdout)["pid"]

    def finish(self):
        """Removes what is left of its containers."""
        for name in self.started:
            self("delete", "--force", name)
        shutil.rmtree(self.state, ignore_errors=True)
