# SPDX-License-Identifier: LGPL-2.1-or-later
"""The project for the virtual host: installed by meson, with its sources and tests."""

import io
import os
import shutil
import subprocess
import tarfile

import debian
import images
from commands import Stopwatch, run_logged, say
from settings import BUILD_LIMIT, CACHE, GUEST_CACHE, GUEST_HOME, SOURCE, VM, Failure

# Runs in its own mount namespace, with the arguments ROOT, SOURCE and WORK, then the command.
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
    # A build directory configured with other libraries or another command is not reused.
    stamp, words = work / "build-command", "\n".join(map(str, command))
    if fresh or not stamp.exists() or stamp.read_text() != words:
        shutil.rmtree(work / "build", ignore_errors=True)
    stamp.write_text(words)
    run_logged(command, work / "build.log", BUILD_LIMIT, f"building the project for {release}")
    say(f"{release}: built in {watch}")
    return work / "install"


def source_files():
    """The files of the project by path: those that git tracks or could add, or else all."""
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
    # Removed files are listed until the removal is committed.
    return [name for name in names if os.path.lexists(SOURCE / name)]


def as_root(entry):
    """Owned by root and readable by all, regardless of the umask of the checkout."""
    entry.mode |= 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def suite_trees(names):
    """For write_delivery(): suites at their place, and the packages that they need."""
    trees = []
    for name in names:
        suite = CACHE / "suites" / name
        if not suite.is_dir():
            raise Failure(f"there is no {suite}: `tests/suites/fetch {name}` fetches it")
        trees.append((suite, f"{GUEST_CACHE}/suites/{name}"))
        if (suite / "root").is_dir():
            trees.append((suite / "root", ""))
    return trees


def write_delivery(path, trees, texts):
    """
    A tar archive that the virtual host unpacks over its root before systemd starts there.

    TREES are directories, each with the one in the root that it is laid over. TEXTS are more files of
    its home by name, the arguments of a run.
    """
    with tarfile.open(path, "w") as archive:
        for tree, place in [(VM / "guest/root", ""), *trees]:
            for top in sorted(tree.iterdir()):
                archive.add(top, os.path.join(place, top.name), filter=as_root)
        for name in source_files():
            target = f"{GUEST_HOME}/source/{name}"
            archive.add(SOURCE / name, target, recursive=False, filter=as_root)
        for name, text in texts.items():
            entry = tarfile.TarInfo(f"{GUEST_HOME}/{name}")
            entry.size = len(text.encode())
            archive.addfile(as_root(entry), io.BytesIO(text.encode()))
