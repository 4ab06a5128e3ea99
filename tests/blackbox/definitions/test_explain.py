# SPDX-License-Identifier: LGPL-2.1-or-later
"""`explain`: what it says of a start is what a start does, and what it says of a running machine is
what the kernel says."""

import json
import os
import re

import harness
import pytest

# The lines of --debug: steps of the parent, and indented those of the child.
STEP = re.compile(r'write\(2, "\[[^]]*ms\] ( *)([a-z-]+): done')
FOREVER = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]


def steps_of(cli, path):
    """The steps of `explain --json`."""
    return json.loads(cli("explain", "--json", path).check().stdout)["steps"]


def running(cli, name):
    """The output of `explain --running --json`."""
    return json.loads(cli("explain", "--running", "--json", name).check().stdout)


def everything(machine_file):
    """A machine that needs most steps of a start in the foreground."""
    return machine_file(
        f"explained-{os.getpid()}", command=["true"], hostname="explained", user="alice",
        mounts=[{"source": "/usr", "target": "/mnt/usr", "read_only": True}],
        credentials=[{"name": "word", "value": "secret"}], environment=["A=1"],
        sysctl=["net.ipv4.ip_default_ttl=100"], limits={"open_files": "100:100"},
        network={"mode": "bridge"}, ports=["127.0.0.1:18733:80"])


def test_the_steps_are_those_of_a_start(cli, machine_file):
    path = everything(machine_file)
    told = [(step["step"], step["in_machine"]) for step in steps_of(cli, path)]
    listed = [(step["step"], step["in_machine"])
              for step in json.loads(cli("run", "--dry-run", "--json", path).check().stdout)]
    assert told == listed and len(told) > 30
    text = cli("explain", path).check().stdout
    for number, (name, inside) in enumerate(told, 1):
        assert f"\n{number}. {name}{' (in the machine)' if inside else ''}\n" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_step_shows_the_lines_that_it_follows(cli, machine_file):
    path = machine_file("web", command=["true"], hostname="lines", limits={"open_files": 64})
    found = {step["step"]: step["settings"] for step in steps_of(cli, path)}
    [name] = found["hostname"]
    assert (name["key"], name["value"]) == ("hostname", '"lines"')
    assert name["file"] == str(path)
    assert "lines" in path.read_text(encoding="utf-8").splitlines()[name["line"] - 1]
    assert {"key": "limits.open_files"}.items() <= found["resources"][0].items()
    assert not [setting for setting in found["limits"] if setting["key"] == "limits.open_files"]
    text = " ".join(cli("explain", path).stdout.split())
    assert f'hostname = "lines" ({path}:{name["line"]})' in text


def calls_by_step(trace):
    """{(step, in the machine): names of calls} of each process that reports steps, up to each
    report; and the names of all."""
    found, recent, everywhere = {}, {}, set()
    for line in trace.splitlines():
        call = re.match(r"(\d+) +(\w+)\(", line)
        if not call:
            continue
        pid, name = call.groups()
        name = {"open": "openat", "execveat": "execve", "fork": "clone3"}.get(name, name)
        everywhere.add(name)
        recent.setdefault(pid, set()).add(name)
        report = STEP.search(line)
        if report:
            found[report[2], bool(report[1])] = recent.pop(pid)
    return found, everywhere


# Done by another process: the maker, the payload's, or a program for the firewall.
ELSEWHERE = {"namespaces", "clone", "payload-process", "init", "network-attach"}


@pytest.mark.needs("root", "program:strace")
@pytest.mark.slow
def test_the_system_calls_are_made(cli, machine_file, workspace):
    """Each call that a step is said to make is made in that step, traced by strace."""
    path = everything(machine_file)
    log = workspace / "trace"
    cli("run", "--debug", path, cgroup2=True,
        wrapper=["strace", "-f", "-qq", "-s", "100", "-o", log]).check()
    traced, everywhere = calls_by_step(log.read_text(encoding="utf-8", errors="replace"))
    # Without a limit in the definition none is written.
    optional = {("limits", "write")}
    wrong = []
    for step in steps_of(cli, path):
        name = step["step"]
        made = everywhere if name in ELSEWHERE else traced[name, step["in_machine"]]
        wrong += [(name, call) for call in step["system_calls"]
                  if call not in made and (name, call) not in optional]
    assert not wrong


def test_without_a_definition(cli):
    done = cli("explain", "--rootfs", "/", "--set", 'command=["true"]').check()
    assert ". enter-root (in the machine)\n" in done.stdout


@pytest.mark.parametrize("arguments, reason", [
    ([], "expected one machine"),
    (["a", "b"], "expected one machine"),
    (["--running", "web", "--memory", "1G"], "settings do not go with --running"),
])
def test_a_wrong_command_line(cli, arguments, reason):
    assert reason in cli("explain", *arguments).check(64).stderr


def test_a_machine_that_does_not_run(cli, machine_file):
    machine_file("web", command=["true"])
    assert "web" in cli("explain", "--running", "web").check(66).stderr


