# SPDX-License-Identifier: LGPL-2.1-or-later
"""`doctor` of an ordinary user: it tries what his machines need, and changes nothing."""

import errno
import json
import shutil
import subprocess

import filters
import programs
import pytest
from user_hosts import UserHost

pytestmark = pytest.mark.needs("root", "program:ip", "program:pasta")


@pytest.fixture
def host(user):
    made = UserHost(user)
    yield made
    made.close()


def findings(user):
    return {each["check"]: each for each in json.loads(user("--json=short", "doctor").stdout)}


def test_what_is_tried(host, user):
    """All that a start does in the user's namespaces works here."""
    before = sorted(user.home.rglob("*"))
    found = findings(user)
    for check in ("user-namespace", "machines", "overlay", "network", "published-ports"):
        assert found[check]["way_out"] is None, found[check]
    first, after = user.subordinate()
    assert f"{first}:{after - first}" in found["subordinate-ids"]["found"]
    assert "pasta" in found["network-program"]["found"]
    assert str(user.state) in found["directories"]["found"]
    assert sorted(user.home.rglob("*")) == before


def test_what_is_missing(host, user):
    """Each with a way out, and a status for scripts."""
    host.hide("/usr/bin/pasta", "/usr/bin/slirp4netns")
    device = user.home.parent / "tun"
    device.chmod(0o600)
    host.sh("echo '1 0' > /proc/sys/net/ipv4/ping_group_range")
    found = findings(user)
    assert "/dev/net/tun" in found["network"]["found"]
    assert "chmod 0666" in found["network"]["way_out"]
    assert "passt" in found["network-program"]["way_out"]
    assert "net.ipv4.ping_group_range" in found["ping"]["found"]
    user("doctor").check(1)


def test_without_ids(poor):
    """Both ways out."""
    found = findings(poor)
    assert "usermod --add-subuids" in found["subordinate-ids"]["way_out"]
    assert '"self"' in found["subordinate-ids"]["way_out"]


# ---- what hosts refuse ----

