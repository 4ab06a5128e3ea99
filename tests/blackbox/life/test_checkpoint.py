# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs `checkpoint` and `restore`: running machines as archives, by CRIU."""

import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

import harness

FAKE = Path(__file__).resolve().parents[1] / "support" / "fake_criu.py"
COUNT = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; echo $i >/count.new; "
                     "mv /count.new /count; sleep 0.05; done"]

pytestmark = pytest.mark.needs("root", "cgroup2")


@pytest.fixture
def call(cli):
    """The command on a host with control groups; only the whole machine can be stopped at once."""
    def run(*arguments, **options):
        return cli(*arguments, cgroup2=True, **options)
    return run


@pytest.fixture
def criu(call):
    """A CRIU that works here, or none of the test."""
    rows = json.loads(call("doctor", "--json").stdout)
    found = next(row for row in rows if row["check"] == "checkpoints")
    if "can be written down" not in found["found"]:
        pytest.skip(found["found"])
    return found


def counted(cli, name):
    """How far a machine has counted, by its own file."""
    file = cli.state / "machines" / name / "upper" / "count"
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0


@pytest.fixture(params=[True, False], ids=["stub", "init"])
def counter(cli, call, machine_file, busybox_root, request):
    """A machine that counts, with our PID 1 and as PID 1 itself."""
    machine_file("count", overlay=[busybox_root], command=COUNT, init=request.param,
                 network={"mode": "none"})
    call("start", "count").check()
    harness.wait_for(lambda: counted(cli, "count") > 2, 10, "the machine to count")


def state(call, name):
    """Of a machine: "running"."""
    return json.loads(call("show", name).check().stdout)["state"]


@pytest.mark.usefixtures("criu", "counter")
def test_ten_times(cli, call, workspace):
    """A counter goes on where it was, ten times over: its output, its file, and all verbs."""
    file = workspace / "count.tar.zst"
    last = 0

    for _ in range(10):
        call("checkpoint", "count", "--to", file).check()
        assert state(call, "count") == "stopped"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        kept = counted(cli, "count")
        assert kept >= last
        call("restore", file).check()
        harness.wait_for(lambda: counted(cli, "count") > kept + 1, 10, "the machine to go on")
        last = counted(cli, "count")
    lines = [int(line) for line in call("logs", "count").check().stdout.split() if line.isdigit()]
    assert lines == sorted(set(lines)), "a number twice, or lost order"
    assert lines == list(range(1, len(lines) + 1)), "a number is missing"
    assert "restored" in call("status", "count").check().stdout
    assert call("exec", "count", "cat", "/count").check().stdout.strip().isdigit()
    assert call("exec", "count", "cat", "/proc/1/cgroup").check().stdout.splitlines()[-1] == "0::/"
    call("stop", "--now", "count").check()
    call("start", "count").check()
    harness.wait_for(lambda: 0 < counted(cli, "count") < last, 10, "an ordinary start")
    assert "restored" not in call("status", "count").check().stdout
    call("stop", "--now", "count").check()


@pytest.mark.usefixtures("criu", "counter")
def test_goes_on(cli, call, workspace, host_state):
    """--leave-running; and another machine of the same checkpoint, which is deleted like any."""
    file = workspace / "count.tar.zst"

    call("checkpoint", "count", "--to", file, "--leave-running").check()
    kept = counted(cli, "count")
    harness.wait_for(lambda: counted(cli, "count") > kept + 1, 10, "the machine to go on")
    # The machine itself counts on.
    with host_state.unchanged(ignore=("processes", "files")):
        call("restore", file, "--name", "other").check()
        harness.wait_for(lambda: counted(cli, "other") > 3, 10, "the other machine to go on")
        call("delete", "--force", "other").check()
    assert state(call, "count") == "running"
    call("stop", "--now", "count").check()


