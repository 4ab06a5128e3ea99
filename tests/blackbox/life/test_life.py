# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine's life in the background: start, list, status, exec, logs, stop, delete."""

import itertools
import json
import os
import signal
import time
from pathlib import Path

import harness
import pytest
from harness import state_of

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
STAY = ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo started; while :; do sleep 0.1; done"]
IGNORE = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]


def wait_for(condition, what, timeout=20):
    """Polls for an event in another process."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen within {timeout} s"
        time.sleep(0.02)


def is_gone(pid):
    """Whether a process has exited; zombies count as exited."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.fixture
def name():
    """A machine name unique to the test, because control groups and journal entries contain it."""
    return f"life-{os.getpid()}-{next(NUMBERS)}"


@pytest.fixture
def started(cli, machine_file, name):
    """started(command=.., ..) starts a machine, which is stopped and deleted afterwards."""
    names = []

    def start(machine=name, **keys):
        names.append(machine)
        cli("start", machine_file(machine, **{"command": STAY, **keys})).check()
        return machine

    yield start
    for machine in names:
        cli("delete", "--force", machine)


@pytest.fixture
def warm(cli, machine_file, name):
    """Creates what the first start on a host leaves for the next: directories and locks."""
    cli("start", machine_file(name, command=["true"])).check()
    cli("delete", "--force", name).check()


def test_the_whole_course(cli, machine_file, name, warm, host_state):
    path = machine_file(name, command=STAY)
    with host_state.unchanged():
        cli("start", path).check()
        assert cli("status", name).check().stdout.startswith(name)
        assert cli("exec", name, "cat", "/proc/1/comm").check().stdout == "machine-init\n"
        wait_for(lambda: "started" in cli("logs", name).stdout, "the first line of the log")
        cli("stop", name).check()
        cli("status", name).check(3)
        assert cli("logs", name).check().stdout.splitlines()[-1] == "bye"
        cli("delete", name).check()
    cli("status", name).check(3)
    path.unlink()
    cli("status", name).check(4)
    cli("delete", name).check(66)


def test_start_and_stop_are_idempotent(cli, started):
    name = started()
    before = state_of(cli, name)["init"]
    cli("start", name).check()
    assert state_of(cli, name)["init"] == before
    cli("stop", name).check()
    cli("stop", name).check()


def test_list_shows_what_runs_in_the_fixed_names(cli, started):
    name = started()
    rows = json.loads(cli("list", "--json=short").check().stdout)
    assert [row["name"] for row in rows] == [name]
    assert set(rows[0]) == {"name", "state", "pid", "address", "address6", "ports", "labels",
                            "networks", "started", "definition"}
    assert rows[0]["state"] == "running" and Path(f"/proc/{rows[0]['pid']}").exists()
    table = cli("list").check().stdout.splitlines()
    assert table[0].split()[:2] == ["NAME", "STATE"] and table[1].split()[:2] == [name, "running"]
    assert len(cli("list", "--no-legend").check().stdout.splitlines()) == 1
    cli("stop", name).check()
    assert json.loads(cli("list", "--json=short").check().stdout) == []
    assert name in cli("list", "--all").check().stdout


def test_a_payload_that_ignores_the_signal_is_killed_after_its_grace_period(cli, started):
    name = started(command=IGNORE, stop={"timeout": "300ms"})
    begin = time.monotonic()
    cli("stop", name).check()
    assert 0.3 <= time.monotonic() - begin < 5
    assert state_of(cli, name)["exit_status"] == 128 + signal.SIGKILL


def test_stop_now_does_not_wait(cli, started):
    name = started(command=IGNORE, stop={"timeout": "60s"})
    begin = time.monotonic()
    cli("stop", "--now", name).check()
    assert time.monotonic() - begin < 10


def test_delete_refuses_what_runs(cli, started):
    name = started()
    refused = cli("delete", name).check(1)
    assert "is running" in refused.stderr and "--force" in refused.stderr
    cli("delete", "--force", name).check()
    assert not list(cli.runtime.glob(f"machines/{name}.*"))


