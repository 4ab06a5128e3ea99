# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each member of a bundle's `process` and the rest of config.json does in the container."""

import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import termios
from pathlib import Path

import needs
import pytest


def status(bundle, *names, script="cat /proc/self/status"):
    """Lines of the payload's own status, by name."""
    found = dict(line.split(":", 1) for line in bundle.out(script).splitlines() if ":" in line)
    return [found[name].split() for name in names]


def mask(*numbers):
    """A set of capabilities as in /proc/PID/status."""
    return [f"{sum(1 << number for number in numbers):016x}"]


# ---- process ----

def test_arguments_environment_and_directory(bundle):
    (bundle.root / "work").mkdir()
    bundle.process.update(args=["sh", "-c", 'echo "$0|$1|$A|$PWD"', "zero", "two words"],
                          cwd="/work", env=bundle.process["env"] + ["A=b c"])
    assert bundle.run().stdout == "zero|two words|b c|/work\n"


def test_a_missing_directory_is_made(bundle):
    bundle.process.update(cwd="/new/deep", args=["pwd"])
    assert bundle.run().stdout == "/new/deep\n"


def test_the_environment_is_the_bundles_and_home(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["args"] = ["/bin/env"]
    lines = sorted(bundle.run().stdout.splitlines())
    assert lines == ["HOME=/home/alice", bundle.process["env"][0]]


def test_user_groups_and_umask(bundle):
    bundle.process["user"] = {"uid": 7, "gid": 8, "additionalGids": [9, 5000], "umask": 0o027}
    assert bundle.out("id -u; id -g; umask; grep Groups /proc/self/status").split() == [
        "7", "8", "0027", "Groups:", "9", "5000"]


@pytest.mark.parametrize("value, groups", [("1", ["9000", "9001"]), ("0", ["9"])])
def test_the_callers_groups(bundle, value, groups):
    """What Podman asks for with --group-add=keep-groups."""
    bundle.process["user"] = {"uid": 7, "gid": 8, "additionalGids": [9]}
    bundle.config["annotations"] = {"run.oci.keep_original_groups": value}
    shown = bundle.run(script="grep Groups /proc/self/status", extra_groups=[9001, 9000]).stdout
    assert shown.split()[1:] == groups


def test_a_umask_that_is_not_set_is_usual(bundle):
    assert bundle.out("umask") == "0022"


def test_five_sets_as_they_are(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL"],
        "inheritable": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_CHOWN"]}
    # execve(2) gives another user than root what is ambient.
    assert status(bundle, "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") == [
        mask(0, 5), mask(0), mask(0), mask(0, 5, 7), mask(0)]


def test_root_gets_what_is_bounding(bundle):
    bundle.process["capabilities"] = {"bounding": ["CAP_KILL", "CAP_CHOWN"],
                                      "permitted": ["CAP_KILL"], "effective": []}
    bundle.process["noNewPrivileges"] = False
    assert status(bundle, "CapInh", "CapPrm", "CapBnd") == [mask(), mask(0, 5), mask(0, 5)]


def test_without_capabilities_there_are_none(bundle):
    del bundle.process["capabilities"]
    assert status(bundle, "CapPrm", "CapBnd") == [mask(), mask()]


def test_capabilities_that_cannot_be_granted_are_warnings(bundle):
    """In the log: standard error is the container's."""
    bundle.process["capabilities"] = {"bounding": ["CAP_KILL", "CAP_NOSUCH"],
                                      "effective": ["CAP_CHOWN"], "ambient": ["CAP_KILL"]}
    assert bundle.run("/bin/true").stderr == ""
    log = bundle.directory / "log"
    bundle("--log", log, "run", "--bundle", bundle.directory, bundle.id).check()
    said = log.read_text()
    assert "CAP_NOSUCH is not given to the payload (process.capabilities.bounding)" in said
    assert "CAP_CHOWN is not given to the payload (process.capabilities.effective)" in said
    assert "CAP_KILL is not given to the payload (process.capabilities.ambient)" in said


@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges(bundle, wanted):
    bundle.process["noNewPrivileges"] = wanted
    assert status(bundle, "NoNewPrivs") == [[str(int(wanted))]]


def test_resource_limits(bundle):
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}]
    lines = bundle.out("cat /proc/self/limits")
    assert re.search(r"Max open files +100 +200 ", lines)
    assert re.search(r"Max core file size +0 +unlimited ", lines)


