# SPDX-License-Identifier: LGPL-2.1-or-later
"""`doctor` of an ordinary user: it tries what his machines need, and changes nothing."""

import json

import pytest
from user_hosts import UserHost

pytestmark = pytest.mark.needs("root", "program:ip", "program:pasta")


@pytest.fixture
def host(user):
    made = UserHost(user)
    yield made
    made.close()


def findings(user):
    return {each["check"]: each for each in json.loads(user("--json=short", "doctor").stdout)}


def test_what_is_tried(host, user):
    """All that a start does in the user's namespaces works here."""
    before = sorted(user.home.rglob("*"))
    found = findings(user)
    for check in ("user-namespace", "machines", "overlay", "network"):
        assert found[check]["way_out"] is None, found[check]
    first, after = user.subordinate()
    assert f"{first}:{after - first}" in found["subordinate-ids"]["found"]
    assert "pasta" in found["network-program"]["found"]
    assert str(user.state) in found["directories"]["found"]
    assert sorted(user.home.rglob("*")) == before


def test_what_is_missing(host, user):
    """Each with a way out, and a status for scripts."""
    host.hide("/usr/bin/pasta", "/usr/bin/slirp4netns")
    device = user.home.parent / "tun"
    device.chmod(0o600)
    host.sh("echo '1 0' > /proc/sys/net/ipv4/ping_group_range")
    found = findings(user)
    assert "/dev/net/tun" in found["network"]["found"]
    assert "chmod 0666" in found["network"]["way_out"]
    assert "passt" in found["network-program"]["way_out"]
    assert "net.ipv4.ping_group_range" in found["ping"]["found"]
    user("doctor").check(1)


def test_without_ids(poor):
    """Both ways out."""
    found = findings(poor)
    assert "usermod --add-subuids" in found["subordinate-ids"]["way_out"]
    assert '"self"' in found["subordinate-ids"]["way_out"]
