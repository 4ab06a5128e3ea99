# SPDX-License-Identifier: LGPL-2.1-or-later
"""What only root can have: `check` as a user warns about it, a start refuses it, with the key, the
reason and what to do instead."""

import grp
import os
import secrets
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def root(user, busybox_root):
    """A root that belongs to the user."""
    return user.copy_root(busybox_root)


def refused(user, path, key, *words):
    """Asserts that check warns and that a start fails, both with the words."""
    checked = user("check", path).check()
    started = user("run", path).check(125)
    for result, severity in ((checked, "warning"), (started, "error")):
        assert f": {severity}: " in result.stderr, result
        for word in (key, *words):
            assert word in result.stderr, result
    assert user("check", "--strict", path).status != 0


@pytest.mark.parametrize("keys, key, words", [
    ({"user_namespace": "none"}, "user_namespace", ["needs root", "remove it"]),
    ({"limits": {"nice": -5}}, "nice", ["below the lowest nice value", "limits.conf"]),
    ({"limits": {"oom_score_adjust": -900}}, "oom_score_adjust", ["below your own value", "at least"]),
    ({"limits": {"open_files": "99999999"}}, "open_files", ["hard limit", "set it to at most"]),
    ({"user_namespace": "self", "user": "33"}, "user", ["more ids", "/etc/subuid"]),
    ({"network": {"mode": "macvlan:eth0"}}, "network mode", ['"macvlan" needs CAP_NET_ADMIN', "bridge"]),
    ({"network": {"mode": "ipvlan:eth0"}}, "network mode", ['"ipvlan" needs CAP_NET_ADMIN', "bridge"]),
    ({"network": {"mode": "bridge"}, "ports": ["8080:80", "80:80"]}, "ports",
     ["port 80 is for root", "ip_unprivileged_port_start, 1024", "ip_unprivileged_port_start=80"]),
    ({"user_namespace": "self", "boot": True, "command": None}, "boot", ["more ids"]),
])
def test_keys(user, root, keys, key, words):
    """Keys whose value a user cannot have."""
    path = user.define("a", **{"overlay": [root], "upper": "volatile", "command": ["true"], **keys})
    refused(user, path, key, *words)


def test_sysctl_of_the_host(user, root):
    """Outside namespaces, as for root."""
    path = user.define("a", overlay=[root], upper="volatile", command=["true"],
                       sysctl=["vm.swappiness=10"])
    for verb in ("check", "run"):
        result = user(verb, path)
        assert result.status in (65, 125) and "sysctl" in result.stderr, result
        assert '"vm.swappiness" is the whole host' in result.stderr, result
        assert "a machine has net.*" in result.stderr, result


def test_tree_of_somebody_else(user, busybox_root):
    """Its owner is named; read-only it can be used."""
    path = user.define("a", overlay=[busybox_root], upper="volatile", command=["true"])
    refused(user, path, "overlay", "belongs to root (user 0)", "read_only = true")
    path = user.define("b", overlay=[busybox_root], read_only=True,
                       command=["/bin/sh", "-c", "touch /x || echo refused"])
    assert user("run", path).check().stdout == "refused\n"


def test_tree_of_an_id_without_account(user, root):
    """Found inside, where the owner has no number."""
    subprocess.run(["chown", "-hR", "4000000000:4000000000", root], check=True)
    path = user.define("a", overlay=[root], upper="volatile", command=["true"])
    result = user("run", path).check(125)
    assert f'the layer "{root}" belongs to an id that is neither' in result.stderr
    assert "read_only = true" in result.stderr


@pytest.fixture
def group():
    """A group of which the user is not a member."""
    return grp.getgrnam("daemon")


@pytest.fixture
def nodes(group):
    """Device nodes: one that only root may open, one for a group, one for all."""
    made = {}
    for name, mode, gid in (("closed", 0o600, 0), ("shared", 0o660, group.gr_gid),
                            ("open", 0o666, 0)):
        made[name] = Path(f"/dev/mlite-{secrets.token_hex(4)}")
        os.mknod(made[name], 0o020000 | mode, os.makedev(1, 3))
        os.chmod(made[name], mode)
        os.chown(made[name], 0, gid)
    yield made
    for path in made.values():
        path.unlink()


