# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of setrlimit(2), priority and the score for the out-of-memory killer, at work."""

import signal

import pytest


def limit(text, name):
    """Soft and hard limit by its name in /proc/PID/limits."""
    line, = (line for line in text.splitlines() if line.startswith(name))
    return line[26:].split()[:2]


KEYS = {
    "cpu_time": ("Max cpu time", 1000, 2000), "file_size": ("Max file size", 1 << 20, 2 << 20),
    "data": ("Max data size", 1 << 28, 1 << 29), "stack": ("Max stack size", 4 << 20, 8 << 20),
    "core": ("Max core file size", 0, 4096),
    "processes": ("Max processes", 500, 1000), "open_files": ("Max open files", 100, 200),
    "locked_memory": ("Max locked memory", 4096, 8192),
    "address_space": ("Max address space", 1 << 30, 1 << 31),
    "file_locks": ("Max file locks", 10, 20),
    "pending_signals": ("Max pending signals", 100, 200),
    "message_queues": ("Max msgqueue size", 4096, 8192),
}


def test_every_key(cli, machine_file):
    """Each key is the limit that it is named after."""
    text = cli("run", machine_file(
        command=["cat", "/proc/self/limits"],
        limits={key: f"{soft}:{hard}" for key, (_, soft, hard) in KEYS.items()})).check().stdout
    found = {key: limit(text, name) for key, (name, _, _) in KEYS.items()}
    assert found == {key: [str(soft), str(hard)] for key, (_, soft, hard) in KEYS.items()}


@pytest.mark.parametrize("user", ["root", "alice"])
def test_limits_hold_for_the_payload(cli, machine_file, user):
    """Set before the user is changed; the payload cannot raise them, be it root."""
    result = cli("run", machine_file(
        user=user, limits={"open_files": "20:30"},
        command=["sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -n 31 2>/dev/null || echo refused"]))
    assert result.check().stdout.split() == ["20", "30", "refused"]


def test_processes(cli, machine_file):
    """No more processes of one user than allowed."""
    result = cli("run", machine_file(
        user="alice", limits={"processes": "5:5"},
        command=["sh", "-c", "for n in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all"]))
    assert "all" not in result.stdout and "fork" in result.stderr, result


def test_file_size(cli, machine_file):
    """A write past the limit ends the payload with SIGXFSZ."""
    cli("run", machine_file(
        limits={"file_size": "64K"},
        command=["dd", "if=/dev/zero", "of=/tmp/x", "bs=1K", "count=100"])).check(
        128 + signal.SIGXFSZ)


@pytest.mark.slow
def test_cpu_time(cli, machine_file):
    """A second of CPU time and no more."""
    cli("run", machine_file(limits={"cpu_time": "1:2"},
                            command=["sh", "-c", "while :; do :; done"])).check(
        128 + signal.SIGXCPU)


WITHOUT_RIGHT = ["setpriv", "--bounding-set=-sys_resource", "prlimit"]


def test_hard_limit_that_cannot_be_raised(cli, machine_file):
    """The key, both values and the capability are named, and nothing runs."""
    wrapper = WITHOUT_RIGHT + ["--nofile=256:256"]
    result = cli("run", machine_file(command=["echo", "started"],
                                     limits={"open_files": "100:4000"}), wrapper=wrapper).check(125)
    assert result.stdout == ""
    for word in ("open_files", "256", "4000", "CAP_SYS_RESOURCE"):
        assert word in result.stderr, result
    # What the caller has may be given, up to its hard limit.
    result = cli("run", machine_file(command=["sh", "-c", "ulimit -n"],
                                     limits={"open_files": "100:256"}), wrapper=wrapper)
    assert result.check().stdout == "100\n"


def test_unlimited_is_unlimited(cli, machine_file):
    """ "max" needs the right as well, unless it is so already."""
    wrapper = WITHOUT_RIGHT + ["--core=4096:4096"]
    result = cli("run", machine_file(command=["true"], limits={"core": "max"}), wrapper=wrapper)
    result.check(125)
    assert "core" in result.stderr and "unlimited" in result.stderr
    wrapper = WITHOUT_RIGHT + ["--core=unlimited:unlimited"]
    result = cli("run", machine_file(command=["sh", "-c", "ulimit -c"], limits={"core": "max"}),
                 wrapper=wrapper)
    assert result.check().stdout == "unlimited\n"


def test_more_files_than_the_kernel_allows(cli, machine_file):
    """fs.nr_open limits even root."""
    result = cli("run", machine_file(command=["true"], limits={"open_files": str(1 << 40)}))
    result.check(125)
    assert "fs.nr_open" in result.stderr


def test_lower_score_needs_a_right(cli, machine_file):
    """Protection from the out-of-memory killer cannot be had without CAP_SYS_RESOURCE."""
    result = cli("run", machine_file(command=["true"], limits={"oom_score_adjust": -500}),
                 wrapper=WITHOUT_RIGHT + ["--core=0"])
    result.check(125)
    assert "oom_score_adjust" in result.stderr and "CAP_SYS_RESOURCE" in result.stderr


def test_negative_nice(cli, machine_file):
    """A higher priority than the caller's, if the caller may set one."""
    path = machine_file(command=["cut", "-d", " ", "-f19", "/proc/self/stat"], limits={"nice": -5})
    assert cli("run", path).check().stdout == "-5\n"
    result = cli("run", path, wrapper=["setpriv", "--bounding-set=-sys_nice"]).check(125)
    assert "nice" in result.stderr and "CAP_SYS_NICE" in result.stderr


@pytest.mark.parametrize("limits, word", [
    ({"open_files": "200:100"}, "open_files"), ({"open_files": "many"}, "many"),
    ({"nice": 40}, "nice"), ({"oom_score_adjust": 2000}, "oom_score_adjust")])
def test_values_that_make_no_sense(cli, machine_file, limits, word):
    """Refused before anything starts."""
    result = cli("run", machine_file(command=["echo", "started"], limits=limits))
    assert result.status in (65, 125) and result.stdout == "" and word in result.stderr, result
