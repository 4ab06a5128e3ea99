# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers when things go wrong: a step that fails or is killed leaves a host that `delete --force`
cleans, and `list` never lies."""

import errno
import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import faults
import harness
import hoststate
import oci as oci_runtime
import pytest

pytestmark = [pytest.mark.needs("root", "cgroup2"), pytest.mark.slow]

STAY = ["sleep", "1000"]


def candidates():
    """Binaries that may have been built with -Dfault_injection=true."""
    return faults.candidates("MACHINECTL_LITE_FAULT_OCI_BINARY", "src/runtime/machine-oci",
                             oci_runtime.find_binary)


@pytest.fixture
def faulty(oci):
    """A bundle, and a binary with faults to inject."""
    bundle = oci.bundle(*STAY)
    for binary in candidates():
        oci.binary = binary
        name = oci.name()
        if oci("run", "--bundle", oci.bundle("true"), name,
               env={"MACHINECTL_LITE_FAULT": "container:5"}).status == 1:
            return bundle
    return pytest.skip("needs a build with -Dfault_injection=true")


def steps(oci, bundle):
    """[(name, whether it is the first process')] of a creation that works."""
    with open(bundle / "steps", "w+b") as errors:
        name = oci.name()
        oci("--debug", "create", "--bundle", bundle, name, stdout=errors, stderr=errors).check()
        oci("delete", "--force", name).check()
        errors.seek(0)
        found = faults.STEP.findall(errors.read().decode())
    assert len(found) >= 15, found
    return [(step, bool(indent)) for indent, step in found]


def group_exists(name):
    """Whether a control group of that container is left."""
    return any(name in path for path in hoststate.cgroups())


def assert_clean(oci, name, before):
    """What a container has left after `delete --force`: nothing."""
    oci("delete", "--force", name).check()
    assert json.loads(oci("list", "--format", "json").check().stdout) == []
    assert list((oci.records / "machines").iterdir()) == []
    assert not group_exists(name)
    harness.wait_for(lambda: hoststate.live_processes().keys() <= before, 10, "processes to end")


def test_error_at_each_step(oci, faulty):
    """Each error is reported with its reason, and everything is undone at once."""
    wrong = []
    for step, _ in steps(oci, faulty):
        name, before = oci.name(), hoststate.live_processes().keys()
        try:
            with open(faulty / "output", "w+b") as output:
                oci("create", "--bundle", faulty, name, stdout=output, stderr=output,
                    env={"MACHINECTL_LITE_FAULT": f"{step}:{errno.ENOSPC}"}).check(1)
            assert "injected fault: No space left on device" in oci.output(faulty)
            assert "does not exist" in oci("state", name).check(1).stderr
            assert_clean(oci, name, before)
        except AssertionError as error:
            wrong.append(f"==== {step}\n{error}")
    assert not wrong, "\n".join(wrong)


def kill_in_step(oci, bundle, name, step, of_child):
    """Creates, waits until it hangs in the step, and kills what hangs."""
    with open(bundle / "output", "w+b") as output:
        running = oci.start("create", "--bundle", bundle, name, stdout=output, stderr=output,
                            env={"MACHINECTL_LITE_FAULT": f"{step}:hang"})

    target = harness.wait_for(
        lambda: hoststate.hanging([running.pid, *hoststate.live_processes(running.pid)]), 20,
        f"the creation to hang in {step}")
    listed = [(each["id"], each["status"])
              for each in json.loads(oci("list", "--format", "json").check().stdout)]
    assert listed in ([], [(name, "creating")]), listed
    os.kill(target if of_child else running.pid, signal.SIGKILL)
    return running.wait(timeout=20)


@pytest.mark.parametrize("child", [False, True])
def test_kill_at_each_step(oci, faulty, child):
    """SIGKILL for the creator, or the first process, in each step."""
    wrong = []
    for step, of_child in steps(oci, faulty):
        if child and not of_child:
            continue
        name, before = oci.name(), hoststate.live_processes().keys()
        try:
            result = kill_in_step(oci, faulty, name, step, child)
            assert result.status == (1 if child else -signal.SIGKILL), result
            for each in json.loads(oci("list", "--format", "json").check().stdout):
                assert each["status"] == "stopped", each
            assert_clean(oci, name, before)
        except AssertionError as error:
            wrong.append(f"==== {step}\n{error}")
    assert not wrong, "\n".join(wrong)


def test_delete_force_of_what_is_being_created(oci, faulty):
    """--force ends a creator that does not come to an end."""
    name, before = oci.name(), hoststate.live_processes().keys()
    with open(faulty / "output", "w+b") as output:
        running = oci.start("create", "--bundle", faulty, name, stdout=output, stderr=output,
                            env={"MACHINECTL_LITE_FAULT": "mounts:hang"})
    harness.wait_for(lambda: oci("state", name).status == 0
                     and oci.state(name)["status"] == "creating")
    assert_clean(oci, name, before | {running.pid})
    assert running.wait().status == -signal.SIGKILL


# ---- start, exec and delete ----

VERB_STEP = re.compile(r"^\[[^]]*ms\] (?:((?:start|exec|delete)-[a-z-]+): |collect ([a-z-]+): )"
                       r"done$", re.MULTILINE)
PROGRAM = ["sleep", "999"]
AFTER = {
    "start": ["create"],
    "exec": ["create", "start"],
    "delete": ["create", "start"],
}


def command(verb, name, bundle):
    """A command line of that verb."""
    return {"create": ["create", "--bundle", bundle, name], "start": ["start", name],
            "exec": ["exec", "--detach", name, *PROGRAM], "delete": ["delete", "--force", name]}[verb]


def prepare(oci, bundle, verb):
    """A container for which a verb makes sense; its id."""
    name = oci.name()
    for before in AFTER[verb]:
        with open(bundle / "output", "wb") as output:
            oci(*command(before, name, bundle), stdout=output, stderr=output).check()
    return name


def verb_steps(oci, bundle, verb):
    """The names of its steps, from what --debug says."""
    name = prepare(oci, bundle, verb)
    with open(bundle / "steps", "w+b") as errors:
        oci("--debug", *command(verb, name, bundle), stdout=errors, stderr=errors).check()
        errors.seek(0)
        found = ["".join(each) for each in VERB_STEP.findall(errors.read().decode())]
    oci("delete", "--force", name).check()
    assert len(found) >= 4, found
    return found + (["exec-threshold"] if verb == "exec" else [])


def arguments_of(pid):
    """The command line of a process that lives, or None."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1] or None
    except OSError:
        return None


def listed_status(oci, name):
    """The status that `list` shows if it is that of the first process, else None."""
    (listed,) = json.loads(oci("list", "--format", "json").check().stdout) or [{"id": name,
                                                                             "status": "none"}]
    assert listed["id"] == name
    program = arguments_of(listed["pid"]) if listed.get("pid") else None
    stays = program == [each.encode() for each in STAY]
    true = {"running": stays, "created": program and not stays}.get(listed["status"], not program)
    return listed["status"] if true else None


def check_list(oci, name):
    """The status that `list` shows, which is the truth, except while a killed process ends."""
    return harness.wait_for(lambda: listed_status(oci, name), 10, "list to tell the truth")


def check_verb(oci, name, verb):
    """After the verb has failed: a container that could be started, entered or deleted still can be."""
    status = check_list(oci, name)
    if verb == "start" and status == "created":
        oci("start", name).check()
        assert check_list(oci, name) == "running"
    if verb == "exec":
        assert status == "running"
        harness.wait_for(lambda: not [pid for pid in hoststate.live_processes()
                                      if arguments_of(pid) == [each.encode() for each in PROGRAM]],
                         10, "the program of a failed exec to end")
        assert oci("exec", name, "echo", "inside").check().stdout == "inside\n"


@pytest.mark.parametrize("verb", AFTER)
def test_error_at_each_step_of(oci, faulty, verb):
    """An error in `start`, `exec` or `delete` is reported with its reason, and the container is what
    `list` says."""
    wrong = []
    for step in verb_steps(oci, faulty, verb):
        name, before = prepare(oci, faulty, verb), hoststate.live_processes().keys()
        try:
            with open(faulty / "output", "w+b") as output:
                oci(*command(verb, name, faulty), stdout=output, stderr=output,
                    env={"MACHINECTL_LITE_FAULT": f"{step}:{errno.ENOSPC}"}).check(1)
            assert "injected fault: No space left on device" in oci.output(faulty)
            # A start that failed leaves no program that runs.
            assert verb != "start" or check_list(oci, name) in ("created", "stopped")
            check_verb(oci, name, verb)
            assert_clean(oci, name, before)
        except AssertionError as error:
            wrong.append(f"==== {step}\n{error}")
            oci("delete", "--force", name)
    assert not wrong, "\n".join(wrong)


def kill_verb_in_step(oci, bundle, name, verb, step):
    """Runs a verb until it hangs in the step, and kills what hangs; whether that was the verb itself."""
    with open(bundle / "output", "w+b") as output:
        running = oci.start(*command(verb, name, bundle), stdout=output, stderr=output,
                            env={"MACHINECTL_LITE_FAULT": f"{step}:hang"})
    target = harness.wait_for(
        lambda: hoststate.hanging([running.pid, *hoststate.live_processes(running.pid)]), 20,
        f"{verb} to hang in {step}")
    check_list(oci, name)
    os.kill(target, signal.SIGKILL)
    status = running.wait(timeout=20).status
    assert status == (-signal.SIGKILL if target == running.pid else 1)


@pytest.mark.parametrize("verb", AFTER)
def test_kill_at_each_step_of(oci, faulty, verb):
    """SIGKILL in each step of `start`, `exec` and `delete`."""
    wrong = []
    for step in verb_steps(oci, faulty, verb):
        name, before = prepare(oci, faulty, verb), hoststate.live_processes().keys()
        try:
            kill_verb_in_step(oci, faulty, name, verb, step)
            check_verb(oci, name, verb)
            assert_clean(oci, name, before)
        except AssertionError as error:
            wrong.append(f"==== {step}\n{error}")
            oci("delete", "--force", name)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verbs", [["run"], ["create"], ["create", "start"],
                                   ["create", "start", "exec"], ["create", "start", "delete"]])
def test_kill_at_any_moment(oci, verbs):
    """The last of these commands is killed after some time, again and again: afterwards what is there
    can be deleted, and nothing is left."""
    bundle = oci.bundle(*STAY)
    command = {"run": lambda name: ["run", "--bundle", bundle, name],
               "create": lambda name: ["create", "--bundle", bundle, name],
               "start": lambda name: ["start", name],
               "exec": lambda name: ["exec", "--detach", name, "sleep", "999"],
               "delete": lambda name: ["delete", "--force", name]}
    chance = random.Random(7)
    for _ in range(20):
        name, before = oci.name(), hoststate.live_processes().keys()
        for verb in verbs[:-1]:
            with open(bundle / "output", "wb") as output:
                oci(*command[verb](name), stdout=output, stderr=output).check()
        with open(bundle / "output", "wb") as output:
            running = oci.start(*command[verbs[-1]](name), stdout=output, stderr=output)
        time.sleep(chance.random() * 0.012)
        running.signal(signal.SIGKILL)
        running.process.wait()
        result = oci("state", name)
        status = json.loads(result.stdout)["status"] if result.status == 0 else None
        if status == "running":
            # That is no lie: its program runs, unless it has been killed since.
            program = Path(f"/proc/{json.loads(result.stdout)['pid']}/cmdline")
            assert not program.exists() or program.read_bytes() in (b"sleep\x001000\x00", b"")
        if status == "created":
            # What says that it waits can be started, if it has not been just now, or has ended
            # because its creator was killed before he let it wait on its own.
            started = oci("start", name)
            assert started.status == 0 or re.search(
                "it is (running|stopped)|somebody else has started it", started.stderr), started
        assert_clean(oci, name, before)


def test_start_killed_before_it_calls(oci):
    """A container whose starter has recorded that it runs, and no more, is still created: it can be
    started, and nothing else takes it for running."""
    name = oci.create(oci.bundle(*STAY))
    record = oci.records / "machines" / f"{name}.json"
    fields = json.loads(record.read_text())
    assert fields["state"] == "created"
    record.write_text(json.dumps({**fields, "state": "running"}))
    assert oci.state(name)["status"] == "created"
    oci("start", name).check()
    assert oci.state(name)["status"] == "running"


def test_many_at_once(oci):
    """Containers that are created, started and deleted at the same time do not disturb each other."""
    bundle = oci.bundle("sh", "-c", "exit 5")
    running = [oci.start("run", "--bundle", bundle, oci.name(), stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE) for _ in range(12)]
    for each in running:
        each.wait().check(5)
    assert list((oci.records / "machines").iterdir()) == []


def test_one_name_many_creators(oci):
    """Of several that create one container, one succeeds."""
    bundle, name = oci.bundle(*STAY), oci.name()
    running = [oci.start("create", "--bundle", bundle, name, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL) for _ in range(6)]
    statuses = [each.wait().status for each in running]
    assert sorted(statuses) == [0, 1, 1, 1, 1, 1]
    assert oci.state(name)["status"] == "created"


def test_started_once(oci):
    """Of several that start one container, one succeeds."""
    name = oci.create(oci.bundle(*STAY))
    running = [oci.start("start", name) for _ in range(6)]
    assert sorted(each.wait().status for each in running) == [0, 1, 1, 1, 1, 1]


def test_first_process_dies_while_it_waits(oci):
    """What was killed before its start is stopped; `start` says so."""
    name = oci.create(oci.bundle(*STAY))
    os.kill(oci.state(name)["pid"], signal.SIGKILL)
    oci.wait_stopped(name)
    assert "container not running" in oci("start", name).check(1).stderr
    oci("delete", name).check()
