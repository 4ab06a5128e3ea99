# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is applied comes from real git repositories, or from an archive of one."""

import os
import subprocess
import types
from pathlib import Path

import fleets
import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2", "program:git")


@pytest.fixture
def fleet(cli, workspace, busybox_root):
    """A directory of definitions and its machines."""
    made = fleets.Fleet(cli, workspace, busybox_root)
    yield made
    made.finish()


@pytest.fixture
def repository(fleet):
    """A git repository with one machine, committed."""
    made = fleets.Repository(fleet)
    fleet.define("web")
    made.commit("first")
    return made


def test_a_repository_is_applied_by_its_url(repository, fleet):
    first = repository.git("rev-parse", "HEAD")
    repository.apply("--plan", "--exit-code").check(2)
    repository.apply().check()
    assert fleet.current() == first and fleet.state("web") == "running"
    repository.apply("--plan", "--exit-code").check()
    fleet.define("web", environment=["A=2"])
    second = repository.commit()
    repository.apply("--revision", "main").check()
    assert fleet.current() == second and "A=2" in fleet.run("web", "env")


def test_what_is_not_committed_is_not_applied(repository, fleet):
    fleet.define("web", environment=["A=2"])
    repository.apply().check()
    assert "A=2" not in fleet.run("web", "env")


def test_a_branch_a_tag_and_a_commit(repository, fleet):
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    fleet.define("web", environment=["A=2"])
    second = repository.commit()
    repository.git("branch", "next")
    for revision, commit in (("v1", first), ("next", second), (second, second)):
        repository.apply("--revision", revision, "--force").check()
        assert fleet.current() == commit
    result = repository.apply("--revision", "nonexistent").check(1)
    assert "cannot fetch nonexistent" in result.stderr
    repository.apply("--revision", "--upload-pack=/bin/sh").check(64)
    repository.apply("--revision", "a:b").check(64)


def test_an_unreachable_remote_leaves_what_runs(repository, fleet):
    repository.apply().check()
    pid = fleet.pid("web")
    fleet.tree.rename(fleet.tree.with_name("gone"))
    repository.apply().check(1)
    assert fleet.pid("web") == pid
    # And the machine starts again without it.
    fleet.cli("stop", fleet.name("web")).check()
    fleet.cli("start", fleet.name("web")).check()


def test_a_huge_repository_does_not_fill_the_host(repository, fleet):
    """What is fetched may take a third of the room, by git as well as from standard input."""
    for number in range(8):
        (fleet.tree / f"large-{number}").write_bytes(os.urandom(1_000_000))
    repository.commit()
    cli = fleet.cli
    inside = ["unshare", "--mount", "sh", "-c", f"mkdir -p {cli.runtime} && "
              f'mount -t tmpfs -o size=12M tmpfs {cli.runtime} && "$@"; status=$?; '
              f"find {cli.runtime} -name 'apply-*'; exit $status", "sh"]
    result = repository.apply("--plan", wrapper=inside).check(1)
    assert "File too large" in result.stderr and "at most 4" in result.stderr, result
    assert "keep large files out of the tree" in result.stderr
    assert str(cli.runtime) not in result.stdout
    archive = fleet.tree.with_name("huge.tar")
    repository.git("archive", "-o", str(archive), "HEAD")
    result = cli("apply", "--plan", "-", wrapper=["sh", "-c", f'"$@" <{archive}', "sh", *inside])
    assert result.status == 1 and "cannot read the archive from standard input" in result.stderr
    assert "File too large" in result.stderr and str(cli.runtime) not in result.stdout
    for number in range(8):
        (fleet.tree / f"large-{number}").unlink()
    repository.commit("without them")
    repository.apply("--plan", wrapper=inside).check()


def test_rewritten_history_is_refused(repository, fleet):
    fleet.define("web", environment=["A=1"])
    repository.commit()
    repository.apply().check()
    current = fleet.current()
    fleet.define("web", environment=["A=2"])
    repository.commit("rewritten", "--amend")
    result = repository.apply().check(1)
    assert f"does not descend from {current}" in result.stderr, result
    assert fleet.current() == current and "A=1" in fleet.run("web", "env")
    repository.apply("--force").check()
    assert "A=2" in fleet.run("web", "env")