def test_devices(user, root, nodes, group):
    """What the user himself may open is there, and nothing that a group may."""
    def define(name):
        return user.define("a", overlay=[root], upper="volatile",
                           devices=[f"{nodes[name]}:/dev/mine"],
                           command=["/bin/sh", "-c", "echo x >/dev/mine && echo written"])

    refused(user, define("closed"), "devices", "you may not open", "mode 0600")
    member = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", f"--groups={group.gr_gid}"]
    path = define("shared")
    done = subprocess.run(member + [user.binary, "run", str(path)], check=False, text=True,
                          capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 125 and f"the group {group.gr_name}" in done.stderr, done
    assert f'the line "{user.name}:{group.gr_gid}:1" in /etc/subgid' in done.stderr, done
    assert user("run", define("open")).check().stdout == "written\n"


def test_kept_group(user, root, nodes, group, workspace):
    """With a line in /etc/subgid a group is kept, for machines whose devices need it; the ids of
    files stay as they were."""
    lines = workspace / "subgid"
    lines.write_text(f"{user.name}:{group.gr_gid}:1\n" + Path("/etc/subgid").read_text(),
                     encoding="utf-8")

    def lite(*arguments, kept=True):
        front = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                 f'mount --bind {lines} /etc/subgid && exec "$@"', "sh"] if kept else []
        return subprocess.run(
            front + ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}",
                     f"--groups={group.gr_gid}", user.binary, *map(str, arguments)], check=False,
            text=True, capture_output=True, env=user.environment, cwd=user.home)

    def define(name, *command, **keys):
        return user.define(name, rootfs=root, command=["/bin/sh", "-c", *command], **keys)

    device = {"devices": [f"{nodes['shared']}:/dev/mine"]}
    before = define("before", "touch /before; chown 7:8 /before")
    assert lite("run", before, kept=False).returncode == 0
    path = define("a", "echo x >/dev/mine && id -G; stat -c %u:%g /before", **device)
    assert lite("check", "--strict", path).returncode == 0
    done = lite("run", path)
    assert done.returncode == 0, done
    assert done.stdout == "0 2146435072\n7:8\n", done
    # Other machines do not get it, nor one with a single id.
    assert lite("run", define("b", "id -G")).stdout == "0\n"
    done = lite("run", define("c", "true", user_namespace="self", **device))
    assert done.returncode == 125 and "setfacl -m" in done.stderr, done
    # Programs that enter do.
    running = define("d", "sleep 1000", **device)
    assert lite("start", running).returncode == 0
    for who in ("0", "33:33"):
        done = lite("exec", "-u", who, "d", "sh", "-c", "echo x >/dev/mine && echo written")
        assert done.stdout == "written\n", done
    assert lite("stop", "d").returncode == 0


def test_group_of_an_older_namespace(user, root, nodes, group, workspace):
    """The user namespace of running machines is older than the line: what to do is said."""
    lines = workspace / "subgid"
    lines.write_text(Path("/etc/subgid").read_text() + f"{user.name}:{group.gr_gid}:1\n",
                     encoding="utf-8")
    user("start", user.define("old", overlay=[root], upper="volatile",
                              command=["/bin/sleep", "1000"])).check()
    path = user.define("a", overlay=[root], upper="volatile", command=["true"],
                       devices=[f"{nodes['shared']}:/dev/mine"])
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         f'mount --bind {lines} /etc/subgid && exec "$@"', "sh", "setpriv", f"--reuid={user.uid}",
         f"--regid={user.gid}", f"--groups={group.gr_gid}", user.binary, "run", str(path)],
        check=False, text=True, capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 125 and "older than the group's line in /etc/subgid" in done.stderr, done
    assert "stop all your machines" in done.stderr
    user("stop", "old").check()


def test_limits_without_a_group(user, root):
    """Names the controller, the key and a way out; nothing is ignored."""
    path = user.define("a", overlay=[root], upper="volatile", command=["true"],
                       limits={"memory": "64M"})
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    if "user@" in own or "user.slice" in own:
        pytest.skip("the tests run in a group of a user's manager")
    result = user("run", path).check(125)
    assert "limits.memory" in result.stderr and '"memory"' in result.stderr
    assert "hint: " in result.stderr


def test_boot_without_a_group(user, root):
    """A service manager would fail later, with less to read."""
    path = user.define("a", overlay=[root], upper="volatile", boot=True)
    result = user("run", path).check(125)
    assert '"boot" needs a control group' in result.stderr and "systemctl --user" in result.stderr


def test_foreign_ids(user, root):
    """A range that is not the user's."""
    path = user.define("a", overlay=[root], upper="volatile", command=["true"],
                       user_namespace="4100000000:1000")
    result = user("run", path).check(125)
    assert "are not in one range of the user's subordinate ids" in result.stderr
    assert "/etc/subuid" in result.stderr


