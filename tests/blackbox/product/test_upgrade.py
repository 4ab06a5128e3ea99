# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines that run during an upgrade go on, and the new programs manage them; what a newer version
has written is refused by name."""

import itertools
import json
import os

import harness
import images
import pytest
import releases
import roots
from harness import wait_for

pytestmark = pytest.mark.needs("root")

NUMBERS = itertools.count(1)
STAY = ["sh", "-c", "trap 'exit 0' TERM; echo started; while :; do sleep 0.05; done"]
NETWORK = {"network": {"mode": "bridge"}, "ports": ["127.0.0.1:8080:80"],
           "command": ["sh", "-c", "echo up; exec httpd -f -p 80 -h /etc"],
           "hostname": "web-of-before", "stop": {"timeout": "100ms"}}


@pytest.fixture
def installation(cli, workspace):
    """The last release, installed and in use by `cli`."""
    try:
        made = releases.Installation(workspace / "prefix", releases.built())
    except roots.Unavailable as reason:
        pytest.skip(str(reason))
    cli.binary = str(made.prefix / "bin/machinectl-lite")
    return made


@pytest.fixture
def name(cli):
    """The name of a machine that is removed with the test."""
    made = f"upgrade-{os.getpid()}-{next(NUMBERS)}"
    yield made
    cli("delete", "--force", made)


def started(cli, path, name, **options):
    """Starts a machine in the background; the pid of its first process."""
    cli("start", path, **options).check()
    wait_for(lambda: "started" in cli("logs", name).stdout, what="the start")
    return harness.state_of(cli, name)["init"]["pid"]


@pytest.mark.slow
@pytest.mark.needs("cgroup2")
def test_a_machine_goes_on_and_is_managed(cli, installation, machine_file, name, workspace):
    """Every verb about a running machine, with the supervisor of the release before."""
    pid = started(cli, machine_file(name, command=STAY), name)
    installation.upgrade()
    assert harness.state_of(cli, name)["init"]["pid"] == pid
    [row] = json.loads(cli("list", "--json=short").check().stdout)
    assert (row["name"], row["state"]) == (name, "running")
    assert "running" in cli("status", name).check().stdout
    assert cli("exec", name, "--", "sh", "-c", "echo $((6 * 7))").check().stdout == "42\n"
    cli("exec", name, "--", "sh", "-c", "exit 3").check(3)
    assert "started" in cli("logs", name).check().stdout
    assert json.loads(cli("stats", "--json=short", name).check().stdout)
    (workspace / "file").write_text("copied\n")
    cli("copy-to", name, workspace / "file", "/tmp/file").check()
    assert cli("exec", name, "cat", "/tmp/file").check().stdout == "copied\n"
    assert cli("config", "diff", name).check().stdout == ""
    assert "changed since" not in cli("status", name).check().stdout
    cli("pause", name).check()
    assert harness.state_of(cli, name)["state"] == "paused"
    cli("resume", name).check()
    cli("kill", "--signal", "USR1", name, timeout=5)
    cli("stop", name).check()
    assert harness.state_of(cli, name)["state"] == "stopped"
    cli("start", name).check()
    cli("restart", name).check()
    cli("stop", name).check()


@pytest.mark.slow
def test_the_old_supervisor_goes_on_with_new_helpers(cli, installation, machine_file, name):
    """Health checks and restarts of a supervisor that was started before."""
    path = machine_file(name, command=["sh", "-c", "echo started; sleep 600"],
                        restart={"policy": "always", "delay": "10ms"},
                        health={"command": ["true"], "interval": "200ms"})
    pid = started(cli, path, name)
    installation.upgrade()
    checked = harness.state_of(cli, name)["health"]["checked"]
    wait_for(lambda: harness.state_of(cli, name)["health"]["checked"] > checked, what="a check")
    assert harness.state_of(cli, name)["health"]["status"] == "healthy"
    os.kill(pid, 9)

    def restarted():
        shown = harness.state_of(cli, name)
        return shown["state"] == "running" and shown["restarts"] == 1

    wait_for(restarted, what="the restart")
    assert cli("exec", name, "echo", "again").check().stdout == "again\n"
    cli("stop", name).check()


@pytest.mark.slow
@pytest.mark.needs("program:nft", "program:ip")
def test_networks_of_before(cli, installation, machine_file, host):
    """Old and new machines are in one network, and the last one to leave cleans up."""
    old = host.start(machine_file("web", **NETWORK))
    installation.upgrade()
    shown = host.command("network", "status", "default").check().stdout
    assert old.address in shown and "8080" in shown
    new = host.start(machine_file("new", network={"mode": "bridge"},
                                  command=["sh", "-c", "echo up; exec sleep 1000"]))
    assert new.address != old.address
    page = host.command("exec", "new", "wget", "-q", "-O", "-", "http://web-of-before/hostname")
    assert page.check().stdout == "web-of-before\n"
    assert "web-of-before" in host.run("wget", "-q", "-O", "-",
                                           "http://127.0.0.1:8080/hostname")
    host.command("stop", "web").check()
    host.command("stop", "new").check()
    wait_for(host.is_clean, 30, "a clean host")


@pytest.mark.slow
def test_the_release_before_manages_what_was_started_after(cli, installation, machine_file, name):
    """A downgrade with a machine that runs: as long as no format has a new version."""
    installation.upgrade()
    pid = started(cli, machine_file(name, command=STAY), name)
    installation.downgrade()
    assert harness.state_of(cli, name)["init"]["pid"] == pid
    assert cli("exec", name, "echo", "before").check().stdout == "before\n"
    cli("stop", name).check()


@pytest.mark.slow
def test_machines_of_users(user, installation, busybox_root):
    """A user's machines, which run in a namespace that outlives the upgrade."""
    user.binary = str(installation.prefix / "bin/machinectl-lite")
    user.define("web", overlay=[user.copy_root(busybox_root)], command=STAY)
    user("start", "web").check()
    installation.upgrade()
    assert user("exec", "web", "id", "-u").check().stdout == "0\n"
    user.define("other", overlay=[user.home / "root"], command=STAY)
    user("start", "other").check()
    assert {row["name"] for row in json.loads(user("list", "--json=short").check().stdout)} == {
        "web", "other"}
    user("stop", "web").check()
    user("stop", "other").check()


