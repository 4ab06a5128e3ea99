# SPDX-License-Identifier: LGPL-2.1-or-later
"""Podman's own system tests with machine-oci and with crun: what passes with crun passes with ours, and
what fails with both has its reason in tests/suites/fails-in-both.

With MACHINECTL_LITE_SUITE_REPORTS=DIRECTORY the whole output is kept there. Where the controllers are
not on cgroup v2, containers have no cgroup, as far as Podman allows that."""

import os
import shutil
import subprocess
from pathlib import Path

import needs
import oci as oci_runtime
import pytest
import suites

pytestmark = [pytest.mark.needs("root", "cgroup2", "suite:podman-system", "program:bats",
                                "program:jq", "program:podman", "program:crun"), pytest.mark.slow]

SUITE = needs.SUITES / "podman-system"
# Those that do more with a runtime than to run one program.
FILES = ["030-run", "032-sig-proxy", "035-logs", "040-ps", "045-start", "050-stop", "055-rm",
         "060-mount", "065-cp", "075-exec", "080-pause", "130-kill", "140-diff", "160-volumes",
         "170-run-userns", "180-blkio", "190-run-ipcns", "200-pod", "220-healthcheck", "260-sdnotify",
         "280-update", "400-unprivileged-access", "420-cgroups", "450-interactive", "800-config"]
# Those that skip much for other runtimes than crun: ours runs under that name.
FOR_CRUN = ["170-run-userns", "260-sdnotify", "255-auto-update"]
# Those of units, which systemd starts outside of this test's mount namespace.
UNIT_FILES = ["250-systemd", "255-auto-update", "270-socket-activation"]
TIMEOUT = 3000
WHOLE_HOST = needs.missing("virtual-host") is None and needs.missing("controllers") is None

CONFIGURATION = """\
[containers]
{containers}
[engine]
runtime = "{name}"
{engine}
runtime_supports_json = ["crun", "machine-oci"]
runtime_supports_nocgroup = ["crun", "machine-oci"]
[engine.runtimes]
"{name}" = ["{path}"]
"""
WITHOUT_CGROUPS = {
    "containers": 'cgroups = "disabled"\npids_limit = 0\n'
                  'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]',
    "engine": 'cgroup_manager = "cgroupfs"\nevents_logger = "file"',
}
# In a mount namespace of its own, Podman's places are empty directories.
APART = """
for place in /etc/containers /run/containers /run/libpod /var/lib/containers /var/lib/cni; do
    mkdir -p $place && mount -t tmpfs tmpfs $place || exit
done
[ -e /sys/fs/cgroup/cgroup.controllers ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit
"""
RUN = """
mkdir -p /etc/containers
cp "$1" /etc/containers/containers.conf
printf 'unqualified-search-registries = ["quay.io"]\\n' >/etc/containers/registries.conf
printf '{"default": [{"type": "insecureAcceptAnything"}]}\\n' >/etc/containers/policy.json
podman rm --all --force --time 0 >/dev/null
podman load --quiet --input "$2/image.tar" >/dev/null || exit
cd "$2/system" && exec bats --tap "$3.bats"
"""


def run_file(workspace, runtime, file):
    """Runs one file with a runtime; the outcomes by test."""
    path = oci_runtime.find_binary() if runtime == "machine-oci" else shutil.which(runtime)
    name = "crun" if file in FOR_CRUN else runtime
    configuration = workspace / f"{runtime}.conf"
    settings = {"containers": "", "engine": ""} if WHOLE_HOST else WITHOUT_CGROUPS
    configuration.write_text(CONFIGURATION.format(name=name, path=path, **settings))
    front = [] if WHOLE_HOST else ["unshare", "--mount", "--propagation", "private"]
    script = RUN if WHOLE_HOST else APART + RUN
    done = subprocess.run([*front, "sh", "-c", script, "sh", configuration, SUITE, file], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False,
                          # The time limit of one command is for an emulated processor, too.
                          env={**os.environ, "TMPDIR": "/var/tmp", "PODMAN": "podman",
                               "PODMAN_TIMEOUT": "600"})
    reports = os.environ.get("MACHINECTL_LITE_SUITE_REPORTS")
    if reports:
        Path(reports, f"{file}.{runtime}").write_text(done.stdout)
    outcomes = suites.read_tap(done.stdout)
    assert outcomes, done.stdout
    return outcomes


def compare(workspace, file):
    """Runs one file with both."""
    ours = run_file(workspace, "machine-oci", file)
    theirs = run_file(workspace, "crun", file)
    wrong = suites.compare(f"podman-system/{file}", ours, theirs)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", FILES)
def test_podman_system(workspace, file):
    compare(workspace, file)


@pytest.mark.needs("virtual-host", "controllers", "systemd")
@pytest.mark.parametrize("file", UNIT_FILES)
def test_podman_units(workspace, file):
    compare(workspace, file)
