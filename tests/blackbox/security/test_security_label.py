# SPDX-License-Identifier: LGPL-2.1-or-later
"""AppArmor profiles and SELinux contexts of payloads."""

import subprocess
from pathlib import Path

import pytest

import harness
import needs

PROFILE = "machinectl-lite-test"
RULES = f"""
profile {PROFILE} flags=(attach_disconnected,mediate_deleted) {{
  file,
  capability,
  signal,
  unix,
  network,
  deny /denied rw,
}}
"""


@pytest.fixture
def profile(workspace):
    """A loaded profile that allows all but one file."""
    path = workspace / "profile"
    path.write_text(RULES)
    subprocess.run(["apparmor_parser", "--replace", "--skip-cache", path], check=True)
    yield PROFILE
    subprocess.run(["apparmor_parser", "--remove", path], check=True)


@pytest.mark.parametrize("key, module", [("apparmor", "AppArmor"), ("selinux", "SELinux")])
def test_without_the_module_it_is_refused(cli, machine_file, busybox_root, key, module):
    """If the host cannot apply a label, the start fails before anything is created."""
    if not needs.missing(f"security-module:{key}"):
        pytest.skip(f"the kernel runs with {module}")
    path = machine_file(rootfs=busybox_root, read_only=True, command=["true"], **{key: "web"})
    result = cli("run", path).check(125)
    assert f'the {module} {"profile" if key == "apparmor" else "context"} "web"' in result.stderr
    assert f"runs without {module}" in result.stderr and "hint: " in result.stderr


@pytest.mark.needs("security-module:apparmor", "program:apparmor_parser")
def test_apparmor(cli, machine_file, busybox_root, profile):
    """The payload, its children and programs that join the machine run under the profile."""
    script = ("cat /proc/self/attr/apparmor/current; touch /allowed && echo allowed;"
              "touch /denied || echo denied")
    path = machine_file(overlay=[busybox_root], upper="volatile", command=["sh", "-c", script],
                        apparmor=profile)
    assert cli("run", path).check().stdout.splitlines() == [
        f"{profile} (enforce)", "allowed", "denied"]


@pytest.mark.needs("security-module:apparmor", "program:apparmor_parser")
def test_apparmor_of_a_program_that_joins(cli, machine_file, busybox_root, profile):
    path = machine_file(overlay=[busybox_root], upper="volatile", command=["sleep", "60"],
                        apparmor=profile)
    running = cli.start("run", path)
    name = Path(path).stem
    harness.wait_for(lambda: cli("exec", name, "true").status == 0, what="the machine")
    inside = cli("exec", name, "cat", "/proc/self/attr/apparmor/current").check().stdout
    running.process.terminate()
    running.wait()
    assert inside == f"{profile} (enforce)\n"


@pytest.mark.needs("security-module:apparmor")
def test_apparmor_without_that_profile(cli, machine_file, busybox_root):
    path = machine_file(rootfs=busybox_root, read_only=True, command=["true"], apparmor="no-such")
    result = cli("run", path).check(125)
    assert 'the AppArmor profile "no-such" is not loaded' in result.stderr
    assert "apparmor_parser -r" in result.stderr