def test_many_commits_later_it_still_descends(repository, fleet):
    repository.apply().check()
    for number in range(5):
        fleet.define("web", environment=[f"A={number}"])
        repository.commit()
    repository.apply().check()
    assert "A=4" in fleet.run("web", "env")


def test_a_syntax_error_and_then_its_fix(repository, fleet):
    repository.apply().check()
    current, pid = fleet.current(), fleet.pid("web")
    path = fleet.define("web", environment=["A=2"])
    good = path.read_text()
    path.write_text(good + "}")
    repository.commit()
    result = repository.apply().check(65)
    assert f"{path.name}:" in result.stderr and "expected a key" in result.stderr, result
    assert (fleet.current(), fleet.pid("web")) == (current, pid)
    path.write_text(good)
    repository.commit()
    repository.apply().check()
    assert "A=2" in fleet.run("web", "env")


def test_hooks_and_configuration_do_not_run(repository, fleet, workspace):
    """Neither those of the repository nor of root."""
    mark = workspace / "mark"
    hook = Path(repository.path, ".git", "hooks", "post-checkout")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    home = workspace / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[core]\n\tfsmonitor = touch {mark}\n[alias]\n"
                                     f"\tarchive = !touch {mark}\n")
    repository.apply(env={"HOME": home, "GIT_SSH_COMMAND": f"touch {mark}"}).check()
    assert not mark.exists() and fleet.state("web") == "running"


def test_git_runs_without_rights(repository, fleet, workspace, cli):
    """A program in place of git writes down who it is."""
    fake = workspace / "bin"
    fake.mkdir()
    told = workspace / "told"
    told.mkdir()
    told.chmod(0o777)
    (fake / "git").write_text(f"#!/bin/sh\nid -u >{told}/uid\ngrep -h -e NoNewPrivs -e CapEff "
                              f"-e Groups /proc/self/status >{told}/status\nls /proc/self/fd "
                              f">{told}/fds\nexit 1\n")
    (fake / "git").chmod(0o755)
    wrapper = ["unshare", "--mount", "sh", "-c",
               f'mount --bind {fake}/git /usr/bin/git && exec "$@"', "sh"]
    cli("apply", repository.url, wrapper=wrapper).check(1)
    assert int((told / "uid").read_text()) not in (0, os.getuid())
    status = dict(line.split(":", 1) for line in (told / "status").read_text().splitlines())
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == 0
    assert status["Groups"].strip() == ""
    # The last one is that of ls itself.
    assert (told / "fds").read_text().split() == ["0", "1", "2", "3"]


def test_a_repository_with_links_out_of_the_tree(repository, fleet):
    (fleet.tree / "shadow").symlink_to("/etc/shadow")
    repository.commit()
    result = repository.apply()
    assert result.status != 0 and "link" in result.stderr, result
    assert fleet.state("web") is None


@pytest.fixture
def module(repository, fleet, workspace):
    """A repository with a file, which is a submodule "shared" of the fleet's."""
    path = workspace / "module"
    path.mkdir()
    made = fleets.Repository(types.SimpleNamespace(tree=path))
    (path / "common.env").write_text("SHARED=1\n")
    commit = made.commit()
    link(repository, "shared", made.url, commit)
    return made


