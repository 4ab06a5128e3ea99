# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is shown of machines to look at: trees, pictures of networks, ports, the end of the log."""

import json

import pytest

import harness

STAY = ["sh", "-c", "echo up; exec sleep 1000"]


@pytest.fixture
def background(cli, machine_file):
    """background("web", ..) starts a machine in the background, which ends with the test."""
    names = []

    def start(name, **keys):
        path = machine_file(name, **{"command": STAY, **keys})
        cli("start", path).check()
        names.append(name)
        return path

    yield start
    cli("stop", "--now", *names)


@pytest.fixture
def shop(host, machine_file, cli):
    """A host with a machine that publishes ports, one that shares its network, and a pod."""
    (cli.config / "shop.pod").write_text('ports = [ "8090:80" ];')
    (cli.config / "back.network").write_text("internal = true;")
    machine_file("web", command=STAY, network={"mode": "bridge"},
                 ports=["8080:80", "127.0.0.1:9000-9003:90-93/udp"])
    machine_file("side", command=STAY, network={"mode": "machine:web"})
    pod_member = {"overlay": [next(iter(_overlays(cli)))], "upper": "volatile"}
    (cli.config / "db.machine").write_text(
        harness.definition(command=STAY, pod="shop", **pod_member))
    machine_file("inner", command=STAY, network={"name": "back"})
    machine_file("alone", command=STAY)
    host.command("start", "web", "side", "db", "inner", "alone").check()
    yield host
    host.command("stop", "--now", "--all")


def _overlays(cli):
    """The root of a definition that machine_file has written."""
    text = (cli.config / "web.machine").read_text()
    yield text.partition('overlay = [ "')[2].partition('"')[0]


@pytest.mark.needs("root", "program:nft", "program:ip")
def test_a_tree_of_machines(shop):
    tree = json.loads(shop.command("list", "--tree", "--json=short").check().stdout)
    groups = {group["network"] or group["mode"]: group for group in tree}
    assert set(groups) == {"default", "back", "none"}
    machines = {one["name"]: one for one in groups["default"]["machines"]}
    assert set(machines) == {"web", "shop"}
    assert machines["shop"]["pod"] and not machines["web"]["pod"]
    assert [one["name"] for one in machines["shop"]["machines"]] == ["db"]
    assert [one["name"] for one in machines["web"]["machines"]] == ["side"]
    assert [one["name"] for one in groups["none"]["machines"]] == ["alone"]
    drawn = shop.command("list", "--tree").check().stdout
    assert "├─shop (pod) running" in drawn and "│ └─db running\n" in drawn
    assert "└─web running" in drawn and "  └─side running\n" in drawn
    assert "no network\n└─alone running\n" in drawn
    ascii_only = shop.command("list", "--tree", env={"LANG": "C"}).check().stdout
    assert ascii_only.isascii() and "`-web running" in ascii_only and "| `-db" in ascii_only
    # A machine whose owner a pattern leaves out is still shown.
    assert "side running" in shop.command("list", "--tree", "side").check().stdout


@pytest.mark.needs("root", "program:nft", "program:ip")
def test_a_picture_of_networks(shop):
    drawn = shop.command("network", "status").check().stdout
    assert "they reach each other, the host, published ports and the outside\n" in drawn
    assert "├─8080 → 80/tcp from everywhere\n" in drawn
    assert "127.0.0.1:9000-9003 → 90-93/udp from the host\n" in drawn
    assert "─side, which has the same addresses and ports\n" in drawn
    assert "no link" not in drawn
    back = drawn.partition("network back")[2]
    assert "internal\n" in back and "they reach each other, the host, and nothing else\n" in back
    networks = json.loads(shop.command("network", "status", "--json=short").check().stdout)
    [web] = [one for network in networks for one in network["machines"] if one["name"] == "web"]
    assert web["shared_by"] == ["side"]
    assert "  8080 -> 80" not in drawn
    plain = shop.command("network", "status", env={"LANG": "C"}).check().stdout
    assert plain.isascii() and "8080 -> 80/tcp from everywhere" in plain


@pytest.mark.needs("root", "program:nft", "program:ip")
def test_ports(shop):
    assert shop.command("port", "web").check().stdout == (
        "80/tcp -> *:8080\n90-93/udp -> 127.0.0.1:9000-9003\n")
    assert shop.command("port", "web", "80").check().stdout == "*:8080\n"
    assert shop.command("port", "web", "92/udp").check().stdout == "127.0.0.1:9002\n"
    told = shop.command("port", "db").check()
    assert told.stdout == "80/tcp -> *:8090\n" and 'shares the network of "shop"' in told.stderr
    shown = json.loads(shop.command("port", "web", "--json=short").check().stdout)
    assert shown[0] == {"machine_port": "80", "protocol": "tcp", "host_address": None,
                        "host_port": "8080"}
    assert shop.command("port", "alone").check().stdout == ""
    missing = shop.command("port", "web", "92").check(1)
    assert 'does not publish port 92/tcp' in missing.stderr
    for wrong in "x", "80/icmp", "0", "99999", "80/":
        assert "is not a port of a machine" in shop.command("port", "web", wrong).check(64).stderr
    shop.command("stop", "--now", "web").check()
    assert 'machine "web" is not running' in shop.command("port", "web").check(1).stderr
    assert shop.command("port", "absent").status == 66


def test_status_ends_with_the_log(cli, background):
    background("web", command=["sh", "-c", "for i in $(seq 30); do echo line $i; done; "
                                           "printf '\\033]0;title\\a\\n'; exec sleep 1000"])
    harness.wait_for(lambda: "title" in cli("logs", "web").stdout, 10, "the log")
    shown = cli("status", "web").check().stdout.split("\n\n")[1].splitlines()
    assert len(shown) == 10 and shown[-2].endswith(" line 30") and shown[0].endswith(" line 22")
    assert cli("status", "-n", "2", "web").check().stdout.count(" line ") == 1
    assert " line " not in cli("status", "--lines=0", "web").check().stdout
    assert cli("status", "--lines=many", "web").status == 64
    # A terminal is not obeyed.
    terminal = cli.terminal("status", "web")
    assert terminal.wait() == 0
    assert "\\x1b]0;title\\x07" in terminal.text and "\x1b]0" not in terminal.text
    # The log of a machine that has ended is shown as well.
    cli("stop", "--now", "web").check()
    assert " line 30\n" in cli("status", "web").check(3).stdout


@pytest.mark.parametrize("typed, advice", [
    ("bind", '"mounts"'), ("build", '"commit"'), ("compose", '"apply"'), ("console", '"attach"'),
    ("terminate", '"stop --now"'), ("import-tar", '"load --name"'), ("snapshot", '"clone"'),
    ("is-active", '"status"'), ("set-property", '"set-limit"'),
])
def test_verbs_of_other_tools(cli, typed, advice):
    done = cli(typed).check(64)
    assert f'unknown verb "{typed}"' in done.stderr and advice in done.stderr
