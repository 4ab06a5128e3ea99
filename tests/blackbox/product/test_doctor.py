# SPDX-License-Identifier: LGPL-2.1-or-later
"""The results of `doctor` on any host."""

import json
import os

import pytest

CHECKS = ["kernel", "cgroups", "controllers", "namespaces", "user-namespaces", "apparmor",
          "id-ranges", "mapped-mounts", "disk-images", "verified-images", "checkpoints",
          "nftables", "forwarding",
          "forwarding-ipv6", "firewall", "systemd", "space", "signatures", "definitions"]
RESULTS = ("ok", "warning", "error")


def diagnose(cli, *options):
    """All lines by check, after verifying what holds for each line."""
    done = cli("doctor", "--json=short", *options)
    lines = json.loads(done.stdout)
    assert [line["check"] for line in lines] == CHECKS
    for line in lines:
        assert line["result"] in RESULTS and line["found"], line
        assert (line["way_out"] is None) == (line["result"] == "ok"), line
    done.check(1 if any(line["result"] == "error" for line in lines) else 0)
    return {line["check"]: line for line in lines}


def test_every_line_has_a_result_and_a_way_out(cli):
    diagnose(cli)


def test_the_text_says_the_same(cli):
    found = diagnose(cli)
    done = cli("doctor")
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines() if line[0] != " "]
    assert [(line[1], line[0]) for line in lines] == [
        (name, found[name]["result"]) for name in CHECKS]
    assert done.status == (1 if any(line[0] == "error" for line in lines) else 0)
    for line in found.values():
        assert line["result"] == "ok" or line["way_out"] in done.stdout


def test_the_kernel_is_the_one_that_runs(cli):
    assert os.uname().release in diagnose(cli)["kernel"]["found"]


def test_the_directory_is_the_one_that_was_given(cli, workspace):
    place = str(workspace / "not" / "made" / "yet")
    assert place in diagnose(cli, f"--state-dir={place}")["space"]["found"]
    assert not (workspace / "not").exists()


@pytest.mark.needs("root", "program:mount", "program:unshare")
def test_a_full_file_system_is_bad(cli, workspace):
    """A tmpfs of a few MiB, in a mount namespace that ends with the command."""
    place = workspace / "small"
    place.mkdir()
    done = cli("doctor", "--json=short", f"--state-dir={place}", wrapper=[
        "unshare", "--mount", "--propagation", "private", "sh", "-c",
        f'mount -t tmpfs -o size=4m tmpfs {place} && exec "$@"', "sh"]).check(1)
    [line] = [line for line in json.loads(done.stdout) if line["check"] == "space"]
    assert line["result"] == "error" and "prune" in line["way_out"]


def test_it_takes_no_argument(cli):
    cli("doctor", "web").check(64)


def test_the_signature_policy_in_force(cli, workspace):
    """It tells whether signatures are judged, and by which file."""
    def line():
        done = cli("doctor", "--json=short", env={"HOME": workspace}, wrapper=[
            "unshare", "--mount", "sh", "-c",
            f'mkdir -p /etc/containers && mount --bind {empty} /etc/containers && exec "$@"', "sh"])
        [found] = [each for each in json.loads(done.stdout) if each["check"] == "signatures"]
        assert found["result"] == "ok"
        return found["found"]

    empty = workspace / "empty"
    empty.mkdir()
    assert "with any signature or none" in line() and "/etc/containers/policy.json" in line()
    (empty / "policy.json").write_text('{"default": [{"type": "reject"}]}')
    assert line() == "images are accepted as /etc/containers/policy.json says"
    own = workspace / ".config/containers/policy.json"
    own.parent.mkdir(parents=True)
    own.write_text('{"default": [{"type": "reject"}]}')
    assert line() == f"images are accepted as {own} says"
