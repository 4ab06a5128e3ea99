# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root directories for the tests, made once and kept: busybox from busybox-static, Debian 12 from
mmdebstrap. `roots.py busybox` and `roots.py debian` make one and print its path.

All tests and runs share them: a test mounts an overlay over one or copies it.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("MACHINECTL_LITE_TEST_CACHE", "/var/cache/machinectl-lite-tests"))
# The virtual hosts of tests/vm have prebuilt roots of their own release here.
INSTALLED = Path("/usr/share/machinectl-lite-tests")
DEBIAN_RELEASE = "bookworm"
DEBIAN_PACKAGES = ["python3", "iputils-ping", "nginx", "libcap2-bin"]
MMDEBSTRAP = ["mmdebstrap", "--quiet", "--variant=minbase", "--aptopt=APT::Sandbox::User \"root\""]

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/sh
alice:x:1000:1000:Alice:/home/alice:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUP = """root:x:0:
daemon:x:1:
www-data:x:33:
staff:x:50:alice
alice:x:1000:
nogroup:x:65534:
"""


class Unavailable(Exception):
    """A root that cannot be made on this host; the text gives the reason."""


@contextlib.contextmanager
def _locked(name):
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(name, make):
    """The directory `name` of the cache; if it is missing, `make(path)` fills it."""
    target = CACHE / name
    if target.is_dir():
        return target
    with _locked(name):
        if not target.is_dir():
            scratch = CACHE / f".{name}.new"
            shutil.rmtree(scratch, ignore_errors=True)
            try:
                make(scratch)
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                raise
            scratch.chmod(0o755)
            scratch.rename(target)
    return target


def write_busybox(root, busybox=None):
    """Fills a directory with a busybox system: every applet is a link in /bin."""
    busybox = busybox or shutil.which("busybox")
    if not busybox:
        raise Unavailable("busybox is not installed (package busybox-static)")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for directory in ("bin", "dev", "etc", "home/alice", "proc", "root", "run/host", "sbin", "sys",
                      "tmp", "usr/bin", "usr/sbin", "var/www"):
        (root / directory).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    for applet in applets.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "etc/os-release").write_text("ID=busybox\nNAME=busybox\n")
    (root / "etc/hostname").write_text("root-of-the-tests\n")
    (root / "var/www/index.html").write_text("a page of the machine\n")
    os.chown(root / "home/alice", 1000, 1000)


def _write_debian(root, packages=DEBIAN_PACKAGES):
    if not shutil.which("mmdebstrap"):
        raise Unavailable("mmdebstrap is not installed")
    done = subprocess.run(
        MMDEBSTRAP + [f"--include={','.join(packages)}", DEBIAN_RELEASE, str(root)],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable("mmdebstrap failed: " + done.stderr[-800:])


def busybox():
    """The path of the busybox root."""
    if (INSTALLED / "busybox-root").is_dir():
        return INSTALLED / "busybox-root"
    version = os.stat(shutil.which("busybox") or "/").st_mtime_ns
    with open(__file__, "rb") as recipe:
        digest = hashlib.sha256(recipe.read() + str(version).encode()).hexdigest()[:8]
    return made_once(f"busybox-{digest}", lambda root: (root.mkdir(), write_busybox(root)))


def made_debian(name, packages):
    """The path of a Debian root with these packages."""
    digest = hashlib.sha256(" ".join([DEBIAN_RELEASE] + packages).encode()).hexdigest()[:8]
    return made_once(f"{name}-{DEBIAN_RELEASE}-{digest}",
                     lambda root: _write_debian(root, packages))


def debian():
    """The path of the Debian root."""
    if (INSTALLED / "debian-root").is_dir():
        return INSTALLED / "debian-root"
    recipe = " ".join([DEBIAN_RELEASE] + DEBIAN_PACKAGES)
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:8]
    return made_once(f"debian-{DEBIAN_RELEASE}-{digest}", _write_debian)


def copy(source, target):
    """A copy of the root for one test, with the owners, modes and links of the original."""
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", str(target)], check=True)
    return Path(target)


if __name__ == "__main__":
    try:
        print({"busybox": busybox, "debian": debian}[sys.argv[1]]())
    except (KeyError, IndexError):
        sys.exit("usage: roots.py busybox|debian")
    except Unavailable as reason:
        sys.exit(f"roots.py: {reason}")
