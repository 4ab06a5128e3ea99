# SPDX-License-Identifier: LGPL-2.1-or-later
"""The check of includes finds violations of docs/architecture.md."""

import importlib.machinery
import importlib.util
import re

import harness
import pytest

CHECK = harness.SOURCE / "tests/analyse/includes"


@pytest.fixture(scope="module")
def check():
    """The program as a module."""
    loader = importlib.machinery.SourceFileLoader("includes", str(CHECK))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("includes", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def house(check):
    """The house as the document has it."""
    return check.House(check.DOCUMENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file, target, why", [
    ("network/network.c", "launch/launch.h", "upwards or sideways"),
    ("network/network.c", "cgroup/tree/tree.h", "upwards or sideways"),
    ("base/file.c", "config/config.h", "upwards or sideways"),
    ("cli/verbs/life/run.c", "config/read/node.h", "past the face"),
    ("image/store/store.c", "image/archive/load.h", "upwards in image"),
    ("config/read/loader.c", "config/config.h", "upwards in config"),
])
def test_a_forbidden_include_is_found(check, house, file, target, why):
    assert why in check.wrong(house, file, target)


@pytest.mark.parametrize("file, target", [
    ("launch/parent/cgroup.c", "network/network.h"),
    ("cli/verbs/life/run.c", "config/config.h"),
    ("image/archive/load.c", "image/store/session.h"),
    ("network/firewall/rules.c", "network/state/state.h"),
    ("cli/verbs/life/run.c", "base/error.h"),
])
def test_an_include_downwards_is_allowed(check, house, file, target):
    assert check.wrong(house, file, target) is None


def test_who_makes_a_process_or_joins_a_namespace_is_in_the_table():
    """docs/entering.md lists for each what a machine can see and reach."""
    makes = re.compile(r"(?<![\w>.])(?:v?fork|clone|process_fork|setns|posix_spawnp?)\([^)]"
                       r"|SYS_(?:clone3?|v?fork)\b|(?<![\w>.])v?fork\(\)")
    source = harness.SOURCE / "src"
    table = (harness.SOURCE / "docs/entering.md").read_text(encoding="utf-8")
    makers = {str(path.relative_to(source)) for path in source.rglob("*.c")
              if makes.search(re.sub(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', "",
                                     path.read_text(encoding="utf-8"), flags=re.DOTALL))}
    assert "launch/init/join.c" in makers
    # base/process/process.c has process_fork() itself.
    makers.remove("base/process/process.c")
    assert [path for path in sorted(makers) if f"`{path}`" not in table] == []


def test_a_circle_is_found(check):
    includes = {"a/one.c": ["a/one.h", "a/two.h"], "a/one.h": [], "a/two.h": ["a/one.h"],
                "a/two.c": ["a/two.h"]}
    assert check.circles(includes) == [["a/one", "a/two"]]


def test_a_header_that_belongs_to_one_file_makes_no_circle(check):
    includes = {"a/one.c": ["a/one.h", "a/internal.h"], "a/one.h": [], "a/internal.h": ["a/one.h"]}
    assert check.circles(includes) == []