def link(repository, path, url, commit):
    """Adds a submodule as only git's own files say it, whatever its URL is."""
    Path(repository.path, ".gitmodules").write_text(
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    repository.git("add", ".gitmodules")
    # Otherwise it counts as removed.
    Path(repository.path, path).mkdir(exist_ok=True)
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    repository.git("commit", "-q", "-m", "a submodule")


def test_submodules_only_when_asked(repository, fleet, module):
    repository.apply().check()
    assert not (fleet.source() / fleet.current() / "shared" / "common.env").exists()
    # The same commit is another tree with them.
    repository.apply("--submodules").check()
    assert (fleet.source() / fleet.current() / "shared" / "common.env").exists()
    fleet.define("web", environment_files=["shared/common.env"])
    repository.git("commit", "-q", "-a", "-m", "uses it")
    result = repository.apply()
    assert result.status == 65 and "shared/common.env" in result.stderr, result
    repository.apply("--submodules").check()
    assert "SHARED=1" in fleet.run("web", "env")
    stored = fleet.source() / fleet.current()
    assert not list(stored.rglob(".git"))
    # A commit of the submodule changes nothing until the repository names it.
    Path(module.path, "common.env").write_text("SHARED=2\n")
    commit = module.commit()
    repository.apply("--submodules").check()
    assert "SHARED=1" in fleet.run("web", "env")
    link(repository, "shared", module.url, commit)
    repository.apply("--submodules").check()
    assert "SHARED=2" in fleet.run("web", "env")


@pytest.mark.parametrize("url", ["ext::sh -c touch% {mark}", "--upload-pack=touch {mark}",
                                 "fd::17", "/nonexistent"])
def test_hostile_submodules(repository, fleet, workspace, module, url):
    mark = workspace / "mark"
    link(repository, "shared", url.format(mark=mark), module.git("rev-parse", "HEAD"))
    result = repository.apply("--submodules")
    assert result.status != 0 and not mark.exists(), result
    assert fleet.state("web") is None
    assert not list(fleet.cli.runtime.glob("apply-*"))


def test_attributes_and_filters_do_not_run(repository, fleet, workspace):
    """A filter is a command that only configuration defines."""
    mark = workspace / "mark"
    fleet.write(".gitattributes", "*.machine filter=evil diff=evil merge=evil\n")
    fleet.write(".gitconfig", f"[filter \"evil\"]\n\tsmudge = touch {mark}\n")
    fleet.write(".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:1/\n")
    repository.commit()
    repository.apply().check()
    assert not mark.exists() and fleet.state("web") == "running"


@pytest.mark.parametrize("name", [".git", "sub/.git", "sub/.GIT", ".."])
def test_names_that_are_not_to_be_in_a_tree_are_refused(repository, fleet, name):
    """No commit of git has them, but one that was made by hand can."""
    object_id, mode = repository.write_object("blob", b"x"), "100644"
    for part in reversed(name.split("/")):
        object_id = repository.write_object(
            "tree", f"{mode} {part}\0".encode() + bytes.fromhex(object_id))
        mode = "40000"
    commit = repository.git("commit-tree", object_id, "-m", "evil")
    repository.git("update-ref", "refs/heads/main", commit)
    result = repository.apply()
    assert result.status != 0 and "cannot fetch" in result.stderr, result


def test_nothing_is_left_of_an_apply_that_was_killed(repository, fleet, cli, workspace):
    """The clone is below /run, where it would stay until the next boot."""
    fake = workspace / "git"
    told = workspace / "told"
    told.mkdir()
    told.chmod(0o777)
    fake.write_text(f"#!/bin/sh\ntouch {told}/begun\nsleep 60\n")
    fake.chmod(0o755)
    wrapper = ["unshare", "--mount", "sh", "-c",
               f'mount --bind {fake} /usr/bin/git && exec "$@"', "sh"]
    process = cli.start("apply", repository.url, wrapper=wrapper)
    harness.wait_for(lambda: (told / "begun").exists())
    assert list(cli.runtime.glob("apply-*"))
    process.kill()
    process.wait(10)
    repository.apply().check()
    assert not list(cli.runtime.glob("apply-*"))


def test_an_archive_over_standard_input(repository, fleet, cli):
    archive = subprocess.run([*fleets.GIT, "archive", "HEAD"], cwd=repository.path, check=True,
                             capture_output=True).stdout
    cli("apply", "--plan", "--exit-code", "-", input=archive).check(2)
    cli("apply", "-", input=archive).check()
    assert fleet.current() == repository.git("rev-parse", "HEAD")
    assert fleet.state("web") == "running"
    cli("apply", "-", input=archive).check()
    cli("apply", "-", input=b"").check(64)
    assert "cannot unpack" in cli("apply", "-", input=b"not an archive" * 100).check(1).stderr
    assert fleet.state("web") == "running"


# ---- Signatures ----


@pytest.fixture
def keys(workspace):
    """Two keys of ssh, and an allowed-signers file with the first."""
    directory = workspace / "keys"
    directory.mkdir(mode=0o700)
    for name in ("good", "bad"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f",
                        directory / name], check=True)
    public = (directory / "good.pub").read_text()
    (directory / "signers").write_text(f"test@example.org {public}")
    return directory


def signed(repository, key, message, *options):
    """Commits with a signature."""
    repository.git("add", "--all")
    repository.git("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}", "commit", "-q",
                   "--allow-empty", "-S", "-m", message, *options)
    return repository.git("rev-parse", "HEAD")


