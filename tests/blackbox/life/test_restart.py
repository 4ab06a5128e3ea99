# SPDX-License-Identifier: LGPL-2.1-or-later
"""A restart stops nothing that it could not start again."""

import itertools
import json
import os
from pathlib import Path

import pytest
import roots
from harness import definition, wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
STAY = ["sh", "-c", "trap 'exit 0' TERM; echo started; while :; do sleep 0.05; done"]


def init_of(cli, name):
    """The first process of a machine that runs."""
    shown = json.loads(cli("show", name).check().stdout)
    assert shown["state"] == "running"
    return shown["init"]["pid"]


class Setting:
    """A machine with one of everything, each of which can be broken."""

    def __init__(self, cli, machine_file, workspace, closed, busybox_root):
        self.cli = cli
        self.workspace = workspace
        self.name = f"restart-{os.getpid()}-{next(NUMBERS)}"
        self.layer = roots.copy(busybox_root, workspace / "layer")
        (self.layer / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nweb:x:5:5::/:/bin/sh\n")
        (self.layer / "bin/own").write_text("#!/bin/sh\nexec sh -c \"$1\"\n")
        (self.layer / "bin/own").chmod(0o755)
        (workspace / "source").mkdir()
        self.upper = closed / "upper"
        self.upper.mkdir()
        (workspace / "variables").write_text("A=1\n")
        (workspace / "secret").write_text("x")
        (workspace / "filter.json").write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW"}))
        (workspace / "common.machine").write_text('description = "common";\n')
        self.path = machine_file(self.name, text="")
        self.keys = {
            "overlay": [self.layer], "upper": self.upper, "user": "web",
            "command": ["own", STAY[2]], "network": {"mode": "none"},
            "environment_files": [workspace / "variables"],
            "mounts": ({"source": workspace / "source", "target": "/source"},),
            "credentials": ({"name": "secret", "path": workspace / "secret"},),
            "seccomp": {"profile": workspace / "filter.json"}, "working_directory": "/tmp",
            "stop": {"timeout": "200ms"}, "log": {"driver": "file"},
        }
        self.write()
        cli("start", self.path).check()
        wait_for(lambda: "started" in cli("logs", self.name).stdout, what="the start")

    def write(self, **keys):
        """The definition, with other keys."""
        self.path.write_text(f'@include "{self.workspace}/common.machine"\n'
                             + definition(**{**self.keys, **keys}))


@pytest.fixture
def setting(cli, machine_file, workspace, closed, busybox_root):
    """A Setting that is removed afterwards."""
    made = Setting(cli, machine_file, workspace, closed, busybox_root)
    yield made
    cli("delete", "--force", made.name)


def foreign(path):
    """A program for another machine."""
    header = bytearray(Path("/bin/true").read_bytes()[:64])
    header[18:20] = b"\x08\x00"
    path.write_bytes(header)


BREAK = {
    "typo": (lambda s: s.path.write_text(s.path.read_text() + "memroy = 1;\n"), "memroy"),
    "syntax": (lambda s: s.path.write_text("{"), "expected a key"),
    "no definition": (lambda s: s.path.unlink(), ""),
    "include": (lambda s: (s.workspace / "common.machine").unlink(), "common.machine"),
    "layer": (lambda s: s.write(overlay=["/no/layer", s.layer]), "/no/layer"),
    "mount source": (lambda s: (s.workspace / "source").rmdir(), "/source"),
    "work directory": (lambda s: (s.upper / "work/mine").touch(), "not empty"),
    "upper directory": (lambda s: s.write(upper="/no/upper"), "/no/upper"),
    "environment file": (lambda s: (s.workspace / "variables").unlink(), "variables"),
    "credential": (lambda s: (s.workspace / "secret").unlink(), "secret"),
    "filter": (lambda s: (s.workspace / "filter.json").write_text("{"), "filter.json"),
    "user": (lambda s: s.write(user="nobody-such"), "nobody-such"),
    "program": (lambda s: s.write(command=["/bin/no-such"]), "/bin/no-such"),
    "program in PATH": (lambda s: s.write(command=["no-such"]), "no-such"),
    "mode": (lambda s: (s.layer / "bin/own").chmod(0o644), "execute bit"),
    "interpreter": (lambda s: (s.layer / "bin/own").write_text("#!/bin/no-sh\n"), "/bin/no-sh"),
    "architecture": (lambda s: foreign(s.layer / "bin/own"), "bin/own"),
    "working directory": (lambda s: s.write(working_directory="/no/dir"), "/no/dir"),
    "image": (lambda s: s.write(overlay=None, image="localhost:1/no/image:1", pull="never"),
              "no/image"),
    "device": (lambda s: s.write(devices=["/dev/no-such"]), "/dev/no-such"),
    "sysctl": (lambda s: s.write(sysctl=["kernel.panic=1"]), "kernel.panic"),
    "value of a sysctl": (lambda s: s.write(sysctl=["kernel.msgmax=many"]), "kernel.msgmax"),
    "network": (lambda s: s.write(network={"mode": "bridge", "name": "no-such"}), "no-such"),
    "network of a machine": (lambda s: s.write(network={"mode": "machine:no-such"}), "no-such"),
    "network namespace": (lambda s: s.write(network={"mode": "path:/no/ns"}), "/no/ns"),
    "requirement": (lambda s: s.write(requires=["no-such"]), "no-such"),
    "overlay mount": (lambda s: s.write(mounts=({"type": "overlay", "source": "/no/lower",
                                                 "target": "/m"},)), "/no/lower"),
    "mount point": (lambda s: s.write(mounts=({"source": s.workspace / "source",
                                               "target": "/no/point", "create": False},)),
                    "/no/point"),
    "timezone": (lambda s: s.write(timezone="No/Such"), "No/Such"),
}


@pytest.mark.parametrize("what", BREAK)
def test_what_could_not_start_again_is_not_stopped(cli, setting, what):
    before = init_of(cli, setting.name)
    spoil, words = BREAK[what]
    spoil(setting)
    for options in ([], ["--now"], ["--dry-run"]):
        failed = cli("restart", *options, setting.path)
        assert failed.status != 0 and words in failed.stderr, failed
        assert init_of(cli, setting.name) == before, failed
    group = Path(json.loads(cli("show", setting.name).check().stdout)["cgroup"])
    assert [path.name for path in group.parent.glob(f"{setting.name}*")] == [group.name]


def test_a_rehearsal_leaves_nothing(cli, machine_file, host_state):
    name = f"restart-{os.getpid()}-{next(NUMBERS)}"
    path = machine_file(name, command=["sleep", "1000"], upper="persistent",
                        stop={"timeout": "200ms"})
    cli("start", path).check()
    with host_state.unchanged():
        cli("restart", "--dry-run", path).check()
        cli("restart", "--dry-run", name).check()
    cli("delete", "--force", name).check()


def test_what_can_start_again_is_restarted(cli, setting):
    before = init_of(cli, setting.name)
    cli("restart", "--dry-run", setting.path).check()
    assert init_of(cli, setting.name) == before
    assert cli("logs", setting.name).stdout.count("started") == 1
    cli("restart", setting.path).check()
    assert init_of(cli, setting.name) != before
    wait_for(lambda: cli("logs", setting.name).stdout.count("started") == 2, what="the start")


def test_of_several_none_is_stopped_when_one_could_not_start_again(cli, setting, machine_file):
    other = f"{setting.name}-other"
    machine_file(other, command=STAY, stop={"timeout": "200ms"})
    cli("start", other).check()
    before = init_of(cli, setting.name), init_of(cli, other)
    setting.write(command=["/no/such"])
    for machines in ([other, setting.name], [setting.name, other], ["--all"]):
        assert f'machine "{setting.name}" could not start' in cli("restart", *machines).check(
            1).stderr
        assert (init_of(cli, setting.name), init_of(cli, other)) == before
    cli("delete", "--force", other).check()


def test_the_program_is_found_where_the_machine_has_written_it(cli, setting):
    """A kept layer is part of the root, in use as it is."""
    cli("exec", "-u", "root", setting.name, "sh", "-c",
        "cp /bin/own /bin/installed; echo new:x:6:6::/:/bin/sh >> /etc/passwd").check()
    setting.write(command=["installed", STAY[2]], user="new")
    cli("restart", setting.path).check()
    assert cli("exec", setting.name, "id", "-u").check().stdout == "6\n"


def test_nothing_of_the_program_runs(cli, setting, workspace):
    """.. before the stop."""
    (setting.layer / "bin/own").write_text("#!/bin/sh\necho ran >> /source/ran\nexec sleep 60\n")
    (workspace / "source").chmod(0o777)
    for _ in range(10):
        cli("restart", "--dry-run", setting.path).check()
    assert not (workspace / "source/ran").exists()


@pytest.mark.parametrize("keys", [
    {"rootfs": True}, {"rootfs": True, "upper": "persistent"}, {"upper": "persistent"},
    {"upper": "none"}, {"user_namespace": "none"}, {"user_namespace": "700000:65536"},
    {"init": False}, {"terminal": True}, {"read_only": True},
    {"namespaces": {"ipc": "host", "uts": "host"}},
    {"network": {"mode": "bridge", "address": "10.88.0.77"}, "ports": ["18080:80"],
     "sysctl": ["net.ipv4.conf.eth0.forwarding=1"]},
    {"network": {"mode": "host"}},
])
def test_a_machine_is_not_in_its_own_way(cli, host, machine_file, own_root, keys):
    """Its directories, ids, address and ports are in use, but by itself."""
    name = f"restart-{os.getpid()}-{next(NUMBERS)}"
    keys = dict(keys)
    if keys.pop("rootfs", False):
        keys["rootfs"] = own_root
    path = machine_file(name, command=STAY, stop={"timeout": "200ms"}, **keys)
    cli("start", path, wrapper=host.wrapper).check()
    before = init_of(cli, name)
    for _ in range(2):
        cli("restart", path, wrapper=host.wrapper).check()
    assert init_of(cli, name) != before
    cli("delete", "--force", name, wrapper=host.wrapper).check()


def test_an_address_that_another_machine_has(cli, host, machine_file):
    names = [f"restart-{os.getpid()}-{next(NUMBERS)}" for _ in range(2)]
    paths = [machine_file(name, command=STAY, stop={"timeout": "200ms"}, ports=[f"1808{n}:80"],
                          network={"mode": "bridge", "address": f"10.88.0.7{n}"})
             for n, name in enumerate(names)]
    cli("start", *paths, wrapper=host.wrapper).check()
    before = init_of(cli, names[1])
    for text, new, words in (("10.88.0.71", "10.88.0.70", names[0]),
                             ("10.88.0.71", "10.99.0.1", "10.99.0.1"),
                             ("18081", "18080", names[0])):
        good = paths[1].read_text()
        paths[1].write_text(good.replace(text, new))
        failed = cli("restart", names[1], wrapper=host.wrapper)
        assert failed.status != 0 and words in failed.stderr, failed
        assert init_of(cli, names[1]) == before
        paths[1].write_text(good)
    cli("delete", "--force", *names, wrapper=host.wrapper).check()
