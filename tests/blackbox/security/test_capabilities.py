# SPDX-License-Identifier: LGPL-2.1-or-later
"""The privileges of a payload: its five capability sets, as the kernel reports them."""

import os
import stat

import pytest

import harness

pytestmark = pytest.mark.owners("root", "user")

NUMBERS = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "FSETID": 4, "KILL": 5,
    "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "LINUX_IMMUTABLE": 9, "NET_BIND_SERVICE": 10,
    "NET_BROADCAST": 11, "NET_ADMIN": 12, "NET_RAW": 13, "IPC_OWNER": 15, "SYS_CHROOT": 18,
    "SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_BOOT": 22, "SYS_NICE": 23, "SYS_RESOURCE": 24,
    "SYS_TTY_CONFIG": 26, "MKNOD": 27, "LEASE": 28, "AUDIT_WRITE": 29, "AUDIT_CONTROL": 30,
    "SETFCAP": 31,
}
MINIMAL = {"CHOWN", "KILL", "NET_BIND_SERVICE"}
SERVICE = MINIMAL | {"DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
                     "SYS_CHROOT"}
SYSTEM = set(NUMBERS) - {"NET_ADMIN"}


def mask(names):
    """The set as a number."""
    return sum(1 << NUMBERS[name] for name in names)


