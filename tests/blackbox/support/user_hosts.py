# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts whose machines belong to an ordinary user."""

import contextlib
import os
from pathlib import Path

import networking
import users


class UserHost(networking.Host):
    """A host on which the program under test runs as an ordinary user."""

    def __init__(self, user):
        super().__init__(user)
        device = user.home.parent / "tun"
        os.mknod(device, 0o666 | 0o020000, os.makedev(10, 200))
        device.chmod(0o666)
        front = self.wrapper + ["unshare", "--mount", "sh", "-c",
                                f'mount --bind {device} /dev/net/tun && exec "$@"', "sh"]
        self.replaced = {}
        self.ignored = "USR2"
        become = users.User.become
        user.become = lambda: front + self._replace() + become(user)

    def _replace(self):
        """Binds files over programs, in the mount namespace of each command."""
        binds = "".join(f"mount --bind {source} {path} && "
                        for path, source in self.replaced.items())
        return ["sh", "-c", f"{binds}trap '' {self.ignored}; exec \"$@\"", "sh"]

    def hide(self, *paths):
        """Makes programs unavailable."""
        self.replaced.update((path, "/dev/null") for path in paths)

    def command(self, *arguments, **options):
        return self.cli(*arguments, **options)

    def start(self, path, wrapper=()):
        running = self.cli.start("run", path)
        running.read_until("up\n", timeout=180)
        machine = networking.Machine(self, Path(path).stem, running)
        self.machines.append(machine)
        return machine

    def programs(self):
        """The pids of the user's network programs, which hide who owns them: they are not dumpable."""
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                text = status.read_text()
                if (text.split()[1].startswith(("pasta", "passt", "slirp4netns"))
                        and f"\nUid:\t{self.cli.uid}\t" in text and "\nState:\tZ" not in text):
                    found.append(int(status.parent.name))
        return found

    def left(self):
        """Files that describe something that runs."""
        return sorted(path.name for path in (self.cli.runtime / "network").glob("@*"))