def refused(user, front, check):
    """The finding of a check whose command has this front, which root runs."""
    done = subprocess.run(front + user.command("--json=short", "doctor"), check=False, text=True,
                          capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 1, done
    found = next(each for each in json.loads(done.stdout) if each["check"] == check)
    assert found["result"] == "error", found
    return found


def mounting(script):
    """The front of a command with mounts of its own."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{script}; exec "$@"',
            "sh"]


# A new /proc/sys/kernel, with all of the old one and a setting that only some kernels have.
RESTRICTED = """
mount --rbind /proc/sys/kernel /mnt
mount -t tmpfs none /proc/sys/kernel
cd /mnt
for name in *; do
    if test -d $name; then mkdir /proc/sys/kernel/$name; else touch /proc/sys/kernel/$name; fi
    mount --bind $name /proc/sys/kernel/$name
done
echo 1 > /proc/sys/kernel/apparmor_restrict_unprivileged_userns
cd /"""

NO_CAPABILITIES = filters.failing("prctl", errno.EPERM, a0=24, a1=0xffffffff)


@pytest.mark.parametrize("mode", ["auto", "self"])
def test_apparmor(user, busybox_root, mode):
    """A new user namespace has no capabilities (simulated): at the step and in `doctor`, with the
    profile that packages ship."""
    front = mounting(RESTRICTED) + NO_CAPABILITIES
    found = refused(user, front, "user-namespace")
    assert "a user namespace without capabilities" in found["found"], found
    words = ("kernel.apparmor_restrict_unprivileged_userns is 1",
             "apparmor_parser -r /etc/apparmor.d/machinectl-lite", '"userns,"')
    for word in words:
        assert word in found["way_out"], found
    path = user.define("a", rootfs=user.copy_root(busybox_root), command=["true"],
                       user_namespace=mode)
    done = subprocess.run(front + user.command("run", path), check=False, text=True,
                          capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 125, done
    for word in ("without capabilities", *words):
        assert word in done.stderr, done


def test_another_security_module(user):
    """The same without that setting."""
    found = refused(user, NO_CAPABILITIES, "user-namespace")
    assert "a security module takes them away" in found["found"]
    assert "in the policy of the host's security module" in found["way_out"]


def test_missing_program(user):
    found = refused(user, mounting("mount --bind /dev/null /usr/bin/newuidmap"), "user-namespace")
    assert "newuidmap is missing" in found["found"] and "package uidmap" in found["way_out"]


def test_program_without_rights(user, workspace):
    copy = workspace / "newgidmap"
    subprocess.run(["cp", "--no-preserve=all", "/usr/bin/newgidmap", copy], check=True)
    copy.chmod(0o755)
    found = refused(user, mounting(f"mount --bind {copy} /usr/bin/newgidmap"), "user-namespace")
    assert "newgidmap failed" in found["found"]
    assert "chmod u+s /usr/bin/newgidmap" in found["way_out"]


@pytest.mark.parametrize("part", ["/proc/version", "/sys/kernel/profiling"])
def test_partly_hidden(user, part):
    """As in a container."""
    top = "/" + part.split("/")[1]
    found = refused(user, mounting(f"mount --bind /dev/null {part}"), "machines")
    assert f"cannot mount a {top}" in found["found"], found
    assert "unmask=ALL" in found["way_out"]


def test_no_more_namespaces(user):
    forbidden = ["unshare", "--user", "--map-root-user", "sh", "-c",
                 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh"]
    done = user("--json=short", "doctor", wrapper=forbidden)
    found = next(each for each in json.loads(done.stdout) if each["check"] == "machines")
    assert "user.max_user_namespaces is 0" in found["way_out"], found


# setsockopt(SOL_IP, IP_TRANSPARENT), setsockopt(SOL_IPV6, IPV6_TRANSPARENT)
@pytest.mark.parametrize("level, option", [(0, 19), (41, 75)])
def test_no_transparent_sockets(host, user, busybox_root, level, option):
    """Published ports are an error, instead of connections that fail later."""
    front = filters.failing("setsockopt", errno.EPERM, a1=level, a2=option)
    found = refused(user, front, "published-ports")
    assert "IP_TRANSPARENT" in found["found"] and "seccomp" in found["way_out"]
    path = user.define("a", rootfs=user.copy_root(busybox_root), command=["true"],
                       network={"mode": "bridge"}, ports=["8080:80"])
    done = subprocess.run(front + user.command("run", path), check=False, text=True,
                          capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 125 and "IP_TRANSPARENT" in done.stderr, done


def test_no_rules_for_transparent_sockets(host, user, busybox_root, workspace):
    """A kernel without nft_socket, simulated by a program for rules that refuses them."""
    rules = programs.beside(user.binary, "machinectl-lite-rules")
    real = shutil.copy(rules, workspace / "real")
    refusing = workspace / "refusing"
    refusing.write_text("#!/bin/sh\ntext=$(cat)\ncase $text in *'socket transparent'*)\n"
                        "echo no such expression; exit 1;; esac\n"
                        f"printf '%s\\n' \"$text\" | {real}\n", encoding="utf-8")
    refusing.chmod(0o755)
    front = mounting(f"mount --bind {refusing} {rules}")
    found = refused(user, front, "published-ports")
    assert "CONFIG_NFT_SOCKET" in found["found"] and "modprobe nft_socket" in found["way_out"]
    path = user.define("a", rootfs=user.copy_root(busybox_root), command=["true"],
                       network={"mode": "bridge"}, ports=["8080:80"])
    done = subprocess.run(front + user.command("run", path), check=False, text=True,
                          capture_output=True, env=user.environment, cwd=user.home)
    assert done.returncode == 125, done
    assert "CONFIG_NFT_SOCKET" in done.stderr and "modprobe nft_socket" in done.stderr