def test_delete_removes_the_writable_layer_and_the_log(cli, machine_file, name):
    cli("start", machine_file(name, command=STAY, upper="persistent")).check()
    cli("exec", name, "sh", "-c", "mkdir -p /a/b; chmod 0 /a; echo x > /kept").check()
    cli("stop", name).check()
    assert (cli.state / "machines" / name / "upper/kept").exists()
    cli("delete", name).check()
    assert not (cli.state / "machines" / name).exists()
    assert not list(cli.log.glob(f"{name}.log*"))


def test_what_is_written_persists_over_a_restart(cli, started):
    name = started(upper="persistent")
    cli("exec", name, "sh", "-c", "echo kept > /file").check()
    cli("restart", name).check()
    assert cli("exec", name, "cat", "/file").check().stdout == "kept\n"


def test_wait_prints_the_exit_status(cli, started):
    name = started(command=["sh", "-c", "sleep 0.5; exit 7"])
    assert cli("wait", name).check().stdout == "7\n"
    assert state_of(cli, name)["state"] == "failed"


def test_a_failed_start_reports_the_cause_and_leaves_nothing(cli, machine_file, name, warm,
                                                               host_state):
    path = machine_file(name, command=["/no/such/program"])
    with host_state.unchanged():
        failed = cli("start", path).check(1)
        assert '"/no" in the machine\'s root' in failed.stderr
        cli("delete", name).check()


def test_a_machine_that_ends_before_it_is_ready_shows_its_last_lines(cli, machine_file, name):
    path = machine_file(name, command=["sh", "-c", "echo the cause; sleep 0.2; exit 4"],
                        ready="notify")
    failed = cli("start", path).check(1)
    assert "the cause" in failed.stderr and "status 4 before it was ready" in failed.stderr
    cli("delete", name).check()


def test_a_start_that_takes_too_long_fails(cli, machine_file, name):
    """The machine is stopped and not restarted, otherwise its start would never end."""
    path = machine_file(name, command=["sleep", "600"], ready="health", start_timeout="300ms",
                        health={"command": ["false"], "interval": "50ms", "start_period": "1h"},
                        restart={"policy": "always"}, stop={"timeout": "100ms"})
    failed = cli("start", path).check(1)
    assert f'machine "{name}" was not ready within 300.0ms and was stopped' in failed.stderr
    assert 'once its health command succeeds; "start_timeout" allows more time' in failed.stderr
    assert state_of(cli, name)["state"] == "failed"
    assert state_of(cli, name)["reason"] == "not ready within 300.0ms"
    # The limit ends when the machine is ready.
    path = machine_file(name, command=["sleep", "600"], ready="health", start_timeout="2s",
                        health={"command": ["true"], "interval": "50ms"},
                        stop={"timeout": "100ms"})
    cli("start", path).check()
    time.sleep(2.2)
    assert state_of(cli, name)["state"] == "running"
    cli("delete", "--force", name).check()


def test_a_start_waits_for_its_delay(cli, machine_file, name):
    """Which is not part of start_timeout; a restart does not wait."""
    path = machine_file(name, command=["sleep", "600"], ready="health", start_timeout="1500ms",
                        start_delay="2s", health={"command": ["true"], "interval": "50ms"},
                        stop={"timeout": "100ms"})
    def waits():
        return cli("show", name).status == 0 and state_of(cli, name)["state"] == "starting"

    begun = time.monotonic()
    start = cli.start("start", path)
    wait_for(waits, "the delay")
    # A second start waits for the same.
    cli("start", path).check()
    start.wait(10).check()
    assert time.monotonic() - begun >= 2
    assert state_of(cli, name)["state"] == "running"
    pid = state_of(cli, name)["supervisor"]["pid"]
    # It can be stopped while it waits.
    cli("stop", name).check()
    start = cli.start("start", path)
    wait_for(waits, "the delay")
    assert state_of(cli, name)["supervisor"]["pid"] != pid
    begun = time.monotonic()
    cli("stop", name).check()
    assert "stopped on request" in start.wait(10).check(1).stderr
    assert time.monotonic() - begun < 2
    assert state_of(cli, name)["state"] == "stopped"
    cli("delete", name).check()


