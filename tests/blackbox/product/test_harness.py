# SPDX-License-Identifier: LGPL-2.1-or-later
"""The helpers detect what they are meant to detect."""

import os
import subprocess

import pytest

import harness
import hoststate


def test_leftover_process_is_noticed(host_state):
    """An orphan that outlives its parent is found, and named."""
    with pytest.raises(AssertionError, match="processes: new: .* sleep"):
        with host_state.unchanged(patience=0.3):
            subprocess.run(["sh", "-c", "sleep 7.5 >/dev/null 2>&1 &"], check=True)
    for pid, row in hoststate.live_processes().items():
        if row[0] == "sleep":
            harness.kill_quietly(pid)


def test_leftover_file_is_noticed(host_state, cli):
    """A file in the runtime directory is found."""
    with pytest.raises(AssertionError, match="files: new: .*left"):
        with host_state.unchanged(patience=0.1):
            (cli.runtime / "left").write_text("")


def test_command_that_hangs_fails(cli):
    """A time limit ends a command and shows its output."""
    running = harness.Running(["sh", "-c", "echo said; sleep 60"], dict(os.environ))
    with pytest.raises(AssertionError, match="said"):
        running.wait(timeout=0.3)


def test_definitions_are_rendered():
    """Python values become the syntax of definitions."""
    text = harness.definition(a="x\"\\y", b=["1", "2"], c={"d": True, "e": 3},
                              f=[{"g": "h"}, {"g": "i"}], j=None)
    assert text == ('a = "x\\"\\\\y";\nb = [ "1", "2" ];\nc = { d = true; e = 3; };\n'
                    'f = ( { g = "h"; }, { g = "i"; } );\n')


def test_roots_exist(busybox_root, debian_root, own_root):
    """The roots contain what tests depend on."""
    assert os.readlink(busybox_root / "bin/sh") == "busybox"
    assert (debian_root / "usr/bin/python3").exists()
    assert os.stat(own_root / "home/alice").st_uid == 1000


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_private_cgroup2_mount(cli):
    """With cgroup2=True the command sees cgroup v2 in the usual place, and the host does not."""
    before = hoststate.mounts()
    cli.binary = "/bin/sh"
    result = cli("-c", "cat /sys/fs/cgroup/cgroup.procs >/dev/null && echo $$", cgroup2=True)
    assert result.check().stdout.strip().isdigit(), result
    assert hoststate.mounts() == before
