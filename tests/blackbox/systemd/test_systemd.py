# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines as services of the host's systemd, and machines that boot one of their own."""

import json
import os
import subprocess
import time
from pathlib import Path

import harness
import pytest

pytestmark = pytest.mark.needs("root", "systemd", "virtual-host")

DEFINITIONS = Path("/etc/machines")


def run(*command, check=True, timeout=120):
    """Runs a command of the host."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def lite():
    """The installed program, with the usual directories."""
    binary = harness.find_binary()

    def call(*arguments, **options):
        return run(binary, *map(str, arguments), **options)

    return call


@pytest.fixture
def installed(lite, busybox_root):
    """installed("web", command=..) writes a definition to the directory used by the systemd
    unit."""
    names = []

    def write(name, **keys):
        DEFINITIONS.mkdir(parents=True, exist_ok=True)
        keys = {"overlay": [busybox_root], "upper": "volatile", "network": {"mode": "none"},
                "stop": {"timeout": "2s"}, **keys}
        (DEFINITIONS / f"{name}.machine").write_text(harness.definition(**keys))
        names.append(name)
        return name

    yield write
    for name in names:
        run("systemctl", "stop", f"container@{name}.service", check=False)
        run("systemctl", "reset-failed", f"container@{name}.service", check=False)
        lite("delete", "--force", name, check=False)
        (DEFINITIONS / f"{name}.machine").unlink(missing_ok=True)


def unit(name, *properties):
    """Properties of a machine's unit."""
    shown = run("systemctl", "show", f"container@{name}.service",
                *(f"--property={item}" for item in properties)).stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


STAY = ["sh", "-c", "echo up and running; trap 'exit 0' TERM; while :; do sleep 0.1; done"]


def test_start_and_stop_go_through_the_unit(lite, installed):
    name = installed("web", command=STAY)
    lite("start", name)
    shown = unit(name, "ActiveState", "SubState", "ControlGroup", "MainPID")
    assert (shown["ActiveState"], shown["SubState"]) == ("active", "running")
    record = json.loads(lite("show", name).stdout)
    assert record["supervisor"]["pid"] == int(shown["MainPID"])
    assert record["unit"] == f"container@{name}.service"
    assert record["cgroup"] == f"/sys/fs/cgroup{shown['ControlGroup']}/payload"
    lite("stop", name)
    assert unit(name, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    lite("status", name, check=False)


def test_systemctl_is_enough(lite, installed):
    name = installed("web", command=STAY)
    run("systemctl", "start", f"container@{name}")
    assert lite("exec", name, "hostname").stdout.strip() == name
    run("systemctl", "restart", f"container@{name}")
    assert json.loads(lite("show", name).stdout)["state"] == "running"
    run("systemctl", "kill", "--signal=SIGTERM", f"container@{name}")
    run("systemctl", "stop", f"container@{name}")
    assert not Path(f"/sys/fs/cgroup/machine.slice/container@{name}.service").exists()


def test_a_unit_that_could_not_start_again_is_not_stopped(lite, installed):
    name = installed("web", command=STAY)
    lite("start", name)
    before = unit(name, "MainPID", "ActiveState")
    good = (DEFINITIONS / f"{name}.machine").read_text()
    for text in (good.replace('"sh"', '"/no/such"'), good + "memroy = 1;\n"):
        (DEFINITIONS / f"{name}.machine").write_text(text)
        failed = lite("restart", name, check=False)
        assert failed.returncode != 0 and ("/no" in failed.stderr or "memroy" in failed.stderr)
        assert unit(name, "MainPID", "ActiveState") == before
    (DEFINITIONS / f"{name}.machine").write_text(good)
    lite("restart", name)
    assert unit(name, "ActiveState")["ActiveState"] == "active"
    assert unit(name, "MainPID") != {"MainPID": before["MainPID"]}


def test_a_paused_unit_is_stopped_in_order(lite, installed):
    name = installed("web", command=STAY, stop={"timeout": "20s"})
    lite("start", name)
    lite("pause", name)
    begin = time.monotonic()
    run("systemctl", "stop", f"container@{name}")
    assert time.monotonic() - begin < 10
    assert json.loads(lite("show", name).stdout)["exit_status"] == 0


def test_a_payload_that_dies_of_the_stop_signal_is_a_success(installed):
    name = installed("web", command=["sleep", "600"])
    run("systemctl", "start", f"container@{name}")
    run("systemctl", "stop", f"container@{name}")
    assert unit(name, "Result")["Result"] == "success"


def test_a_failure_is_the_units_failure(installed):
    name = installed("web", command=["sh", "-c", "sleep 0.5; exit 3"])
    run("systemctl", "start", f"container@{name}")
    time.sleep(2)
    assert unit(name, "Result", "ExecMainStatus") == {"Result": "exit-code",
                                                      "ExecMainStatus": "3"}


def test_a_definition_that_is_wrong_fails_the_start(lite, installed):
    name = installed("web", command=["/no/such"])
    failed = lite("start", name, check=False)
    assert failed.returncode == 1 and "systemctl status" in failed.stderr
    journal = run("journalctl", "--unit", f"container@{name}", "--output=cat").stdout
    assert "/no" in journal


def test_output_is_in_the_journal_under_the_machines_name(lite, installed):
    name = installed("web", command=STAY)
    lite("start", name)
    time.sleep(1)
    assert "up and running" in run("journalctl", f"MACHINE={name}", "--output=cat").stdout
    assert "up and running" in lite("logs", name).stdout


def test_the_machine_is_registered(lite, installed):
    name = installed("web", command=STAY)
    if run("systemctl", "cat", "systemd-machined.service", check=False).returncode != 0:
        pytest.skip("systemd-machined is not installed")
    lite("start", name)
    time.sleep(2)
    listed = run("machinectl", "list", "--no-legend").stdout
    assert name in listed
    lite("stop", name)


def test_limits_apply_in_the_delegated_subtree(lite, installed):
    name = installed("web", command=STAY, limits={"memory": "64M", "tasks": 50})
    lite("start", name)
    group = Path(json.loads(lite("show", name).stdout)["cgroup"])
    assert (group / "memory.max").read_text().strip() == str(64 << 20)
    assert (group / "pids.max").read_text().strip() == "50"


def test_enable_and_disable(lite, installed):
    name = installed("web", command=STAY)
    lite("enable", name)
    assert run("systemctl", "is-enabled", f"container@{name}").stdout.strip() == "enabled"
    lite("disable", name)
    assert run("systemctl", "is-enabled", f"container@{name}",
               check=False).stdout.strip() == "disabled"


def test_an_instance_of_a_template_is_a_unit(lite, installed):
    """With its requirements once it is enabled; the name is the one a user types."""
    installed("db@", command=STAY)
    installed("web@", command=STAY, requires=["db@%i"])
    lite("enable", "web@blue")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "container@web@blue.service")
    assert lite("exec", "web@blue", "hostname").stdout.strip() == "web-blue"
    assert unit("db@blue", "ActiveState") == {"ActiveState": "active"}
    assert "web-blue" in run("machinectl", "list").stdout
    lite("disable", "web@blue")
    for name in "web@blue", "db@blue":
        lite("stop", name)
        assert unit(name, "ActiveState") == {"ActiveState": "inactive"}
        lite("delete", name)


