# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of a build, or of an installation."""

from pathlib import Path

# Where each is in a build tree, and where it is installed.
PROGRAMS = {
    "src/cli/machinectl-lite": "bin/machinectl-lite",
    "src/runtime/machine-oci": "bin/machine-oci",
    "src/launch/init/machine-init": "libexec/machinectl-lite/machine-init",
    "src/image/machinectl-lite-image": "libexec/machinectl-lite/machinectl-lite-image",
    "src/image/machinectl-lite-unpack": "libexec/machinectl-lite/machinectl-lite-unpack",
    "src/network/machinectl-lite-rules": "libexec/machinectl-lite/machinectl-lite-rules",
}


def beside(binary, name):
    """Another program of the build or the installation that this machinectl-lite is of."""
    [(built, installed)] = [each for each in PROGRAMS.items() if each[0].endswith(f"/{name}")]
    top = Path(binary).parents[1]
    # A copy of a build may lack the directory src itself.
    return next(path for path in (top / built.removeprefix("src/"), top / installed)
                if path.exists())
