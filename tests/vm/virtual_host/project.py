# SPDX-License-Identifier: LGPL-2.1-or-later
"""The project as the virtual host gets it: installed by meson, its sources and tests beside."""

import io
import os
import shutil
import subprocess
import tarfile

import debian
import images
from commands import Stopwatch, run_logged, say
from settings import BUILD_LIMIT, GUEST_HOME, SOURCE, VM

# Runs in a mount namespace of its own. Its arguments: ROOT, SOURCE and WORK, then the command.
ENTER_BUILD_ROOT = """
set -e
root=$1 source=$2 work=$3
shift 3
mkdir -p "$root/source" "$root/work"
mount --bind "$source" "$root/source"
mount --bind "$work" "$root/work"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
"""

BUILD = """
set -e
export LC_ALL=C.UTF-8
[ -f "$2/build.ninja" ] ||
    meson setup --prefix=/usr --sysconfdir=/etc --localstatedir=/var $5 "$2" "$1"
ninja -C "$2" -j "$4"
rm -rf "$3"
DESTDIR=$3 meson install --quiet --no-rebuild -C "$2"
"""


def build_command(stack, release, work, options, fresh):
    """The words that run BUILD where the libraries are RELEASE's: here or in a root made for it."""
    further = [str(len(os.sched_getaffinity(0))), " ".join(options)]
    if debian.host_release() == release:
        debian.install_missing(debian.package_list("build")[0])
        return ["sh", "-c", BUILD, "sh", SOURCE, work / "build", work / "install", *further]
    root = images.build_root(stack, release, fresh)
    enter = ["unshare", "--mount", "--propagation", "private",
             "sh", "-c", ENTER_BUILD_ROOT, "sh", root, SOURCE, work]
    return [*enter, "sh", "-c", BUILD, "sh", "/source", "/work/build", "/work/install", *further]


def build(stack, release, work, options=(), fresh=False):
    """Builds the project with OPTIONS for meson and installs it; the tree of installed files."""
    watch = Stopwatch()
    command = build_command(stack, release, work, options, fresh)
    # What was configured with other libraries or another command is not built upon.
    stamp, words = work / "build-command", "\n".join(map(str, command))
    if fresh or not stamp.exists() or stamp.read_text() != words:
        shutil.rmtree(work / "build", ignore_errors=True)
    stamp.write_text(words)
    run_logged(command, work / "build.log", BUILD_LIMIT, f"building the project for {release}")
    say(f"{release}: built in {watch}")
    return work / "install"


def source_files():
    """Files of the project by their path in it: what git knows or could add, else everything."""
    git = ["git", "-c", "safe.directory=*", "-C", SOURCE,
           "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(git, capture_output=True, check=True)
        names = sorted(set(os.fsdecode(listing.stdout).split("\0")) - {""})
    except (OSError, subprocess.CalledProcessError):
        names = [
            os.path.relpath(os.path.join(directory, name), SOURCE)
            for directory, _, files in os.walk(SOURCE) for name in files
        ]
        names = [name for name in names if not name.startswith(("build", ".git/"))]
    # A file that was removed and not yet committed is still listed.
    return [name for name in names if os.path.lexists(SOURCE / name)]


def as_root(entry):
    """Owned by root and readable by all, whatever the umask was under which it was checked out."""
    entry.mode |= 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def write_delivery(path, installed, texts):
    """
    A tar archive that the virtual host unpacks over its root before systemd starts there.

    TEXTS are more files of its home by name, the arguments of a run.
    """
    with tarfile.open(path, "w") as archive:
        for tree in (VM / "guest/root", installed):
            for top in sorted(tree.iterdir()):
                archive.add(top, top.name, filter=as_root)
        for name in source_files():
            target = f"{GUEST_HOME}/source/{name}"
            archive.add(SOURCE / name, target, recursive=False, filter=as_root)
        for name, text in texts.items():
            entry = tarfile.TarInfo(f"{GUEST_HOME}/{name}")
            entry.size = len(text.encode())
            archive.addfile(as_root(entry), io.BytesIO(text.encode()))
