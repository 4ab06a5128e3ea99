# SPDX-License-Identifier: LGPL-2.1-or-later
"""Templates: one file for many machines, NAME@.machine."""

import json
import os
import platform
import shutil
from pathlib import Path

import pytest

import harness


@pytest.fixture
def template(cli, machine_file):
    """template(KEYS) writes NAME@.machine and returns the name with "@"; instances are deleted."""
    name = f"template-{os.getpid()}@"

    def write(**keys):
        machine_file(name, **{"command": ["sleep", "600"], "stop": {"timeout": "100ms"}, **keys})
        return name

    yield write
    for record in json.loads(cli("list", "--all", "--json").check().stdout):
        if record["name"].startswith(name):
            cli("delete", "--force", record["name"]).check()


def drop_in(cli, name, text):
    """Writes a drop-in of a machine or a template."""
    path = cli.config / f"{name}.machine.d" / "local.machine"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def environment_of(cli, name):
    return cli("exec", name, "sh", "-c", "echo $A $B").check().stdout.split()


def test_instances_run_side_by_side(cli, template):
    name = template(environment=["A=%i", "B=100%%"])
    blue, green = name + "blue", name + "green"
    cli("start", blue, green).check()
    assert environment_of(cli, blue) == ["blue", "100%"]
    assert environment_of(cli, green) == ["green", "100%"]
    assert cli("exec", blue, "hostname").check().stdout == blue.replace("@", "-") + "\n"
    cli("restart", blue).check()
    assert environment_of(cli, blue)[0] == "blue"
    shown = json.loads(cli("show", blue).check().stdout)
    assert shown["definition"] == str(cli.config / f"{blue}.machine")
    cli("stop", blue).check()
    assert cli("status", blue).status == 3 and cli("status", green).status == 0
    # By path, in the same directory.
    cli("start", cli.config / f"{blue}.machine").check()
    assert environment_of(cli, blue)[0] == "blue"
    assert cli("config", "diff", blue).check().stdout == ""


def test_drop_ins_of_template_and_instance(cli, template):
    name = template(environment=["A=1"])
    drop_in(cli, name, 'append = { environment = [ "B=%p" ]; };')
    assert "B=template-" in cli("config", "show", name + "blue").check().stdout
    # One of the instance hides that of the template with the same name.
    drop_in(cli, name + "blue", 'append = { environment = [ "B=own" ]; };')
    assert '"B=own"' in cli("config", "show", name + "blue").check().stdout
    assert "B=template-" in cli("config", "show", name + "green").check().stdout


def test_an_instance_with_a_file_of_its_own(cli, template, machine_file):
    name = template(environment=["A=template"])
    machine_file(name + "blue", command=["sleep", "600"], environment=["A=%i's own"])
    assert "blue's own" in cli("config", "show", name + "blue").check().stdout


def test_specifiers(cli, template):
    name = template(description="%i|%p|%H|%l|%v|%b|%%")
    shown = json.loads(cli("config", "show", "--json", name + "blue").check().stdout)
    node = platform.node()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    assert shown["settings"]["description"].split("|") == [
        "blue", name[:-1], node, node.split(".")[0], platform.release(), boot, "%"]


def test_only_templates_have_specifiers(cli, machine_file, template):
    path = machine_file("plain", command=["true"], description="100%i")
    assert '"100%i"' in cli("config", "show", path).check().stdout
    (cli.config / "shared.inc").write_text('domainname = "a%i";')
    name = template()
    with open(cli.config / f"{name}.machine", "a", encoding="utf-8") as file:
        file.write('@include "shared.inc"\n')
    assert 'domainname = "a%i"' in cli("check", name + "x").stderr


@pytest.mark.parametrize("text, message", [
    ("100%", "a percent sign at the end of a value"),
    ("%x", 'unknown specifier "%x"'),
])
def test_invalid_specifiers(cli, template, text, message):
    name = template(description=text)
    done = cli("check", name + "blue")
    assert done.status == 65
    assert message in done.stderr and "write %% for a percent sign" in done.stderr


def test_a_template_is_checked_and_not_started(cli, template):
    name = template(autostart=True)
    done = cli("check", cli.config)
    assert done.status == 0
    assert '"autostart" has no effect in a template' in done.stderr
    assert f"machinectl-lite enable {name}NAME" in done.stderr
    assert "no effect" in cli("check").check().stderr
    done = cli("start", name)
    assert done.status == 64
    assert "is a template" in done.stderr and f"{name}NAME" in done.stderr
    done = cli("start", "--all")
    assert not [record for record in json.loads(cli("list", "--json").check().stdout)
                if record["name"].startswith(name)], done


def test_an_instance_requires_another(cli, template, machine_file):
    name = template(requires=[f"db-{os.getpid()}@%i"])
    machine_file(f"db-{os.getpid()}@", command=["sleep", "600"], stop={"timeout": "100ms"})
    cli("start", name + "blue").check()
    running = [record["name"] for record in json.loads(cli("list", "--json").check().stdout)]
    assert {name + "blue", f"db-{os.getpid()}@blue"} <= set(running)
    cli("delete", "--force", name + "blue", f"db-{os.getpid()}@blue").check()


def test_a_machine_outlives_its_template(cli, template, workspace):
    """The machine can be stopped and deleted after its definition was removed."""
    name = template()
    cli("start", name + "blue").check()
    shutil.move(cli.config / f"{name}.machine", workspace / "away")
    cli("stop", name + "blue").check()
    cli("delete", name + "blue").check()
    assert harness.wait_for(lambda: cli("status", name + "blue").status == 4)