def test_a_killed_supervisor_ends_its_machine(cli, started, name):
    started()
    record = state_of(cli, name)
    os.kill(record["supervisor"]["pid"], signal.SIGKILL)
    wait_for(lambda: is_gone(record["init"]["pid"]), "the machine's death")
    assert state_of(cli, name)["state"] == "failed"
    assert "supervisor died" in cli("status", name).stdout
    cli("collect").check()
    assert not Path(record["cgroup"]).exists()
    cli("start", cli.config / f"{name}.machine").check()


def test_restart_on_failure_gives_up_at_its_limit(cli, started):
    name = started(command=["sh", "-c", "echo run; exit 3"],
                   restart={"policy": "on-failure", "delay": "1ms", "limit": 3, "window": "60s"})
    wait_for(lambda: state_of(cli, name)["state"] == "failed", "giving up")
    assert state_of(cli, name)["restarts"] == 3
    assert "too often" in state_of(cli, name)["reason"]
    assert cli("logs", name).stdout.count("run\n") == 4


def test_success_is_no_reason_to_restart_on_failure(cli, started):
    name = started(command=["sh", "-c", "sleep 0.1; exit 0"], restart={"policy": "on-failure"})
    wait_for(lambda: state_of(cli, name)["state"] == "stopped", "the end")
    assert state_of(cli, name)["restarts"] == 0


def test_ready_by_notify(cli, machine_file, name, debian_root):
    say = ("import os, socket, time\n"
           "time.sleep(0.5)\n"
           "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
           "s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n"
           "time.sleep(60)\n")
    path = machine_file(name, overlay=[debian_root], upper="volatile", ready="notify",
                        command=["python3", "-c", say], stop={"timeout": "1s"})
    begin = time.monotonic()
    cli("start", path).check()
    assert time.monotonic() - begin >= 0.5
    cli("delete", "--force", name).check()


def test_ready_by_health(cli, started):
    begin = time.monotonic()
    name = started(command=["sh", "-c", "sleep 0.5; touch /tmp/well; sleep 60"], ready="health",
                   health={"command": ["test", "-e", "/tmp/well"], "interval": "50ms",
                           "start_period": "10s"}, stop={"timeout": "100ms"})
    assert time.monotonic() - begin >= 0.5
    assert state_of(cli, name)["state"] == "running"


def test_an_unhealthy_machine_is_restarted(cli, started):
    name = started(command=["sh", "-c", "touch /tmp/well; exec sleep 60"], ready="health",
                   health={"command": ["test", "-e", "/tmp/well"], "interval": "50ms",
                           "retries": 2, "on_failure": "restart"}, stop={"timeout": "100ms"})
    cli("exec", name, "rm", "/tmp/well").check()
    wait_for(lambda: state_of(cli, name)["restarts"] == 1
             and state_of(cli, name)["state"] == "running", "the restart")


def test_requirements_start_first_and_their_failure_is_reported(cli, machine_file, name):
    machine_file(f"{name}-db", command=["sh", "-c", "sleep 0.3; touch /tmp/up; exec sleep 60"],
                 ready="health", stop={"timeout": "100ms"},
                 health={"command": ["test", "-e", "/tmp/up"], "interval": "50ms",
                         "start_period": "10s"})
    machine_file(name, command=STAY, requires=[f"{name}-db"])
    cli("start", name).check()
    assert {row["name"] for row in json.loads(cli("list", "--json=short").stdout)} == {
        name, f"{name}-db"}
    cli("delete", "--force", name, f"{name}-db").check()

    machine_file(f"{name}-db", command=["/no/such"])
    failed = cli("start", name).check(1)
    assert f'machine "{name}" is not started' in failed.stderr
    cli("delete", "--force", "--all")


def test_many_starts_of_one_machine_end_in_one(cli, machine_file, name):
    path = machine_file(name, command=STAY)
    attempts = [cli.start("start", path) for _ in range(8)]
    for attempt in attempts:
        attempt.wait().check()
    assert len(json.loads(cli("list", "--json=short").stdout)) == 1
    cli("delete", "--force", name).check()


