# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of containers under machine-oci: what each command does, and refuses, in each state."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import harness
import hoststate
import oci as oci_runtime
import pytest
from harness import wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

STAY = ["sleep", "1000"]


def group_of(pid):
    """The directory of a process' group of cgroup v2."""
    path = next(line[3:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
                if line.startswith("0::"))
    mount = next(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()
                 if line.split()[2] == "cgroup2")
    return Path(mount + path)


# ---- create, start, state ----

def test_states(oci):
    """created, running, stopped, gone; `state` has what the specification names."""
    bundle = oci.bundle("sh", "-c", "echo started; exec sleep 1000",
                        annotations={"org.example.key": "a value"})
    name = oci.create(bundle, "--pid-file", bundle / "pid")
    state = oci.state(name)
    pid = int((bundle / "pid").read_text())
    assert state["ociVersion"] == "1.0.2" and state["id"] == name and state["pid"] == pid
    assert state["status"] == "created" and state["bundle"] == str(bundle)
    assert state["annotations"] == {"org.example.key": "a value"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", state["created"])
    assert oci.output(bundle) == ""

    oci("start", name).check()
    wait_for(lambda: oci.output(bundle) == "started\n")
    assert oci.state(name)["status"] == "running"
    assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"

    oci("kill", name, "KILL").check()
    oci.wait_stopped(name)
    assert oci.state(name)["pid"] == 0
    oci("delete", name).check()
    assert "does not exist" in oci("state", name).check(1).stderr


def test_payload_is_alone(oci):
    """The program is PID 1, the only process of its group, a child of who reaps, with three
    descriptors."""
    name, _ = oci.begin(*STAY)
    pid = oci.state(name)["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE)
    assert re.search(rf"^PPid:\t{os.getpid()}$", status, re.MULTILINE)
    assert (group_of(pid) / "cgroup.procs").read_text().split() == [str(pid)]
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
    assert [row[0] for row in hoststate.live_processes().values()
            if row[0].startswith("machine")] == []


def test_creator_may_die(oci):
    """What waits, and what runs, lives without the process that called `create`."""
    bundle = oci.bundle("sh", "-c", "echo alive; exec sleep 1000")
    name = oci.name()
    command = " ".join(oci.command("create", "--bundle", bundle, name))
    with open(bundle / "output", "wb") as output:
        shell = subprocess.Popen(["sh", "-c", f"{command} && kill -9 $$"], stdout=output,
                                 stderr=output, start_new_session=True)
        shell.wait()
    assert oci.state(name)["status"] == "created"
    oci("start", name).check()
    wait_for(lambda: oci.output(bundle) == "alive\n")


@pytest.mark.parametrize("verb", ["start", "kill", "state", "delete", "pause", "resume", "exec", "ps"])
def test_no_such_container(oci, verb):
    """Every command names what does not exist."""
    result = oci(verb, "mlite-none", *(["true"] if verb == "exec" else [])).check(1)
    assert 'container "mlite-none" does not exist' in result.stderr


def test_refused_by_state(oci):
    """What makes no sense in a state is refused, and changes nothing."""
    bundle = oci.bundle(*STAY)
    name = oci.create(bundle)
    assert "exists" in oci("create", "--bundle", bundle, name).check(1).stderr
    assert oci.state(name)["status"] == "created"
    oci("start", name).check()
    assert "it is running" in oci("start", name).check(1).stderr
    assert "it is running" in oci("delete", name).check(1).stderr
    assert "it is running" in oci("resume", name).check(1).stderr
    oci("kill", name, "9").check()
    oci.wait_stopped(name)
    for verb in (["start", name], ["kill", name], ["exec", name, "true"], ["pause", name]):
        assert "container not running" in oci(*verb).check(1).stderr


def test_created_is_deleted_without_force(oci):
    """One that was never started is deleted, as by other runtimes."""
    name = oci.create(oci.bundle(*STAY))
    pid = oci.state(name)["pid"]
    oci("delete", name).check()
    wait_for(lambda: pid not in hoststate.live_processes())


def without_process(oci):
    """A bundle whose config.json has no `process`."""
    config = oci_runtime.configuration(oci.rootfs, STAY)
    del config["process"]
    return oci.bundle(config=config)


def test_created_without_process(oci):
    """What has no program can be created, entered and deleted; only `start` fails, and changes
    nothing."""
    name = oci.create(without_process(oci))
    for _ in range(2):
        assert oci.state(name)["status"] == "created"
        result = oci("start", name).check(1)
        assert f'cannot start container "{name}": its config.json has no `process`' in result.stderr
    path = "PATH=/bin"
    assert oci("exec", "--env", path, name, "sh", "-c", "pwd; hostname").check().stdout == "/\nbox\n"
    oci("kill", name, "KILL").check()
    oci.wait_stopped(name)
    assert "container not running" in oci("start", name).check(1).stderr
    oci("delete", name).check()


def test_run_without_process(oci):
    """`run`, which would have to start it, does not create it."""
    name, bundle = oci.name(), without_process(oci)
    result = oci("run", "--bundle", bundle, name).check(1)
    assert f"{bundle}/config.json has no `process`" in result.stderr
    assert "does not exist" in oci("state", name).check(1).stderr


def test_delete_force(oci):
    """--force ends what runs, and what does not exist is no error."""
    name, _ = oci.begin("sh", "-c", "trap '' TERM; sleep 1000 & sleep 1001")
    pid = oci.state(name)["pid"]
    group = group_of(pid)
    oci("delete", "--force", name).check()
    assert not group.exists() and pid not in hoststate.live_processes()
    oci("delete", "--force", name).check()
    assert list((oci.records / "machines").iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-x=1"])
def test_bad_ids(oci, name):
    """An id is never a path."""
    result = oci("create", "--bundle", oci.bundle(), "--", name).check(1)
    assert "cannot be the id of a container" in result.stderr


def test_program_is_missed_at_create(oci):
    """`create` fails for a program that does not exist, in words that Podman knows, and leaves nothing."""
    bundle = oci.bundle("/no/such/program")
    name = oci.name()
    result = oci("create", "--bundle", bundle, name).check(1)
    assert "/no/such/program" in result.stderr
    assert "executable file not found in $PATH" in result.stderr
    assert "does not exist" in oci("state", name).check(1).stderr
    assert list((oci.records / "machines").iterdir()) == []


@pytest.mark.parametrize("program, reason", [
    ("/tmp", "it is a directory"), ("/etc/passwd", "its mode 0644 has no execute bit"),
    ("/dev/null", "it is not a regular file")])
def test_what_cannot_be_executed_fails_create(oci, program, reason):
    """`create` and `exec` fail at once, in words from which Podman makes the status 126."""
    name = oci.name()
    result = oci("create", "--bundle", oci.bundle(program), name).check(1)
    assert f'cannot execute "{program}": {reason}: Permission denied' in result.stderr
    assert "does not exist" in oci("state", name).check(1).stderr
    running, _ = oci.begin(*STAY)
    result = oci("exec", running, program).check(1)
    assert f'cannot execute "{program}": {reason}: Permission denied' in result.stderr


def test_unwritable_pid_file(oci):
    """A promise that cannot be kept undoes the container."""
    name = oci.name()
    before = hoststate.live_processes()
    result = oci("create", "--bundle", oci.bundle(*STAY), "--pid-file", "/proc/none", name).check(1)
    assert "cannot write the pid file /proc/none" in result.stderr
    assert "does not exist" in oci("state", name).check(1).stderr
    wait_for(lambda: hoststate.live_processes().keys() <= before.keys())


def test_list(oci):
    """`list` has all, as a table, as JSON and as ids."""
    created = oci.create(oci.bundle(*STAY))
    running, _ = oci.begin(*STAY)
    found = {each["id"]: each["status"] for each in
             json.loads(oci("list", "--format", "json").check().stdout)}
    assert found == {created: "created", running: "running"}
    assert set(oci("list", "-q").check().stdout.split()) == {created, running}
    assert re.search(rf"^{running} +\d+ +running", oci("list").check().stdout, re.MULTILINE)


# ---- run ----

def test_run(oci):
    """`run` has the program's output and status, and leaves nothing."""
    with hoststate.HostState().unchanged(ignore=("cgroups",)):
        result = oci("run", "--bundle", oci.bundle("sh", "-c", "cat; id -u; hostname; exit 7"),
                     oci.name(), input="hello\n").check(7)
    assert result.stdout == "hello\n0\nbox\n"
    assert list((oci.records / "machines").iterdir()) == []


def test_run_passes_signals_on(oci):
    """A signal for `run` is one for the program."""
    bundle = oci.bundle("sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    running = oci.start("run", "--bundle", bundle, oci.name())
    running.read_until("ready")
    running.signal(signal.SIGTERM)
    running.wait().check(9)


def test_run_keep_and_detach(oci):
    """--keep leaves a stopped container, --detach one that runs."""
    kept, detached = oci.name(), oci.name()
    oci("run", "--keep", "--bundle", oci.bundle("true"), kept).check()
    assert oci.state(kept)["status"] == "stopped"
    bundle = oci.bundle(*STAY)
    with open(bundle / "output", "wb") as output:
        oci("run", "-d", "--bundle", bundle, "--pid-file", bundle / "pid", detached, stdout=output,
            stderr=output).check()
    assert oci.state(detached)["status"] == "running"
    assert oci.state(detached)["pid"] == int((bundle / "pid").read_text())


def test_run_terminal(oci):
    """`run` relays a terminal of the container's own."""
    bundle = oci.bundle("sh", "-c", "tty; stty size; read line; echo got $line",
                        process_terminal=True)
    terminal = oci.terminal("run", "--bundle", bundle, oci.name(), rows=31, columns=97)
    terminal.read_until(r"/dev/(pts/0|console)")
    terminal.read_until("31 97")
    terminal.send("word\n")
    terminal.read_until("got word")
    assert terminal.wait() == 0


# ---- kill, pause, ps ----

@pytest.mark.parametrize("word", ["15", "TERM", "SIGTERM", None])
def test_kill(oci, word):
    """Signals by number and name; SIGTERM without one."""
    name, bundle = oci.begin("sh", "-c",
                             "trap 'echo caught; exit' TERM; echo ready; "
                             "while :; do sleep 0.05; done")
    wait_for(lambda: oci.output(bundle) == "ready\n")
    oci("kill", name, *([word] if word else [])).check()
    oci.wait_stopped(name)
    assert oci.output(bundle) == "ready\ncaught\n"


def test_kill_all_without_pid_namespace(oci):
    """--all reaches processes that have left the first one."""
    name, _ = oci.begin("sh", "-c", "sleep 1000 & sleep 1000 & wait", linux_namespaces=[
        {"type": each} for each in oci_runtime.NAMESPACES if each != "pid"])
    group = group_of(oci.state(name)["pid"])
    wait_for(lambda: len((group / "cgroup.procs").read_text().split()) == 3)
    oci("kill", "--all", name, "9").check()
    wait_for(lambda: (group / "cgroup.procs").read_text() == "")


def test_pause(oci):
    """Frozen and thawed again; a program is refused meanwhile, and --force deletes all the same."""
    name, _ = oci.begin(*STAY)
    oci("pause", name).check()
    assert oci.state(name)["status"] == "paused"
    assert "it is paused" in oci("exec", name, "true").check(1).stderr
    oci("resume", name).check()
    assert oci.state(name)["status"] == "running"
    oci("exec", name, "true").check()
    oci("pause", name).check()
    oci("delete", "--force", name).check()


def test_ps(oci):
    """The pids of the host, as JSON for containerd."""
    name, _ = oci.begin("sh", "-c", "sleep 1000 & wait")
    pid = oci.state(name)["pid"]
    pids = wait_for(lambda: (found := json.loads(
        oci("ps", "--format", "json", name).check().stdout)) and len(found) == 2 and found)
    assert pid in pids
    assert re.search(rf"^{pid} +sh -c", oci("ps", name).check().stdout, re.MULTILINE)


def test_events_stats(oci):
    """The usage in the form of runc's events."""
    name, _ = oci.begin(*STAY)
    event = json.loads(oci("events", "--stats", name).check().stdout)
    assert event["type"] == "stats" and event["id"] == name
    assert event["data"]["cpu"]["usage"]["total"] >= 0


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_not_supported(oci, verb):
    """What is not there says so, whatever its options are."""
    assert "CRIU" in oci(verb, "--image-path", "/tmp/x", "id").check(1).stderr


# ---- descriptors ----

def test_callers_descriptors_stay_out(oci):
    """Buildah has many open that are not close-on-exec: none reaches the container."""
    bundle = oci.bundle("sh", "-c", "ls /proc/self/fd | wc -l; sleep 1000")
    name = oci.name()
    ends = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(12)]
    try:
        with open(bundle / "output", "wb") as output:
            oci("create", "--bundle", bundle, name, stdout=output, stderr=output,
                pass_fds=ends).check()
    finally:
        for end in ends:
            os.close(end)
    pid = oci.state(name)["pid"]
    assert not [link for link in os.listdir(f"/proc/{pid}/fd")
                if os.readlink(f"/proc/{pid}/fd/{link}") == "/etc/passwd"]
    oci("start", name).check()
    # 0, 1, 2 and the directory itself.
    wait_for(lambda: oci.output(bundle) == "4\n")


@pytest.mark.parametrize("verb", ["create", "exec"])
def test_preserved_descriptors(oci, verb):
    """--preserve-fds passes on exactly the first ones from 3 on."""
    read, write = os.pipe()
    script = "echo 3 >&3; echo 6 >&6; echo 7 >&7; echo done; exec sleep 1000"
    bundle = oci.bundle(*(["sh", "-c", script] if verb == "create" else STAY))
    # They must have these numbers in the caller.
    wrapper = ["bash", "-c", f'exec 3>&{write} 4>&{write} 5>&{write} 6>&{write} 7>&{write}; "$@"',
               "sh"]
    name = oci.name()
    command = (["create", "--preserve-fds", "4", "--bundle", bundle, name] if verb == "create"
               else ["exec", "--detach", "--preserve-fds", "4", name, "sh", "-c", script])
    if verb == "exec":
        oci.create(bundle, name=name)
        oci("start", name).check()
    with open(bundle / "output", "wb") as output:
        oci(*command, wrapper=wrapper, stdout=output, stderr=output, pass_fds=[write]).check()
    if verb == "create":
        oci("start", name).check()
    os.close(write)
    wait_for(lambda: "done" in oci.output(bundle))
    assert os.read(read, 100) == b"3\n6\n"
    os.close(read)
    assert re.search("7: Bad file|7: bad file", oci.output(bundle), re.IGNORECASE)


def test_preserved_descriptor_is_missing(oci):
    """A descriptor that is not open is an error, not another one."""
    result = oci("create", "--preserve-fds", "900", "--bundle", oci.bundle(), oci.name()).check(1)
    assert "is not open" in result.stderr


# ---- terminals ----

@pytest.fixture
def console(workspace):
    """A socket that takes terminals."""
    made = oci_runtime.ConsoleSocket(workspace / "console")
    yield made
    made.close()


def read_terminal(master, pattern):
    """Reads a terminal until its output matches."""
    text = ""
    until = time.monotonic() + 20
    while not re.search(pattern, text):
        assert time.monotonic() < until, text
        text += os.read(master, 4096).decode(errors="replace")
    return text


def test_console_socket(oci, console):
    """The master side arrives before `create` returns; the container has the slave side."""
    bundle = oci.bundle("sh", "-c", "tty; stty size; echo end; sleep 1000", process_terminal=True,
                        process_consoleSize={"height": 33, "width": 99})
    name = oci.create(bundle, "--console-socket", console.path)
    master = console.take()
    oci("start", name).check()
    text = read_terminal(master, "end")
    assert re.search(r"/dev/(pts/0|console)\r\n33 99\r\n", text), text
    assert oci.output(bundle) == ""


def test_console_socket_and_terminal_belong_together(oci, console):
    """One without the other is an error."""
    refused = oci("create", "--bundle", oci.bundle(), "--console-socket", console.path, oci.name())
    assert "process.terminal is not true" in refused.check(1).stderr
    refused = oci("create", "--bundle", oci.bundle(process_terminal=True), oci.name())
    assert "needs --console-socket" in refused.check(1).stderr


def test_exec_console_socket(oci, console):
    """conmon's way: --process, --tty, --detach, a pid file; the program is a child of who reaps."""
    name, bundle = oci.begin(*STAY)
    process = oci_runtime.configuration("/", ["sh", "-c", "tty; read word; echo got $word; exit 5"],
                                        process_terminal=True)["process"]
    (bundle / "process.json").write_text(json.dumps(process))
    oci("exec", "--process", bundle / "process.json", "--detach", "--pid-file", bundle / "pid",
        "--console-socket", console.path, name).check()
    master = console.take()
    pid = int((bundle / "pid").read_text())
    read_terminal(master, "/dev/pts/0")
    os.write(master, b"word\n")
    read_terminal(master, "got word")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5


# ---- exec ----

def test_exec(oci):
    """Input, output and status of a program in the container."""
    name, _ = oci.begin(*STAY, process_cwd="/tmp")
    result = oci("exec", name, "sh", "-c", "cat; hostname; pwd; exit 6", input="in\n").check(6)
    assert result.stdout == "in\nbox\n/tmp\n"


def test_exec_options(oci):
    """--user, --cwd, --env, --cap, --additional-gids, --no-new-privs."""
    name, _ = oci.begin(*STAY, process_noNewPrivileges=False)
    show = "id -u; id -g; id -G; pwd; echo $WORD; grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    result = oci("exec", "--user", "12:34", "--cwd", "/var", "--env", "WORD=x y", "-g", "55",
                 "--cap", "CAP_NET_RAW", "--no-new-privs", name, "sh", "-c", show).check()
    lines = result.stdout.splitlines()
    assert lines[:5] == ["12", "34", "34 55", "/var", "x y"]
    assert int(lines[5].split()[1], 16) & 1 << 13 and lines[6].split()[1] == "1"


def test_exec_process_inherits_nothing(oci):
    """A process.json says everything of its program."""
    name, bundle = oci.begin(*STAY, process_env=["PATH=/bin", "SECRET=1"])
    (bundle / "p.json").write_text(json.dumps({
        "args": ["sh", "-c", "env; grep CapPrm /proc/self/status"], "cwd": "/",
        "env": ["PATH=/bin", "A=1"], "user": {"uid": 0, "gid": 0}}))
    output = oci("exec", "-p", bundle / "p.json", name).check().stdout
    assert "A=1" in output and "SECRET" not in output
    assert re.search(r"CapPrm:\t0{16}$", output, re.MULTILINE)


def test_exec_home(oci, workspace):
    """HOME is that of the user in the container's own files, unless the process names one."""
    oci.rootfs = oci_runtime.copy_root(oci.rootfs, workspace / "root")
    (oci.rootfs / "etc").mkdir(exist_ok=True)
    (oci.rootfs / "etc/passwd").write_text("anna:x:1000:1000::/home/anna:/bin/sh\n")
    name, _ = oci.begin(*STAY)
    for user, home in (("1000", "/home/anna"), ("1234", "/")):
        said = oci("exec", "--user", user, name, "sh", "-c", "echo $HOME").check().stdout
        assert said == f"{home}\n"
    said = oci("exec", "--env", "HOME=/own", "--user", "1000", name, "sh", "-c", "echo $HOME")
    assert said.check().stdout == "/own\n"
    # Whatever is there instead is no reason not to run.
    (oci.rootfs / "etc/passwd").unlink()
    os.mkfifo(oci.rootfs / "etc/passwd")
    oci("exec", "--user", "1000", name, "true").check()


def test_exec_in_created(oci):
    """A program runs in a container that waits; that goes on waiting."""
    name = oci.create(oci.bundle(*STAY))
    assert oci("exec", name, "hostname").check().stdout == "box\n"
    assert oci.state(name)["status"] == "created"
    oci("start", name).check()


def test_waiting_process_is_out_of_reach(oci):
    """A program in a container that waits has the rights of its first process, and cannot look into
    it: not its sockets, nor its memory."""
    name = oci.create(oci.bundle(*STAY))
    result = oci("exec", name, "sh", "-c", "ls -l /proc/1/fd; readlink /proc/1/exe; "
                 "cat /proc/1/maps; : < /proc/1/mem")
    assert "socket:" not in result.stdout and "machine-init" not in result.stdout, result
    assert "heap" not in result.stdout and "ermission denied" in result.stderr, result
    oci("start", name).check()
    assert "socket:" not in oci("exec", name, "ls", "-l", "/proc/1/fd").check().stdout


def test_exec_fails(oci):
    """The reason is the caller's to read; the container lives on, with nothing left in it."""
    name, _ = oci.begin(*STAY)
    result = oci("exec", name, "/no/such").check(1)
    assert "/no/such" in result.stderr and "executable file not found in $PATH" in result.stderr
    assert "working directory" in oci("exec", "--cwd", "/none", name, "true").check(1).stderr
    pid = oci.state(name)["pid"]
    wait_for(lambda: (group_of(pid) / "cgroup.procs").read_text().split() == [str(pid)])


def test_exec_dies_with_caller_before_it_runs(oci):
    """SIGKILL for `exec` at any moment leaves either a program that was asked for, or nothing."""
    name, bundle = oci.begin(*STAY)
    pid = oci.state(name)["pid"]
    for delay in range(0, 20, 2):
        running = oci.start("exec", "--detach", "--pid-file", bundle / f"pid{delay // 2}", name, "sleep",
                            "999", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay / 1000)
        running.signal(signal.SIGKILL)
        running.process.wait()
        known = {int(path.read_text()) for path in bundle.glob("pid?")} | {pid}
        wait_for(lambda: {int(each) for each in (group_of(pid) / "cgroup.procs").read_text().split()}
                 <= known, 5, "what nobody knows of to end")


@pytest.mark.parametrize("verb", ["create", "exec"])
def test_pidfd_socket(oci, console, verb):
    """--pidfd-socket gets a descriptor of the process itself."""
    name = oci.name()
    if verb == "create":
        oci.create(oci.bundle(*STAY), "--pidfd-socket", console.path, name=name)
    else:
        oci.create(oci.bundle(*STAY), name=name)
        oci("start", name).check()
        oci("exec", "--detach", "--pidfd-socket", console.path, name, "sleep", "999",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).check()
    signal.pidfd_send_signal(console.take(), signal.SIGKILL)
    if verb == "create":
        oci.wait_stopped(name)
    else:
        wait_for(lambda: "999" not in oci("ps", name).check().stdout)
        assert oci.state(name)["status"] == "running"


def test_pidfd_socket_is_missing(oci, workspace):
    """An error, and nothing is left."""
    name = oci.name()
    result = oci("create", "--bundle", oci.bundle(*STAY), "--pidfd-socket", workspace / "none",
                 name).check(1)
    assert f"cannot send pidfd to the socket {workspace}/none" in result.stderr
    assert "does not exist" in oci("state", name).check(1).stderr


# ---- update ----

@pytest.mark.parametrize("arguments,words", [
    ([], "expected either --resources FILE or limits as options"),
    (["--memory", "64M", "--resources", "x"], "expected either"),
    (["--memory", "much"], "--memory=much: expected a size"),
    (["--pids-limit", "1.5"], "--pids-limit=1.5: expected a number"),
    (["--memory-swap", "64M"], "memory.swap: the sum of memory and swap needs a limit"),
    (["--kernel-memory", "64M"], "memory.kernel: only cgroup v1"),
    (["--cpu-rt-runtime", "5"], "cpu.realtimeRuntime: only cgroup v1"),
    (["--blkio-weight", "5000"], "blockIO.weight: "),
    (["--cpuset-cpus", "a"], "cpu.cpus: "),
])
def test_update_is_refused(oci, arguments, words):
    """What the options are wrong in is named, as in a document."""
    name, _ = oci.begin(*STAY)
    assert words in oci("update", *arguments, name).check(1).stderr


@pytest.mark.needs("controllers")
def test_update_options(oci):
    """Each limit has an option, as with runc."""
    name, _ = oci.begin(*STAY)
    group = group_of(oci.state(name)["pid"])
    oci("update", "--memory", "64M", "--memory-swap", "96M", "--memory-reservation", "33554432",
        "--cpu-quota", "20000", "--cpu-period", "50000", "--cpu-share", "1024", "--pids-limit", "7",
        "--cpuset-cpus", "0", "--blkio-weight", "10", name).check()
    expected = {"memory.max": "67108864", "memory.swap.max": "33554432", "memory.low": "33554432",
                "cpu.max": "20000 50000", "cpu.weight": "100", "pids.max": "7",
                "cpuset.cpus": "0"}
    assert {file: (group / file).read_text().strip() for file in expected} == expected
    oci("update", "--pids-limit", "-1", name).check()
    assert (group / "pids.max").read_text() == "max\n"
    assert (group / "memory.max").read_text() == "67108864\n"


# ---- the log ----

def test_log_json(oci):
    """containerd reads the reason of a failure from the log's last line."""
    log = oci.bundles / "log.json"
    oci("--log", log, "--log-format", "json", "create", "--bundle", oci.bundle("/no/such"),
        oci.name()).check(1)
    entry = json.loads(log.read_text().splitlines()[-1])
    assert entry["level"] == "error" and "/no/such" in entry["msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", entry["time"])


def test_version(oci):
    """The first line has name and version, another one the specification's."""
    lines = oci("--version").check().stdout.splitlines()
    assert re.fullmatch(r"machine-oci version \d+\.\d+\.\d+", lines[0])
    assert any(re.fullmatch(r"spec: 1\.\d+\.\d+", line) for line in lines)


@pytest.mark.parametrize("arguments", [["nothing"], ["state"], ["state", "--nothing", "x"],
                                       ["kill", "a", "b", "c"]])
def test_usage(oci, arguments):
    """A wrong command line is an error that names what is wrong."""
    assert oci(*arguments).check(1).stderr.startswith("machine-oci: ")


# ---- paused before the start ----

def test_what_is_paused_before_its_start_is_resumed_and_starts(oci):
    name = oci.create(oci.bundle("sleep", "100"))
    oci("pause", name).check()
    assert oci.state(name)["status"] == "paused"
    assert "it is paused" in oci("start", name).stderr
    assert "it is paused" in oci("exec", name, "true").stderr
    oci("resume", name).check()
    assert oci.state(name)["status"] == "created"
    oci("start", name).check()
    assert oci.state(name)["status"] == "running"


@pytest.mark.parametrize("end", [["kill", "KILL"], ["delete", "--force"]])
def test_what_is_paused_before_its_start_can_be_ended(oci, end):
    name = oci.create(oci.bundle("sleep", "100"))
    oci("pause", name).check()
    assert oci("delete", name).status != 0
    oci(end[0], *(end[1:] if end[0] == "delete" else []), name,
        *(end[1:] if end[0] == "kill" else [])).check()
    if end[0] == "kill":
        oci.wait_stopped(name)
        oci("delete", name).check()
    assert oci("state", name).status != 0


# ---- options without effect ----

@pytest.mark.parametrize("options", [["--user", "5"], ["--additional-gids", "5"], ["--cwd", "/tmp"],
                                     ["--env", "A=b"], ["--cap", "CAP_KILL"]])
def test_exec_refuses_what_a_process_file_says_itself(oci, options):
    name, bundle = oci.begin("sleep", "100")
    process = {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}}
    (bundle / "process.json").write_text(json.dumps(process))
    given = ["exec", "--process", bundle / "process.json"]
    assert f"{options[0]} has no effect with --process" in oci(*given, *options, name).stderr
    assert "expected ID COMMAND" in oci(*given, name, "false").stderr
    oci(*given, name).check()