@pytest.mark.parametrize("score", [0, 321])
def test_oom_score(bundle, score):
    bundle.process["oomScoreAdj"] = score
    assert bundle.out("cat /proc/self/oom_score_adj") == str(score)


def test_scheduler_and_io_priority(bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5,
                                   "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    pid = bundle.start("/bin/sleep", "100")
    assert os.sched_getscheduler(pid) == os.SCHED_BATCH | os.SCHED_RESET_ON_FORK
    assert os.getpriority(os.PRIO_PROCESS, pid) == 5
    # ioprio_get(2) of one process; the class is in the upper three of sixteen bits.
    assert ctypes.CDLL(None).syscall(252, 1, pid) >> 13 == 3


def test_real_time_scheduler(bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_RR", "priority": 3}
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        bundle.refused("process.scheduler")
        return
    pid = bundle.start("/bin/sleep", "100")
    assert os.sched_getscheduler(pid) == os.SCHED_RR
    assert os.sched_getparam(pid).sched_priority == 3


def test_terminal_and_its_size(bundle):
    bundle.process.update(terminal=True, consoleSize={"height": 33, "width": 77},
                          args=["/bin/sh", "-c", "tty; ls -l /dev/console; sleep 100"])
    bundle.write()
    bundle.started.append(bundle.id)
    path = bundle.directory / "console.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        bundle("create", "--bundle", bundle.directory, "--console-socket", path,
               bundle.id).check()
        connection, _ = listener.accept()
        with connection:
            master = socket.recv_fds(connection, 100, 1)[1][0]
    with os.fdopen(master, "rb", buffering=0) as terminal:
        size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        assert struct.unpack("4H", size)[:2] == (33, 77)
        bundle("start", bundle.id).check()
        text = b""
        while text.count(b"\n") < 2:
            text += terminal.read(100)
    lines = text.decode().splitlines()
    assert lines[0].startswith("/dev/pts/")
    assert lines[1].startswith("crw")


def test_console_size_without_a_terminal_is_ignored(bundle):
    bundle.process.update(terminal=False, consoleSize={"height": 33, "width": 77})
    bundle.run("/bin/true")


# ---- root, names, the rest ----

def test_root_is_read_only(bundle):
    bundle.config["root"]["readonly"] = True
    assert "Read-only" in bundle.run(script="touch /x", status=1).stderr
    assert not (bundle.root / "x").exists()


def test_root_is_written_in_place(bundle):
    bundle.run(script="echo text > /x")
    assert (bundle.root / "x").read_text() == "text\n"


def test_root_by_an_absolute_path(bundle):
    bundle.config["root"]["path"] = str(bundle.root)
    bundle.run("/bin/true")


def test_names(bundle):
    bundle.config.update(hostname="some-name", domainname="some.domain")
    assert bundle.out("hostname; cat /proc/sys/kernel/domainname").split() == [
        "some-name", "some.domain"]


def test_a_name_of_the_host_is_refused(bundle):
    bundle.without("uts")
    bundle.config["hostname"] = "x"
    bundle.refused("hostname: this would change the host's name")


def test_unknown_members_are_ignored_and_shown_when_asked(bundle):
    bundle.config["shape"] = {"round": True}
    bundle.process["colour"] = "red"
    bundle.write()
    quiet = bundle("run", "--bundle", bundle.directory, bundle.id).check()
    assert quiet.stderr == ""
    loud = bundle("--debug", "run", "--bundle", bundle.directory, bundle.id).check()
    assert "process.colour" in loud.stderr and "shape" in loud.stderr


def test_annotations_are_in_the_state(bundle):
    bundle.config["annotations"] = {"org.example.key": "value"}
    bundle.start("/bin/sleep", "100")
    state = json.loads(bundle("state", bundle.id).check().stdout)
    assert state["annotations"] == {"org.example.key": "value"}


def test_errors_have_file_line_and_path(bundle):
    bundle.linux["resources"] = {"memory": {"swappiness": 5}}
    result = bundle.refused("linux.resources.memory.swappiness: only cgroup v1 has it")
    line = int(re.search(r"config\.json:(\d+): ", result.stderr)[1])
    text = (bundle.directory / "config.json").read_text().splitlines()
    assert "swappiness" in text[line - 1]


@pytest.mark.parametrize("text", ["", "{", "[]", "\0", '{"ociVersion": "1.0.0"}', "{" * 3000])
def test_what_is_no_configuration_is_an_error(bundle, text):
    bundle.write(text)
    result = bundle("run", "--bundle", bundle.directory, bundle.id)
    assert result.status == 1 and "config.json" in result.stderr


def test_a_missing_bundle(bundle, workspace):
    result = bundle("run", "--bundle", workspace / "none", bundle.id)
    assert result.status == 1 and "none" in result.stderr


def test_features_lists_what_is_done(bundle):
    features = json.loads(bundle("features").check().stdout)
    assert features["ociVersionMin"] == "1.0.0"
    assert "rro" in features["mountOptions"] and "mand" not in features["mountOptions"]
    linux = features["linux"]
    assert set(linux["namespaces"]) == {"cgroup", "ipc", "mount", "network", "pid", "time", "user",
                                        "uts"}
    assert "CAP_SYS_ADMIN" in linux["capabilities"]
    assert "SCMP_ACT_NOTIFY" in linux["seccomp"]["actions"]
    assert linux["intelRdt"]["enabled"] is False
    assert linux["cgroup"]["v1"] is False and linux["cgroup"]["v2"] is True


def test_the_bundle_of_spec_runs(bundle, tmp_path):
    bundle("spec", cwd=bundle.directory).check()
    bundle.config = json.loads((bundle.directory / "config.json").read_text())
    bundle.process.update(terminal=False)
    assert bundle.out("hostname") == "container"


# ---- process.json of a program that joins ----

def execute(bundle, process, status=0):
    """What a program with a process.json prints."""
    file = bundle.directory / "process.json"
    file.write_text(json.dumps(process))
    return bundle("exec", "--process", file, bundle.id).check(status)


def test_a_process_of_its_own(bundle):
    bundle.process.update(env=bundle.process["env"] + ["OF=container"], noNewPrivileges=True)
    bundle.start("/bin/sleep", "100")
    result = execute(bundle, {
        "cwd": "/tmp", "args": ["sh", "-c", "id -u; umask; pwd; echo $OF$OWN; ulimit -n; "
                                "grep -E 'CapEff|NoNew' /proc/self/status"],
        "env": bundle.process["env"][:1] + ["OWN=x"],
        "user": {"uid": 5, "gid": 6, "umask": 0o77},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}],
        "capabilities": {name: ["CAP_KILL"] for name in ("bounding", "permitted", "inheritable",
                                                         "ambient")}})
    assert result.stdout.split() == ["5", "0077", "/tmp", "x", "77", "CapEff:", *mask(5),
                                     "NoNewPrivs:", "0"]


