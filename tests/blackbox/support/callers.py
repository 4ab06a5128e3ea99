# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that call an OCI runtime, each with machine-oci and, for comparison, with crun. Tests import
the fixtures."""

import os
import shutil
import subprocess
from pathlib import Path

import needs
import oci as oci_runtime
import pytest

UNIFIED = needs.missing("controllers") is None
# Where limits cannot be set, and are not to be.
RESTRICTED = [] if UNIFIED else ["--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit",
                                 "nproc=1000:1000"]
RUNTIMES = ["machine-oci"] + (["crun"] if UNIFIED and shutil.which("crun") else [])
FULL = pytest.mark.needs("controllers")


class Caller:
    """A program that calls the runtime, as `caller("run", ..)`."""

    def __init__(self, command, environment=None):
        self.command = command
        self.environment = {**os.environ, **(environment or {})}

    def __call__(self, *arguments, status=0, input=None, timeout=120):
        done = subprocess.run([*self.command, *map(str, arguments)], input=input or "", text=True,
                              capture_output=True, timeout=timeout, env=self.environment,
                              check=False)
        assert status is None or done.returncode == status, (
            f"status {done.returncode} of {[*self.command, *arguments]}\n{done.stdout}\n"
            f"{done.stderr}")
        return done


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    """The path of each runtime in turn."""
    return (oci_runtime.find_binary() if request.param == "machine-oci"
            else shutil.which(request.param))


def write_configuration(path, runtime):
    """A containers.conf that knows the runtime."""
    name = Path(runtime).name
    path.write_text(
        f'[engine]\nruntime_supports_nocgroup = ["{name}"]\nruntime_supports_json = ["{name}"]\n'
        f'[engine.runtimes]\n"{name}" = ["{runtime}"]\n')
    return path


def make_podman(workspace, runtime, *options):
    """Podman with storage of its own."""
    # Of each runtime one: `image` is made with another.
    configuration = write_configuration(workspace / f"{Path(runtime).name}.conf", runtime)
    return Caller(["podman", "--root", workspace / "storage", "--runroot", workspace / "run",
                   "--tmpdir", workspace / "tmp", "--runtime", Path(runtime).name, *options],
                  {"CONTAINERS_CONF": str(configuration)})


@pytest.fixture
def podman(workspace, runtime):
    """Podman with the cgroup manager cgroupfs."""
    made = make_podman(workspace, runtime, "--cgroup-manager", "cgroupfs")
    yield made
    made("pod", "rm", "--all", "--force", "--time", "0", status=None)
    made("rm", "--all", "--force", "--time", "0", status=None)
    subprocess.run(["umount", "--lazy", workspace / "storage/overlay"], capture_output=True,
                   check=False)


@pytest.fixture
def root(workspace, busybox_root):
    """A root of the test's own, and what Podman needs to run it."""
    path = oci_runtime.copy_root(busybox_root, workspace / "root")
    (path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n")
    return path


@pytest.fixture
def image(workspace, root):
    """An archive of an image named localhost/box:latest."""
    archive, tree = workspace / "image.tar", workspace / "tree.tar"
    subprocess.run(["tar", "-C", root, "-cf", tree, "."], check=True)
    importer = make_podman(workspace, shutil.which("crun") or "crun")
    importer("import", tree, "localhost/box:latest")
    importer("save", "--output", archive, "localhost/box:latest")
    return archive


def run(podman, root, *command, options=(), status=0, **more):
    """`podman run` without a network."""
    return podman("run", "--network", "none", *RESTRICTED, *options, "--rootfs", root, *command,
                  status=status, **more)