def test_reachable_place(user, root):
    """Programs with a set-user-ID bit of his would be in reach of others."""
    user.home.chmod(0o755)
    path = user.define("a", rootfs=root, command=["true"])
    checked = user("check", path).check()
    assert "would write as you" in checked.stderr
    result = user("run", path).check(125)
    assert "belong to you, including set-user-ID programs" in result.stderr
    user.home.chmod(0o700)
    user("run", path).check()


def test_network_of_somebody_else(user, root, workspace):
    """A namespace of the host's; one's own may be joined."""
    place = workspace / "net"
    place.touch()
    path = user.define("a", rootfs=root, command=["true"], network={"mode": f"path:{place}"})
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", place], check=True)
    try:
        refused(user, path, "mode", f"joining {place} needs CAP_NET_ADMIN", "bridge")
    finally:
        subprocess.run(["umount", place], check=True)


def test_state_on_an_unfit_file_system(user, root):
    """Found by a trial: this one has no extended attributes. Nothing is left there."""
    path = user.define("a", overlay=[root], command=["true"])
    user.make(user.state)
    unfit = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             f"mount -t ramfs ramfs {user.state} && chown {user.uid}:{user.gid} {user.state} && "
             f'chmod 0700 {user.state} && "$@"; status=$?; find {user.state} -name upper; '
             "exit $status", "sh"]
    done = subprocess.run(unfit + user.command("run", path), check=False, text=True,
                          capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 125 and done.stdout == "", done
    for words in ("its file system takes no extended attributes", "--state-dir", '"volatile"'):
        assert words in done.stderr, done
    user("run", path).check()


def test_self_is_not_for_root(cli, machine_file):
    """Root's own id would be root of the host."""
    result = cli("run", machine_file(command=["true"], user_namespace="self")).check(125)
    assert '"self" is the own id of a user' in result.stderr


def test_missing_program(user, root):
    """Without newuidmap the package is named, and the way without it."""
    hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
              "mount --bind /dev/null /usr/bin/newuidmap && exec \"$@\"", "sh"]
    path = user.define("a", overlay=[root], upper="volatile", command=["true"])
    result = subprocess.run(hidden + user.command("run", path), check=False, text=True,
                            capture_output=True, env=user.environment, cwd=user.home)
    assert result.returncode == 125
    assert "newuidmap is missing" in result.stderr and "package uidmap" in result.stderr, result


def test_program_without_rights(user, root, workspace):
    """newuidmap without its set-user-ID bit."""
    copy = workspace / "newuidmap"
    subprocess.run(["cp", "--no-preserve=all", "/usr/bin/newuidmap", copy], check=True)
    copy.chmod(0o755)
    swapped = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               f"mount --bind {copy} /usr/bin/newuidmap && exec \"$@\"", "sh"]
    path = user.define("a", overlay=[root], upper="volatile", command=["true"])
    result = subprocess.run(swapped + user.command("run", path), check=False, text=True,
                            capture_output=True, env=user.environment, cwd=user.home)
    assert result.returncode == 125
    assert "neither the set-user-ID bit nor file capabilities" in result.stderr, result


@pytest.mark.parametrize("part", ["/proc/version", "/sys/kernel/profiling"])
def test_partly_hidden(user, root, part):
    """As in a container, where something is mounted over a part of /proc or /sys: the kernel refuses
    another instance."""
    hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
              f'mount --bind /dev/null {part} && exec "$@"', "sh"]
    path = user.define("a", rootfs=root, command=["true"])
    for command in (("run", path), ("doctor",)):
        done = subprocess.run(hidden + user.command(*command), check=False, text=True,
                              capture_output=True, env=user.environment, cwd=user.home)
        assert done.returncode != 0 and "fully visible" in done.stdout + done.stderr, done
        assert "unmask=ALL" in done.stdout + done.stderr, done


def test_no_more_namespaces(user, root):
    """The sysctl that forbids user namespaces is named."""
    forbidden = ["unshare", "--user", "--map-root-user", "sh", "-c",
                 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh"]
    result = user("run", "--rootfs", root, "--set", "upper=volatile", "--set",
                  'network={ mode="none"; }', "--set", "user_namespace=self", "--", "true",
                  wrapper=forbidden)
    assert result.check(125) and "user.max_user_namespaces is 0" in result.stderr


def test_apply(user, root):
    """At once, with the user's own way, and nothing is stored."""
    user.define("a", overlay=[root], upper="volatile", command=["true"])
    result = user("apply", user.config).check(1)
    assert "apply is for machines of root" in result.stderr, result
    assert "start DIRECTORY/*.machine" in result.stderr and "chown" not in result.stderr, result
    assert not (user.state / "sources").exists()
