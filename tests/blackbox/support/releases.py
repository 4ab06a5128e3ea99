# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of an earlier state of this tree, built once and kept, and upgrades from them: files
are replaced under the feet of what runs, as a package manager does it."""

import os
import shutil
import subprocess
from pathlib import Path

import harness
import oci as oci_runtime
import roots
from programs import PROGRAMS

# What machines may have been started with before an upgrade.
LAST_RELEASE = "cb6e9ba185ccb23e41583832199e70b8c9c788d3"


def _run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False, **options)
    if done.returncode:
        raise roots.Unavailable(f"{command[0]} failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def _build(commit, target):
    source = target.with_name(target.name + ".source")
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    _run("sh", "-c", 'git -C "$1" archive "$2" | tar -x -C "$3"', "sh", harness.SOURCE, commit,
         source)
    musl = _run(harness.SOURCE / "build-aux/musl-libraries").strip()
    _run("meson", "setup", source / "build", f"-Dmusl_libraries={musl}", cwd=source)
    _run("ninja", "-C", source / "build", *PROGRAMS)
    for built, installed in PROGRAMS.items():
        (target / installed).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / "build" / built, target / installed)
    shutil.rmtree(source)


def built(commit=LAST_RELEASE):
    """The installed programs of an earlier commit; roots.Unavailable where there is no history, or
    no tools to build with."""
    if not shutil.which("git") or not shutil.which("meson"):
        raise roots.Unavailable("needs git and meson to build an earlier release")
    _run("git", "-C", harness.SOURCE, "cat-file", "-e", f"{commit}^{{commit}}")
    return roots.made_once(f"release-{commit}", lambda target: _build(commit, target))


def _current():
    """Where the programs under test are, by where they are installed."""
    binary = Path(harness.find_binary()).resolve()
    if binary.parent.name == "bin":
        return {place: binary.parents[1] / place for place in PROGRAMS.values()}
    found = {place: binary.parents[2] / path for path, place in PROGRAMS.items()}
    found["bin/machine-oci"] = Path(oci_runtime.find_binary())
    return found


class Installation:
    """Programs below a prefix: first those of an earlier release."""

    def __init__(self, prefix, release):
        self.prefix = Path(prefix)
        self.release = release
        self.downgrade()

    def _replace(self, sources):
        for place, source in sources.items():
            target = self.prefix / place
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(target.name + ".dpkg-new")
            shutil.copy2(source, fresh)
            fresh.chmod(0o755)
            os.rename(fresh, target)

    def upgrade(self):
        """To the programs under test."""
        self._replace(_current())

    def downgrade(self):
        """To those of the release."""
        self._replace({place: self.release / place for place in PROGRAMS.values()})
