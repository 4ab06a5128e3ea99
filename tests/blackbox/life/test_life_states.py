# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every verb in every state of a machine: the cells of the table "STATES" of machinectl-lite(1)."""

import itertools
import json
import os
import time

import pytest
from harness import SOURCE, wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
STAY = ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo started; while :; do sleep 0.05; done"]
DEAF = ["sh", "-c", "trap '' TERM; echo started; while :; do sleep 0.05; done"]
QUICK = {"stop": {"timeout": "200ms"}}

# The exit status of each verb and the state afterwards ("" the same as before, "none" no record).
# Requests that a paused or changing machine cannot handle now take effect later.
CELLS = {
    "start": {
        "undefined": (66, "none"), "defined": (0, "running"), "created": (0, "running"),
        "starting": (0, "running"), "restarting": (0, "running"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (1, "paused"), "stopping": (0, "running"),
        "stopped": (0, "running"), "failed": (0, "running")},
    "stop": {
        "undefined": (66, "none"), "defined": (0, "none"), "created": (0, "created"),
        "starting": (0, "stopped"), "restarting": (0, "stopped"), "running": (0, "stopped"),
        "unhealthy": (0, "stopped"), "paused": (0, "stopped"), "stopping": (0, "stopped"),
        "stopped": (0, "stopped"), "failed": (0, "failed")},
    "restart": {
        "undefined": (66, "none"), "defined": (0, "running"), "created": (0, "running"),
        "starting": (0, "running"), "restarting": (0, "running"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (0, "running"), "stopping": (0, "running"),
        "stopped": (0, "running"), "failed": (0, "running")},
    "pause": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "starting": (0, "paused"), "restarting": (1, "starting"), "running": (0, "paused"),
        "unhealthy": (0, "paused"), "paused": (0, "paused"), "stopping": (1, "stopping"),
        "stopped": (1, "stopped"), "failed": (1, "failed")},
    "resume": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "starting": (0, "running"), "restarting": (1, "starting"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (0, "running"), "stopping": (1, "stopping"),
        "stopped": (1, "stopped"), "failed": (1, "failed")},
    "kill": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "starting": (0, "running"), "restarting": (1, "starting"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (0, "paused"), "stopping": (1, "stopping"),
        "stopped": (1, "stopped"), "failed": (1, "failed")},
    "exec": {
        "undefined": (125, "none"), "defined": (125, "none"), "created": (125, "created"),
        "starting": (0, "running"), "restarting": (125, "starting"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (125, "paused"), "stopping": (125, "stopping"),
        "stopped": (125, "stopped"), "failed": (125, "failed")},
    "reboot": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "restarting": (1, "starting"), "paused": (1, "paused"), "stopping": (1, "stopping"),
        "stopped": (1, "stopped"), "failed": (1, "failed")},
    "set-limit": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "restarting": (1, "starting"), "stopping": (1, "stopping"), "stopped": (1, "stopped"),
        "failed": (1, "failed")},
    "wait": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "stopping": (0, "stopped"), "stopped": (0, "stopped"), "failed": (0, "failed")},
    "copy-from": {
        "undefined": (66, "none"), "defined": (0, "none"), "created": (0, "created"),
        "starting": (0, "running"), "restarting": (1, "starting"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (0, "paused"), "stopping": (1, "stopping"),
        "stopped": (0, "stopped"), "failed": (0, "failed")},
    "stats": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (1, "created"),
        "starting": (0, "running"), "restarting": (1, "starting"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (0, "paused"), "stopping": (1, "stopping"),
        "stopped": (1, "stopped"), "failed": (1, "failed")},
    "logs": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (66, "created"),
        "starting": (0, "running"), "restarting": (0, "starting"), "running": (0, "running"),
        "unhealthy": (0, "running"), "paused": (0, "paused"), "stopping": (0, "stopping"),
        "stopped": (0, "stopped"), "failed": (0, "failed")},
    "delete": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (0, "none"),
        "starting": (1, "running"), "restarting": (1, "starting"), "running": (1, "running"),
        "unhealthy": (1, "running"), "paused": (1, "paused"), "stopping": (1, "stopping"),
        "stopped": (0, "none"), "failed": (0, "none")},
    "delete --force": {
        "undefined": (66, "none"), "defined": (66, "none"), "created": (0, "none"),
        "starting": (0, "none"), "restarting": (0, "none"), "running": (0, "none"),
        "unhealthy": (0, "none"), "paused": (0, "none"), "stopping": (0, "none"),
        "stopped": (0, "none"), "failed": (0, "none")},
}
# The copy is written to the current directory, which belongs to the test.
EXTRA = {"exec": ["true"], "set-limit": ["tasks=100"], "copy-from": ["/etc/passwd", "passwd"],
         "stats": ["--no-stream"]}


def state_of(cli, name):
    """The state of a machine according to `show`, "none" without a record."""
    shown = cli("show", name)
    return json.loads(shown.stdout)["state"] if shown.status == 0 else "none"