@pytest.mark.slow
def test_containers_of_before(oci, installation):
    """Created and running OCI containers."""
    oci.binary = str(installation.prefix / "bin/machine-oci")
    running, _ = oci.begin("sleep", "600")
    created = oci.create(oci.bundle("sh", "-c", "echo begun; sleep 600"))
    installation.upgrade()
    assert oci.state(running)["status"] == "running"
    assert oci("exec", running, "echo", "inside").check().stdout == "inside\n"
    assert oci.state(created)["status"] == "created"
    oci("start", created).check()
    assert oci.state(created)["status"] == "running"
    for each in (running, created):
        oci("kill", each, "KILL").check()
        oci.wait_stopped(each)
        oci("delete", each).check()


@pytest.mark.slow
def test_images_of_before(cli, installation):
    """The store of images, and a machine's writable layer above one."""
    image = images.Image(images.layer(*images.base_members()))
    reference = images.load(cli, image)
    images.define(cli, "app", image=reference, command=["/bin/sh", "-c", "echo kept >>/written; "
                                                        "cat /written"])
    assert cli("run", "app").check().stdout == "kept\n"
    installation.upgrade()
    assert reference.rpartition(":")[0] in cli("images").check().stdout
    cli("image-status", "--verify", reference).check()
    assert cli("run", "app").check().stdout == "kept\nkept\n"
    cli("delete", "app").check()
    cli("remove-image", reference).check()


# ---- formats ----


