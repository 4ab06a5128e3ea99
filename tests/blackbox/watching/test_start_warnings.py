# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a start in the background warns of is seen by the person who asked for it, and is in the log
of the machine."""

import os

import fleets
import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2", "link:veth")

NAME = f"warned-{os.getpid()}"
STAY = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
WARNING = "the host has no name server that the machine can reach"


@pytest.fixture
def deaf(workspace):
    """A host without name servers that machines reach, seen by a command and what it starts."""
    resolver = workspace / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n", encoding="utf-8")
    return ["unshare", "--mount", "sh", "-c",
            f'mount --bind {resolver} "$(readlink -f /etc/resolv.conf)" && exec "$@"', "sh"]


def lines(text):
    """The warnings in an output."""
    return [line for line in text.splitlines() if WARNING in line]


def test_start_shows_them_and_the_log_has_them(cli, machine_file, deaf):
    for ready in ({}, {"ready": "notify", "start_timeout": "1s"}):
        path = machine_file(NAME, command=STAY, network=None, **ready)
        result = cli("start", path, wrapper=deaf)
        assert (result.status == 0) == (not ready), result
        first, *again = lines(result.stderr)
        assert first.startswith(f"warning: {NAME}: {WARNING}")
        # A start that fails shows the end of the log as well.
        assert len(again) == len(ready) // 2
        harness.wait_for(lambda: lines(cli("logs", NAME).check().stdout), what="the warning")
        cli("delete", "--force", NAME).check()


def test_apply_shows_them(cli, workspace, busybox_root, deaf):
    fleet = fleets.Fleet(cli, workspace, busybox_root)
    fleet.define("web", network=None)
    try:
        [line] = lines(fleet.apply(wrapper=deaf).check().stderr)
        assert line.startswith(f"warning: {fleet.name('web')}: ")
    finally:
        fleet.finish()


def test_quiet_shows_none(cli, machine_file, deaf):
    path = machine_file(NAME, command=STAY, network=None)
    assert not lines(cli("--quiet", "start", path, wrapper=deaf).check().stderr)
    cli("stop", NAME).check()