@pytest.mark.parametrize("text, says", [
    ("{", "is damaged"),
    ("", "is damaged"),
    ('{"version": 99}', "has version 99"),
    ('{"version": 1, "name": "x", "state": "dancing"}', '"state" cannot be read'),
])
def test_a_state_file_that_cannot_be_read_is_named(cli, started, name, text, says):
    started()
    good = cli.runtime / "machines" / f"{name}.json"
    other = cli.runtime / "machines" / "other.json"
    other.write_text(text)
    for verb in ("status", "show", "stop", "start"):
        failed = cli(verb, "other")
        assert failed.status != 0
        if verb != "start":
            assert str(other) in failed.stderr and says in failed.stderr
    # Other machines are unaffected.
    assert name in cli("list").check().stdout
    assert good.exists()
    other.unlink()


def test_logs_follow_and_count(cli, started):
    name = started(command=["sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; "
                            "until [ -e /tmp/go ]; do sleep 0.1; done; echo last"])
    wait_for(lambda: "line 5" in cli("logs", name).stdout, "five lines")
    assert cli("logs", "-n", "2", name).check().stdout == "line 4\nline 5\n"
    following = cli.start("logs", "-f", name)
    following.read_until("line 5")
    cli("exec", name, "touch", "/tmp/go").check()
    assert "last\n" in following.wait().check().stdout
    assert cli("logs", "--since", "2001-01-01 00:00", name).check().stdout.startswith("line 1")
    assert "line" not in cli("logs", "--since", "2199-01-01 00:00", name).check().stdout
    entry = json.loads(cli("logs", "-n", "1", "--json=short", name).check().stdout)
    assert {"time", "stream", "text"} == set(entry)


def test_no_line_is_lost_at_full_speed(cli, started):
    lines = 200000
    name = started(command=["sh", "-c", f"seq {lines}; exec sleep 60"],
                   log={"driver": "file", "max_size": "64M"}, stop={"timeout": "100ms"})
    wait_for(lambda: cli("logs", "-n", "1", name).stdout.strip() == str(lines), "the last line", 60)
    assert cli("logs", name).stdout.split() == [str(n) for n in range(1, lines + 1)]
    if harness.is_sanitized(cli.binary):
        return
    rollup = Path(f"/proc/{state_of(cli, name)['supervisor']['pid']}/smaps_rollup").read_text()
    private = sum(int(line.split()[1]) for line in rollup.splitlines()
                  if line.startswith(("Private_Clean", "Private_Dirty")))
    assert private < 2048, f"the supervisor has {private} kB of its own"


def test_a_log_that_grows_past_its_maximum_is_rotated(cli, started):
    name = started(command=["sh", "-c", "seq 20000; exec sleep 60"],
                   log={"driver": "file", "max_size": "64K"}, stop={"timeout": "100ms"})
    wait_for(lambda: cli("logs", "-n", "1", name).stdout.strip() == "20000", "the last line")
    files = sorted(path.name for path in cli.log.iterdir())
    assert files == [f"{name}.log", f"{name}.log.1"]
    assert all(path.stat().st_size <= 65536 for path in cli.log.iterdir())


def test_create_prepares_and_start_continues(cli, machine_file, name):
    path = machine_file(name, command=STAY, upper="persistent")
    cli("create", path).check()
    assert state_of(cli, name)["state"] == "created"
    assert (cli.state / "machines" / name / "upper").is_dir()
    cli("start", path).check()
    refused = cli("create", path).check(1)
    assert "already running" in refused.stderr
    cli("delete", "--force", name).check()


def test_no_wake_ups_while_idle(cli, started):
    name = started(command=["sleep", "60"], stop={"timeout": "100ms"})
    status = Path(f"/proc/{state_of(cli, name)['supervisor']['pid']}/status")

    def switches():
        return next(int(line.split()[1]) for line in status.read_text().splitlines()
                    if line.startswith("voluntary_ctxt_switches"))

    time.sleep(0.3)
    before = switches()
    time.sleep(2)
    assert switches() == before