def test_a_killed_supervisor_leaves_nothing(lite, installed):
    name = installed("web", command=STAY)
    lite("start", name)
    record = json.loads(lite("show", name).stdout)
    os.kill(record["supervisor"]["pid"], 9)
    time.sleep(2)
    assert not Path(f"/proc/{record['init']['pid']}").exists()
    lite("start", name)
    assert json.loads(lite("show", name).stdout)["state"] == "running"


def test_a_crash_is_mended_where_the_unit_says_so(lite, installed):
    name = installed("web", command=STAY)
    drop_in = Path(f"/etc/systemd/system/container@{name}.service.d")
    drop_in.mkdir(parents=True)
    (drop_in / "restart.conf").write_text("[Service]\nRestart=on-failure\nRestartSec=100ms\n")
    try:
        run("systemctl", "daemon-reload")
        lite("start", name)
        before = json.loads(lite("show", name).stdout)
        run("systemctl", "kill", "--signal=SIGKILL", f"container@{name}")
        harness.wait_for(lambda: unit(name, "NRestarts", "ActiveState") == {
            "NRestarts": "1", "ActiveState": "active"}, 60)
        after = json.loads(lite("show", name).stdout)
        assert after["state"] == "running" and after["supervisor"] != before["supervisor"]
        assert name in run("machinectl", "list", "--no-legend").stdout
    finally:
        (drop_in / "restart.conf").unlink()
        drop_in.rmdir()
        run("systemctl", "daemon-reload")


@pytest.fixture
def booted(lite, installed, debian_root):
    """A machine that has booted a Debian with systemd; its name."""
    name = installed("guest", overlay=[debian_root], boot=True, ready="notify",
                     stop={"timeout": "60s"})
    lite("start", name, timeout=300)
    return name