@pytest.mark.usefixtures("criu")
def test_memory_files_and_clock(call, machine_file, busybox_root, workspace):
    """Files in memory, removed files that are open, pipes between processes, the time since the
    start of the host."""
    machine_file("many", overlay=[busybox_root], network={"mode": "none"}, command=[
        "sh", "-c", "echo shared >/dev/shm/file; exec 5<>/gone; echo kept >&5; rm /gone; "
                    "(while :; do echo line; sleep 0.1; done) | while read l; do :; done & "
                    "read up rest </proc/uptime; echo $up >/up; echo ready; wait"])
    call("start", "many").check()
    harness.wait_for(lambda: "ready" in call("logs", "many").stdout, 10, "the machine")
    before = float(call("exec", "many", "cat", "/proc/uptime").check().stdout.split()[0])
    processes = call("exec", "many", "ls", "/proc").check().stdout.split()
    file = workspace / "many.tar.zst"
    call("checkpoint", "many", "--to", file).check()
    call("restore", file).check()
    assert call("exec", "many", "cat", "/dev/shm/file").check().stdout == "shared\n"
    after = float(call("exec", "many", "cat", "/proc/uptime").check().stdout.split()[0])
    assert before <= after < before + 30
    now = call("exec", "many", "ls", "/proc").check().stdout.split()
    assert len([name for name in now if name.isdigit()]) >= \
        len([name for name in processes if name.isdigit()]) - 1
    call("stop", "--now", "many").check()


@pytest.fixture
def sockets(criu):
    """A CRIU that can write sockets of this kernel down."""
    version = [int(part) for part in re.search(r"CRIU ([\d.]+)", criu["found"])[1].split(".")]
    kernel = [int(part) for part in os.uname().release.split(".")[:2]]
    if version < [4, 2] and kernel >= [6, 16]:
        pytest.skip("CRIU before 4.2 cannot write sockets down on Linux 6.16 and later")


@pytest.mark.usefixtures("sockets")
def test_network(call, machine_file, busybox_root, workspace):
    """A server on a bridge answers at its address and published port as before."""
    machine_file("web", overlay=[busybox_root], ports=["127.0.0.1:18091:80"],
                 network={"mode": "bridge"}, command=["sh", "-c", "echo hello >/index.html; exec httpd -f -p 80 -h /"])
    call("start", "web").check()

    def get():
        return subprocess.run(["curl", "-s", "-m", "5", "http://127.0.0.1:18091/"],
                              capture_output=True, text=True, check=False).stdout

    harness.wait_for(lambda: get() == "hello\n", 10, "the server")
    file = workspace / "web.tar.zst"
    call("checkpoint", "web", "--to", file).check()
    assert get() == ""
    call("restore", file).check()
    assert get() == "hello\n"
    call("stop", "--now", "web").check()


@pytest.mark.usefixtures("criu", "counter")
def test_changed(call, cli, workspace, machine_file, busybox_root):
    """Another definition of the same name is not taken for the checkpoint's; archives that others
    can write are refused, as are those of export."""
    file = workspace / "count.tar.zst"
    call("checkpoint", "count", "--to", file).check()
    file.chmod(0o666)
    assert "trusts what is in it" in call("restore", file).check(1).stderr
    file.chmod(0o600)
    plain = workspace / "plain.tar.zst"
    call("export", "count", "--to", plain).check()
    assert "has no processes" in call("restore", plain).check(1).stderr
    machine_file("count", overlay=[busybox_root], command=["true"])
    result = call("restore", file).check(1)
    assert "is not that of the checkpoint" in result.stderr, result
    machine_file("count", overlay=[busybox_root], command=COUNT)
    call("start", "count").check()
    machine_file("count", overlay=[busybox_root], command=COUNT, hostname="x")
    assert "not the one that it was started with" in call(
        "checkpoint", "count", "--to", file).check(1).stderr
    call("stop", "--now", "count").check()


@pytest.mark.usefixtures("criu", "counter")
@pytest.mark.parametrize("name", ["inventory.img", "pstree.img", "core-1.img", "pages-1.img",
                                  "userns-", "mountpoints-", "files.img"])
