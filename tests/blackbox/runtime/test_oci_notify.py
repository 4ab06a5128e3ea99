# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readiness and socket activation through machine-oci: NOTIFY_SOCKET and LISTEN_FDS of its caller."""

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path

import oci as oci_runtime
import pytest
from harness import wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

STAY = ["sleep", "1000"]


class Manager:
    """A service manager's end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(20)
        self.env = {"NOTIFY_SOCKET": str(path)}

    def take(self):
        """The lines of the next message; what a barrier brings is closed, as systemd does."""
        text, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 4)
        for each in descriptors:
            os.close(each)
        return text.decode().splitlines()


@pytest.fixture
def manager(workspace):
    """A service manager."""
    made = Manager(workspace / "manager")
    yield made
    made.socket.close()


def create(oci, manager, *args, **changes):
    """A container whose creator has a service manager."""
    bundle = oci.bundle(*(args or STAY), **changes)
    return oci.create(bundle, env=manager.env), bundle


def say(pid, text):
    """Sends a message by the socket in a container's root."""
    place = f"/proc/{pid}/root/run/notify/notify.sock"
    wait_for(lambda: Path(place).is_socket(), 10, "the container's notify socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), place)


def test_start_waits_for_readiness(oci, manager):
    """`start` returns when the container is ready; its first process is then the main one."""
    name, _ = create(oci, manager)
    pid = oci.state(name)["pid"]
    starting = oci.start("start", name, env=manager.env)
    say(pid, "STATUS=half")
    assert manager.take() == ["STATUS=half"]
    assert starting.process.poll() is None
    # Meanwhile others can do with it what they want.
    oci("kill", name, "0").check(1)
    oci("exec", name, "true").check()
    say(pid, "READY=1\nSTATUS=done")
    assert manager.take() == ["READY=1", "STATUS=done", f"MAINPID={pid}"]
    assert manager.take() == ["BARRIER=1"]
    starting.wait().check()


def test_main_process_is_translated(oci, manager):
    """MAINPID of the container's pid namespace is that of the host; what is no business of a
    container's is not passed on."""
    name, _ = create(oci, manager, "sh", "-c", "sleep 999 & wait")
    starting = oci.start("start", name, env=manager.env)
    processes = wait_for(lambda: [
        each for each in json.loads(oci("ps", "--format", "json", name).check().stdout)
        if "sleep" in Path(f"/proc/{each}/cmdline").read_text()], 10, "the process")
    inside = Path(f"/proc/{processes[0]}/status").read_text().split("NSpid:")[1].split()[1]
    say(oci.state(name)["pid"], f"FDSTORE=1\nREADY=1\nMAINPID={inside}\nWATCHDOG_USEC=1\n")
    assert manager.take() == ["READY=1", f"MAINPID={processes[0]}"]
    manager.take()
    starting.wait().check()


def test_container_that_ends_is_not_waited_for(oci, manager):
    """A program that ends without a word does not keep `start`."""
    name, _ = create(oci, manager, "true")
    starting = oci.start("start", name, env=manager.env)
    assert manager.take() == ["BARRIER=1"]
    starting.wait().check()


def test_run_passes_on(oci, manager):
    """`run` stays the main process, and passes on whatever comes as long as the container runs."""
    bundle, name = oci.bundle(*STAY), oci.name()
    running = oci.start("run", "--bundle", bundle, name, env=manager.env)
    pid = wait_for(lambda: oci("state", name).status == 0 and oci.state(name)["pid"])
    for text in ("READY=1\nMAINPID=1", "STATUS=well", "STOPPING=1"):
        say(pid, text)
        assert manager.take() == text.splitlines()[:1]
    oci("kill", name, "KILL").check()
    assert running.wait().status == 137


def test_nobody_stays_to_pass_on(oci, manager):
    """The socket is the container's own, in its root, and read-only; it goes with the container."""
    name, bundle = create(oci, manager, "sh", "-c",
                          "echo $NOTIFY_SOCKET; echo > /run/notify/new; exec sleep 1000")
    starting = oci.start("start", name, env=manager.env)
    say(oci.state(name)["pid"], "READY=1")
    manager.take(), manager.take()
    starting.wait().check()
    wait_for(lambda: "Read-only file system" in oci.output(bundle))
    assert oci.output(bundle).startswith("/run/notify/notify.sock\n")
    group = json.loads(oci("ps", "--format", "json", name).check().stdout)
    assert group == [oci.state(name)["pid"]]
    oci("delete", "--force", name).check()
    assert list((oci.records / "machines").iterdir()) == []


def test_only_for_those_who_want_it(oci, manager):
    """Without NOTIFY_SOCKET, and for a bundle that brings its own, there is nothing."""
    script = ["sh", "-c", "echo [$NOTIFY_SOCKET]; exec sleep 1000"]
    name, bundle = oci.begin(*script)
    wait_for(lambda: oci.output(bundle) == "[]\n")
    name, bundle = create(oci, manager, *script, process_env=["PATH=/bin", "NOTIFY_SOCKET=/own"])
    oci("start", name, env=manager.env).check()
    wait_for(lambda: oci.output(bundle) == "[/own]\n")


def mighty(oci, *args):
    """A bundle whose root may remount what it is given."""
    names = [*oci_runtime.CAPABILITIES, "CAP_SYS_ADMIN"]
    return oci.bundle(*args, process_capabilities={each: names for each in
                                                   ("bounding", "effective", "permitted")})


def test_directory_of_a_hostile_container(oci, manager, workspace):
    """What a privileged container puts in the place of its socket leads nowhere on the host, neither
    when the next `start` makes that, nor when the container is deleted."""
    victim = workspace / "victim"
    victim.write_text("of the host")
    victim.chmod(0o600)
    name = oci.create(mighty(oci, *STAY), env=manager.env)
    oci("exec", name, "sh", "-c", f"mount -o remount,bind,rw /run/notify && cd /run/notify && "
        f"mkdir -p deep/er && ln -s {victim} deep/link && ln -s {victim} notify.sock").check()
    starting = oci.start("start", name, env=manager.env)
    say(oci.state(name)["pid"], "READY=1")
    manager.take(), manager.take()
    starting.wait().check()
    assert oci.records.joinpath(f"machines/{name}.notify/notify.sock").is_socket()
    oci("delete", "--force", name).check()
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("of the host", 0o600)
    assert list((oci.records / "machines").iterdir()) == []


def test_socket_that_is_swapped_for_a_link(oci, manager, workspace):
    """The same while the socket is made: the file of the host keeps its mode."""
    victim = workspace / "victim"
    victim.write_text("of the host")
    victim.chmod(0o600)
    for _ in range(10):
        name = oci.create(mighty(oci, "true"), env=manager.env)
        oci("exec", "--detach", name, "sh", "-c", "mount -o remount,bind,rw /run/notify; "
            f"cd /run/notify; while :; do ln -sf {victim} notify.sock; done",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).check()
        starting = oci.start("start", name, env=manager.env)
        # What it sends is closed, so that it does not wait for that.
        manager.socket.settimeout(0.05)
        while starting.process.poll() is None:
            with contextlib.suppress(TimeoutError):
                manager.take()
        oci("delete", "--force", name).check()
        assert victim.stat().st_mode & 0o777 == 0o600


# ---- socket activation ----

SHOW = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; ls /proc/self/fd; echo done"]


def run_with(oci, *arguments, pid="$$", env=None):
    """The output of a container whose caller has 3, 4 and 5 open."""
    bundle, name = oci.bundle(*SHOW), oci.name()
    setup = f'exec 3</dev/null 4</dev/null 5</dev/null; {f"export LISTEN_PID={pid};" if pid else ""}'
    return oci("run", *arguments, "--bundle", bundle, name, env=env,
               wrapper=["bash", "-c", f'{setup} exec "$@"', "sh"]).check().stdout.split("\n")


def test_listening_descriptors(oci):
    """They are the container's from 3 on, and those of --preserve-fds follow."""
    env = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:other"}
    said = run_with(oci, env=env)
    assert said[0] == "2 1 web:other"
    # The last is the directory itself.
    assert said[1:-2] == ["0", "1", "2", "3", "4", "5"]
    said = run_with(oci, "--preserve-fds", "1", env=env)
    assert said[0] == "2 1 web:other" and said[1:-2] == ["0", "1", "2", "3", "4", "5", "6"]


def test_listening_descriptors_of_another_process(oci):
    """LISTEN_PID says whose they are."""
    said = run_with(oci, env={"LISTEN_FDS": "2"}, pid=1)
    assert said[0].strip() == "" and said[1:-2] == ["0", "1", "2", "3"]
    assert run_with(oci, env={"LISTEN_FDS": "2"}, pid=None)[0] == "2 1"


def test_listening_pid_without_a_pid_namespace(oci):
    """It is the pid that the program sees itself."""
    bundle = oci.bundle("sh", "-c", "echo $LISTEN_PID $$", linux_namespaces=[
        {"type": each} for each in ("mount", "ipc", "uts", "network", "cgroup")])
    said = oci("run", "--bundle", bundle, oci.name(), env={"LISTEN_FDS": "1"},
               wrapper=["bash", "-c", 'exec 3</dev/null; exec "$@"', "sh"]).check().stdout.split()
    assert said[0] == said[1]


@pytest.mark.parametrize("value,words", [("1", "descriptor 3 is not open"), ("x", "expected a number")])
def test_bad_listening_descriptors(oci, value, words):
    """An error names what is wrong."""
    result = oci("run", "--bundle", oci.bundle(), oci.name(), env={"LISTEN_FDS": value},
                 wrapper=["bash", "-c", 'exec 3<&-; exec "$@"', "sh"]).check(1)
    assert f"LISTEN_FDS={value}" in result.stderr and words in result.stderr
