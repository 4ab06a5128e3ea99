# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small file systems, to fill them."""

import contextlib
import subprocess
from pathlib import Path


class SmallDisk:
    """A directory that is a small disk for commands run with `wrapper`."""

    def __init__(self, directory):
        self.directory = directory
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             f"mount -t tmpfs -o size=256k tmpfs {directory} && echo ready && exec sleep 600"],
            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.wrapper = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        self.ballast = Path(f"/proc/{self.holder.pid}/root{directory}/ballast")

    def fill(self):
        """Fills the disk completely."""
        with contextlib.suppress(OSError), open(self.ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self):
        """Empties it again."""
        self.ballast.unlink(missing_ok=True)

    def close(self):
        """Processes that use it keep it until they exit."""
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
