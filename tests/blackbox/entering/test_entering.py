# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that enter a machine are out of its reach: an attacker inside (attacker.c) attacks all of
them while programs, terminals, health commands and copies enter.

docs/entering.md has the table of these processes; each row has its attack here.
"""

import os
import re
import shutil
import subprocess

import harness
import pytest

pytestmark = [pytest.mark.needs("root", "cgroup2"), pytest.mark.owners("root", "user")]

SOURCE = harness.SOURCE / "tests/blackbox/support/attacker.c"
# Of each kind of entering; the variants together make three hundred.
ROUNDS = int(os.environ.get("MACHINECTL_LITE_TEST_ROUNDS", "43"))
# A look-up passes at most 40 links (MAXSYMLINKS of the kernel), each to a path of many components.
LINKS, DEPTH = 38, 150

VARIANTS = {
    "default": {},
    "every capability": {"capabilities": {"add": ["all"]}},
    "same user": {"user": "alice"},
    "ids of the host": {"user_namespace": "none"},
    "nothing to lose": {"user_namespace": "none", "capabilities": {"drop": ["all"]}},
    "no stub": {"init": False},
    "new privileges": {"no_new_privileges": False},
}


@pytest.fixture(scope="module")
def attacker(tmp_path_factory):
    """The attacker, a static program."""
    compiler = shutil.which("musl-gcc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("needs a C compiler")
    program = tmp_path_factory.mktemp("attacker") / "attacker"
    subprocess.run([compiler, "-static", "-O2", "-Wall", "-Wextra", "-Werror",
                    "-Wno-unused-parameter", "-D_GNU_SOURCE", "-o", program, SOURCE], check=True)
    return program


def _chain(directory, name, end):
    """A path in the machine that takes the kernel long to resolve."""
    below = "d/" * DEPTH
    (directory / below).mkdir(parents=True, exist_ok=True)
    target = end
    for number in range(LINKS):
        (directory / below / f"{name}{number}").symlink_to(target)
        target = f"/slow/{below}{name}{number}"
    return target


@pytest.fixture
def layer(workspace, attacker):
    """A layer with the attacker, in which whatever is looked at is slow: homes, the directories of
    PATH, the file of users."""
    top = workspace / "hostile"
    (top / "bin").mkdir(parents=True)
    shutil.copy(attacker, top / "bin/attacker")
    slow = top / "slow"
    (top / "etc").mkdir()
    (slow / "users").mkdir(parents=True)
    comments = "".join(f"nobody{number}:x:{number}:{number}::/:/bin/false\n"
                       for number in range(20000, 30000))
    (slow / "users/passwd").write_text(f"root:x:0:0:root:{_chain(slow, 'home', '/')}:/bin/sh\n"
                                       f"{comments}"
                                       f"alice:x:1000:1000::{_chain(slow, 'hers', '/tmp')}:/bin/sh\n")
    (top / "etc/passwd").symlink_to(_chain(slow, "list", "/slow/users/passwd"))
    (top / "programs").symlink_to(_chain(slow, "bin", "/bin"))
    return top


@pytest.fixture
def machine(cli, machine_file, layer, busybox_root, request):
    """A machine whose payload is the attacker."""
    name = f"prey-{os.getpid()}"
    cli("start", machine_file(name, overlay=[layer, busybox_root], upper="volatile",
                              command=["/bin/attacker", "watch"], environment=["PATH=/programs:/bin"],
                              health={"command": ["true"], "interval": "20ms",
                                      "timeout": "5s"},
                              stop={"timeout": "10s"}, **VARIANTS[request.param])).check()
    harness.wait_for(lambda: "watching" in cli("logs", name).stdout, what="the attacker")
    yield name
    cli("delete", "--force", name)


def _often(cli, count, *arguments, before=""):
    """Runs a command many times in one shell: how often it succeeded."""
    script = f'n=0; i=0; while [ $i -lt {count} ]; do {before} "$@" >/dev/null 2>&1 </dev/null' \
             " && n=$((n + 1)); i=$((i + 1)); done; echo $n"
    command = ["sh", "-c", script, "sh", *cli.command(*arguments)]
    return subprocess.Popen(command, env=cli.environment, stdout=subprocess.PIPE, text=True)


def _numbers(text):
    return {key: int(value) for key, value in re.findall(r"^(seen|tried|equal) (\d+)$", text,
                                                         re.MULTILINE)}


def _hits(text):
    return [line for line in text.splitlines() if "HIT " in line]


def _enter_in_every_way(cli, name, closed):
    """All in parallel, one per processor of the host. Returns how often each succeeded."""
    (closed / "file").write_text("of the host\n")
    kinds = {
        "exec": _often(cli, ROUNDS, "exec", name, "true"),
        "exec -u": _often(cli, ROUNDS, "exec", "-u", "alice", name, "true"),
        "shell": _often(cli, ROUNDS, "shell", name),
    }
    done = {kind: int(process.communicate(timeout=120)[0]) for kind, process in kinds.items()}
    kinds = {
        "exec -t": _often(cli, ROUNDS, "exec", "-t", name, "true"),
        "copy-to": _often(cli, ROUNDS, "copy-to", name, closed / "file", "/tmp/file"),
        "copy-from": _often(cli, ROUNDS, "copy-from", name, "/bin/attacker", closed / "back"),
    }
    return {**done, **{kind: int(process.communicate(timeout=120)[0])
                       for kind, process in kinds.items()}}


@pytest.mark.parametrize("machine", VARIANTS, indirect=True)
def test_nothing_that_enters_is_within_reach(cli, machine, closed, owner, request):
    done = _enter_in_every_way(cli, machine, closed)
    if owner == "user" and "user_namespace" in VARIANTS[request.node.callspec.params["machine"]]:
        # Its only id is his own.
        assert done.pop("exec -u") == 0
    cli("stop", machine).check()
    said = cli("logs", machine).check().stdout
    numbers = _numbers(said)
    assert not _hits(said), said
    # The attack was effective: it saw most processes, and reached those without protection.
    assert min(done.values()) > ROUNDS // 4, done
    assert numbers["seen"] > ROUNDS and numbers["equal"] > 0, said


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "no stub"])
def test_the_stub_is_not_within_reach_of_its_payload(cli, machine_file, layer, busybox_root,
                                                     variant):
    """From the payload's first instruction on."""
    path = machine_file(overlay=[layer, busybox_root], upper="volatile",
                        command=["/bin/attacker", "once"], **VARIANTS[variant])
    for _ in range(ROUNDS):
        said = cli("run", path).stdout
        assert not _hits(said), said
        assert _numbers(said)["tried"] > 0


