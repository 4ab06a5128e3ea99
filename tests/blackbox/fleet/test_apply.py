# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory of definitions is applied: the host is what it says, or what it was."""

import json
import os
import shutil
import signal
import time

import fleets
import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")

FAIL = ["sh", "-c", "echo broken; exit 3"]


@pytest.fixture
def fleet(cli, workspace, busybox_root):
    """A directory of definitions and its machines."""
    made = fleets.Fleet(cli, workspace, busybox_root)
    yield made
    made.finish()


# ---- The plan ----


def test_a_plan_changes_nothing_and_says_so_with_its_status(fleet, cli):
    fleet.define("web")
    before = sorted(str(path) for path in cli.directory.rglob("*"))
    result = fleet.apply("--plan", "--exit-code").check(2)
    assert f"start  {fleet.name('web')}  new" in result.stdout
    fleet.apply("--plan").check()
    assert [path for path in sorted(str(path) for path in cli.directory.rglob("*"))
            if path not in before and "/runtime" not in path] == []
    fleet.apply().check()
    assert "1 of 1 machines unchanged" in fleet.apply("--plan", "--exit-code").check().stdout


def test_an_unchanged_tree_changes_nothing(fleet):
    fleet.write("web.env", "A=1\n")
    fleet.define("web", environment_files=["web.env"])
    fleet.apply().check()
    pid, record = fleet.pid("web"), fleet.record()
    fleet.apply().check()
    assert fleet.pid("web") == pid
    assert fleet.record() == record


def test_comments_and_order_and_defaults_mean_nothing(fleet):
    path = fleet.define("web", environment=["A=1"], hostname="www")
    fleet.apply().check()
    text = path.read_text()
    path.write_text("# Another comment.\n" + "".join(reversed(text.splitlines(True)))
                    + 'restart = { policy = "no"; };\n')
    assert fleet.words() == {}
    assert fleet.words(origin=fleet.tree) == {}


def test_a_snapshot_of_another_version_means_the_same(fleet, cli):
    """A new version has other defaults and other keys; what the definition says is the same."""
    fleet.define("web", environment=["A=1"])
    fleet.apply().check()
    path = cli.runtime / "machines" / f"{fleet.name('web')}.definition"
    snapshot = json.loads(path.read_text())
    del snapshot["settings"]["hostname"]
    snapshot["settings"]["stop"]["timeout"] = "77s"
    snapshot["settings"]["a_key_of_the_future"] = True
    path.write_text(json.dumps(snapshot))
    assert fleet.words() == {}


@pytest.mark.parametrize("change, word", [
    ({"description": "other"}, "live"),
    ({"labels": ["a=b"]}, "live"),
    ({"stop": {"timeout": "3s"}}, "live"),
    ({"health": {"command": ["true"]}}, "live"),
    ({"environment": ["A=2"]}, "restart"),
    ({"hostname": "other"}, "restart"),
    ({"capabilities": {"drop": ["CAP_KILL"]}}, "restart"),
])
def test_the_consequence_of_a_key(fleet, change, word):
    fleet.define("web")
    fleet.apply().check()
    pid = fleet.pid("web")
    fleet.define("web", **change)
    assert fleet.words() == {"web": word}
    assert next(iter(change)) in fleet.plan()["web"][1]
    fleet.apply().check()
    assert (fleet.pid("web") == pid) == (word == "live")
    assert fleet.words() == {}, fleet.plan()


def test_a_live_change_lasts_beyond_a_restart_by_the_supervisor(fleet, cli):
    """The supervisor follows the definition: its policy is the new one."""
    fleet.define("web", command=["sh", "-c", "sleep 1000"])
    fleet.apply().check()
    fleet.define("web", command=["sh", "-c", "sleep 1000"],
                 restart={"policy": "always", "delay": "10ms"}, labels=["new=yes"])
    fleet.apply().check()
    assert fleet.show("web")["labels"] == ["new=yes"]
    pid = fleet.pid("web")
    cli("exec", fleet.name("web"), "sh", "-c", "kill -9 $(pidof sleep)")
    harness.wait_for(lambda: (fleet.show("web")["state"], fleet.pid("web") != pid)
                     == ("running", True), what="the restart")
    assert fleet.show("web")["labels"] == ["new=yes"]
    assert fleet.words() == {}