def test_a_debian_boots_and_is_whole(lite, booted):
    state = lite("exec", booted, "systemctl", "is-system-running", "--wait", check=False).stdout
    failed = lite("exec", booted, "systemctl", "--failed", "--no-legend").stdout
    assert (state.strip(), failed) == ("running", "")
    assert lite("exec", booted, "cat", "/proc/1/comm").stdout.strip() == "systemd"
    assert lite("exec", booted, "systemd-detect-virt", "--container", check=False).returncode == 0


def test_poweroff_from_inside(lite, booted):
    lite("exec", booted, "systemctl", "poweroff", check=False)
    for _ in range(120):
        if unit(booted, "ActiveState")["ActiveState"] == "inactive":
            break
        time.sleep(1)
    assert unit(booted, "ActiveState", "Result") == {"ActiveState": "inactive",
                                                     "Result": "success"}


def test_reboot_from_inside_and_outside(lite, booted):
    for reboot in (lambda: lite("exec", booted, "systemctl", "reboot", check=False),
                   lambda: lite("reboot", booted)):
        before = json.loads(lite("show", booted).stdout)["init"]
        reboot()
        for _ in range(180):
            record = json.loads(lite("show", booted, check=False).stdout or "{}")
            # Ready, and its init accepts requests.
            if (record.get("init") not in (None, before)
                    and unit(booted, "ActiveState")["ActiveState"] == "active"):
                break
            time.sleep(1)
        assert record["state"] == "running" and record["init"] != before
        leader = run("machinectl", "show", "--property=Leader", "--value", booted).stdout
        assert int(leader) == record["init"]["pid"]
        assert lite("exec", booted, "systemctl", "is-system-running", "--wait",
                    check=False).stdout.strip() == "running"


def test_the_hosts_tools_reach_into_a_booted_machine(lite, booted):
    lite("exec", booted, "systemctl", "is-system-running", "--wait", check=False)
    assert run("systemctl", "-M", booted, "is-system-running").stdout.strip() == "running"
    assert run("machinectl", "show", "--property=State", "--value", booted).stdout.strip() == (
        "running")
    assert booted in run("machinectl", "status", booted).stdout
    run("machinectl", "poweroff", booted)
    for _ in range(120):
        if unit(booted, "ActiveState")["ActiveState"] == "inactive":
            break
        time.sleep(1)
    assert unit(booted, "Result")["Result"] == "success"


def test_stop_of_a_booted_machine_is_an_ordered_shutdown(lite, booted):
    lite("stop", booted, timeout=180)
    assert unit(booted, "Result")["Result"] == "success"
    assert json.loads(lite("show", booted).stdout)["exit_status"] == 0


# ---- the host's own reboot ----

@pytest.mark.needs("reboot")
def test_machines_start_again_when_the_host_boots(lite, reboot, busybox_root):
    """One that is enabled, one with autostart, and one that another requires."""
    machines = {"comes-enabled": {}, "comes-auto": {"autostart": True, "requires": ["comes-db"]},
                "comes-db": {"ready": "health", "health": {"command": ["true"]}},
                "stays-away": {}}
    if reboot.count == 0:
        for name, keys in machines.items():
            (DEFINITIONS / f"{name}.machine").write_text(harness.definition(
                overlay=[busybox_root], upper="persistent", network={"mode": "none"},
                command=STAY, stop={"timeout": "2s"}, **keys))
        (DEFINITIONS / "broken.machine").write_text("autostart = true; no_such_key = 1;\n")
        lite("enable", "comes-enabled")
        lite("start", "comes-enabled")
        lite("exec", "comes-enabled", "sh", "-c", "echo before > /kept")
        reboot.request()
        return
    try:
        for name in ("comes-enabled", "comes-auto", "comes-db"):
            escaped = name.replace("-", "\\x2d")
            run("systemctl", "is-active", "--quiet", f"container@{escaped}")
            assert lite("exec", name, "hostname").stdout.strip() == name
        assert lite("exec", "comes-enabled", "cat", "/kept").stdout == "before\n"
        started = {name: json.loads(lite("show", name).stdout)["started"] for name in machines
                   if name.startswith("comes")}
        assert started["comes-db"] < started["comes-auto"]
        assert lite("status", "stays-away", check=False).returncode == 3
        kernel = run("journalctl", "--boot", "--dmesg", "--output=cat").stdout
        assert "broken is skipped" in kernel
    finally:
        (DEFINITIONS / "broken.machine").unlink()
        lite("disable", "comes-enabled", check=False)
        lite("delete", "--force", *machines, check=False)
        for name in machines:
            (DEFINITIONS / f"{name}.machine").unlink()
        run("systemctl", "daemon-reload")
