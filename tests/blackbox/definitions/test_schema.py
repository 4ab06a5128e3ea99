# SPDX-License-Identifier: LGPL-2.1-or-later
"""`schema`: a valid JSON Schema that accepts and rejects the same as `check`."""

import copy
import json
import re

import pytest

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(name="schema")
def fixture_schema(cli):
    """The schema of machines."""
    return json.loads(cli("schema").check().stdout)


def keys_of(schema, prefix=""):
    """The full names of all keys of a schema that are no groups."""
    for name, member in schema["properties"].items():
        if "properties" in member:
            yield from keys_of(member, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_is_a_schema(cli, schema):
    """Both schemas are valid ones."""
    jsonschema.Draft202012Validator.check_schema(schema)
    network = json.loads(cli("schema", "--network").check().stdout)
    jsonschema.Draft202012Validator.check_schema(network)
    assert set(network["properties"]) >= {"bridge", "subnet", "subnet6", "gateway", "mtu",
                                          "internal", "isolated"}


def test_completions(cli, schema):
    """The list of keys for completions is that of the schema."""
    listed = [line.split()[0] for line in cli("schema", "--keys").check().stdout.splitlines()]
    keys = [key for key in keys_of(schema) if not key.startswith("append.")]
    assert sorted(listed) == sorted(keys)


def test_append(schema):
    """The group `append` has the arrays and lists, and nothing else."""
    append = schema["properties"]["append"]
    assert "environment" in append["properties"] and "hostname" not in append["properties"]
    assert list(append["properties"]["capabilities"]["properties"]) == ["add", "drop", "ambient"]


def test_manual(cli, schema):
    """The manual page's part names every key."""
    manual = cli("schema", "--man").check().stdout
    for key in keys_of(schema):
        assert re.search(rf"^\.It Ic {key.rsplit('.', maxsplit=1)[-1]} ", manual, re.MULTILINE), key


GOOD = {
    "overlay": ["/srv/a", "/srv/b"],
    "upper": "volatile",
    "command": ["sh", "-c", "x"],
    "limits": {"memory": "256M", "cpu": "50%", "tasks": 128, "nice": -5, "open_files": "1:2",
               "io": [{"device": "/dev/vda", "read_bandwidth": "10M"}]},
    "network": {"mode": "macvlan:eth0", "dns": ["::1"], "hosts": ["db:10.1.2.3"]},
    "mounts": [{"type": "tmpfs", "target": "/t", "size": "1M", "mode": "1777"}],
    "capabilities": {"profile": "minimal", "add": ["CAP_SETUID"]},
    "terminal": "auto",
    "stop": {"signal": "SIGRTMIN+3", "timeout": "1min 30s"},
    "x-own": {"anything": [1, "a"]},
}

# What to change in GOOD, and the value that is wrong.
BAD = [
    (("hostnam",), "a"),
    (("rootfs",), "/second/root"),
    (("command",), []),
    (("command",), "sh"),
    (("limits", "memory"), 512),
    (("limits", "memory"), "lots"),
    (("limits", "memroy"), "1G"),
    (("limits", "cpu"), "fast"),
    (("limits", "tasks"), 0),
    (("limits", "nice"), 20),
    (("limits", "io"), [{"read_iops": 1}]),
    (("limits", "cpu_weight"), 10001),
    (("network", "mode"), "bridg"),
    (("network", "mtu"), 5),
    (("ports",), ["80"]),
    (("mounts",), [{"source": "/a"}]),
    (("mounts",), [{"target": "/a", "soruce": "/b"}]),
    (("capabilities", "profile"), "none"),
    (("terminal",), "yes"),
    (("read_only",), "true"),
    (("user",), ":0"),
    (("machine_id",), "123"),
    (("restart",), {"policy": "sometimes"}),
]


def render(value):
    """A JSON value as libconfig writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {render(v)};" for k, v in value.items()) + " }"
    if isinstance(value, list):
        brackets = "()" if any(isinstance(item, (dict, list)) for item in value) or len(
            {type(item) for item in value}) > 1 else "[]"
        return brackets[0] + ", ".join(render(item) for item in value) + brackets[1]
    return json.dumps(value)


def definition(value):
    """A whole definition."""
    return "".join(f"{key} = {render(item)};\n" for key, item in value.items())


def test_good(cli, workspace, schema):
    """A good definition is good for both."""
    jsonschema.validate(GOOD, schema, jsonschema.Draft202012Validator)
    path = workspace / "web.machine"
    path.write_text(definition(GOOD), encoding="utf-8")
    cli("check", path).check()


@pytest.mark.parametrize("place,value", BAD, ids=lambda item: json.dumps(item))
def test_bad(cli, workspace, schema, place, value):
    """What is wrong is wrong for both."""
    bad = copy.deepcopy(GOOD)
    at = bad
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema, jsonschema.Draft202012Validator)
    path = workspace / "web.machine"
    path.write_text(definition(bad), encoding="utf-8")
    cli("check", path).check(65)


def test_what_is_shown_is_valid(cli, workspace, schema):
    """The output of `config show` matches the schema, with and without defaults."""
    path = workspace / "web.machine"
    path.write_text(definition(GOOD), encoding="utf-8")
    for options in ([], ["--defaults"]):
        shown = json.loads(cli("config", "show", "--json=short", *options, path).check().stdout)
        jsonschema.validate(shown["settings"], schema, jsonschema.Draft202012Validator)


def test_output_that_is_not_taken(cli):
    with open("/dev/full", "wb") as full:
        failed = cli("schema", stdout=full).check(1)
    assert "cannot write to standard output: No space left on device" in failed.stderr