def test_files_that_a_definition_names_belong_to_it(fleet):
    fleet.write("web.env", "A=1\n")
    fleet.write("site/index.html", "one\n")
    fleet.define("web", environment_files=["web.env"],
                 mounts=[{"source": "site", "target": "/site", "read_only": True}])
    fleet.define("other")
    fleet.apply().check()
    fleet.write("site/index.html", "two\n")
    assert fleet.plan()["web"] == ("restart", "changed: site")
    assert fleet.plan()["other"][0] == "unchanged"
    fleet.apply().check()
    assert fleet.run("web", "cat", "/site/index.html") == "two\n"
    fleet.write("web.env", "A=2\n")
    assert fleet.plan()["web"] == ("restart", "changed: web.env")
    fleet.apply().check()
    assert "A=2" in fleet.run("web", "env")
    # A file that nothing names.
    fleet.write("README.md", "Hello\n")
    assert fleet.words() == {}


def test_drop_ins_and_includes_belong_to_it(fleet, cli):
    fleet.write("common/base.machine", 'environment = [ "A=1" ];\n')
    path = fleet.define("web")
    path.write_text('@include "common/base.machine"\n' + path.read_text())
    fleet.apply().check()
    fleet.write("common/base.machine", 'environment = [ "A=2" ];\n')
    assert fleet.plan()["web"] == ("restart", "changed: environment")
    fleet.apply().check()
    # A drop-in of the host itself counts as well.
    local = cli.config / f"{fleet.name('web')}.machine.d"
    local.mkdir()
    (local / "10-local.machine").write_text('hostname = "local";\n')
    assert fleet.plan()["web"] == ("restart", "changed: hostname")
    fleet.apply().check()
    assert fleet.run("web", "hostname") == "local\n"


def test_a_machine_stopped_on_purpose_stays_stopped(fleet, cli):
    fleet.define("web")
    fleet.define("job", command=["true"])
    fleet.apply().check()
    cli("stop", fleet.name("web")).check()
    assert fleet.plan()["web"] == ("unchanged", "stopped on purpose")
    assert fleet.plan()["job"] == ("unchanged", "ended with status 0")
    fleet.define("web", environment=["A=1"])
    fleet.apply().check()
    assert fleet.state("web") == "stopped"
    # A job runs again when it has changed.
    fleet.define("job", command=["true", "again"])
    assert fleet.plan()["job"][0] == "start"