def test_damaged(cli, call, workspace, name, host_state):
    """One changed file: an error, and the machine that was there has its files."""
    file, broken = workspace / "count.tar.zst", workspace / "broken.tar"
    call("checkpoint", "count", "--to", file).check()
    kept = counted(cli, "count")
    directory = workspace / "unpacked"
    directory.mkdir()
    subprocess.run(["tar", "-C", directory, "-xf", file], check=True)
    victim = next(path for path in (directory / "checkpoint").iterdir()
                  if path.name.startswith(name))
    victim.write_bytes(b"" if name.startswith(("pages", "userns")) else b"\xff" * 64)
    if name.startswith("userns"):
        victim.unlink()
    with tarfile.open(broken, "w") as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, path.name)
    broken.chmod(0o600)
    with host_state.unchanged(ignore=("files", "cgroups")):  # those of other workers
        result = call("restore", broken)
        assert result.status == 1 and "error: " in result.stderr, result
    assert counted(cli, "count") == kept
    assert not [path for path in (cli.state / "machines").iterdir() if path.name[0] == "."]
    call("restore", file).check()
    call("stop", "--now", "count").check()


# ---- a CRIU that does not do what it should ----

@pytest.fixture
def fake(workspace):
    """Sets the conduct of a false CRIU, and gives the environment that names it."""
    program = workspace / "criu"
    shutil.copy(FAKE, program)

    def conduct(text):
        (workspace / "CONDUCT").write_text(text)
        return {"MACHINECTL_LITE_CRIU": program}
    return conduct


@pytest.mark.usefixtures("counter")
@pytest.mark.parametrize("conduct, message", [
    ("hang", "was not ready in time"),
    ("die", "has ended without an answer"),
    ("stop", "has ended without an answer"),
    ("refuse", r"it is \x1b[1mTuesday"),
    ("lie", "there is no inventory.img"),
    ("version 3.17", "CRIU is version 3.17.0"),
])
def test_bad_criu(cli, call, workspace, fake, conduct, message):
    """The machine runs on, unfrozen, whatever CRIU does, and no archive is there."""
    file = workspace / "count.tar.zst"
    result = call("checkpoint", "count", "--to", file, "--timeout", "1s",
                  env=fake(conduct)).check(1)
    assert message in result.stderr, result
    assert not file.exists()
    kept = counted(cli, "count")
    harness.wait_for(lambda: counted(cli, "count") > kept + 1, 10, "the machine to go on")
    assert state(call, "count") == "running"
    assert not [path for path in (cli.state / "machines").iterdir() if path.name[0] == "."]
    call("stop", "--now", "count").check()


@pytest.mark.usefixtures("counter")
def test_killed(cli, call, workspace, fake):
    """The command is killed while CRIU hangs: the machine runs on."""
    running = cli.start("checkpoint", "count", "--to", workspace / "x", cgroup2=True,
                        env=fake("hang"))
    time.sleep(0.5)
    running.kill()
    kept = counted(cli, "count")
    harness.wait_for(lambda: counted(cli, "count") > kept + 1, 10, "the machine to go on")
    call("stop", "--now", "count").check()


def test_missing_criu(call, workspace):
    """Both verbs say what to install."""
    nowhere = {"MACHINECTL_LITE_CRIU": workspace / "none"}
    for arguments in (["checkpoint", "x", "--to", workspace / "x"], ["restore", workspace / "x"]):
        result = call(*arguments, env=nowhere).check(1)
        assert "CRIU is not installed" in result.stderr and "hint: " in result.stderr, result


@pytest.mark.parametrize("changes, message", [
    ({"upper": "volatile"}, "upper: "),
    ({"terminal": True}, "terminal: "),
    ({"devices": ["/dev/full"]}, "devices: "),
])
def test_refused(call, machine_file, busybox_root, workspace, fake, changes, message):
    """What cannot be written down is named, before anything is touched."""
    machine_file("odd", overlay=[busybox_root], command=["sleep", "1000"],
                 network={"mode": "none"}, **changes)
    call("start", "odd").check()
    result = call("checkpoint", "odd", "--to", workspace / "x", env=fake("hang")).check(1)
    assert message in result.stderr, result
    assert state(call, "odd") == "running"
    call("stop", "--now", "odd").check()


def test_not_running(call, machine_file, busybox_root, workspace, fake):
    """A machine that does not run has no processes; one in the foreground has other's streams."""
    machine_file("still", overlay=[busybox_root], command=["sleep", "1000"])
    result = call("checkpoint", "still", "--to", workspace / "x", env=fake("hang"))
    assert result.status != 0 and "still" in result.stderr, result
