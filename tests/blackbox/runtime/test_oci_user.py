# SPDX-License-Identifier: LGPL-2.1-or-later
"""machine-oci of an ordinary user: with a bundle of `spec --rootless`, with his subordinate ids, and
as uid 0 of a user namespace, as rootless Podman calls it."""

import json
import os
import subprocess

import harness
import programs
import pytest

pytestmark = pytest.mark.needs("root")


class UserOci:
    """machine-oci as a user runs it; records are in his session's directory."""

    def __init__(self, user, root):
        self.user = user
        self.binary = programs.beside(user.binary, "machine-oci")
        self.bundle = user.make(user.home / "bundle")
        user.copy_root(root, "bundle/rootfs")
        self.front = []

    def __call__(self, *arguments, front=None, status=0, **options):
        front = self.front if front is None else front
        result = self.user.run(*front, self.binary, *arguments, cwd=self.bundle, **options)
        assert result.returncode == status, result.stdout + result.stderr
        return result

    def spec(self, *args, **changes):
        """Writes a config.json of `spec --rootless` for these arguments; its `linux` is changed."""
        (self.bundle / "config.json").unlink(missing_ok=True)
        self("spec", "--rootless", front=[])
        config = json.loads((self.bundle / "config.json").read_text())
        config["process"].update(terminal=False, args=list(args))
        config["linux"].update(changes)
        self.write(config)
        return config

    def write(self, config):
        """Replaces config.json."""
        (self.bundle / "config.json").write_text(json.dumps(config))

    def begin(self, name="box"):
        """Creates and starts a container."""
        # Its streams are not those of a pipe that somebody waits for.
        subprocess.run(self.user.become() + [*map(str, self.front), str(self.binary), "create", name],
                       check=True, env=self.user.environment, cwd=self.bundle,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self("start", name)
        return name


@pytest.fixture
def oci_of_user(user, busybox_root):
    """The user's machine-oci."""
    made = UserOci(user, busybox_root)
    yield made
    for each in json.loads(made("list", "--format", "json", front=[]).stdout):
        made("delete", "--force", each["id"], front=[])


def test_spec_runs(oci_of_user):
    """The bundle that `spec --rootless` writes works as it is, with its user as root."""
    config = oci_of_user.spec("sh", "-c", "id -u; cat /proc/self/uid_map; ls /dev; exit 7")
    assert [each["type"] for each in config["linux"]["namespaces"]].count("network") == 0
    said = oci_of_user("run", "box", status=7).stdout.split()
    assert said[0] == "0" and said[1:4] == ["0", "0", "1"] or said[1:4] == [
        "0", str(oci_of_user.user.uid), "1"]
    assert {"null", "zero", "full", "random", "urandom", "tty", "pts"} <= set(said)
    assert json.loads(oci_of_user("list", "--format", "json").stdout) == []


def test_life(oci_of_user):
    """All commands do for a user what they do for root."""
    oci_of_user.spec("sleep", "1000")
    name = oci_of_user.begin()
    state = json.loads(oci_of_user("state", name).stdout)
    assert state["status"] == "running"
    assert os.stat(f"/proc/{state['pid']}").st_uid == oci_of_user.user.uid
    assert oci_of_user("exec", name, "sh", "-c", "id -u; hostname").stdout == "0\ncontainer\n"
    assert oci_of_user("exec", name, "sh", "-c", "exit 3", status=3)
    (listed,) = json.loads(oci_of_user("list", "--format", "json").stdout)
    assert (listed["id"], listed["owner"]) == (name, oci_of_user.user.name)
    oci_of_user("kill", name, "KILL")
    harness.wait_for(lambda: json.loads(oci_of_user("state", name).stdout)["status"] == "stopped")
    oci_of_user("delete", name)
    assert not list((oci_of_user.user.session / "machine-oci/machines").iterdir())


def test_exec_in_created(oci_of_user):
    """A program joins before the container's own runs; `delete --force` ends both."""
    oci_of_user.spec("sleep", "1000")
    subprocess.run(oci_of_user.user.become() + [str(oci_of_user.binary), "create", "box"], check=True,
                   env=oci_of_user.user.environment, cwd=oci_of_user.bundle,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert oci_of_user("exec", "box", "id", "-u").stdout == "0\n"
    oci_of_user("delete", "--force", "box")
    harness.wait_for(lambda: not oci_of_user.user.processes())


def test_subordinate_ids(oci_of_user):
    """Maps with his subordinate ids are written by newuidmap(1), and translated."""
    user = oci_of_user.user
    first, after = user.subordinate()
    maps = [{"containerID": 0, "hostID": user.uid, "size": 1},
            {"containerID": 1, "hostID": first, "size": after - first}]
    config = oci_of_user.spec("sh", "-c", "id -u; id -g", uidMappings=maps, gidMappings=[
        {**maps[0], "hostID": user.gid}, maps[1]])
    config["process"]["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
    oci_of_user.write(config)
    assert oci_of_user("run", "box").stdout == "5\n6\n"


def test_ids_of_others(oci_of_user):
    """Ids that are not his are refused by the path of the map."""
    user = oci_of_user.user
    oci_of_user.spec("true", uidMappings=[{"containerID": 0, "hostID": user.uid, "size": 1},
                                          {"containerID": 1, "hostID": 1, "size": 1}])
    assert "linux.uidMappings[1]: 1 ids from 1 on are not all this user's" in oci_of_user(
        "run", "box", status=1).stderr
    assert not list((user.session / "machine-oci").glob("machines/*"))


def test_without_a_user_namespace(oci_of_user):
    """A bundle for root is refused before anything is made."""
    config = oci_of_user.spec("true")
    config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"]
                                     if each["type"] != "user"]
    config["linux"].pop("uidMappings"), config["linux"].pop("gidMappings")
    oci_of_user.write(config)
    message = oci_of_user("run", "box", status=1).stderr
    assert "linux.namespaces has no new user namespace" in message and "spec --rootless" in message


def test_limits_need_a_group(oci_of_user):
    """What cannot be limited is not run without its limit; without one there is no group."""
    config = oci_of_user.spec("true", resources={"memory": {"limit": 64 << 20}})
    assert "linux.resources.memory.limit needs" in oci_of_user("run", "box", status=1).stderr
    config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    config["linux"]["cgroupsPath"] = "/not/his"
    oci_of_user.write(config)
    oci_of_user("run", "box")
    config["linux"]["resources"] = {"memory": {"limit": 64 << 20}}
    oci_of_user.write(config)
    oci_of_user("--cgroup-manager", "disabled", "run", "box")


def test_device_of_his_own(oci_of_user):
    """A node is the host's at the same path; others only root can make."""
    config = oci_of_user.spec("ls", "/dev/null2", devices=[
        {"path": "/dev/null2", "type": "c", "major": 1, "minor": 3}])
    assert 'linux.devices[0]: cannot take from the host the node "/dev/null2"' in oci_of_user(
        "run", "box", status=1).stderr
    config["linux"]["devices"] = [{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}]
    oci_of_user.write(config)
    assert oci_of_user("run", "box", status=1)


@pytest.mark.parametrize("shares", [False, True])
def test_root_of_a_user_namespace(oci_of_user, shares):
    """As rootless Podman calls it: uid 0 of its user namespace, which the container shares or has one
    of its own below."""
    oci_of_user.front = ["unshare", "--map-root-user", "--map-auto", "--user"]
    config = oci_of_user.spec("sh", "-c", "id -u; [ -c /dev/null ] && echo > /dev/null && echo ok",
                              uidMappings=[{"containerID": 0, "hostID": 0, "size": 1000}],
                              gidMappings=[{"containerID": 0, "hostID": 0, "size": 1000}])
    if shares:
        config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"]
                                         if each["type"] != "user"]
        config["linux"].pop("uidMappings"), config["linux"].pop("gidMappings")
    config["linux"]["cgroupsPath"] = "/not/his"
    oci_of_user.write(config)
    assert oci_of_user("run", "box").stdout == "0\nok\n"
    assert oci_of_user("--rootless=true", "--cgroup-manager=disabled", "run", "box").stdout == (
        "0\nok\n")


def test_exec_in_a_shared_user_namespace(oci_of_user):
    """In one user namespace: create, start, exec, delete."""
    config = oci_of_user.spec("sleep", "1000")
    config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"]
                                     if each["type"] != "user"]
    config["linux"].pop("uidMappings"), config["linux"].pop("gidMappings")
    oci_of_user.write(config)
    script = ('set -e; "$0" create box >/dev/null; "$0" start box; "$0" exec box id -u; '
              '"$0" exec box hostname; "$0" delete --force box; "$0" list --quiet')
    result = oci_of_user.user.run("unshare", "--map-root-user", "--user", "sh", "-c", script,
                                  oci_of_user.binary, cwd=oci_of_user.bundle)
    assert (result.returncode, result.stdout) == (0, "0\ncontainer\n"), result.stderr


def test_no_place_for_records(oci_of_user):
    """Without a session and --root the error says what is missing; what needs no records works."""
    bare = ["env", "-u", "XDG_RUNTIME_DIR"]
    assert "set XDG_RUNTIME_DIR, or choose a directory with --root" in oci_of_user(
        "list", front=bare, status=1).stderr
    oci_of_user("features", front=bare)
    oci_of_user("--root", oci_of_user.user.home / "records", "list", front=bare)


def test_rootless_false(oci_of_user):
    """--rootless=false asks for root."""
    assert "not root of the host" in oci_of_user("--rootless=false", "list", status=1).stderr
