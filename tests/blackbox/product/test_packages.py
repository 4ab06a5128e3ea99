# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages themselves: built from the last commit, installed in a clean root, upgraded while a
machine runs, removed and purged. MACHINECTL_LITE_DEBS is a directory of packages built earlier."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import harness
import pytest
import releases
import roots

DEBIAN = harness.SOURCE / "debian"

pytestmark = [pytest.mark.slow, pytest.mark.needs("root", "program:dpkg-buildpackage",
                                                  "program:mmdebstrap")]

# The root becomes that of a pid and a mount namespace, because user namespaces cannot be created in
# a chroot(2).
ENTER = """
set -e
mount --bind "$1" "$1"
mount -t tmpfs run "$1/run"
mount --rbind /dev "$1/dev"
mount --rbind /sys "$1/sys"
mount -t proc proc "$1/proc"
cd "$1"
mkdir -p mnt/host
pivot_root . mnt/host
mount --bind mnt/host"$2" srv
umount -l mnt/host
exec sh -eux /srv/script
"""

LIFE = """
cd /srv
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
list() { find / -xdev \\( -path /srv -o -path /proc -o -path /sys -o -path /dev -o -path /run \\
    -o -path /var/lib/dpkg -o -path /var/log -o -path /etc/ld.so.cache -o -path /var/cache \\
    -o -path /mnt -o -path /tmp -o -path /var/lib/systemd \\) -prune -o -print | sort; }
list >before
first() { machinectl-lite list --json=short | sed -n 's/.*"pid": *\\([0-9][0-9]*\\).*/\\1/p'; }

dpkg -i old/*.deb
cp /srv/busybox /bin/busybox
mkdir -p /etc/machines /opt/root/bin /opt/root/etc /opt/root/proc /opt/root/dev /opt/root/sys
cp /srv/busybox /opt/root/bin/busybox
ln -s busybox /opt/root/bin/sh
ln -s busybox /opt/root/bin/sleep
ln -s busybox /opt/root/bin/echo
cat >/etc/machines/web.machine <<'END'
overlay = [ "/opt/root" ];
upper = "volatile";
command = [ "/bin/sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 1; done" ];
network = { mode = "none"; };
END
machinectl-lite start web
pid=$(first)
test -n "$pid"
machinectl-lite exec web /bin/echo before

dpkg -i new/*.deb
machinectl-lite --version
test "$(first)" = "$pid"
machinectl-lite list | grep running
test "$(machinectl-lite exec web /bin/echo after)" = after
machinectl-lite logs web | grep up
machinectl-lite stop web
machinectl-lite start web
machinectl-lite delete --force web
test "$(machinectl-lite run web -- /bin/echo hello)" = hello
sh /srv/start-machine
test -e /usr/lib/*/libmachine.so.0
test -e /usr/include/machine/load.h

machinectl-lite start web
pid=$(first)
kill -0 "$pid"
dpkg -r machinectl-lite machinectl-lite-doc libmachine-dev libmachine0
if kill -0 "$pid"; then exit 1; fi
test ! -e /usr/bin/machinectl-lite
dpkg -P machinectl-lite machinectl-lite-doc libmachine-dev libmachine0
rm -rf /etc/machines /opt/root /bin/busybox
list >after
diff before after
echo everything is as before
"""


def run(*command, **options):
    """Runs a command that must succeed; its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, (command, done.stdout[-4000:], done.stderr[-4000:])
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The directory of the packages."""
    given = os.environ.get("MACHINECTL_LITE_DEBS")
    if given:
        return Path(given)
    target = tmp_path_factory.mktemp("debs")
    run(harness.SOURCE / "packaging/deb", target, "-b")
    return target


def field(package, name):
    """A field of a package."""
    return run("dpkg-deb", "-f", package, name).strip()


@pytest.fixture(scope="module")
def clean_root(packages):
    """A Debian root with what the packages depend on, and without them."""
    needed = set()
    own = {field(package, "Package") for package in packages.glob("*.deb")}
    for package in packages.glob("machinectl-lite_*.deb"):
        for name in ("Depends", "Pre-Depends"):
            needed |= {word.split("|")[0].split()[0] for word in field(package, name).split(",")
                       if word.strip()}
    names = sorted(needed - own) 
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]

    def make(target):
        run(*roots.MMDEBSTRAP, f"--include={','.join(names)}", roots.DEBIAN_RELEASE, target)

    return roots.made_once(f"packages-{digest}", make)


def older(package, release, target):
    """The package with the programs of an earlier release, as its version 0.0.1."""
    work = target / "work"
    run("dpkg-deb", "-R", package, work)
    control = work / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", "Version: 0.0.1", control.read_text(),
                              flags=re.MULTILINE))
    for place in releases.PROGRAMS.values():
        shutil.copy2(release / place, work / "usr" / place)
    run("dpkg-deb", "-b", work, target / "machinectl-lite.deb")
    shutil.rmtree(work)


def test_life_of_the_packages(packages, clean_root, workspace):
    """Installed, used, upgraded under a running machine, removed, purged: nothing stays."""
    try:
        release = releases.built()
    except roots.Unavailable as reason:
        pytest.skip(str(reason))
    shared, root = workspace / "shared", workspace / "root"
    for name in ("old", "new"):
        (shared / name).mkdir(parents=True)
    for package in packages.glob("*.deb"):
        if "dbgsym" not in package.name:
            shutil.copy(package, shared / "new")
    [main] = packages.glob("machinectl-lite_*.deb")
    older(main, release, shared / "old")
    (shared / "script").write_text(LIFE)
    # What autopkgtest runs.
    shutil.copy(DEBIAN / "tests/start-machine", shared)
    shutil.copy(shutil.which("busybox"), shared / "busybox")
    run("cp", "-a", clean_root, root)
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc",
                           "--propagation", "private", "sh", "-c", ENTER, "sh", str(root),
                           str(shared)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=1200)
    assert done.returncode == 0 and "everything is as before" in done.stdout, (
        done.stdout[-6000:], done.stderr[-6000:])


@pytest.mark.needs("program:lintian")
def test_lintian_has_no_errors(packages):
    done = subprocess.run(["lintian", "--fail-on", "error", "--allow-root", "--suppress-tags",
                           "bad-distribution-in-changes-file",
                           *map(str, packages.glob("*.changes"))],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_two_builds_give_the_same_bytes(packages, workspace):
    """In two directories, of different lengths."""
    if os.environ.get("MACHINECTL_LITE_DEBS_AGAIN"):
        again = Path(os.environ["MACHINECTL_LITE_DEBS_AGAIN"])
    else:
        again = workspace / "elsewhere"
        run(harness.SOURCE / "packaging/deb", again, "-b",
            env={**os.environ, "MACHINECTL_LITE_MUSL_CACHE": str(workspace / "musl")})
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
             for path in packages.glob("*.deb")}
    second = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
              for path in again.glob("*.deb")}
    assert first and first == second
