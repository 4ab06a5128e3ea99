# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is seen of a machine's health."""

import itertools
import json
import os
import time

import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
# Healthy while /tmp/well exists.
CHECK = ["sh", "-c", r"echo looking; printf '\033[31mred\033[0m\000\377\n' >&2; "
                     "printf 'for /tmp/well'; test -e /tmp/well"]
UNHEALTHY = 5


@pytest.fixture
def started(cli, machine_file, request):
    """started(health={..}) starts a machine that is not well, and returns its name."""

    def start(**keys):
        name = f"health-{os.getpid()}-{next(NUMBERS)}"
        cli("start", machine_file(name, **{"command": ["sleep", "600"],
                                           "stop": {"timeout": "100ms"}, **keys})).check()
        request.addfinalizer(lambda: cli("delete", "--force", name).check())
        return name

    return start


def listed(cli, name):
    """The machine's health according to `list`."""
    return next(row.get("health") for row in json.loads(cli("list", "--json=short").check().stdout)
                if row["name"] == name)


def shown(cli, name):
    """The machine's health according to `show`."""
    return json.loads(cli("show", name).check().stdout)["health"]


def test_a_check_that_fails_is_seen_though_nothing_acts_on_it(cli, started):
    before = time.time()
    name = started(health={"command": CHECK, "interval": "50ms", "retries": 3})
    harness.wait_for(lambda: listed(cli, name) == "unhealthy")
    row = cli("list").check().stdout.splitlines()
    assert "HEALTH" in row[0] and "unhealthy" in row[1] and "running" in row[1]

    health = shown(cli, name)
    assert health["command"] == CHECK and health["failures"] >= 3
    assert health["reason"] == "the health check ended with status 1"
    assert health["output"] == "looking\n\\x1b[31mred\\x1b[0m \\xff\nfor /tmp/well"
    assert before <= health["since"] / 1e6 <= health["checked"] / 1e6 <= time.time()

    told = cli("status", name).check(UNHEALTHY).stdout
    assert "unhealthy since" in told and "failures in a row" in told and "\x1b" not in told
    assert "looking" in told and "for /tmp/well" in told
    log = cli("logs", name).check().stdout
    assert "the health check ended with status 1" in log and "check: looking" in log
    assert "\x1b" not in log

    cli("exec", name, "touch", "/tmp/well").check()
    harness.wait_for(lambda: listed(cli, name) == "healthy")
    health = shown(cli, name)
    assert (health["failures"], health["reason"]) == (0, None)
    assert "healthy since" in cli("status", name).check(0).stdout
    assert "healthy again after" in cli("logs", name).check().stdout


def test_starting_up_and_healthy_are_different(cli, started):
    name = started(health={"command": CHECK, "interval": "50ms", "start_period": "1h"})
    harness.wait_for(lambda: shown(cli, name)["checked"] > 0)
    assert listed(cli, name) == "starting"
    health = shown(cli, name)
    assert health["failures"] == 0 and "for /tmp/well" in health["output"]
    assert "starting since" in cli("status", name).check(0).stdout


def test_a_check_that_times_out_shows_its_output(cli, started):
    name = started(health={"command": ["sh", "-c", "echo waiting for godot; sleep 60"],
                           "interval": "50ms", "timeout": "200ms", "retries": 1})
    harness.wait_for(lambda: listed(cli, name) == "unhealthy")
    health = shown(cli, name)
    assert "longer than its timeout" in health["reason"]
    assert health["output"] == "waiting for godot"


def test_a_program_that_cannot_run_is_reported(cli, started):
    name = started(health={"command": ["/no/such/check"], "interval": "50ms", "retries": 1})
    harness.wait_for(lambda: listed(cli, name) == "unhealthy")
    assert "/no/such/check" in shown(cli, name)["reason"]


def test_output_is_bounded(cli, started):
    """Only the end of the output is kept, and a check that prints forever does not block the
    supervisor."""
    name = started(health={"command": ["sh", "-c", "yes äöü; exit 1"], "interval": "50ms",
                           "timeout": "300ms", "retries": 1})
    harness.wait_for(lambda: listed(cli, name) == "unhealthy")
    output = shown(cli, name)["output"]
    assert 1000 < len(output.encode()) <= 2056 and "äöü\näöü" in output
    # The kill may cut the last character.
    assert "\\x" not in output[:-4]
    assert cli("stop", name).check().seconds < 5


def test_what_has_no_checks_or_does_not_run_has_no_health(cli, started):
    assert listed(cli, started()) is None
    name = started(health={"command": ["true"], "interval": "50ms"})
    harness.wait_for(lambda: listed(cli, name) == "healthy")
    cli("stop", name).check()
    assert "Health" not in cli("status", name).check(3).stdout
    assert "status" not in shown(cli, name)
    assert not list(cli.runtime.glob("machines/*.health"))