def test_a_newer_record_is_refused_by_name(cli, machine_file, name):
    """By everything that would act on the machine; nothing of it changes."""
    path = machine_file(name, command=STAY)
    started(cli, path, name)
    file = cli.runtime / f"machines/{name}.json"
    own = file.read_text()
    assert json.loads(own)["program"]
    newer = json.dumps({**json.loads(own), "version": 2, "program": "7.1"})
    file.write_text(newer)
    before = sorted(os.listdir(file.parent))
    for verb in (["status", name], ["show", name], ["stop", name], ["start", path],
                 ["run", path], ["restart", name], ["exec", name, "true"],
                 ["delete", "--force", name], ["kill", name], ["collect"]):
        failed = cli(*verb)
        assert failed.status != 0, failed
        for word in (str(file), "version 2", "machinectl-lite 7.1", "version 1"):
            assert word in failed.stderr, failed
        assert file.read_text() == newer and sorted(os.listdir(file.parent)) == before, failed
    file.write_text(own)
    cli("stop", name).check()


def test_a_record_without_what_was_added_later_is_understood(cli, machine_file, name):
    """The keys of version 1 as the first release wrote them."""
    started(cli, machine_file(name, command=STAY), name)
    file = cli.runtime / f"machines/{name}.json"
    record = json.loads(file.read_text())
    assert record["version"] == 1
    first = ("version", "state", "user_base", "user_count", "exit_status", "name", "definition",
             "digest", "reason", "image", "image_id", "unit", "kept", "cgroup", "network_of",
             "address", "address6", "supervisor", "init", "steps", "ports", "labels", "requires",
             "trees", "exposed_ports", "started_usec", "stopped_usec", "restarts",
             "out_of_memory_kills", "background", "awaits_readiness")
    file.write_text(json.dumps({key: record[key] for key in first}))
    assert harness.state_of(cli, name)["state"] == "running"
    cli("exec", name, "true").check()
    cli("stop", name).check()


def test_newer_start_parameters_are_refused(cli, machine_file, name):
    started(cli, machine_file(name, command=STAY), name)
    file = cli.runtime / f"machines/{name}.plan"
    own = file.read_bytes()
    assert own[:4] == b"4plm", "the format of plans: see src/launch/init/plan.c"
    file.write_bytes(b"9" + own[1:])
    failed = cli("exec", name, "true")
    assert failed.status != 0
    assert name in failed.stderr and "version 9" in failed.stderr and "version 4" in failed.stderr
    assert "start the machine again" in failed.stderr
    cli("restart", name).check()
    cli("exec", name, "true").check()
    cli("stop", name).check()


@pytest.mark.needs("program:nft", "program:ip")
def test_a_newer_file_of_networks_is_refused(cli, machine_file, host):
    host.start(machine_file("web", **NETWORK))
    [file] = cli.runtime.rglob("leases")
    own = file.read_bytes()
    assert own[:4] == b"NML1", "the format of leases: see src/network/state/table.c"

    def write(version):
        with open(file, "r+b") as table:
            table.seek(3)
            table.write(version)

    write(b"3")
    for command in (["network", "status", "default"],
                    ["run", machine_file("other", network={"mode": "bridge"}, command=["true"])]):
        failed = host.command(*command)
        assert failed.status != 0
        assert str(file) in failed.stderr, failed
        assert "version 3" in failed.stderr and "version 1" in failed.stderr, failed
    write(b"1")
    assert file.read_bytes()[:4] == own[:4]
    host.command("stop", "web").check()


def test_newer_records_of_images_are_refused(cli):
    reference = images.load(cli, images.Image(images.layer(*images.base_members())))
    for file in cli.state.rglob("references.json"):
        own = file.read_text()
        file.write_text(own.replace('"version":1', '"version":2').replace('"version": 1',
                                                                            '"version": 2'))
        assert file.read_text() != own
        failed = cli("image-status", reference)
        assert failed.status != 0
        assert "version 2" in failed.stderr and "newer machinectl-lite" in failed.stderr, failed
        file.write_text(own)
    cli("image-status", reference).check()
