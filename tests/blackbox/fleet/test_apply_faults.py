# SPDX-License-Identifier: LGPL-2.1-or-later
"""An apply that fails, or is killed, at each of its steps in turn leaves the old or the new tree, and
the next one finishes."""

import faults
import fleets
import pytest

pytestmark = [pytest.mark.needs("root", "cgroup2"), pytest.mark.slow]

STEPS = ["apply-stage", "apply-store", "apply-record", "apply-switch", "apply-switched",
         "apply-live", "apply-stop", "apply-stopped", "apply-start", "apply-started",
         "apply-remove", "apply-volumes", "apply-removed", "apply-finish", "apply-prune"]
FAIL = ["sh", "-c", "exit 3"]


@pytest.fixture
def fleet(cli, workspace, busybox_root):
    """Three machines that run, and a second tree that changes each of them in another way."""
    made = fleets.Fleet(cli, workspace, busybox_root)
    probe = made.define("probe", command=["true"])
    for binary in faults.candidates():
        cli.binary = binary
        if cli("run", probe, env={"MACHINECTL_LITE_FAULT": "state:5"}).status == 125:
            break
    else:
        pytest.skip("needs a build with -Dfault_injection=true")
    made.remove("probe")
    for name in ("restart", "live"):
        made.define(name)
    made.define("gone", upper="persistent", mounts=[
        {"type": "volume", "source": made.name("data"), "target": "/data"}])
    made.apply().check()
    made.run("gone", "touch", "/data/file", "/file")
    made.define("restart", environment=["V=2"])
    made.define("live", labels=["v=2"])
    made.define("new")
    made.remove("gone")
    yield made
    made.finish()


def version(fleet, name):
    """The version of a machine that runs, or None."""
    if fleet.state(name) != "running":
        return None
    return 2 if "V=2" in fleet.run(name, "env") else 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", ["kill", "28"])
def test_a_fault_at_each_step(fleet, step, fault):
    first = fleet.current()
    result = fleet.apply("--prune", env={"MACHINECTL_LITE_FAULT": f"{step}:{fault}"})
    if fault == "kill":
        assert result.status == -9, result
    else:
        assert result.status == 1 and "injected fault" in result.stderr, result
    trees = {path.name for path in fleet.source().iterdir() if len(path.name) == 16}
    assert fleet.current() in trees and first in trees
    if step in ("apply-stage", "apply-store", "apply-record", "apply-switch"):
        assert fleet.current() == first
        assert version(fleet, "restart") == 1 and fleet.state("new") is None
    # Whatever is left is in the next plan, which is carried out without the fault.
    fleet.apply("--prune", "--force").check()
    assert fleet.current() != first
    assert version(fleet, "restart") == 2 and version(fleet, "new") is not None
    assert fleet.show("live")["labels"] == ["v=2"]
    assert fleet.state("gone") is None
    assert fleet.words("--prune") == {}
    assert fleet.record()["history"][-1]["result"] == "done"
    assert not [path for path in fleet.source().iterdir() if path.name.startswith(".staging")]


@pytest.mark.parametrize("step", ["apply-stopped", "apply-remove", "apply-volumes",
                                  "apply-removed", "apply-finish", "apply-prune"])
@pytest.mark.parametrize("fault", ["kill", "28"])
def test_data_go_whole_or_with_the_next_apply(fleet, step, fault):
    """--prune=data removes layer, volume and log of a machine that is gone, and nothing else."""
    state = fleet.cli.state
    layer, volume = state / "machines" / fleet.name("gone"), state / "volumes" / fleet.name("data")
    assert layer.exists() and volume.exists()
    result = fleet.apply("--prune=data", env={"MACHINECTL_LITE_FAULT": f"{step}:{fault}"})
    assert result.status == (-9 if fault == "kill" else 1), result
    fleet.apply("--prune=data", "--force").check()
    assert not layer.exists() and not volume.exists() and fleet.state("gone") is None
    assert not (fleet.cli.log / f"{fleet.name('gone')}.log").exists()
    assert version(fleet, "restart") == 2 and fleet.words("--prune=data") == {}


def test_killed_while_a_machine_goes_back(fleet):
    """The version that failed is tried once more, as nobody noted its failure, and goes back."""
    fleet.define("restart", command=FAIL)
    result = fleet.apply(env={"MACHINECTL_LITE_FAULT": "apply-back:kill"})
    assert result.status == -9, result
    assert fleet.state("restart") != "running"
    fleet.apply().check(1)
    assert version(fleet, "restart") == 1
    fleet.define("restart")
    fleet.apply().check()
    assert version(fleet, "restart") == 1


def test_a_full_disk_changes_nothing(fleet, workspace):
    """The tree is stored before anything else."""
    first, pid = fleet.current(), fleet.pid("restart")
    fleet.write("big", "x" * 4_000_000)
    wrapper = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh"]
    result = fleet.apply(wrapper=wrapper)
    assert result.status != 0
    assert (fleet.current(), fleet.pid("restart")) == (first, pid)
    fleet.apply().check()


def test_two_at_once_wait_for_each_other(fleet):
    one = fleet.cli.start("apply", fleet.tree)
    two = fleet.cli.start("apply", fleet.tree)
    one.wait(60).check()
    two.wait(60).check()
    assert version(fleet, "restart") == 2
    assert fleet.words() == {"gone": "keep"}
