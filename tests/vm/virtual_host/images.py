# SPDX-License-Identifier: LGPL-2.1-or-later
"""The trees and disks of a virtual host, each created once for a set of packages."""

import concurrent.futures
import os
import pathlib
import shutil

import cache
import debian
import initrd
import roots
from commands import Stopwatch, run_logged, say
from settings import CACHE, GUEST_HOME, MAKE_LIMIT, VM

# What determines a disk in addition to the lists of packages.
HERE = pathlib.Path(__file__)
RECIPE = [
    HERE,
    HERE.with_name("debian.py"),
    HERE.with_name("initrd.py"),
    pathlib.Path(roots.__file__),
]

# The disk is sparse, so unused space costs nothing.
DISK_SIZE = "16G"

# Services of the payload root that only tests start, individually.
PAYLOAD_SERVICES = (
    "nginx.service",
    "postgresql.service",
    "postgresql@.service",
    "redis-server.service",
)

# Other programs that manage the host's network or containers, which only tests start.
HOST_SERVICES = (
    "containerd.service",
    "docker.service",
    "docker.socket",
    "NetworkManager.service",
    "NetworkManager-dispatcher.service",
    "NetworkManager-wait-online.service",
    "firewalld.service",
    "ufw.service",
)

# Periodic jobs of long-lived machines. Each costs seconds of an emulated boot.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "systemd-networkd-wait-online.service",
)


def log_file(release, what):
    return CACHE / "log" / f"{release}-{what}.log"


def mask(tree, units):
    for unit in units:
        link = tree / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def disable(tree, units):
    for wanted in (tree / "etc/systemd/system").glob("*.wants/*"):
        if wanted.name in units:
            wanted.unlink()


def payload_roots(stack, release, fresh=False):
    """A directory with debian-root and busybox-root, the roots that machines in the tests run."""
    packages, files = debian.package_list("payload")

    def make(place):
        tree = place / "debian-root"
        debian.make_tree(release, packages, tree, log_file(release, "payload"))
        disable(tree, PAYLOAD_SERVICES)
        mask(tree, MASKED)
        # An empty file makes the first boot generate an id, as in any image.
        (tree / "etc/machine-id").write_text("")
        (tree / "etc/hostname").unlink(missing_ok=True)
        (place / "busybox-root").mkdir()
        roots.write_busybox(place / "busybox-root", tree / "bin/busybox")

    key = cache.digest(release, *files, *RECIPE)
    return cache.obtain(stack, f"payload-{release}", key, make, fresh)


def finish_tree(tree, release):
    """Turns a root file system into an installed host."""
    mask(tree, MASKED)
    disable(tree, HOST_SERVICES)
    (tree / "etc/hostname").write_text(f"test-{release}\n")
    (tree / "etc/hosts").write_text(
        f"127.0.0.1 localhost\n127.0.1.1 test-{release}\n::1 localhost ip6-localhost ip6-loopback\n"
    )
    # A fixed id, so that it is not a first boot with presets and a wizard.
    (tree / "etc/machine-id").write_text("6d616368696e6563746c2d6c69746521\n")
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 0\n")
    # Root logs in without a password, but only on the console of tests/vm/shell.
    shadow = tree / "etc/shadow"
    lines = shadow.read_text().splitlines()
    shadow.write_text("".join(line.replace("root:*:", "root::", 1) + "\n" for line in lines))


def make_machine(place, release, payload):
    """Fills PLACE with disk, kernel and the parts of an initrd; payload() returns the roots in
    it."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        payload_tree = pool.submit(payload)
        tree = place / "tree"
        packages, _ = debian.package_list("machine", f"machine.{release}")
        debian.make_tree(release, packages, tree, log_file(release, "machine"))
        finish_tree(tree, release)
        home = tree / GUEST_HOME
        home.mkdir(parents=True)
        run_logged(["cp", "--archive", *payload_tree.result().glob("*-root"), home],
                   log_file(release, "copy"), MAKE_LIMIT, "copying the payloads' roots")
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    shutil.copyfile(kernel, place / "kernel")
    initrd.save_parts(tree, place)
    run_logged(
        ["mke2fs", "-q", "-t", "ext4", "-J", "size=64", "-E", "nodiscard,lazy_itable_init=1",
         "-d", tree, place / "disk", DISK_SIZE],
        log_file(release, "disk"), MAKE_LIMIT, "making the disk",
    )
    shutil.rmtree(tree)


def machine(stack, release, fresh=False):
    """A directory with the disk, the kernel and the parts of an initrd of a virtual host."""
    _, files = debian.package_list("machine", f"machine.{release}", "payload")

    def make(place):
        say(f"{release}: making the virtual host's disk, once for this list of packages")
        watch = Stopwatch()
        make_machine(place, release, lambda: payload_roots(stack, release, fresh))
        say(f"{release}: made the disk in {watch}")

    key = cache.digest(release, *files, *RECIPE)
    return cache.obtain(stack, f"machine-{release}", key, make, fresh)


def build_root(stack, release, fresh=False):
    """A root of RELEASE with compiler and libraries, if the host has another release."""
    packages, files = debian.package_list("build")

    def make(place):
        say(f"{release}: making a root to build in")
        debian.make_tree(release, packages, place / "root", log_file(release, "build-root"))

    key = cache.digest(release, *files, HERE.with_name("debian.py"))
    return cache.obtain(stack, f"build-{release}", key, make, fresh) / "root"