class Machine:
    """A machine in a state."""

    def __init__(self, cli, machine_file):
        self.cli = cli
        self.machine_file = machine_file
        self.name = f"states-{os.getpid()}-{next(NUMBERS)}"
        self.beside = None

    def start(self, **keys):
        """Starts it and waits for its trap to be in place."""
        self.machine_file(self.name, **{"command": STAY, **QUICK, **keys})
        self.cli("start", self.name).check()
        wait_for(lambda: "started" in self.cli("logs", self.name).stdout, what="the trap")

    def defined(self):
        self.machine_file(self.name, command=STAY, **QUICK)

    def created(self):
        self.defined()
        self.cli("create", self.name).check()

    def running(self):
        self.start()

    def unhealthy(self):
        self.start(health={"command": ["false"], "interval": "10s", "retries": 1})
        wait_for(lambda: "health check ended" in self.cli("logs", self.name).stdout,
                 what="the failed check")

    def paused(self):
        self.start()
        self.cli("pause", self.name).check()

    def starting(self):
        """It is running and becomes ready shortly."""
        self.machine_file(self.name, command=["sh", "-c", "sleep 1; touch /tmp/well; "
                                              + STAY[2].replace("echo started", "sleep 0")],
                          ready="health", **QUICK,
                          health={"command": ["test", "-e", "/tmp/well"], "interval": "20ms",
                                  "start_period": "20s"})
        self.beside = self.cli.start("start", self.name)
        wait_for(lambda: state_of(self.cli, self.name) == "running", what="the first process")

    def restarting(self):
        """It has exited and is restarted shortly."""
        self.start(command=["sh", "-c", "echo started; sleep 0.3; exit 3"],
                   restart={"policy": "on-failure", "delay": "1s"})
        self.machine_file(self.name, command=STAY, **QUICK)
        wait_for(lambda: state_of(self.cli, self.name) == "starting", what="the first end")

    def stopping(self):
        self.start(command=DEAF, stop={"timeout": "1s"})
        self.beside = self.cli.start("stop", self.name)
        wait_for(lambda: state_of(self.cli, self.name) == "stopping", what="the stop's begin")

    def stopped(self):
        self.start()
        self.cli("stop", self.name).check()

    def failed(self):
        self.start(command=["sh", "-c", "echo started; exit 3"])
        self.defined()
        wait_for(lambda: state_of(self.cli, self.name) == "failed", what="the failure")


@pytest.fixture
def machine(cli, machine_file):
    """A Machine that is deleted afterwards."""
    made = Machine(cli, machine_file)
    yield made
    cli("delete", "--force", made.name)
    if made.beside:
        made.beside.wait()


def manual():
    """{verb: {state: word}} of the table in the manual."""
    page = (SOURCE / "man/machinectl-lite.1").read_text()
    lines = page.partition("\nverb   ")[2].partition("\n.Ed")[0].splitlines()
    states = lines[0].split()
    return {" ".join(words[:-len(states)]): dict(zip(states, words[-len(states):]))
            for words in map(str.split, lines[1:])}


def test_the_table_of_the_manual_is_this_one():
    """Both refuse exactly the same."""
    table = manual()
    assert set(table) == set(CELLS)
    for verb, cells in CELLS.items():
        for state, (status, _) in cells.items():
            if state not in ("undefined", "unhealthy"):
                assert (table[verb][state] == "no") == (status != 0), (verb, state)


@pytest.mark.parametrize("verb, state", [(verb, state) for verb in CELLS for state in CELLS[verb]])
def test_a_cell(cli, machine, workspace, monkeypatch, verb, state):
    monkeypatch.chdir(workspace)
    if state != "undefined":
        getattr(machine, state)()
    status, after = CELLS[verb][state]
    words = verb.split()
    done = cli(words[0], *words[1:], *(["-s", "WINCH"] if verb == "kill" else []), machine.name,
               *EXTRA.get(verb, []), timeout=10)
    assert done.status == status, done
    assert state_of(cli, machine.name) == after, done
    assert (status == 0) or machine.name in done.stderr, done


# ---- paused ----

def test_a_paused_machine_is_stopped_in_order(cli, machine):
    """It gets the signal when it is resumed, and its grace period starts then."""
    machine.start(stop={"timeout": "20s"})
    cli("pause", machine.name).check()
    begin = time.monotonic()
    cli("stop", machine.name).check()
    assert time.monotonic() - begin < 10
    shown = json.loads(cli("show", machine.name).check().stdout)
    assert (shown["state"], shown["exit_status"]) == ("stopped", 0)
    assert cli("logs", machine.name).check().stdout.splitlines()[-1] == "bye"


def test_a_paused_machine_in_the_foreground_is_stopped_in_order(cli, machine):
    machine.machine_file(machine.name, command=STAY)
    running = cli.start("run", machine.name)
    running.read_until("started")
    wait_for(lambda: state_of(cli, machine.name) == "running", what="the state")
    cli("pause", machine.name).check()
    cli("stop", machine.name, timeout=10).check()
    assert "bye" in running.wait(10).check().stdout