def test_config_diff_shows_differences_from_the_file(cli, machine_file, name):
    path = machine_file(name, command=STAY, stop={"timeout": "2s"}, hostname="old",
                        description="the same")
    gone = next(number for number, line in enumerate(path.read_text().splitlines(), 1)
                if line.startswith("stop"))
    cli("start", path).check()
    assert cli("config", "diff", name).check().stdout == ""
    assert json.loads(cli("config", "diff", "--json=short", name).check().stdout) == []
    assert "changed" not in cli("status", name).check().stdout
    assert state_of(cli, name)["definition_changed"] is False

    # A different spelling of the same value is no difference.
    path.write_text("# a comment\n" + path.read_text().replace('"2s"', '"2000ms"'))
    assert cli("config", "diff", name).check().stdout == ""
    assert "changed" not in cli("status", name).check().stdout

    lines = path.read_text().replace('"old"', '"new"').splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("stop")))
    assert f"changed since the start: machinectl-lite config diff {name}" in cli(
        "status", name).check().stdout
    assert state_of(cli, name)["definition_changed"] is True
    here = next(number for number, line in enumerate(path.read_text().splitlines(), 1)
                if line.startswith("hostname"))
    assert cli("config", "diff", name).check().stdout.splitlines() == [
        f'hostname: "old" -> "new"  # {path}:{here}',
        f'stop.timeout: "2s" -> "10s"  # default, was {path}:{gone}']
    first = json.loads(cli("config", "diff", "--json=short", name).check().stdout)[0]
    assert first["key"] == "hostname" and (first["old"], first["new"]) == ("old", "new")
    assert first["new_place"] == {"file": str(path), "line": here}

    cli("restart", name).check()
    assert cli("config", "diff", name).check().stdout == ""
    path.write_text("no_such_key = 1;\n")
    assert "unknown key" in cli("config", "diff", name).check(65).stderr
    cli("stop", "--now", name).check()
    assert "not running but stopped" in cli("config", "diff", name).check(1).stderr
    cli("delete", name).check()
    cli("config", "diff", name).check(66)


def test_show_has_the_fixed_names_and_the_definitions_own(cli, started):
    name = started(description="a machine", labels=["team=web", "tier=1"],
                   limits={"open_files": "64:64"})
    shown = state_of(cli, name)
    row = json.loads(cli("list", "--json=short").check().stdout)[0]
    assert {key: shown[key] for key in row} == row
    assert shown["description"] == "a machine" and shown["labels"] == ["team=web", "tier=1"]
    assert shown["limits"]["open_files"] == "64:64"
    assert shown["stop"]["signal"] == "SIGTERM"
    assert "Labels: team=web tier=1\n" in cli("status", name).check().stdout


def test_without_a_definition(cli, busybox_root, name):
    """Every key of a file can be set on the command line, for start and create as well."""
    options = ["--rootfs", busybox_root, "--set", "network.mode=none", "--set", "read_only=true"]
    stay = ["--set", 'command=[ "sleep", "1000" ]']
    cli("create", *options, *stay, "--name", name).check()
    assert state_of(cli, name)["state"] == "created"
    assert cli("start", *options, *stay, "--name", name).check().stdout == ""
    assert state_of(cli, name)["state"] == "running"
    # Without a definition it could not be started again, so restart does not stop it.
    refused = cli("restart", name).check(66)
    assert "has no definition" in refused.stderr
    assert state_of(cli, name)["state"] == "running"
    cli("delete", "--force", name).check()
    made = cli("start", *options, *stay).check().stdout.strip()
    try:
        assert state_of(cli, made)["state"] == "running"
    finally:
        cli("delete", "--force", made).check()
    assert "no command to run" in cli("create", *options).check(65).stderr
    cli("create").check(64)
    cli("start").check(64)


def test_a_machine_that_was_never_started_is_stopped(cli, machine_file, name):
    """As after a boot of the host, when records are lost."""
    machine_file(name, command=STAY)
    result = cli("stop", name).check()
    assert result.stdout == result.stderr == ""
    cli("stop", "no-such-machine").check(66)


def test_several_machines_are_stopped_at_once_and_a_failure_keeps_none(cli, machine_file, name):
    names = [f"{name}-{number}" for number in range(4)]
    paths = [machine_file(machine, command=IGNORE, stop={"timeout": "2s"}) for machine in names]
    cli("start", *paths).check()
    wait_for(lambda: all("deaf" in cli("logs", machine).stdout for machine in names), "the traps")
    begin = time.monotonic()
    failed = cli("stop", "no-such-machine", *names).check(66)
    assert time.monotonic() - begin < 7
    assert "no-such-machine" in failed.stderr
    assert all(state_of(cli, machine)["state"] == "stopped" for machine in names)
    failed = cli("restart", "--now", names[0], "no-such-machine", names[1])
    assert failed.status == 66 and "no-such-machine" in failed.stderr
    assert all(state_of(cli, machine)["state"] == "stopped" for machine in names)
    cli("restart", "--now", names[0], names[1]).check()
    assert [state_of(cli, machine)["state"] for machine in names] == [
        "running", "running", "stopped", "stopped"]
    cli("delete", "--force", *names).check()