def namespaces_of(pid):
    """{kind: number} as /proc shows them."""
    return {kind: os.stat(f"/proc/{pid}/ns/{kind}").st_ino
            for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")}


@pytest.mark.needs("root")
def test_running(cli, machine_file):
    """Against /proc, read by the test itself."""
    name = f"explained-{os.getpid()}"
    path = machine_file(name, command=FOREVER, capabilities={"profile": "minimal"},
                        limits={"open_files": "100:100"},
                        mounts=[{"source": "/usr", "target": "/mnt/usr", "read_only": True}])
    cli("start", name).check()
    shown = running(cli, name)
    found = {item["kind"]: item["number"] for item in shown["namespaces"]}
    assert found == namespaces_of(shown["pid"])
    assert not any(item["of_host"] or item["shared_with"] for item in shown["namespaces"])
    status = dict(line.split(":\t", 1) for line in
                  open(f"/proc/{shown['payload']}/status", encoding="utf-8").read().splitlines())
    assert len(shown["rights"]["effective"]) == int(status["CapEff"], 16).bit_count()
    assert shown["rights"]["filtered"] and shown["rights"]["no_new_privileges"]
    assert all(item["allows"] for item in shown["rights"]["bounding"])
    assert {"key": "seccomp.profile", "value": '"default"'} in shown["rights"]["settings"]
    assert status["Name"] == "sh"
    places = {mount["target"]: mount for mount in shown["mounts"]}
    with open(f"/proc/{shown['pid']}/mountinfo", encoding="utf-8") as mountinfo:
        assert set(places) == {line.split()[4] for line in mountinfo}
    assert places["/mnt/usr"]["step"] == "mounts"
    assert places["/mnt/usr"]["place"]["file"] == str(path)
    assert all(mount["step"] for mount in shown["mounts"])
    [files] = [limit for limit in shown["limits"]["of_processes"] if
               limit["name"] == "RLIMIT_NOFILE"]
    assert files["value"] == "100" and files["place"]["file"] == str(path)
    text = cli("explain", "--running", name).check().stdout
    assert f"RLIMIT_NOFILE      100; limits.open_files  ({path}:{files['place']['line']})" in text
    cli("stop", "--now", name).check()


@pytest.mark.needs("root", "controllers")
def test_limits_of_the_group(cli, machine_file):
    name = f"explained-{os.getpid()}"
    path = machine_file(name, command=FOREVER, limits={"memory": "64M", "tasks": 50})
    cli("start", name).check()
    shown = {limit["name"]: limit for limit in running(cli, name)["limits"]["of_group"]}
    assert shown["memory.max"]["value"] == str(64 << 20)
    assert shown["memory.max"]["place"]["file"] == str(path)
    assert shown["memory.swap.max"]["key"] == "limits.memory"
    assert shown["pids.max"]["value"] == "50"
    assert shown["cpu.weight"]["place"] is None
    cli("stop", "--now", name).check()


@pytest.mark.needs("root")
def test_a_shared_network_and_that_of_the_host(cli, machine_file):
    name = f"explained-{os.getpid()}"
    machine_file(name, command=FOREVER)
    machine_file(name + "-guest", command=FOREVER, network={"mode": f"machine:{name}"})
    machine_file(name + "-open", command=FOREVER, network={"mode": "host"})
    for machine in name, name + "-guest", name + "-open":
        cli("start", machine).check()
    shared = {item["kind"]: item["shared_with"] for item in running(cli, name)["namespaces"]}
    assert shared["net"] == [name + "-guest"] and shared["mnt"] == []
    assert f"shared with {name}-guest" in cli("explain", "--running", name).check().stdout
    of_host = [item["kind"] for item in running(cli, name + "-open")["namespaces"]
               if item["of_host"]]
    assert of_host == ["net"]
    cli("stop", "--now", name + "-guest", name + "-open", name).check()


@pytest.mark.needs("root")
def test_the_way_to_a_port(cli, machine_file):
    """Nobody listens on the second one."""
    name = f"explained-{os.getpid()}"
    machine_file(name, command=["httpd", "-f", "-p", "80", "-h", "/var/www"],
                 network={"mode": "bridge"}, ports=["18734:80", "18735:81"])
    cli("start", name).check()
    harness.wait_for(lambda: "a program listens" in cli("explain", "--running", name).stdout)
    web, other = running(cli, name)["ports"]
    assert web["port"] == "18734:80/tcp"
    assert "nftables" in web["way"][0] and "the rule is there" in web["way"][0]
    assert "bridge mlb" in web["way"][1] and web["way"][1].endswith(": up")
    assert web["way"][2].endswith("eth0 in the machine: up")
    assert web["way"][3].endswith("port 80 of the machine: a program listens")
    assert other["way"][3].endswith("NOTHING LISTENS, connections are refused")
    cli("stop", "--now", name).check()


@pytest.mark.needs("root")
def test_as_a_user(user, busybox_root):
    path = user.define("web", overlay=[user.copy_root(busybox_root)], command=FOREVER,
                       network={"mode": "none"})
    inside = [step["step"] for step in steps_of(user, path) if step["in_machine"]]
    listed = [step["step"] for step in
              json.loads(user("run", "--dry-run", "--json", path).check().stdout)
              if step["in_machine"]]
    assert inside == listed
    user("start", "web").check()
    shown = running(user, "web")
    assert {item["kind"]: item["number"] for item in shown["namespaces"]} == namespaces_of(
        shown["pid"])
    assert [item["kind"] for item in shown["namespaces"] if item["of_host"]] == []
    assert shown["rights"]["filtered"] and shown["settings_known"]
    assert shown["limits"]["of_processes"]
    user("explain", "--running", "web").check()
    user("stop", "--now", "web").check()


@pytest.mark.needs("root")
def test_the_steps_of_a_user(user, busybox_root):
    """A dry run lists what the start does for this caller."""
    path = user.define("web", overlay=[user.copy_root(busybox_root)], command=["true"],
                       network={"mode": "host"})
    listed = user("run", "--dry-run", path).check().stdout
    assert "abstract-sockets" in listed
    done = user("run", "--debug", path).check().stderr
    assert "  abstract-sockets: done" in done
