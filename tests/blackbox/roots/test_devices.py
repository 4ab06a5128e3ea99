# SPDX-License-Identifier: LGPL-2.1-or-later
"""/dev of a machine and `devices` of a definition."""

import os

import pytest
from inside import MIGHTY, refused, shell

NODES = ["full", "null", "random", "tty", "urandom", "zero"]
LINKS = {"core": "/proc/kcore", "fd": "/proc/self/fd", "ptmx": "pts/ptmx",
         "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}


@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_what_there_is(cli, machine_file, user_namespace):
    script = """
    cd /dev
    for name in *; do
        if test -L $name; then echo "$name link $(readlink $name)"
        elif test -c $name; then echo "$name node $(stat -c %t:%T:%a:%u $name)"
        else echo "$name other"; fi
    done
    head -c 4 /dev/urandom >/dev/null && echo x >/dev/null && test -c /dev/pts/ptmx || exit 1
    test "$(stat -c %a /dev/shm)" = 1777 && touch /dev/shm/x || exit 2"""
    result = shell(cli, machine_file, script, user_namespace=user_namespace)
    found = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert [name for name, row in found.items() if row[0] == "node"] == NODES
    assert {name: row[1] for name, row in found.items() if row[0] == "link"} == LINKS
    assert found["null"][1] == "1:3:666:0"
    assert not {"kmsg", "mem", "sda", "vda", "kvm"} & set(found)


@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_devices(cli, machine_file, user_namespace):
    script = """
    test "$(stat -c %t:%T:%u /dev/deep/zero)" = 1:5:0 || exit 1
    head -c 3 /dev/deep/zero | wc -c"""
    result = shell(cli, machine_file, script, user_namespace=user_namespace,
                   devices=["/dev/zero:/dev/deep/zero:rw"])
    assert result.stdout == "3\n"


@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_devices_that_every_machine_has(cli, machine_file, user_namespace):
    """They may be listed explicitly."""
    shell(cli, machine_file, "echo x >/dev/null", user_namespace=user_namespace,
          devices=["/dev/null:rw", "/dev/tty"])


def test_errors(cli, machine_file):
    refused(cli, machine_file, "/dev/no-such-device", devices=["/dev/no-such-device"])
    refused(cli, machine_file, "not a device", devices=["/dev/shm:/dev/x"])
    refused(cli, machine_file, "/dev/null", "already", devices=["/dev/zero:/dev/null"])


def test_no_nodes_of_its_own(cli, machine_file):
    """A machine with all capabilities of its user namespace cannot create device nodes."""
    script = """
    mknod /dev/disk b 254 0 2>/dev/null && exit 1
    mknod /disk b 254 0 2>/dev/null && exit 2
    mknod /dev/shm/null c 1 3 2>/dev/null && exit 3
    exit 0"""
    shell(cli, machine_file, script, **MIGHTY)


def test_nodes_of_the_root_do_not_work(cli, machine_file, own_root):
    """A layer that brings a node of a disk brings nothing."""
    os.mknod(own_root / "zero", 0o666 | 0o020000, os.makedev(1, 5))
    script = "test -c /zero && ! head -c 1 /zero 2>/dev/null"
    for user_namespace in ("auto", "none"):
        shell(cli, machine_file, script, overlay=[str(own_root)], upper="volatile",
              user_namespace=user_namespace)
        shell(cli, machine_file, script, rootfs=str(own_root), user_namespace=user_namespace)