SECRET = "only-on-the-command-line"
# What all users may read of PID 1, and what none may.
LOOK = ("tr '\\0' ' ' </proc/1/cmdline; echo; cat /proc/1/comm;"
        "for file in environ exe maps auxv cwd root fd/0 map_files mem; do"
        " cat /proc/1/$file >/dev/null 2>&1 && echo readable $file;"
        " readlink /proc/1/$file >/dev/null && echo link $file; done; ls /proc/1/fd; true")


SHOW = "tr '\\0' ' ' </proc/1/cmdline; echo; cat /proc/1/environ"


@pytest.mark.parametrize("way", ["run", "start"])
@pytest.mark.parametrize("variant", ["default", "every capability", "same user", "ids of the host"])
def test_the_stub_has_nothing_of_the_command_that_started_it(cli, machine_file, owner, way, variant):
    """It is a copy of that command: neither its arguments nor its memory or files can be read. A
    user's is executed anew, with nothing of the command."""
    name = f"copy-{os.getpid()}"
    executed = owner == "user" and "capabilities" in VARIANTS[variant]
    path = machine_file(name, command=["sh", "-c", SHOW if executed else LOOK], **VARIANTS[variant])
    arguments = [way, "--set", f'description="{SECRET}"', path]
    environment = {"MACHINECTL_LITE_TEST": SECRET}
    if way == "run":
        said = cli(*arguments, env=environment).check().stdout
    else:
        cli(*arguments, env=environment).check()
        harness.wait_for(lambda: "machine-init" in cli("logs", name).stdout, what="its output")
        said = cli("logs", name).stdout
        cli("delete", "--force", name)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    assert "machine-init" in lines[0] and SECRET not in said and "/" not in lines[0], said
    assert not [line for line in lines if line.startswith(("readable", "link"))], said


def test_a_stub_within_reach_is_executed(cli, machine_file):
    """Without a user namespace CAP_SYS_PTRACE reaches everything: then the executable of PID 1 is
    not the host's command, and cannot be written to."""
    script = "wc -c </proc/1/exe; (: 3>>/proc/1/exe) 2>/dev/null || echo refused"
    said = cli("run", machine_file(command=["sh", "-c", script], user_namespace="none",
                                   capabilities={"add": ["CAP_SYS_PTRACE"]})).check().stdout
    assert int(said.split()[0]) < os.path.getsize(cli.binary) / 4 and "refused" in said, said
