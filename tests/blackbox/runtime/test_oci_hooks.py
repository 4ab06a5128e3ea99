# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hooks of bundles: when and where they run, what they get, and what happens when one fails."""

import json
import os
import shutil
import signal
from pathlib import Path

import hoststate
import oci as oci_runtime
import pytest
from harness import wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

STAY = ["sleep", "1000"]
OUTSIDE = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")


@pytest.fixture
def hooks(oci, workspace):
    """A root of its own, in which hooks of the container's side are; hooks(failing=..) returns the
    hooks of a configuration, each of which writes what it gets to notes/NAME."""
    notes = workspace / "notes"
    notes.mkdir()
    oci.rootfs = oci_runtime.copy_root(oci.rootfs, workspace / "root")
    (oci.rootfs / "notes").mkdir(exist_ok=True)
    text = ("cat > $1/$2\nfor n in mnt uts pid; do readlink /proc/self/ns/$n; done > $1/$2.ns\n"
            "echo $2 >> $1/order\necho \"$WORD\" > $1/$2.env\nls > $1/$2.ls\nls /proc/self/fd > $1/$2.fd\n"
            "[ \"$3\" != fail ] || { echo the reason >&2; exit 3; }")
    outside = oci_runtime.write_script(workspace / "hook", text)
    oci_runtime.write_script(oci.rootfs / "hook", text)

    def make(failing=None, **more):
        made = {}
        for kind in OUTSIDE + ("startContainer",):
            inside = kind == "startContainer"
            made[kind] = [{
                "path": "/hook" if inside else str(outside),
                "args": ["hook", "/notes" if inside else str(notes), kind,
                         "fail" if kind == failing else "", *more.get("args", [])],
                "env": ["PATH=/usr/bin:/bin:/sbin", f"WORD={kind}"],
                "timeout": 20}]
        return made

    make.notes = notes
    make.inside = oci.rootfs / "notes"
    return make


def bind_notes(hooks):
    """The mounts of a bundle whose hook can write to /notes."""
    return [*(dict(mount) for mount in oci_runtime.MOUNTS),
            {"destination": "/notes", "type": "bind", "source": str(hooks.inside),
             "options": ["rbind", "rw"]}]


def namespaces(pid):
    """The names of three namespaces of a process."""
    return [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("mnt", "uts", "pid")]


def note(hooks, kind):
    """What a hook got on standard input."""
    place = hooks.inside if kind == "startContainer" else hooks.notes
    return json.loads((place / kind).read_text())


def test_moments(oci, hooks):
    """All six, in their order, with the state of that moment, in the namespaces that the specification
    names."""
    bundle = oci.bundle(*STAY, hooks=hooks(), mounts=bind_notes(hooks),
                        annotations={"key": "value"})
    name = oci.create(bundle)
    pid = oci.state(name)["pid"]
    order = hooks.notes / "order"
    assert order.read_text().split() == ["prestart", "createRuntime", "createContainer"]
    for kind in ("prestart", "createRuntime"):
        state = note(hooks, kind)
        assert (state["id"], state["status"], state["pid"], state["bundle"]) == (
            name, "creating", pid, str(bundle))
        assert state["annotations"] == {"key": "value"}
        assert (hooks.notes / f"{kind}.ns").read_text().split() == namespaces("self")
    inside = namespaces(pid)
    assert note(hooks, "createContainer")["status"] == "creating"
    assert (hooks.notes / "createContainer.ns").read_text().split() == inside
    assert not (hooks.inside / "startContainer").exists()

    oci("start", name).check()
    assert note(hooks, "startContainer")["status"] == "created"
    assert note(hooks, "startContainer")["pid"] == 1
    assert (hooks.inside / "startContainer.ns").read_text().split() == inside
    assert note(hooks, "poststart")["status"] == "running"
    assert note(hooks, "poststart")["pid"] == pid
    assert not (hooks.notes / "poststop").exists()

    oci("delete", "--force", name).check()
    assert note(hooks, "poststop")["status"] == "stopped"
    assert order.read_text().split()[3:] == ["poststart", "poststop"]


def test_environment_and_descriptors(oci, hooks):
    """A hook has the variables it names, and no descriptor of its caller's."""
    name = oci.create(oci.bundle(*STAY, hooks=hooks(), mounts=bind_notes(hooks)))
    oci("start", name).check()
    oci("delete", "--force", name).check()
    for kind in OUTSIDE + ("startContainer",):
        place = hooks.inside if kind == "startContainer" else hooks.notes
        assert (place / f"{kind}.env").read_text() == f"{kind}\n"
        # The three streams, and the directory that ls reads.
        assert len((place / f"{kind}.fd").read_text().split()) == 4, kind