def test_what_belongs_to_the_container_is_inherited(bundle):
    if os.uname().machine == "x86_64":
        bundle.linux["personality"] = {"domain": "LINUX32"}
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    bundle.start("/bin/sleep", "100")
    result = execute(bundle, {"cwd": "/", "args": ["sh", "-c", "uname -m; mkdir /tmp/x"],
                              "env": bundle.process["env"], "user": {"uid": 0, "gid": 0}}, status=1)
    assert "No space left" in result.stderr
    if os.uname().machine == "x86_64":
        assert result.stdout == "i686\n"


@pytest.mark.skipif(os.cpu_count() < 2, reason="needs two processors")
def test_cpus_of_programs_that_join(bundle):
    bundle.process["execCPUAffinity"] = {"initial": "0", "final": "1"}
    show = ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"]
    pid = bundle.start("/bin/sleep", "100")
    assert len(os.sched_getaffinity(pid)) > 1, "it is not for the first process"
    process = {"cwd": "/", "args": show, "env": bundle.process["env"],
               "user": {"uid": 0, "gid": 0}}
    assert execute(bundle, process).stdout.split()[-1] == "1"
    process["execCPUAffinity"] = {"initial": "0"}
    assert execute(bundle, process).stdout.split()[-1] == "0"


def test_a_wrong_process_is_refused_by_its_path(bundle):
    bundle.start("/bin/sleep", "100")
    result = execute(bundle, {"cwd": "/", "args": ["x"], "user": {"uid": -1, "gid": 0}}, status=1)
    assert "process.json:1: user.uid: " in result.stderr