def sets_in(text):
    """The five sets in `/proc/PID/status`."""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: int(fields["Cap" + name], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def run(cli, path):
    """The sets of the machine's payload, cat."""
    return sets_in(cli("run", path).check().stdout)


@pytest.fixture
def sets(cli, machine_file):
    """sets(key=value, ..): the sets of a payload with this definition."""
    return lambda **keys: run(cli, machine_file(command=["cat", "/proc/self/status"], **keys))


def everywhere(number):
    """The expected sets of root for a requested set: no inheritable, no ambient capabilities."""
    return {"Inh": 0, "Prm": number, "Eff": number, "Bnd": number, "Amb": 0}


@pytest.mark.parametrize("profile, names", [
    (None, SERVICE), ("minimal", MINIMAL), ("service", SERVICE),
    ("system", SYSTEM | {"NET_ADMIN"})])
def test_profiles(sets, profile, names):
    """Each profile is exactly its list, in all sets; none is inheritable (CVE-2022-24769)."""
    keys = {"capabilities": {"profile": profile}} if profile else {}
    assert sets(**keys) == everywhere(mask(names))


def test_no_net_admin_over_the_hosts_network(sets):
    """The system profile includes the administration of the machine's own network, not of the
    host's."""
    assert sets(capabilities={"profile": "system"},
                network={"mode": "host"}) == everywhere(mask(SYSTEM))


@pytest.mark.parametrize("init", [True, False])
def test_add_and_drop(sets, init):
    """Profile plus add, minus drop; with and without a stub as PID 1."""
    assert sets(init=init, capabilities={
        "profile": "minimal", "add": ["CAP_NET_RAW", "CAP_SETUID"], "drop": ["CAP_CHOWN"],
    }) == everywhere(mask({"KILL", "NET_BIND_SERVICE", "NET_RAW", "SETUID"}))


def test_all(sets):
    """"all" drops everything, or adds everything that the kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as last:
        every = (1 << (int(last.read()) + 1)) - 1
    assert sets(capabilities={"drop": ["all"]}) == everywhere(0)
    assert sets(capabilities={"add": ["all"]}) == everywhere(every)
    assert sets(capabilities={"drop": ["all"], "add": ["CAP_KILL"]}) == everywhere(mask({"KILL"}))


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_another_user_has_none(sets, no_new_privileges):
    """A payload that is not root only keeps its bounding set."""
    assert sets(user="alice", no_new_privileges=no_new_privileges) == {
        **everywhere(0), "Bnd": mask(SERVICE)}


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_ambient(sets, no_new_privileges):
    """Capabilities that a user keeps are ambient, and inheritable only because the kernel requires
    it."""
    kept = mask({"NET_BIND_SERVICE"})
    assert sets(user="alice", no_new_privileges=no_new_privileges,
                capabilities={"ambient": ["CAP_NET_BIND_SERVICE"]}) == {
        "Inh": kept, "Prm": kept, "Eff": kept, "Bnd": mask(SERVICE), "Amb": kept}
    # Root needs none of that, and nothing becomes inheritable.
    assert sets(capabilities={"ambient": ["CAP_NET_BIND_SERVICE"]}) == everywhere(mask(SERVICE))


@pytest.mark.parametrize("capabilities, word", [
    ({"add": ["CAP_NOSUCH"]}, "CAP_NOSUCH"),
    ({"ambient": ["CAP_SYS_ADMIN"]}, "CAP_SYS_ADMIN"),
    ({"profile": "everything"}, "everything")])
def test_what_makes_no_sense(cli, machine_file, capabilities, word):
    """Errors name unknown capabilities, and ambient ones that the machine lacks."""
    result = cli("run", machine_file(command=["true"], capabilities=capabilities))
    assert result.status in (65, 125), result
    assert word in result.stderr and result.stdout == ""


def test_the_kernel_holds_to_it(cli, machine_file):
    """A dropped capability is one that does not work."""
    command = ["sh", "-c", "mkdir -p /tmp/r/bin; cp /bin/busybox /tmp/r/bin;"
                           "chroot /tmp/r /bin/busybox echo in; chown 33 /tmp/r; stat -c %u /tmp/r"]
    assert cli("run", machine_file(command=command)).check().stdout.split() == ["in", "33"]
    result = cli("run", machine_file(
        command=command, capabilities={"drop": ["CAP_SYS_CHROOT", "CAP_CHOWN"]}))
    assert result.stdout.split() == ["0"], result


def set_user_id_program(root):
    """Installs a program in a root that becomes root for any user."""
    program = root / "bin/become-root"
    program.write_bytes((root / "bin/busybox").read_bytes())
    os.chown(program, 0, 0)
    program.chmod(0o4755)
    assert program.stat().st_mode & stat.S_ISUID
    return ["/bin/sh", "-c", "ln -s /bin/become-root /tmp/cat; /tmp/cat /proc/self/status"]


def test_no_new_privileges(cli, machine_file, own_root):
    """By default a set-user-ID program gains nothing; if it may, no more than the machine has."""
    command = set_user_id_program(own_root)
    found = {}
    for wanted in (None, False):
        keys = {} if wanted is None else {"no_new_privileges": wanted}
        text = cli("run", machine_file(rootfs=own_root, user="alice", command=command,
                                       capabilities={"drop": ["CAP_CHOWN"]}, **keys)).check().stdout
        found[wanted] = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        (own_root / "tmp/cat").unlink()
    assert found[None]["Uid"].split()[1] == "1000" and found[None]["NoNewPrivs"].strip() == "1"
    assert int(found[None]["CapEff"], 16) == 0
    assert found[False]["NoNewPrivs"].strip() == "0"
    assert int(found[False]["CapEff"], 16) in (0, mask(SERVICE - {"CHOWN"}))


def test_stub_has_next_to_nothing(cli, machine_file):
    """PID 1 next to the payload can send signals, and the payload cannot inspect it."""
    result = cli("run", machine_file(
        command=["sh", "-c", "cat /proc/1/status; cat /proc/1/environ && echo readable"]))
    assert sets_in(result.stdout) == everywhere(mask({"KILL"}))
    assert "readable" not in result.stdout, result


@pytest.mark.owners("root")
def test_no_more_than_the_host_has(cli, machine_file):
    """Without a user namespace, a capability that the caller lacks is an error that names it; with
    one it is the machine's own."""
    wrapper = ["setpriv", "--bounding-set=-sys_chroot"]
    keys = {"command": ["cat", "/proc/self/status"]}
    result = cli("run", machine_file(user_namespace="none", **keys), wrapper=wrapper).check(125)
    assert "CAP_SYS_CHROOT" in result.stderr and "user namespace" in result.stderr
    text = cli("run", machine_file(**keys), wrapper=wrapper).check().stdout
    assert sets_in(text) == everywhere(mask(SERVICE))


@pytest.fixture
def running(cli, machine_file):
    """running(key=value, ..): starts a machine "alive" that sleeps, and returns when it is
    running."""

    def start(**keys):
        path = machine_file("alive", command=["sh", "-c", "echo ready; exec sleep 600"], **keys)
        machine = cli.start("run", path)
        machine.read_until("ready")
        # The payload may start before the supervisor has recorded it as running.
        harness.wait_for(lambda: cli("exec", "alive", "true").status == 0, what="a running machine")
        return machine

    return start


@pytest.mark.parametrize("profile, names", [
    ("minimal", MINIMAL), ("service", SERVICE), ("system", SYSTEM | {"NET_ADMIN"})])
def test_exec_has_the_machines_sets(cli, running, profile, names):
    """An additional program has the first one's sets; nothing inheritable (CVE-2022-24769)."""
    running(capabilities={"profile": profile})
    result = cli("exec", "alive", "cat", "/proc/self/status").check()
    assert sets_in(result.stdout) == everywhere(mask(names))
    result = cli("exec", "-u", "alice", "alive", "cat", "/proc/self/status").check()
    assert sets_in(result.stdout) == {**everywhere(0), "Bnd": mask(names)}


def test_exec_is_filtered_and_limited(cli, running):
    """System calls, no_new_privs and resource limits also apply to an additional program."""
    running(limits={"open_files": "100:200"})
    text = cli("exec", "alive", "cat", "/proc/self/status", "/proc/self/limits").check().stdout
    fields = dict(line.split(":\t") for line in text.splitlines() if ":\t" in line)
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    line, = (line for line in text.splitlines() if line.startswith("Max open files"))
    assert line.split()[3:5] == ["100", "200"]
    assert cli("exec", "alive", "unshare", "-r", "true").status != 0


@pytest.mark.parametrize("who", ["1000:", "+1", "-1", ":0", "00", "4294967295", "4294967296",
                                 "0x0", " 0", "1000:1000:0", "mallory"])
def test_exec_never_becomes_root_by_mistake(cli, running, who):
    """Invalid users are refused (CVE-2016-3697)."""
    running()
    result = cli("exec", "-u", who, "alive", "id", "-u")
    assert result.status not in (0, 126, 127) and result.stdout == "", result


@pytest.mark.parametrize("entry", [
    "1000:x:0:0:digits as a name:/root:/bin/sh", "mallory:x:::no numbers:/root:/bin/sh",
    "mallory:x:+0:0::/root:/bin/sh", "mallory:x:4294967296:0::/root:/bin/sh"])
def test_entries_of_the_root_do_not_make_root(cli, machine_file, own_root, entry):
    """A misleading passwd file (CVE-2016-3697)."""
    passwd = own_root / "etc/passwd"
    passwd.write_text(entry + "\n")
    name = entry.split(":")[0]
    result = cli("run", machine_file(rootfs=own_root, user=name, command=["id", "-u"]))
    assert (result.status, result.stdout) == (0, "1000\n") if name == "1000" else (
        result.status == 125 and "mallory" in result.stderr), result


def test_passwd_that_leads_elsewhere(cli, machine_file, own_root):
    """A link, a pipe, a directory or a very long file in its place neither leads out nor
    blocks."""
    passwd = own_root / "etc/passwd"
    path = machine_file(rootfs=own_root, user="alice", command=["id", "-u"])
    passwd.unlink()
    passwd.symlink_to("/proc/1/root/etc/passwd")
    cli("run", path).check(125)
    passwd.unlink()
    os.mkfifo(passwd)
    cli("run", path, timeout=20).check(125)
    passwd.unlink()
    passwd.mkdir()
    cli("run", path).check(125)
    passwd.rmdir()
    passwd.write_text("a" * (5 << 20))
    assert "/etc/passwd" in cli("run", path).check(125).stderr


def test_ping_needs_its_capability(cli, machine_file, debian_root):
    """ping in a machine: refused without NET_RAW; with it, the loopback answers."""
    keys = {"overlay": [debian_root], "upper": "volatile",
            "command": ["ping", "-c", "1", "-W", "5", "127.0.0.1"]}
    cli("run", machine_file(capabilities={"add": ["CAP_NET_RAW"]}, **keys)).check()
