# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a killed machine leaves behind, and which files stay because they belong to the user."""

import json
import os
import signal

import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")

NAMELESS = ["--set", 'network.mode="none"']


def start_nameless(cli, root):
    """A machine without a name that has written something; its writable layer."""
    running = cli.start("run", *NAMELESS, "--set",
                        'command=["sh","-c","echo >/written; echo ready; exec sleep 1000"]',
                        "--rootfs", root, "--set", 'upper="persistent"')
    running.read_until("ready")
    layers = list((cli.state / "machines").iterdir())
    assert len(layers) == 1 and (layers[0] / "upper/written").exists()
    return running, layers[0]


@pytest.mark.parametrize("way", ["collect", "start", "run", "create", "reboot"])
def test_a_nameless_machine_that_was_killed(cli, machine_file, busybox_root, way):
    """Its layer can never be used again: `collect` and the next start of any machine remove it,
    even after a reboot, when there is no record."""
    running, layer = start_nameless(cli, busybox_root)
    cli("collect").check()
    assert layer.exists(), "of one that runs nothing is taken"
    running.signal(signal.SIGKILL)
    running.wait()
    harness.wait_for(lambda: cli("status", layer.name).status == 3, what="its end")
    name = f"left-{os.getpid()}"
    file = machine_file(name, command=["sleep", "1000"])
    if way == "reboot":
        for record in (cli.runtime / "machines").iterdir():
            record.unlink()
    command = ["collect"] if way in ("collect", "reboot") else [way, file]
    if way == "run":
        command += ["--", "true"]
    cli(*command).check()
    assert not layer.exists()
    assert not list((cli.state / "transient").iterdir())
    assert not any(line["name"] == layer.name
                   for line in json.loads(cli("list", "--all", "--json=short").check().stdout))
    cli("delete", "--force", name)


def test_a_nameless_machine_leaves_nothing(cli, busybox_root):
    """Nor a note of itself, whether it could be started or not."""
    cli("run", "--rootfs", busybox_root, *NAMELESS, "--set", 'upper="persistent"', "true").check()
    cli("run", "--rootfs", busybox_root, *NAMELESS, "--set", 'upper="persistent"',
        "/none").check(127)
    assert not list((cli.state / "machines").iterdir())
    assert not list((cli.state / "transient").iterdir())


def test_status_of_one_that_never_ran(cli, machine_file):
    """Defined and not running is 3, unknown is 4; by name and by path."""
    name = f"never-{os.getpid()}"
    file = machine_file(name, command=["true"])
    for given in (name, file):
        result = cli("status", given).check(3)
        assert result.stdout.startswith(f"{name}\n") and "stopped" in result.stdout
        assert str(file) in result.stdout and not result.stderr
    shown = json.loads(cli("status", "--json", name).check(3).stdout)
    assert (shown["name"], shown["state"], shown["definition"]) == (name, "stopped", str(file))
    cli("status", f"{name}-none").check(4)
    cli("status", file.with_name("none.machine")).check(4)


@pytest.mark.parametrize("masked, program, user", [
    ("/opt/tool", "/opt/tool", "root"), ("/opt/tool", "/opt/tool", "1000"),
    ("/opt", "/opt/tool", "root"), ("/opt", "/opt/tool", "1000"),
    ("/opt", "/opt/more/tool", "root")])
def test_a_program_that_is_masked(cli, machine_file, own_root, masked, program, user):
    """The reason is the mask, not how the mask is mounted."""
    for directory in ("opt", "opt/more"):
        (own_root / directory).mkdir()
        (own_root / directory / "tool").write_text("#!/bin/sh\n", encoding="utf-8")
        (own_root / directory / "tool").chmod(0o755)
    name = f"masked-{os.getpid()}"
    file = machine_file(name, rootfs=own_root, command=[program], masked_paths=[masked],
                        user=user)
    result = cli("run", file).check(126)
    assert f'"{masked}" is masked' in result.stderr and "masked_paths" in result.stderr, result
    assert "noexec" not in result.stderr


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("by", ["name", "path"])
def test_the_users_upper_directory_stays_and_is_reported(cli, machine_file, busybox_root, closed,
                                                     by, forgotten):
    """delete prints the location of the machine's files, even without a record."""
    upper = closed / "writes"
    upper.mkdir()
    name = f"kept-{os.getpid()}"
    file = machine_file(name, overlay=[busybox_root], upper=upper,
                        command=["sh", "-c", "echo x >/written; exec sleep 1000"])
    cli("start", file).check()
    harness.wait_for((upper / "upper/written").exists, what="the write")
    cli("stop", name).check()
    if forgotten:
        for record in (cli.runtime / "machines").iterdir():
            record.unlink()
    elif by == "path":
        file.unlink()
    result = cli("delete", name if by == "name" else file).check(66 if forgotten else 0)
    assert str(upper / "upper") in result.stderr and "keeping the files" in result.stderr, result
    assert (upper / "upper/written").exists()


def test_nothing_is_reported_if_nothing_stays(cli, machine_file, busybox_root):
    """A persistent layer is removed, so there is nothing to report."""
    name = f"gone-{os.getpid()}"
    file = machine_file(name, overlay=[busybox_root], command=["sleep", "1000"])
    cli("start", file).check()
    assert cli("delete", "--force", name).check().stderr == ""