# ---- the specification's schema ----

# From Debian's package golang-github-opencontainers-specs-dev, which knows version 1.0 on Debian 12.
# tests/suites/fetch gets a newer one with examples; OCI_RUNTIME_SPEC names a checkout.
PACKAGED = Path("/usr/share/gocode/src/github.com/opencontainers/runtime-spec")
CHECKOUT = Path(os.environ.get("OCI_RUNTIME_SPEC") or needs.SUITES / "runtime-spec")
SCHEMA = (CHECKOUT if CHECKOUT.is_dir() else PACKAGED) / "schema"


def violations(name, document):
    """What a document has that the schema does not allow."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((SCHEMA / name).read_text())
    resolver = jsonschema.RefResolver(base_uri=(SCHEMA / name).as_uri(), referrer=schema)
    validator = jsonschema.Draft4Validator(schema, resolver=resolver)
    return [f"{list(found.path)}: {found.message}" for found in validator.iter_errors(document)]


def schema(name):
    """A test that needs a file of the schema."""
    return pytest.mark.skipif(not (SCHEMA / name).exists(), reason=f"{SCHEMA} has no {name}")


@schema("config-schema.json")
def test_spec_follows_the_schema(bundle):
    bundle("spec", cwd=bundle.directory).check()
    written = json.loads((bundle.directory / "config.json").read_text())
    assert violations("config-schema.json", written) == []


@schema("state-schema.json")
def test_states_follow_the_schema(bundle):
    bundle.start("/bin/sleep", "100")
    state = json.loads(bundle("state", bundle.id).check().stdout)
    assert violations("state-schema.json", state) == []
    assert violations("state-schema.json", {**state, "status": 1}) != []


# Version 1.1 brought this file and what the configuration below has.
@schema("features-schema.json")
def test_newer_documents_follow_the_schema(bundle):
    found = violations("features-schema.json", json.loads(bundle("features").check().stdout))
    # The list of architectures grows with each version.
    assert [each for each in found if "'archs'" not in each] == []
    good = Path(__file__).resolve().parents[2] / "fuzz/corpus/oci_bundle/config.json"
    assert violations("config-schema.json", json.loads(good.read_text())) == []


@schema("test/config")
@pytest.mark.parametrize("kind", ["good", "bad"])
def test_examples_of_the_specification(bundle, kind):
    """Good ones may be refused for what they ask for, but not for their form."""
    for path in sorted((SCHEMA / "test/config" / kind).glob("*.json")):
        if path.name.startswith(("freebsd", "zos")):
            continue
        bundle.write(path.read_text())
        result = bundle("run", "--bundle", bundle.directory, bundle.id)
        assert result.status == 1
        if kind == "good":
            assert "this must be" not in result.stderr and "not an object" not in result.stderr