def test_a_signal_to_a_paused_machine_arrives_when_it_resumes(cli, machine):
    machine.paused()
    cli("kill", machine.name).check()
    time.sleep(0.2)
    assert state_of(cli, machine.name) == "paused"
    cli("resume", machine.name).check()
    assert cli("wait", machine.name).check().stdout == "0\n"


def test_a_pause_during_a_stop_delays_nothing(cli, machine):
    machine.machine_file(machine.name, command=STAY, stop={"timeout": "20s"})
    for number in range(8):
        cli("start", machine.name).check()
        wait_for(lambda: cli("logs", machine.name).stdout.count("started") > number,
                 what="the trap")
        pause, stop = cli.start("pause", machine.name), cli.start("stop", machine.name)
        pause.wait(10)
        stop.wait(10).check()
        assert state_of(cli, machine.name) == "stopped"


# ---- several commands at once ----

@pytest.mark.parametrize("ready", ["exec", "health"])
def test_concurrent_starts_all_succeed(cli, machine, ready):
    """.. but not before the machine is ready."""
    keys = {"command": ["sh", "-c", "sleep 0.5; touch /tmp/well; exec sleep 60"], **QUICK}
    health = {"command": ["test", "-e", "/tmp/well"], "interval": "20ms", "start_period": "20s"}
    machine.machine_file(machine.name, ready=ready, **keys,
                         health=health if ready == "health" else None)
    begin = time.monotonic()
    for attempt in [cli.start("start", machine.name) for _ in range(6)]:
        done = attempt.wait().check()
        assert ready == "exec" or time.monotonic() - begin >= 0.5, done
        assert not done.stderr
    assert len(json.loads(cli("list", "--json=short").check().stdout)) == 1


def test_concurrent_failing_starts_all_report_the_reason(cli, machine):
    machine.machine_file(machine.name, command=["/no/such"])
    for attempt in [cli.start("start", machine.name) for _ in range(4)]:
        assert '"/no" in the machine\'s root' in attempt.wait().check(1).stderr


def test_a_machine_waits_for_a_required_one_of_another_start(cli, machine):
    machine.starting()
    above = f"{machine.name}-above"
    machine.machine_file(above, command=["sleep", "60"], requires=[machine.name], **QUICK)
    begin = time.monotonic()
    cli("start", above).check()
    assert time.monotonic() - begin > 0.2
    shown = json.loads(cli("show", machine.name).check().stdout)
    assert shown["state"] == "running" and machine.beside.process.poll() is not None
    cli("delete", "--force", above).check()


# ---- --all ----

@pytest.mark.parametrize("verb, failed", [("restart", 0), ("pause", 0), ("kill", 0), ("stop", 0)])
def test_all_leaves_what_was_stopped_alone(cli, machine, machine_file, verb, failed):
    machine.start()
    stopped = f"{machine.name}-stopped"
    machine_file(stopped, command=STAY, **QUICK)
    cli("start", stopped).check()
    cli("stop", stopped).check()
    before = json.loads(cli("show", machine.name).check().stdout)["init"]["pid"]
    cli(verb, *(["-s", "WINCH"] if verb == "kill" else []), "--all").check(failed)
    assert state_of(cli, stopped) == "stopped"
    after = json.loads(cli("show", machine.name).check().stdout)
    assert (after["state"] == "running" and after["init"]["pid"] != before) == (verb == "restart")
    cli("delete", stopped).check()


# ---- restarts ----

def delays(cli, name):
    """The delays in the log, in milliseconds."""
    lines = cli("logs", name).stdout.splitlines()
    return [int(line.split()[-2]) for line in lines if ": restart " in line]


@pytest.mark.parametrize("keys, expected", [
    ({"delay": "10ms", "max_delay": "45ms"}, [10, 20, 40, 45, 45]),
    ({"delay": "10ms", "max_delay": "10ms"}, [10, 10, 10, 10, 10]),
    ({"delay": "10ms"}, [10, 20, 40, 80, 160]),
    ({"delay": "20ms", "max_delay": "1ms"}, [20, 20, 20, 20, 20]),
    ({"delay": "0"}, [0, 0, 0, 0, 0]),
])
def test_the_delay_of_restarts_is_doubled_up_to_its_maximum(cli, machine, keys, expected):
    machine.machine_file(machine.name, command=["false"],
                         restart={"policy": "on-failure", "limit": 5, "window": "1min", **keys})
    cli("start", machine.name).check()
    wait_for(lambda: state_of(cli, machine.name) == "failed", what="giving up")
    assert delays(cli, machine.name) == expected


def test_a_maximum_below_the_delay_is_a_warning(cli, machine):
    path = machine.machine_file(machine.name, command=["true"], restart={
        "policy": "always", "delay": "10s", "max_delay": "5s"})
    assert '"delay" is longer' in cli("check", path).check().stderr