def test_a_machine_that_an_apply_stopped_is_started_whatever_the_clock_says(fleet, cli):
    """The apply is killed while it waits for the stop, and the clock goes back to 1970."""
    slow = ["sh", "-c", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done"]
    fleet.define("web", command=slow)
    fleet.apply().check()
    fleet.define("web", command=slow, environment=["A=2"])
    process = cli.start("apply", fleet.tree)
    harness.wait_for(lambda: fleet.state("web") == "stopping")
    os.kill(process.process.pid, signal.SIGKILL)
    harness.wait_for(lambda: fleet.state("web") == "stopped")
    path = cli.runtime / "machines" / f"{fleet.name('web')}.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"stopped_usec": 1}))
    assert fleet.plan()["web"] == ("start", "an earlier apply did not start it")
    fleet.apply().check()
    assert "A=2" in fleet.run("web", "env")
    # What the user stops afterwards stays stopped.
    cli("stop", fleet.name("web")).check()
    assert fleet.words() == {}


def test_a_machine_that_crashed_is_started(fleet, cli):
    fleet.define("web")
    fleet.apply().check()
    os.kill(fleet.pid("web"), 9)
    harness.wait_for(lambda: fleet.state("web") == "failed", what="the end")
    assert fleet.words() == {"web": "start"}
    fleet.apply().check()
    assert fleet.state("web") == "running"


def test_after_a_reboot_everything_is_started_from_the_stored_tree(fleet, cli):
    """Records are gone, and so may the directory be: `start` finds machines by their names."""
    fleet.write("web.env", "A=1\n")
    fleet.define("web", environment_files=["web.env"])
    fleet.apply().check()
    name = fleet.name("web")
    cli("delete", "--force", name).check()
    shutil.rmtree(fleet.tree)
    cli("start", name).check()
    assert "A=1" in fleet.run("web", "env")
    assert fleet.source().name in fleet.show("web")["definition"]


def test_manual_leaves_the_restart_to_the_user(fleet, cli):
    fleet.define("web", apply={"on_change": "manual"})
    fleet.apply().check()
    pid = fleet.pid("web")
    fleet.define("web", apply={"on_change": "manual"}, environment=["A=2"])
    assert fleet.words() == {"web": "manual"}
    fleet.apply().check()
    assert fleet.pid("web") == pid
    assert fleet.words() == {"web": "manual"}
    cli("restart", fleet.name("web")).check()
    assert "A=2" in fleet.run("web", "env")
    assert fleet.words() == {}


def test_reload_mounts_the_changed_files_and_runs_the_command(fleet):
    keys = {"mounts": [{"source": "site", "target": "/site", "read_only": True}],
            "apply": {"on_change": "reload"},
            "command": ["sh", "-c", "trap 'exit 0' TERM; trap 'cp /site/page /tmp/signalled' HUP;"
                        " while :; do sleep 0.1; done"],
            "reload": {"signal": "SIGHUP", "command": ["sh", "-c", "cp /site/page /tmp/seen"]}}
    fleet.write("site/page", "one\n")
    fleet.define("web", **keys)
    fleet.apply().check()
    pid = fleet.pid("web")
    for text in ("two\n", "three\n"):
        fleet.write("site/page", text)
        assert fleet.plan()["web"] == ("reload", "changed: site")
        fleet.apply().check()
        assert fleet.run("web", "cat", "/site/page", "/tmp/seen") == text * 2
        harness.wait_for(lambda: fleet.run("web", "sh", "-c", "cat /tmp/signalled || :") == text,
                         what="SIGHUP")
        assert fleet.words() == {}, fleet.plan()
    assert fleet.pid("web") == pid
    # What a reload cannot change is a restart.
    fleet.define("web", **keys, environment=["A=1"])
    assert fleet.words() == {"web": "restart"}


def test_a_reloaded_mount_cannot_be_written_to(fleet):
    fleet.write("site/page", "one\n")
    fleet.define("web", mounts=[{"source": "site", "target": "/site", "read_only": True}],
                 apply={"on_change": "reload"}, reload={"command": ["true"]})
    fleet.apply().check()
    fleet.write("site/page", "two\n")
    fleet.apply().check()
    result = fleet.cli("exec", fleet.name("web"), "sh", "-c", "echo x >/site/page")
    assert "Read-only file system" in result.stderr, result


def test_a_machine_that_may_mount_is_restarted_instead(fleet):
    fleet.write("site/page", "one\n")
    fleet.define("web", mounts=[{"source": "site", "target": "/site", "read_only": True}],
                 apply={"on_change": "reload"}, reload={"command": ["true"]},
                 capabilities={"add": ["CAP_SYS_ADMIN"]})
    fleet.apply().check()
    fleet.write("site/page", "two\n")
    assert fleet.words() == {"web": "restart"}


def test_a_failed_reload_is_reported(fleet):
    fleet.write("site/page", "one\n")
    keys = {"mounts": [{"source": "site", "target": "/site", "read_only": True}],
            "apply": {"on_change": "reload"}, "reload": {"command": ["false"]}}
    fleet.define("web", **keys)
    fleet.apply().check()
    fleet.write("site/page", "two\n")
    assert "the command ended with status 1" in fleet.apply().check(1).stderr


# ---- All or nothing before the first change ----


@pytest.mark.parametrize("keys, message", [
    ({"no_such_key": 1}, 'unknown key "no_such_key"'),
    ({"mounts": [{"source": "/nonexistent/x", "target": "/x"}]}, "/nonexistent/x"),
    ({"overlay": ["/nonexistent/layer"]}, "/nonexistent/layer"),
    ({"user": "nobody-has-this-name"}, "nobody-has-this-name"),
    ({"image": "example.invalid/none:1", "overlay": None, "pull": "never"}, "example.invalid/none"),
    ({"mounts": [{"source": ".", "target": "/x"}]}, "would write to"),
])
def test_any_error_in_any_file_touches_nothing(fleet, keys, message):
    fleet.define("a")
    fleet.define("z")
    fleet.apply().check()
    pid, current = fleet.pid("a"), fleet.current()
    fleet.define("a", environment=["CHANGED=1"])
    fleet.define("wrong", **keys)
    result = fleet.apply()
    assert result.status == 65, result
    assert message in result.stderr, result
    assert fleet.pid("a") == pid and fleet.current() == current
    assert fleet.state("wrong") is None


def test_all_errors_are_reported_together_with_the_names_of_the_tree(fleet):
    one, two = fleet.define("one", bad_one=1), fleet.define("two", bad_two=1)
    result = fleet.apply().check(65)
    assert f"{one}:4:1: error: unknown key \"bad_one\"" in result.stderr, result
    assert f"{two}:4:1: error: unknown key \"bad_two\"" in result.stderr, result


def test_machines_that_clash(fleet):
    fleet.define("one", network={}, ports=["18080:80"])
    fleet.define("two", network={}, ports=["18080:80"])
    assert "18080" in fleet.apply().check(65).stderr


def test_a_pod_of_a_directory(fleet):
    pod = fleet.name("group")
    fleet.names.add(pod)
    fleet.write(f"{pod}.pod", 'hostname = "group"; network = { mode = "none"; };')
    fleet.define("web", pod=pod, network=None)
    fleet.apply().check()
    assert fleet.run("web", "hostname") == "group\n"
    holder = fleet.pid("group")
    fleet.define("web", pod=pod, network=None, environment=["A=1"])
    assert fleet.words() == {"web": "restart"}
    fleet.apply().check()
    assert fleet.pid("group") == holder
    fleet.write(f"{pod}.pod", 'hostnam = "group";')
    assert f"{pod}.pod:1" in fleet.apply().check(65).stderr


def test_a_machine_of_another_definition_is_not_taken_over(fleet, cli, machine_file):
    name = fleet.name("web")
    fleet.names.add(name)
    machine_file(name, command=fleets.STAY)
    cli("start", name).check()
    fleet.define("web")
    result = fleet.apply().check(65)
    assert f'machine "{name}" is defined here and in' in result.stderr, result
    (cli.config / f"{name}.machine").unlink()
    # The file was moved into the tree.
    pid = fleet.pid("web")
    fleet.apply().check()
    assert fleet.pid("web") == pid


def test_two_sources_cannot_own_one_name(fleet, cli, workspace):
    fleet.define("web")
    fleet.apply().check()
    other = workspace / "other"
    shutil.copytree(fleet.tree, other)
    pid = fleet.pid("web")
    for options in ((), ("--prune",), ("--prune=data", "--force")):
        result = cli("apply", *options, other).check(65)
        assert "belongs to the source" in result.stderr, result
    assert fleet.pid("web") == pid


def test_links_that_leave_the_tree_are_refused(fleet):
    fleet.define("web")
    (fleet.tree / "secret").symlink_to("/etc/shadow")
    assert "leaves the directory" in fleet.apply().check(65).stderr
    (fleet.tree / "secret").unlink()
    (fleet.tree / "up").symlink_to("../outside")
    assert "link" in fleet.apply().check(65).stderr
    (fleet.tree / "up").unlink()
    os.mkfifo(fleet.tree / "pipe")
    assert "neither a file" in fleet.apply().check(65).stderr


def test_a_tree_that_others_can_change_is_refused(fleet):
    path = fleet.define("web")
    path.chmod(0o666)
    result = fleet.apply().check(1)
    assert "can be changed by users other than root" in result.stderr, result
    path.chmod(0o644)
    os.chown(path, 12345, 12345)
    fleet.apply().check(1)
    # A checkout of the caller of sudo.
    fleet.apply("--trust-owner", env={"SUDO_UID": "12345"}).check()


# ---- Carrying it out ----


def test_machines_are_started_after_what_they_require(fleet):
    fleet.define("db", command=["sh", "-c", "trap 'exit 0' TERM; sleep 0.5; touch /tmp/up;"
                                " while :; do sleep 0.1; done"],
                 health={"command": ["test", "-e", "/tmp/up"], "interval": "100ms",
                         "start_period": "20s"}, ready="health")
    fleet.define("web", requires=[fleet.name("db")])
    lines = [line for line in fleet.apply().check().stderr.splitlines() if "fleet" in line]
    names = fleet.name("db"), fleet.name("web")
    assert lines == [f"{names[0]}: starting", f"{names[0]}: running",
                     f"{names[1]}: starting", f"{names[1]}: running"], lines


def test_machines_start_side_by_side(fleet):
    for number in range(4):
        fleet.define(f"m{number}")
    before = time.monotonic()
    fleet.apply().check()
    # Each is watched for half a second.
    assert time.monotonic() - before < 1.9


def test_a_machine_that_fails_goes_back_and_the_others_go_on(fleet):
    fleet.define("a")
    fleet.define("b")
    fleet.apply().check()
    first = fleet.current()
    fleet.define("a", environment=["A=2"])
    fleet.define("b", command=FAIL)
    result = fleet.apply().check(1)
    assert f'machine "{fleet.name("b")}" did not stay up: ended with status 3' in result.stderr
    assert "A=2" in fleet.run("a", "env")
    assert fleet.state("b") == "running"
    assert f"/{first}/" in fleet.show("b")["definition"]
    # By name it is what it was, too: a restart by hand or by a unit.
    pid = fleet.pid("b")
    fleet.cli("restart", fleet.name("b")).check()
    assert fleet.state("b") == "running" and fleet.pid("b") != pid


def test_a_version_that_failed_is_not_tried_again_until_it_changes(fleet):
    fleet.define("web")
    fleet.apply().check()
    fleet.define("web", command=FAIL)
    fleet.apply().check(1)
    pid = fleet.pid("web")
    word, reason = fleet.plan()["web"]
    assert word == "unchanged" and "has failed" in reason
    fleet.apply().check(1)
    # Another commit, which does not concern it.
    fleet.write("README.md", "Hello\n")
    fleet.define("other")
    fleet.apply().check(1)
    assert fleet.pid("web") == pid and fleet.state("other") == "running"
    assert fleet.words("--force") == {"web": "restart"}
    # The mistake is reverted.
    fleet.define("web")
    fleet.apply().check()
    assert fleet.pid("web") == pid
    assert not (fleet.source() / "held" / fleet.name("web")).exists()
    fleet.define("web", environment=["A=3"])
    fleet.apply().check()
    assert "A=3" in fleet.run("web", "env")


def test_an_unhealthy_version_goes_back_with_its_dependents(fleet):
    health = {"command": ["test", "-e", "/etc/passwd"], "interval": "100ms", "retries": 2}
    fleet.define("db", health=health)
    fleet.define("web", requires=[fleet.name("db")])
    fleet.define("free")
    fleet.apply().check()
    health["command"] = ["test", "-e", "/nonexistent"]
    fleet.define("db", health=health, environment=["V=2"])
    fleet.define("web", requires=[fleet.name("db")], environment=["V=2"])
    fleet.define("free", environment=["V=2"])
    result = fleet.apply().check(1)
    assert "is unhealthy" in result.stderr and "a required machine has failed" in result.stderr
    for name, version in (("db", False), ("web", False), ("free", True)):
        assert fleet.state(name) == "running"
        assert ("V=2" in fleet.run(name, "env")) == version


def test_a_new_machine_that_fails_is_stopped(fleet):
    fleet.define("bad", health={"command": ["false"], "interval": "50ms", "retries": 1})
    fleet.define("good")
    fleet.apply().check(1)
    assert fleet.state("bad") in ("stopped", "failed")
    assert fleet.state("good") == "running"
    assert fleet.plan()["bad"][0] == "unchanged"
    # It was not the user who stopped it: a corrected version is started.
    fleet.define("bad")
    assert fleet.plan()["bad"][0] == "start"
    fleet.apply().check()
    assert fleet.state("bad") == "running"


def test_atomic_takes_everything_back(fleet):
    fleet.define("a")
    fleet.define("b")
    fleet.apply().check()
    first = fleet.current()
    fleet.define("a", environment=["A=2"])
    fleet.define("b", command=FAIL)
    fleet.define("new")
    fleet.apply("--atomic").check(1)
    assert fleet.current() == first
    assert "A=2" not in fleet.run("a", "env")
    assert fleet.state("b") == "running"
    assert fleet.state("new") is None
    assert fleet.record()["history"][-1]["result"] == "taken back"


def test_atomic_of_the_first_tree(fleet):
    fleet.define("a")
    fleet.define("b", command=FAIL)
    fleet.apply("--atomic").check(1)
    assert fleet.state("a") is None and fleet.state("b") is None
    assert not (fleet.source() / "current").is_symlink()
    fleet.define("b")
    fleet.apply("--atomic").check()


def test_rename_of_a_machine(fleet):
    fleet.define("old")
    fleet.apply().check()
    (fleet.tree / f"{fleet.name('old')}.machine").rename(
        fleet.tree / f"{fleet.name('new')}.machine")
    fleet.names.add(fleet.name("new"))
    assert fleet.words("--prune") == {"old": "stop", "new": "start"}
    fleet.apply("--prune").check()
    assert fleet.state("old") is None and fleet.state("new") == "running"


def test_a_port_moves_from_one_machine_to_another(fleet):
    fleet.define("a", network={}, ports=["18081:80"])
    fleet.define("b", network={}, ports=["18082:80"])
    fleet.apply().check()
    fleet.define("a", network={}, ports=["18082:80"])
    fleet.define("b", network={}, ports=["18081:80"])
    fleet.apply().check()
    assert fleet.show("a")["ports"] == ["18082:80/tcp"]


# ---- Prune ----


def test_prune_removes_what_this_source_made_and_nothing_else(fleet, cli, machine_file):
    stranger = fleet.name("stranger")
    fleet.names.add(stranger)
    machine_file(stranger, command=fleets.STAY)
    cli("start", stranger).check()
    fleet.define("web", upper="persistent")
    fleet.define("other")
    fleet.apply().check()
    fleet.run("web", "touch", "/root-file")
    fleet.remove("web")
    assert fleet.words() == {"web": "keep"}
    fleet.apply().check()
    assert fleet.state("web") == "running"
    assert fleet.words("--prune") == {"web": "stop"}
    fleet.apply("--prune").check()
    assert fleet.state("web") is None
    assert (cli.state / "machines" / fleet.name("web") / "upper").exists()
    assert fleet.words("--prune") == {}
    assert json.loads(cli("show", stranger).check().stdout)["state"] == "running"
    # It comes back with its files, and goes with them.
    fleet.define("web", upper="persistent")
    fleet.apply().check()
    fleet.run("web", "ls", "/root-file")
    fleet.remove("web")
    fleet.apply("--prune=data").check()
    assert not (cli.state / "machines" / fleet.name("web")).exists()


def test_prune_of_everything_needs_force(fleet):
    fleet.define("web")
    fleet.apply().check()
    fleet.remove("web")
    assert "none of the 1 machines" in fleet.apply("--prune").check(1).stderr
    assert fleet.state("web") == "running"
    fleet.apply("--prune", "--force").check()
    assert fleet.state("web") is None


# ---- History ----


def test_rollback_and_history(fleet, cli):
    revisions = []
    for number in range(1, 8):
        fleet.define("web", environment=[f"V={number}"])
        fleet.apply().check()
        revisions.append(fleet.current())
    stored = {path.name for path in fleet.source().iterdir() if path.name in revisions}
    assert stored == set(revisions[-5:])
    cli("apply", "--rollback").check()
    assert "V=6" in fleet.run("web", "env") and fleet.current() == revisions[5]
    # What was rolled back is not applied again by a timer.
    assert "was rolled back" in fleet.apply().check(1).stderr
    assert "V=6" in fleet.run("web", "env")
    cli("apply", "--rollback", revisions[3][:8]).check()
    assert "V=4" in fleet.run("web", "env")
    assert "is not stored" in cli("apply", "--rollback", revisions[0]).check(66).stderr
    history = json.loads(cli("apply", "--history", "--json").check().stdout)
    assert [entry["action"] for entry in history][-2:] == ["rollback", "rollback"]
    assert revisions[3][:12] in cli("apply", "--history").check().stdout
    fleet.apply("--force").check(1 if fleet.record()["rejected"] == fleet.current() else 0)


def test_status(fleet, cli):
    fleet.define("web")
    fleet.apply().check()
    result = cli("apply", "--status").check()
    assert str(fleet.tree) in result.stdout and fleet.name("web") in result.stdout
    [source] = json.loads(cli("apply", "--status", "--json").check().stdout)
    assert source["machines"][0]["runs"] == source["current"] == fleet.current()


# ---- Usage ----


@pytest.mark.parametrize("arguments", [
    (), ("a", "b"), ("--history", "x"), ("--history", "--status"), ("--host", "x", "."),
    ("--prune=all", "."), ("--verify=maybe", "."), ("--source=../x", "."),
])
def test_wrong_usage(cli, arguments):
    cli("apply", *arguments).check(64)


def test_a_directory_that_does_not_exist(cli):
    cli("apply", "/nonexistent").check(66)


# ---- Images ----


@pytest.fixture
def load(cli, workspace):
    """load("name:tag", version) loads an image of busybox whose /version has that text."""
    images = pytest.importorskip("images")

    def make(reference, number):
        image = images.Image(images.layer(*images.base_members(),
                                          images.member("version", f"{number}\n".encode())))
        path = image.write_layout(workspace / f"image-{number}-{reference.replace('/', '_')}",
                                  reference)
        cli("load", "--name", reference, path).check()
        return image.id

    return make


@pytest.mark.parametrize("upper", ["volatile", "persistent"])
def test_the_digest_of_an_image_counts_not_its_name(fleet, load, cli, upper):
    keys = {"upper": upper, "pull": "never"}
    load("localhost/app:1", 1)
    fleet.define("web", image="localhost/app:1", **keys)
    fleet.apply().check()
    pid = fleet.pid("web")
    # Another name of the same image.
    load("localhost/app:same", 1)
    fleet.define("web", image="localhost/app:same", **keys)
    assert fleet.words() == {}
    # The name moves to another image.
    load("localhost/app:same", 2)
    assert fleet.plan()["web"] == ("restart", "changed: image")
    fleet.run("web", "touch", "/kept")
    fleet.apply().check()
    assert fleet.pid("web") != pid
    assert fleet.run("web", "cat", "/version") == "2\n"
    assert cli("exec", fleet.name("web"), "ls", "/kept").status == (upper == "volatile")
    assert fleet.words() == {}


@pytest.mark.parametrize("upper", ["volatile", "persistent"])
def test_a_failed_version_goes_back_to_the_old_image(fleet, load, upper):
    """Even if the name has moved to the new one."""
    keys = {"upper": upper, "pull": "never", "image": "localhost/app:1"}
    load("localhost/app:1", 1)
    fleet.define("web", **keys)
    fleet.apply().check()
    load("localhost/app:1", 2)
    fleet.define("web", **keys, command=["sh", "-c", "test $(cat /version) = 1 && exec sleep 1000"])
    fleet.apply().check(1)
    assert fleet.state("web") == "running"
    assert fleet.run("web", "cat", "/version") == "1\n"
    fleet.cli("restart", fleet.name("web")).check()
    assert fleet.run("web", "cat", "/version") == "1\n"


def test_prune_keeps_the_images_of_stored_trees(fleet, load, cli):
    """So that a host can go back to each of its trees, until they are removed."""
    keys = {"pull": "never"}
    ids = []
    for number in range(1, 8):
        ids.append(load(f"localhost/app:{number}", number))
        fleet.define("web", image=f"localhost/app:{number}", **keys)
        fleet.apply().check()
    unused = load("localhost/other:1", 9)
    cli("prune", "--all").check()
    listed = cli("list-images", "--json=short").check().stdout
    assert [image_id in listed for image_id in (*ids, unused)] == [False] * 2 + [True] * 5 + [False]
    refused = cli("remove-image", "localhost/app:6").check(1)
    assert "a stored tree of the source" in refused.stderr
    fleet.cli("apply", "--rollback").check()
    assert fleet.run("web", "cat", "/version") == "6\n"


def test_prune_keeps_the_image_that_a_machine_went_back_to(fleet, load, cli):
    """Its name has moved to the new one, and the machine may have been stopped since."""
    keys = {"pull": "never", "image": "localhost/app:1"}
    old = load("localhost/app:1", 1)
    fleet.define("web", **keys)
    fleet.apply().check()
    load("localhost/app:1", 2)
    fleet.define("web", **keys, command=["sh", "-c", "test $(cat /version) = 1 && exec sleep 1000"])
    fleet.apply().check(1)
    cli("stop", fleet.name("web")).check()
    cli("prune", "--all").check()
    assert old in cli("list-images", "--json=short").check().stdout
    cli("start", fleet.name("web")).check()
    assert fleet.run("web", "cat", "/version") == "1\n"


# ---- Volumes ----


def volume_names(cli):
    """The volumes of the host."""
    return {each["name"] for each in json.loads(cli("volume", "list", "--json=short").check().stdout)}


def test_volumes_of_a_directory(fleet, cli):
    mounts = ({"type": "volume", "source": "data", "target": "/data"},)
    fleet.define("db", mounts=mounts)
    fleet.write("data.volume", 'labels = [ "team=db" ];')
    fleet.apply().check()
    fleet.run("db", "touch", "/data/kept")
    fleet.write("data.volume", 'labels = [ "team=web" ];')
    assert "db" not in fleet.words()
    fleet.write("data.volume", 'size = "1G";')
    assert fleet.words()["db"] == "restart"
    fleet.write("data.volume", 'sice = "1G";')
    assert "data.volume:1" in fleet.apply().check(65).stderr
    (fleet.tree / "data.volume").unlink()
    # Another machine takes the volume over.
    fleet.remove("db")
    fleet.define("database", mounts=mounts)
    fleet.apply("--prune=data").check()
    assert fleet.run("database", "ls", "/data") == "kept\n"
    fleet.remove("database")
    fleet.define("other")
    fleet.apply("--prune").check()
    assert volume_names(cli) == {"data"}
    fleet.define("database", mounts=mounts)
    fleet.apply().check()
    fleet.remove("database")
    fleet.apply("--prune=data").check()
    assert volume_names(cli) == set()
