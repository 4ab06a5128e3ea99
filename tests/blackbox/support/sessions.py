# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users with a service manager of their own, in the virtual host."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import harness


class Session:
    """A user with a service manager that runs without a session (lingering). Of one that is not new,
    both are there already, as after a reboot."""

    def __init__(self, name, new=True):
        entry = pwd.getpwnam(name)
        self.name, self.uid = name, entry.pw_uid
        self.home = Path(f"/var/tmp/{name}")
        self.runtime = Path(f"/run/user/{self.uid}")
        if new:
            self.home.mkdir(mode=0o700)
            os.chown(self.home, self.uid, entry.pw_gid)
            subprocess.run(["usermod", "--home", self.home, name], check=True)
            self.linger()
        self.await_manager()

    def linger(self):
        """Has the manager run without a session."""
        subprocess.run(["loginctl", "enable-linger", self.name], check=True)
        self.await_manager()

    def await_manager(self):
        """Waits until the manager can be asked."""
        harness.wait_for((self.runtime / "systemd/private").exists, 60, "the service manager")

    def sessions(self):
        """The user's sessions that logind knows."""
        done = subprocess.run(["loginctl", "show-user", "-p", "Sessions", "--value", self.name],
                              check=False, capture_output=True, text=True)
        return done.stdout.split()

    def log_in(self):
        """Begins a session; the unit whose stop ends it."""
        unit = f"login-{self.name}.service"
        subprocess.run(["systemd-run", "--quiet", f"--unit={unit}", f"--property=User={self.name}",
                        "--property=PAMName=login", "sleep", "infinity"], check=True)
        harness.wait_for(self.sessions, 60, "the session")
        return unit

    def run(self, *command, check=True, timeout=400):
        """Runs a command as the user."""
        done = subprocess.run(
            ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "env", "-i",
             "PATH=/usr/local/bin:/usr/bin:/bin", f"HOME={self.home}", f"USER={self.name}",
             f"XDG_RUNTIME_DIR={self.runtime}",
             f"DBUS_SESSION_BUS_ADDRESS=unix:path={self.runtime}/bus", *map(str, command)],
            capture_output=True, text=True, timeout=timeout, check=False, cwd=self.home)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def systemctl(self, *arguments, **options):
        return self.run("systemctl", "--user", *arguments, **options)

    def group(self, pid):
        return Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").strip().rpartition(":")[2]

    def close(self):
        subprocess.run(["loginctl", "disable-linger", self.name], check=False)
        subprocess.run(["loginctl", "terminate-user", self.name], check=False)
        subprocess.run(["systemctl", "stop", f"user@{self.uid}", f"user-runtime-dir@{self.uid}"],
                       check=False)
        harness.wait_for(lambda: not self.runtime.exists(), 60, "the end of the service manager")
        shutil.rmtree(self.home, ignore_errors=True)