def test_working_directories(oci, hooks):
    """As with runc: those of the creation find the bundle, createContainer the root, startContainer
    the process' directory."""
    bundle = oci.bundle(*STAY, hooks=hooks(), mounts=bind_notes(hooks), process_cwd="/bin")
    name = oci.create(bundle, cwd="/")
    oci("start", name).check()
    for kind, entry in {"prestart": "config.json", "createRuntime": "config.json",
                        "createContainer": "hook", "startContainer": "busybox"}.items():
        notes = hooks.inside if kind == "startContainer" else hooks.notes
        assert entry in (notes / f"{kind}.ls").read_text().split(), kind


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_failure_of_creation(oci, hooks, kind):
    """`create` fails with what the hook said, and undoes everything."""
    name = oci.name()
    before = hoststate.live_processes().keys()
    bundle = oci.bundle(*STAY, hooks=hooks(failing=kind), mounts=bind_notes(hooks))
    result = oci("create", "--bundle", bundle, name).check(1)
    assert "failed with status 3" in result.stderr and "the reason" in result.stderr
    assert "does not exist" in oci("state", name).check(1).stderr
    wait_for(lambda: hoststate.live_processes().keys() <= before)


@pytest.mark.parametrize("kind", ["startContainer", "poststart"])
def test_failure_of_start(oci, hooks, kind):
    """`start` fails, and the container stops; its program has not run, or ends."""
    bundle = oci.bundle(*STAY, hooks=hooks(failing=kind), mounts=bind_notes(hooks))
    name = oci.create(bundle)
    result = oci("start", name).check(1)
    assert "failed with status 3" in result.stderr and "the reason" in result.stderr
    oci.wait_stopped(name)
    oci("delete", name).check()
    assert (hooks.notes / "poststop").exists()


def test_failure_of_poststop(oci, hooks):
    """It is a warning: the container is gone all the same."""
    log = oci.bundles / "log"
    name, _ = oci.begin(*STAY, hooks=hooks(failing="poststop"), mounts=bind_notes(hooks))
    oci("--log", log, "delete", "--force", name).check()
    assert "failed with status 3" in log.read_text()
    assert "does not exist" in oci("state", name).check(1).stderr


@pytest.mark.parametrize("kind", ["createRuntime", "startContainer", "poststart"])
def test_delete_force_while_a_hook_runs(oci, hooks, workspace, kind):
    """A hook that does not end keeps nobody from `list` and `delete --force`."""
    mark = workspace / "began"
    script = f": > {mark}; exec sleep 1000"
    bundle = oci.bundle(*STAY, hooks={kind: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]},
                        mounts=[*(dict(mount) for mount in oci_runtime.MOUNTS),
                                {"destination": str(workspace), "type": "bind",
                                 "source": str(workspace), "options": ["rbind", "rw"]}])
    name = oci.name()
    verb = ["start", name]
    if kind == "createRuntime":
        verb = ["create", "--bundle", bundle, name]
    else:
        oci.create(bundle, name=name)
    with open(bundle / "output", "wb") as output:
        running = oci.start(*verb, stdout=output, stderr=output)
    wait_for(mark.exists, 20, "the hook")
    (listed,) = json.loads(oci("list", "--format", "json").check().stdout)
    assert listed["status"] == {"createRuntime": "creating", "startContainer": "created",
                                "poststart": "running"}[kind]
    oci("delete", "--force", name, timeout=20).check()
    assert json.loads(oci("list", "--format", "json").check().stdout) == []
    for pid in hoststate.live_processes(running.pid):
        os.kill(pid, signal.SIGKILL)
    running.wait(timeout=20)
    wait_for(lambda: not [row for row in hoststate.live_processes().values() if row[0] == "sleep"],
             20, "the end of the hook")


def test_time_limit(oci, workspace):
    """A hook that takes longer is killed, with what it has started."""
    slow = oci_runtime.write_script(workspace / "slow", "sleep 998 & sleep 999")
    bundle = oci.bundle(*STAY, hooks={"createRuntime": [{"path": str(slow), "timeout": 1,
                                                         "env": ["PATH=/usr/bin:/bin"]}]})
    result = oci("create", "--bundle", bundle, oci.name()).check(1)
    assert "did not end within 1 s" in result.stderr and result.seconds < 15
    wait_for(lambda: not [row for row in hoststate.live_processes().values() if row[0] == "sleep"])


def test_missing_hook(oci, workspace):
    """A hook that does not exist is named."""
    bundle = oci.bundle(*STAY, hooks={"prestart": [{"path": str(workspace / "none")}]})
    result = oci("create", "--bundle", bundle, oci.name()).check(1)
    assert f"cannot execute the hook {workspace / 'none'}: No such file" in result.stderr


def test_create_runtime_sees_namespaces(oci, workspace):
    """A createRuntime hook finds the new network namespace by the pid: that is what it is for."""
    if not shutil.which("nsenter"):
        pytest.skip("needs nsenter")
    script = oci_runtime.write_script(
        workspace / "network",
        'pid=$(sed "s/.*\\"pid\\":\\([0-9]*\\).*/\\1/")\n'
        "nsenter -t $pid -n ip link add dummy7 type dummy || "
        "nsenter -t $pid -n ip link set lo alias from-hook")
    bundle = oci.bundle("cat", "/proc/net/dev", hooks={"createRuntime": [{
        "path": str(script), "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]})
    result = oci("run", "--bundle", bundle, oci.name())
    assert result.status == 0, result
    assert Path(f"/sys/class/net/dummy7").exists() is False