@pytest.mark.needs("program:ssh-keygen")
def test_only_signed_commits(repository, fleet, keys):
    verify = "--verify=commit", f"--signers={keys}/signers"
    result = repository.apply(*verify).check(1)
    assert "is not signed" in result.stderr, result
    assert fleet.state("web") is None
    # The signers of the tree do not count.
    fleet.write("allowed_signers", (keys / "signers").read_text())
    signed(repository, keys / "bad", "bad")
    repository.apply(*verify).check(1)
    good = signed(repository, keys / "good", "good")
    repository.apply(*verify).check()
    assert fleet.current() == good
    fleet.define("web", environment=["A=2"])
    repository.commit("unsigned")
    pid = fleet.pid("web")
    repository.apply(*verify).check(1)
    assert fleet.pid("web") == pid and fleet.current() == good


@pytest.fixture
def keyrings(workspace):
    """Directories of gpg: "team" has a private key, "host" only its public one."""
    team, host = workspace / "team", workspace / "host"
    for path in (team, host):
        path.mkdir(mode=0o700)
    gpg = ["gpg", "--batch", "--quiet", "--homedir"]
    subprocess.run([*gpg, team, "--passphrase", "", "--quick-generate-key", "test@example.org",
                    "ed25519", "sign", "never"], check=True)
    exported = subprocess.run([*gpg, team, "--export"], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run([*gpg, host, "--import"], check=True, input=exported)
    yield team, host
    for path in (team, host):
        subprocess.run(["gpgconf", "--homedir", path, "--kill", "all"], check=False)


@pytest.mark.needs("program:gpg")
def test_only_commits_signed_by_a_key_of_the_keyring(repository, fleet, keyrings):
    team, host = keyrings
    verify = "--verify=commit", f"--signers={host}"
    assert "is not signed" in repository.apply(*verify).check(1).stderr
    assert fleet.state("web") is None
    repository.git("add", "--all")
    repository.git("-c", "user.signingKey=test@example.org", "commit", "-q", "--allow-empty", "-S",
                   "-m", "signed", GNUPGHOME=str(team))
    repository.apply(*verify).check()
    assert fleet.current() == repository.git("rev-parse", "HEAD")
    repository.commit("unsigned")
    repository.apply(*verify).check(1)


@pytest.mark.needs("program:ssh-keygen")
def test_only_signed_tags(repository, fleet, keys):
    verify = "--verify=tag", f"--signers={keys}/signers"
    repository.apply(*verify).check(64)
    repository.git("tag", "plain")
    repository.git("-c", "gpg.format=ssh", "-c", f"user.signingKey={keys}/good", "tag", "-s",
                   "-m", "release", "v1")
    repository.apply(*verify, "--revision=plain").check(1)
    assert fleet.state("web") is None
    repository.apply(*verify, "--revision=v1").check()
    assert fleet.current() == repository.git("rev-parse", "v1^{commit}")


def test_signers_that_others_can_change_are_refused(repository, keys):
    (keys / "signers").chmod(0o666)
    result = repository.apply("--verify=commit", f"--signers={keys}/signers").check(1)
    assert "signers" in result.stderr and "chmod" in result.stderr, result
    repository.apply("--verify=commit", "--signers=/nonexistent").check(1)


# ---- Hosts ----


def test_the_view_of_each_host(fleet, cli):
    here = os.uname().nodename
    fleet.define("everywhere")
    fleet.define("here", where=f"hosts/{here}")
    fleet.define("there", where="hosts/other")
    fleet.define("pattern", hosts=["other*", "never"])
    fleet.define("labelled", hosts=["role=edge"])
    fleet.write(f"hosts/{here}/{fleet.name('everywhere')}.machine.d/10-here.machine",
                'environment = [ "HERE=1" ];\n')
    fleet.write("hosts/other/host.labels", "# Its labels\nrole=edge\n")
    assert fleet.words() == {"everywhere": "start", "here": "start"}
    assert set(fleet.plan("--host", "other")) == {"everywhere", "there", "pattern", "labelled"}
    assert set(fleet.plan("--host", "unknown")) == {"everywhere"}
    fleet.apply().check()
    assert "HERE=1" in fleet.run("everywhere", "env")
    assert fleet.state("pattern") is None
    # By its name it does not start here either.
    result = cli("start", fleet.name("pattern"))
    assert result.status != 0 and "belongs on other hosts" in result.stderr, result
    # One that is not named is left out.
    for choice in (["--all"], [f"{fleet.prefix}*"]):
        assert cli("start", *choice).check().stderr == ""
    assert fleet.state("pattern") is None


def test_all_hosts_are_checked(fleet, cli):
    fleet.define("web")
    fleet.define("one", where="hosts/one")
    path = fleet.define("two", where="hosts/two", no_such_key=1)
    result = cli("check", "--all-hosts", fleet.tree).check(65)
    assert f"{path}:" in result.stderr and 'host "two"' in result.stderr, result
    path.unlink()
    cli("check", "--all-hosts", fleet.tree).check()
    cli("check", "--all-hosts").check(64)


# ---- apply.conf ----


def configured(fleet, text, *options):
    """Runs apply without an argument, with an apply.conf of its own."""
    path = fleet.write("../apply.conf", text)
    wrapper = ["unshare", "--mount", "sh", "-c",
               "mkdir -p /etc/machinectl-lite && mount -t tmpfs tmpfs /etc/machinectl-lite && "
               f'cp {path} /etc/machinectl-lite/apply.conf && exec "$@"', "sh"]
    return fleet.cli("apply", *options, wrapper=wrapper)


def test_the_source_of_the_timer(repository, fleet):
    fleet.define("next", environment=["A=2"])
    repository.git("checkout", "-q", "-b", "next")
    repository.commit()
    text = f'source = "{repository.url}"; revision = "next"; interval = "1h"; prune = "yes";\n'
    assert "start" in configured(fleet, text, "--plan", "--exit-code").check(2).stdout
    configured(fleet, text).check()
    assert fleet.state("next") == "running"
    fleet.remove("next")
    repository.commit()
    configured(fleet, text).check()
    assert fleet.state("next") is None


@pytest.mark.parametrize("text, message", [
    ("", 'does not set "source"'),
    ('source = "/x"; interval = 5;', "apply.conf:1:"),
    ('source = "/x"; no_such_key = 5;', 'unknown key "no_such_key"'),
    ('source = "/x"; verify = "maybe";', "verify"),
])
def test_an_invalid_configuration(fleet, text, message):
    result = configured(fleet, text)
    assert result.status == 65 and message in result.stderr, result


def test_the_generator_sets_the_interval(fleet, workspace):
    generator = Path(fleet.cli.binary).parents[1] / "systemd" / "machinectl-lite-generator"
    if not generator.exists():
        pytest.skip("needs the generator of the build")
    out = workspace / "out"
    out.mkdir()
    path = fleet.write("../apply.conf", 'source = "/srv"; interval = "7min"; jitter = "3s";\n')
    subprocess.run(["unshare", "--mount", "sh", "-c",
                    "mkdir -p /etc/machinectl-lite && mount -t tmpfs tmpfs /etc/machinectl-lite && "
                    f"cp {path} /etc/machinectl-lite/apply.conf && {generator} {out} {out} {out}"],
                   check=True)
    text = (out / "machinectl-lite-apply.timer.d" / "50-apply.conf").read_text()
    assert "OnUnitInactiveSec=420000000us" in text and "RandomizedDelaySec=3000000us" in text


# ---- The example ----


def test_the_example(cli, fleet):
    example = Path(__file__).resolve().parents[3] / "examples" / "fleet"
    cli("check", "--all-hosts", "--strict", example).check()
    # Its files belong to whoever checked it out.
    plans = {host: set(fleet.plan("--host", host, origin=example))
             for host in ("web-1", "web-2", "db-1", "other")}
    assert plans == {"web-1": {"web", "worker@1", "worker@2"}, "web-2": {"web"}, "db-1": {"db"},
                     "other": set()}
    configuration = (example / "apply.conf").read_text()
    assert 'verify   = "commit"' in configuration


def test_instances_of_a_template(fleet):
    fleet.define("w@", environment=["INSTANCE=%i"], hostname="worker-%i")
    for number in "12":
        (fleet.tree / f"{fleet.name('w@')}{number}.machine").symlink_to(
            f"{fleet.name('w@')}.machine")
        fleet.names.add(fleet.name(f"w@{number}"))
    assert fleet.words() == {"w@1": "start", "w@2": "start"}
    fleet.apply().check()
    assert "INSTANCE=1" in fleet.run("w@1", "env")
    assert fleet.run("w@2", "hostname") == "worker-2\n"
    assert fleet.words() == {}
