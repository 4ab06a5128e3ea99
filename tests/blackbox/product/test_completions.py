# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completions in bash, zsh and fish know all verbs and options, and existing machines, images,
networks and keys."""

import os
import re
import subprocess
from pathlib import Path

import harness
import images
import oci as oci_runtime
import pytest

FILES = {"bash": "machinectl-lite", "zsh": "_machinectl-lite", "fish": "machinectl-lite.fish"}


@pytest.fixture
def place(cli):
    """Where the build tree has them."""
    path = Path(cli.binary).parents[2] / "completions"
    if not (path / FILES["bash"]).exists():
        pytest.skip("needs the completions beside the binary, as in a build tree")
    return path


def words_of_help(cli):
    """Each verb, and each option of each."""
    text = cli("--help", "all").check().stdout
    verbs = re.findall(r"^  ([a-z][\w-]*)", text.partition("\nOther names:")[0], re.MULTILINE)
    found = {verb: re.findall(r"^  .{3} --([\w-]+)", cli(verb, "--help").check().stdout,
                              re.MULTILINE) for verb in verbs}
    found[""] = re.findall(r"^  .{3} --([\w-]+)", text, re.MULTILINE)
    assert len(verbs) > 30 and found["run"] and found[""]
    return found


@pytest.mark.parametrize("shell", FILES)
def test_every_verb_and_option_occurs(cli, place, shell):
    text = (place / FILES[shell]).read_text()
    option = " -l {}" if shell == "fish" else "--{}"
    for verb, options in words_of_help(cli).items():
        assert re.search(rf"(?<![\w-]){verb}(?![\w-])", text)
        for name in options:
            assert re.search(rf"{option.format(name)}(?![\w-])", text), (verb, name)


def oci_directory():
    """Where machine-oci is."""
    return Path(oci_runtime.find_binary()).parent


def environment_of(cli, **more):
    """An environment in which completions find the binary under test."""
    return {**cli.environment, "HOME": str(cli.directory), **more,
            "PATH": f"{Path(cli.binary).parent}:{oci_directory()}:{cli.environment['PATH']}"}


def complete(cli, place, *words, line="", command="machinectl-lite"):
    """What bash offers for the last word of a line."""
    script = ('. "$1"; COMP_LINE=$2; COMP_POINT=${#2}; shift 2; COMP_WORDS=("$@"); '
              f'COMP_CWORD=$(($# - 1)); _{command.replace("-", "_")}; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", place / command,
                           line, command, *words], env=environment_of(cli),
                          capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


# An interactive shell that completes a line, writes the completions to a file and exits.
ZSHRC = r"""
fpath=($PLACE $fpath)
autoload -Uz compinit
compinit -u -D
unsetopt auto_list
cd $ZDOTDIR
compadd() {
    local -a offered
    if [[ " ${(j: :)@[1,(i)--]} " == *\ -[OAD]\ * ]]; then builtin compadd "$@"; return; fi
    builtin compadd -O offered "$@"
    ((!$#offered)) || print -l -- $offered >> $OFFERED
    builtin compadd "$@"
}
zle-line-init() {
    BUFFER=$LINE CURSOR=$#LINE
    zle complete-word
    BUFFER=exit
    zle accept-line
}
zle -N zle-line-init
"""


def offered_by_bash(cli, place, line):
    """Split at the characters that end a word for bash."""
    words = re.findall(r"[^ =:]+|[=:]", line)
    return complete(cli, place, *words[1:], *([""] if line[-1] in " =:" else []), line=line,
                    command=words[0])


def offered_by_zsh(cli, place, line):
    """By its completion system, on a terminal."""
    offered = cli.directory / "offered"
    offered.write_text("")
    (cli.directory / ".zshrc").write_text(ZSHRC)
    terminal = harness.Terminal(["zsh", "-i"], environment_of(
        cli, ZDOTDIR=cli.directory, PLACE=str(place), OFFERED=str(offered), LINE=line,
        TERM="xterm"))
    try:
        terminal.wait()
    finally:
        terminal.close()
    return offered.read_text().split()


def offered_by_fish(cli, place, line):
    """According to its `complete` command."""
    done = subprocess.run(
        ["fish", "--no-config", "-c", 'source $PLACE; complete -C "$LINE"'],
        env=environment_of(cli, PLACE=f"{place}/{line.split()[0]}.fish", LINE=line),
        capture_output=True,
        text=True, check=True, timeout=60, cwd=cli.directory)
    assert done.stderr == ""
    found = [offer.split("\t")[0] for offer in done.stdout.splitlines()]
    # fish offers the whole word if it contains an equals sign.
    before = line.rpartition(" ")[2].rpartition("=")
    return [offer.removeprefix(before[0] + before[1]) for offer in found]


@pytest.fixture(params=["bash", "zsh", "fish"])
def offered(cli, place, request):
    """offered("machinectl-lite sta") is the set of words that a shell offers."""
    shell = request.param
    if not any(os.access(Path(each, shell), os.X_OK)
               for each in cli.environment["PATH"].split(":")):
        pytest.skip(f"needs the program {shell}")

    def ask(line, command="machinectl-lite"):
        by = {"bash": offered_by_bash, "zsh": offered_by_zsh, "fish": offered_by_fish}[shell]
        return set(by(cli, place, f"{command} {line}"))

    return ask


@pytest.fixture
def machines(cli, machine_file):
    """One machine of each state: runs, paused, stopped; and one that is only defined."""
    names = [f"{state}-{os.getpid()}" for state in ("run", "pause", "stop", "defined")]
    files = [machine_file(name, command=["sleep", "600"], stop={"timeout": "100ms"})
             for name in names]
    for path in files[:3]:
        cli("start", path).check()
    cli("pause", names[1]).check()
    cli("stop", names[2]).check()
    yield names
    cli("delete", "--force", *names[:3]).check()


@pytest.mark.needs("root", "cgroup2")
def test_machines_by_their_state(cli, machines, offered):
    runs, paused, stopped, defined = machines
    for verb in ("stop", "kill", "wait", "stats", "set-limit"):
        assert offered(verb + " ") == {runs, paused}, verb
    assert offered("exec ") == offered("shell ") == offered("pause ") == {runs}
    assert offered("resume ") == {paused}
    assert offered("status ") == offered("logs -f ") == {runs, paused, stopped}
    for verb in ("start", "run", "enable", "delete", "restart", "copy-to", "copy-from"):
        assert offered(verb + " ") >= {runs, paused, stopped, defined}, verb
    assert offered("stop ru") == {runs}
    assert offered(f"stop {runs} pau") == {paused}


@pytest.mark.needs("root", "cgroup2")
def test_what_follows_a_machine(machines, offered):
    runs = machines[0]
    assert not offered(f"exec {runs} ")
    assert "memory=" in offered(f"set-limit {runs} ")
    assert "tasks=" in offered(f"set-limit {runs} memory=1G ta")
    assert offered("config ") == {"show", "diff"}
    assert runs in offered("config show ")
    assert runs in offered("--runtime-dir /nowhere --json=short start ")
    assert runs not in offered(f"copy-to {runs} ")


def test_keys_and_values(offered):
    assert {"limits.memory=", "network.name=", "rootfs="} <= offered("run --set ")
    assert offered("start --set=limits.memory_h") == {"limits.memory_high="}
    assert offered("kill -s U") == {"USR1", "USR2"}
    assert offered("--json=") == {"short", "pretty", "off"}
    assert not {"start", "stop"} & offered("run --memory ")


def test_networks(cli, offered):
    (cli.config / "lab.network").write_text("")
    assert offered("network ") == {"list", "status", "reload"}
    assert offered("network status ") == {"default", "lab"}
    assert not offered("network reload la")


@pytest.mark.needs("root")
def test_images(cli, offered):
    image = images.Image(images.layer(images.member("f", b"")))
    images.load(cli, image, "app:1")
    assert any("app" in each for each in offered("remove-image "))
    assert any("app" in each for each in offered("run --image "))
    assert not any("app" in each for each in offered("load "))


@pytest.mark.needs("program:bash")
def test_bash(cli, place):
    (cli.config / "my-web.machine").write_text("")
    (cli.config / "$(id).machine").write_text("")
    assert complete(cli, place, "sta") == ["start", "status", "stats"]
    assert complete(cli, place, "start", "") == ["my-web"]
    assert complete(cli, place, "--quiet", "start", "my") == ["my-web"]
    assert complete(cli, place, "start", "--mem") == ["--memory"]
    assert complete(cli, place, "network", "") == ["list", "status", "reload"]
    assert complete(cli, place, "doctor", "m") == complete(cli, place, "check", "") == []


@pytest.mark.needs("program:bash", "root")
def test_bash_knows_images(cli, place):
    """In full and as people write them; a colon, which ends a word for bash, is no hindrance."""
    image = images.Image(images.layer(images.member("f", b"")))
    images.load(cli, image, "app:1")
    images.load(cli, image, "other.org/team/app:2")
    assert complete(cli, place, "remove-image", "") == [
        "app:1", "docker.io/library/app:1", "other.org/team/app:2"]
    assert complete(cli, place, "save", "oth") == ["other.org/team/app:2"]
    assert complete(cli, place, "push", "app", ":", "", line="machinectl-lite push app:") == ["1"]
    assert complete(cli, place, "load", "") == []


@pytest.mark.needs("program:bash")
def test_bash_knows_values(cli, place):
    assert complete(cli, place, "kill", "--signal", "=", "T") == ["TERM"]
    assert complete(cli, place, "kill", "-s", "U") == ["USR1", "USR2"]
    assert complete(cli, place, "list", "--json", "=") == ["short", "pretty", "off"]
    assert complete(cli, place, "--color", "n") == ["never"]
    assert complete(cli, place, "check", "--format", "=", "") == ["text", "json"]
    assert complete(cli, place, "stop", "-s", "T") == []


# ---- machine-oci ----

def test_every_command_and_option_of_the_runtime_occurs(cli, place):
    binary = oci_runtime.find_binary()
    texts = [subprocess.run([binary, *verb, "--help"], capture_output=True, text=True,
                            check=False).stdout for verb in ([], ["create"], ["exec"], ["update"])]
    verbs = re.findall(r"^  ([a-z]+) ", texts[0], re.MULTILINE)
    assert len(verbs) > 15
    for shell, file in (("bash", "machine-oci"), ("zsh", "_machine-oci"),
                        ("fish", "machine-oci.fish")):
        text = (place / file).read_text()
        for verb in verbs:
            assert re.search(rf"(?<![\w-]){verb}(?![\w-])", text), (shell, verb)
        for name in re.findall(r"^  .{4}--([\w-]+)", "".join(texts), re.MULTILINE):
            assert re.search(rf"{'-l ' if shell == 'fish' else '--'}{name}(?![\w-])", text), name


def test_runtime_is_completed(offered):
    def ask(line):
        return offered(line, command="machine-oci")

    assert ask("sta") == {"start", "state"}
    assert ask("--cgroup-manager ") == {"cgroupfs", "systemd", "disabled"}
    assert ask("--rootless=") == {"auto", "true", "false"}
    assert {"--pid-file", "--pidfd-socket"} <= ask("create --pid")
    assert ask("kill box KI") == {"KILL"}
    assert ask("list --format ") == {"table", "json"}


@pytest.mark.needs("root", "cgroup2")
def test_containers_are_completed(oci, offered):
    name = oci.create(oci.bundle("true"))
    for line in (f"--root {oci.records} delete ", f"--root={oci.records} state ml"):
        assert offered(line, command="machine-oci") == {name}