def test_a_dependent_machine_stops_first_and_starts_last(cli, machine_file, name):
    slow = ["sh", "-c", "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.05; done"]
    db, web = f"{name}-db", f"{name}-web"
    machine_file(db, command=slow)
    machine_file(web, command=slow, requires=[db])
    cli("start", "--all").check()
    time.sleep(0.3)
    cli("stop", db, web).check()
    assert state_of(cli, db)["stopped_usec"] - state_of(cli, web)["stopped_usec"] >= 250000
    assert state_of(cli, web)["requires"] == [db]
    cli("start", web).check()
    cli("restart", "--all").check()
    assert state_of(cli, web)["started"] > state_of(cli, db)["started"]
    cli("stop", "--all", "--now").check()
    cli("delete", "--all").check()


def test_a_machine_that_is_only_defined(cli, machine_file, name):
    """It is not running, so stopping it succeeds."""
    machine_file(name)
    cli("stop", name).check()
    assert "stopped" in cli("status", name).check(3).stdout
    assert "list --all" in cli("exec", name, "true").check(125).stderr
    cli("stop", "no-such").check(66)
    cli("status", "no-such").check(4)
    assert not cli("list", "--all", "--no-legend").check().stdout


@pytest.mark.parametrize("verb", ["logs", "list", "status", "show", "stats"])
def test_output_that_is_not_taken(cli, started, verb):
    """Writing the output fails, but not the machine or its log."""
    machine = started()
    wait_for(lambda: "started" in cli("logs", machine).stdout, "the first line of the log")
    for place, reason in (("/dev/full", "No space left"), ("/dev/null", "Bad file")):
        with open(place, "rb" if place == "/dev/null" else "wb") as unwritable:
            failed = cli(verb, *([] if verb == "list" else [machine]), stdout=unwritable).check(1)
        assert f"cannot write to standard output: {reason}" in failed.stderr


DEAF = ["sh", "-c", "trap '' TERM INT; echo deaf; while :; do sleep 0.1; done"]


@pytest.mark.parametrize("option, timeout", [(None, "300ms"), ("--now", "1h")])
def test_a_run_whose_payload_ignores_signals_is_killed(cli, machine_file, name, option, timeout):
    """The timeout of the definition applies to a machine in the foreground as well."""
    running = cli.start("run", machine_file(name, command=DEAF, stop={"timeout": timeout}))
    running.read_until("deaf")
    cli("stop", *filter(None, [option]), name, timeout=10).check()
    assert running.wait().status == 137


def test_a_run_is_stopped_with_the_signal_of_its_definition(cli, machine_file, name):
    command = ["sh", "-c", "trap 'exit 7' USR1; trap '' TERM; echo up; while :; do sleep 0.1; done"]
    running = cli.start("run", machine_file(name, command=command, stop={"signal": "SIGUSR1"}))
    running.read_until("up")
    cli("stop", name).check()
    assert running.wait().status == 7


def test_a_signal_to_a_run_is_only_forwarded(cli, machine_file, name):
    """A signal from the user is for the payload, which may ignore it."""
    running = cli.start("run", machine_file(name, command=DEAF, stop={"timeout": "100ms"}))
    running.read_until("deaf")
    running.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert state_of(cli, name)["state"] == "running"
    cli("delete", "--force", name).check()


def test_a_suspended_supervisor_is_stopped_all_the_same(cli, machine_file, name):
    """Ctrl-Z suspends `run`, which is the supervisor of its machine."""
    running = cli.start("run", machine_file(name, command=STAY))
    running.read_until("started")
    running.signal(signal.SIGSTOP)
    assert cli("stop", name, timeout=20).check().seconds < 10
    assert "bye" in running.wait().check().stdout
