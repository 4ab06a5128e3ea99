# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages of docs/: their fenced blocks, and a host on which their commands run.

A block "console" has commands after "$ ", here-documents with them, and the lines that they print. A
comment at the end, "# status 3", is the exit status that is expected. Printed lines are compared with
numbers left out; "..." stands for any lines, and at the end of a line for the rest of it. A comment
"<!-- needs: systemd -->" before a block names what it needs, as the marker of tests does.
"""

import fcntl
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import exporters
import harness
import roots

DOCS = harness.SOURCE / "docs"
# The namespaces of a session: nothing of it is left, nor seen by others.
APART = ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
         "--propagation", "private"]
# What a page takes for granted: empty directories of a new host, a loopback interface, and control
# groups. /etc and /var/lib are overlays, in which the host's files are seen but stay as they are.
HOST = """
set -u
for place in /etc /var/lib; do
        mkdir -p "$SCRATCH/upper$place" "$SCRATCH/work$place"
        mount -t overlay -o "lowerdir=$place,upperdir=$SCRATCH/upper$place,workdir=$SCRATCH/work$place" \\
                overlay "$place"
done
rm -rf /etc/machines /var/lib/machinectl-lite
mkdir -p /etc/machines /var/lib/machinectl-lite
mount -t tmpfs tmpfs /var/lib/machinectl-lite
mount -t tmpfs -o mode=755 tmpfs /srv
[ -e /sys/fs/cgroup/cgroup.controllers ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
hostname example
cd "$HOME"
"""


@dataclass
class Block:
    """A fenced block of a page."""

    info: str
    lines: list = field(default_factory=list)
    heading: str = ""
    needs: tuple = ()


@dataclass
class Command:
    """A command of a page, with what it is said to print."""

    text: str
    status: int = 0
    output: list = field(default_factory=list)


def blocks(text):
    """The fenced blocks of a page."""
    found, heading, needs, block = [], "", (), None
    for line in text.splitlines():
        if line.startswith("```"):
            if block:
                found.append(block)
                block, needs = None, ()
            else:
                block = Block(line[3:].strip(), [], heading, needs)
        elif block:
            block.lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("<!-- needs: "):
            needs = tuple(line[len("<!-- needs: "):-len(" -->")].split())
    return found


def commands(block):
    """The commands of a block."""
    found, end = [], None
    for line in block.lines:
        if end:
            found[-1].text += "\n" + line
            end = None if line == end else end
        elif line.startswith("$ "):
            status = re.search(r"\s+# status (\d+)$", line)
            text = line[2:status.start()] if status else line[2:]
            found.append(Command(text, int(status[1]) if status else 0))
            here = re.search(r"<<\s*'(\w+)'", text)
            end = here[1] if here else None
        elif found and found[-1].text.endswith("\\"):
            found[-1].text += "\n" + line
        elif line.strip():
            found[-1].output.append(line)
    return found


def commands_of(path, met=lambda need: None):
    """All commands of a page that this host can run."""
    return [command for block in blocks(path.read_text(encoding="utf-8"))
            if block.info == "console" and not any(map(met, block.needs))
            for command in commands(block)]


def plain(line):
    """A line without its numbers and digests, and with single blanks."""
    return " ".join(re.sub(r"[0-9a-f]{12,}|\d+", "0", line).split())


def missing_line(expected, text):
    """The first line of the expected ones that is not in the text, in their order; or None."""
    lines = [plain(line) for line in text.splitlines()]
    at = 0
    for wanted in map(plain, expected):
        if wanted == "...":
            continue
        start = wanted[:-len("...")].rstrip() if wanted.endswith("...") else None
        while at < len(lines) and not (lines[at].startswith(start) if start is not None
                                       else lines[at] == wanted):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return None


class Host:
    """A host that has only what its packages bring."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.programs = self.directory / "bin"
        for name in ("bin", "home", "scratch", "runtime", "log"):
            (self.directory / name).mkdir()
        self.directory.chmod(0o755)
        (self.programs / "machinectl-lite").symlink_to(harness.find_binary())
        if exporters.find():
            (self.programs / "machinectl-lite-exporter").symlink_to(exporters.find())
        self.environment = {
            "PATH": f"{self.programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.directory / "home"), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
            "SCRATCH": str(self.directory / "scratch"),
            "MACHINECTL_LITE_RUNTIME_DIR": str(self.directory / "runtime"),
            "MACHINECTL_LITE_LOG_DIR": str(self.directory / "log"),
            "GIT_CONFIG_GLOBAL": str(self.directory / "home/.gitconfig"),
        }

    def stand_in(self, name, text):
        """A program for one that takes long: mmdebstrap, which makes the same root every time."""
        path = self.programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def script(self, wanted):
        """Runs the commands in one shell. The output of each begins and ends with a mark."""
        parts = ["trap 'machinectl-lite stop --now --all --quiet >/dev/null 2>&1' EXIT\n"]
        for number, command in enumerate(wanted):
            parts.append(f"echo; echo '=== begin {number}'\n{command.text}\n"
                         f"__status=$?; echo; echo \"=== end {number} $__status\"\n")
        return HOST + "".join(parts)

    def run(self, wanted, timeout=240):
        """Runs commands, and returns what is wrong with the first that does something else."""
        # The overlays need a file system that can have the upper directory of one.
        mount = f'mount -t tmpfs tmpfs "$SCRATCH"; exec bash "{self.directory}/script"'
        (self.directory / "script").write_text(self.script(wanted), encoding="utf-8")
        # Control groups are named after their machines, for all test runs of the host.
        roots.CACHE.mkdir(parents=True, exist_ok=True)
        with open(roots.CACHE / ".pages.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(APART + ["bash", "-c", mount], env=self.environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                  stdin=subprocess.DEVNULL, timeout=timeout, errors="replace")
        return self._judge(wanted, done.stdout)

    @staticmethod
    def _judge(wanted, text):
        for number, command in enumerate(wanted):
            begin = f"\n=== begin {number}\n"
            found = re.search(re.escape(begin) + rf"(.*)\n=== end {number} (\d+)\n", text, re.DOTALL)
            if not found:
                return f"$ {command.text}\ndid not end:\n{text[-3000:]}"
            if int(found[2]) != command.status:
                return f"$ {command.text}\nstatus {found[2]}:\n{found[1]}"
            lacking = missing_line(command.output, found[1])
            if lacking:
                return f"$ {command.text}\ndid not print {lacking!r}:\n{found[1]}"
        return None


def stand_in_for_mmdebstrap(root):
    """A stand-in that mounts a root made earlier at the place that it is asked to fill."""
    return ('#!/bin/bash\nset -e\nplace=${@: -1}\nmkdir -p "$place"\n'
            f'mount --bind {root} "$place"\n')


def tutorial_root():
    """The root that the pages make with mmdebstrap."""
    return roots.made_debian("pages", ["python3", "redis-server"])
