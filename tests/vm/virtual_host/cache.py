# SPDX-License-Identifier: LGPL-2.1-or-later
"""Caches what takes long to create, by a digest of its inputs."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile

from settings import CACHE

# The newest of a kind is in use; keeping one more helps when switching between two branches with
# different packages.
KEPT = 2


def digest(*ingredients):
    """A short name for the contents of files and for strings."""
    total = hashlib.sha256()
    for ingredient in ingredients:
        data = ingredient.encode() if isinstance(ingredient, str) else ingredient.read_bytes()
        total.update(f"{len(data)}\n".encode() + data)
    return total.hexdigest()[:16]


@contextlib.contextmanager
def locked(path, how=fcntl.LOCK_EX):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        fcntl.flock(file, how)
        yield


def obtain(stack, kind, key, make, fresh=False):
    """
    The directory KIND-KEY of the cache, filled by make(directory) unless it is there.

    It appears whole or not at all, and is not removed by another run while STACK is open.
    """
    place = CACHE / f"{kind}-{key}"
    with locked(CACHE / f"{kind}.lock"):
        if fresh and place.exists():
            shutil.rmtree(place)
        if not place.is_dir():
            # Left behind by a killed run: the lock shows that no process is filling it.
            for leftover in CACHE.glob(f".{kind}.*"):
                shutil.rmtree(leftover)
            new = tempfile.mkdtemp(prefix=f".{kind}.", dir=CACHE)
            try:
                os.chmod(new, 0o755)
                make(type(place)(new))
                os.rename(new, place)
            finally:
                shutil.rmtree(new, ignore_errors=True)
        os.utime(place)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        forget_old(kind)
    return place


def forget_old(kind):
    """Removes all but the newest of a kind, except what another run is using."""
    kept = sorted(CACHE.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for place in kept[KEPT:]:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
