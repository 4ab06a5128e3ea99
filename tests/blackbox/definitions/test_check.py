# SPDX-License-Identifier: LGPL-2.1-or-later
"""`check`: all errors of definitions in one run, with their positions."""

import json
import os
import resource
import random
import subprocess

import pytest

ROOT = 'rootfs = "/srv/root";\n'


def write(directory, name, text):
    """Writes a definition and returns its path."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_a_valid_definition_prints_nothing(cli, workspace):
    """No output and status 0."""
    result = cli("check", write(workspace, "web.machine", ROOT)).check()
    assert result.stdout == "" and result.stderr == ""


def test_error_as_documented(cli, workspace):
    """Position, line, marks and suggestion."""
    text = ROOT + "\n" * 11 + 'limits = {\n  memroy = "512M";\n};\n'
    write(workspace, "web.machine", text)
    result = cli("check", "web.machine", cwd=workspace).check(65)
    assert result.stdout == ""
    assert result.stderr == (
        'web.machine:14:3: error: unknown key "memroy" in "limits"\n'
        '   14 |   memroy = "512M";\n'
        '      |   ^^^^^^ did you mean "memory"?\n')


def test_all_errors_sorted(cli, workspace):
    """All semantic errors of a file in one run, sorted by line."""
    path = write(workspace, "web.machine", """
user = "+1";
ports = [ "80", "8080:80" ];
overlay = [ "/a" ];
rootfs = "/b";
limits = { tasks = -1; cpu = "x"; };
user = "root";
restart = { policy = "sometimes"; };
""")
    result = cli("check", "--format=json", path).check(65)
    findings = json.loads(result.stdout)
    places = [(finding["line"], finding["column"]) for finding in findings]
    assert places == sorted(places)
    assert [line for line, _ in places] == [2, 3, 5, 6, 6, 7, 8]
    twice = findings[5]
    assert twice["message"] == 'duplicate key "user"'
    assert (twice["related"]["line"], twice["related"]["column"]) == (2, 1)
    assert all(finding["severity"] == "error" for finding in findings)


def test_first_syntax_error(cli, workspace):
    """The first syntax error with its line and column, without errors that follow from it."""
    path = write(workspace, "web.machine", ROOT + "hostname = ;\nuser = +;\nfoo = 1;\n")
    findings = json.loads(cli("check", "--format=json", path).check(65).stdout)
    assert [(finding["line"], finding["column"]) for finding in findings] == [(2, 12)]


def test_several_files(cli, workspace):
    """Files, directories and networks in one run; conflicts name both positions."""
    write(workspace, "d/a.machine", 'overlay = [ "/r" ];\nports = [ "8080:80" ];\n')
    write(workspace, "d/b.machine",
          'overlay = [ "/r" ];\nnetwork = { name = "back"; };\nports = [ "8080:81" ];\n')
    write(workspace, "d/back.network", 'subnet = "10.1.0.1/24";\n')
    write(workspace, "d/ignored.txt", "bad")
    single = write(workspace, "c.machine", 'overlay = [ "/r" ];\nrequires = [ "c" ];\n')
    result = cli("check", "d", single, cwd=workspace).check(65)
    assert 'd/b.machine:3:11: error: a port of the host that is also used by machine "a"' \
        in result.stderr
    assert 'd/a.machine:2:11: note: "a" has it here' in result.stderr
    assert "d/back.network:1:10: error:" in result.stderr
    assert 'the network is "10.1.0.0/24"' in result.stderr
    assert "c.machine:2:14: error: a machine cannot wait for itself" in result.stderr
    assert result.stderr.count("error:") == 3


def test_circle(cli, workspace):
    """The error for machines that require each other names both files."""
    write(workspace, "a.machine", ROOT + 'requires = [ "b" ];')
    write(workspace, "b.machine", 'overlay = [ "/x" ]; requires = [ "a" ];')
    result = cli("check", workspace / "a.machine", workspace / "b.machine").check(65)
    assert "dependency cycle: a -> b -> a" in result.stderr
    assert "a.machine:2:14" in result.stderr and "b.machine:1:34" in result.stderr


def test_search_path(cli, workspace):
    """Names, and without arguments everything in the search path."""
    write(cli.config, "web.machine", ROOT)
    write(cli.config, "db.machine", "bad")
    cli("check", "web").check()
    assert "db.machine:1:1" in cli("check").check(65).stderr
    other = workspace / "other"
    write(other, "third.machine", ROOT)
    cli("check", "third").check(66)
    cli("check", "--config-path", other, "third").check()
    cli("check", "third", env={"MACHINECTL_LITE_CONFIG_PATH": f"/none:{other}"}).check()


def test_strict(cli, workspace):
    """Settings without effect are warnings, or errors with --strict."""
    path = write(workspace, "web.machine", ROOT + 'pull = "always";')
    assert "warning:" in cli("check", path).check().stderr
    assert "error:" in cli("check", "--strict", path).check(65).stderr


def test_exit_status(cli, workspace):
    """64 usage, 65 invalid, 66 no such file; a missing file does not hide errors of other files."""
    bad = write(workspace, "bad.machine", "bad")
    cli("check", "--format=xml", bad).check(64)
    cli("check", "--no-such-option").check(64)
    cli("check", workspace / "none.machine").check(66)
    cli("check", "none").check(66)
    result = cli("check", workspace / "none.machine", bad).check(66)
    assert "bad.machine:1:1" in result.stderr and "none.machine" in result.stderr


def test_standard_input(cli):
    """`-` reads standard input."""
    cli("check", "-", input=ROOT).check()
    assert cli("check", "-", input="a =\n").check(65).stderr.startswith("standard input:2:1: error:")


def test_unprivileged(cli, workspace):
    """The user nobody can run it."""
    path = write(workspace, "web.machine", ROOT + "limits = { tasks = 0; };\n")
    binary = workspace / "machinectl-lite"
    binary.write_bytes(open(cli.binary, "rb").read())
    binary.chmod(0o755)
    if os.geteuid() != 0:
        pytest.skip("needs root to become nobody")
    result = cli("check", path, wrapper=["setpriv", "--reuid=65534", "--regid=65534",
                                         "--clear-groups", "--"])
    if "Permission denied" in result.stderr and result.status in (126, 127):
        result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                 "--", binary, "check", path], capture_output=True, text=True,
                                check=False)
        assert result.returncode == 65
    else:
        result.check(65)


def test_host_accounts(cli, workspace):
    """A range that contains ids of accounts of this host is refused, and the error names the
    account."""
    path = write(workspace, "web.machine", ROOT + 'user_namespace = "0:65536";')
    result = cli("check", path).check(65)
    assert 'overlaps the user "root" of /etc/passwd' in result.stderr


def test_not_built_yet_is_accepted(cli, workspace):
    """A definition is valid or invalid regardless of what this build supports."""
    path = write(workspace, "web.machine",
                 'image = "docker.io/library/nginx:1.27"; selinux = "a:b:c:s0"; boot = true;')
    cli("check", path).check()


def test_run_refuses_what_is_wrong(cli, workspace):
    """`run` shows the same findings and exits with the status of its own failures."""
    path = write(workspace, "web.machine", ROOT + 'hostnam = "a";')
    result = cli("run", path).check(125)
    assert "web.machine:2:1: error: unknown key" in result.stderr


BAD = {
    "truncated string": 'rootfs = "/srv',
    "truncated group": "limits = {",
    "truncated list": "mounts = ( {",
    "comment": "a = 1; /* ",
    "nul": b"rootfs = \"/a\0b\";",
    "bom": b"\xef\xbb\xbf" + ROOT.encode(),
    "latin-1": b"description = \"\xe4\";",
    "utf-16": ROOT.encode("utf-16"),
    "elf": open("/bin/true", "rb").read(),
    "deep lists": "x-a = " + "(" * 100000,
    "deep groups": "a={" * 100000,
    "deep arrays": "a=[" * 100000,
    "huge": "x-a = 1;\n" * 1000000,
    "huge string": 'description = "' + "x" * 2000000 + '";',
    "many keys": "".join(f"x-{n} = 1;" for n in range(50000)),
    "many values": "x-a = [" + "1," * 300000,
    "many errors": "x-a = [" + "0755," * 40000 + "1];",
    "many ports": "ports = [" + '"80:80",' * 60000 + '"80:80"];',
    "colons": 'mounts = ( { type = "overlay"; target = "/x"; source = "' + ":" * 900000 + '"; } );',
    "include of itself": '@include "bad.machine"\n',
    "include of a device": '@include "/dev/zero"\n',
    "include of a pipe": '@include "pipe"\n',
}


def processor_time():
    """Seconds that the commands of this process have used, whatever else the host does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_bad_input(cli, workspace, text):
    """Malformed, truncated, huge, deeply nested or binary input: an error with status 65, without
    delay."""
    os.mkfifo(workspace / "pipe")
    path = write(workspace, "bad.machine", text)
    before = processor_time()
    result = cli("check", path, timeout=20).check(65)
    assert "error:" in result.stderr
    assert processor_time() - before < 5
    assert len(result.stderr) < 2000000


def test_random_input(cli, workspace):
    """Random bytes, random tokens, and a valid definition with random damage."""
    seed = random.randrange(1 << 32)
    source = random.Random(seed)
    tokens = ["{", "}", "(", ")", "[", "]", "=", ";", ",", '"', "a", "limits", "1", "0x", "/*", "*/",
              "#", "\n", "@include", "rootfs", "true", "\\", "\\x00", ".", "-", "ports", '"80:80"']
    good = ('overlay = [ "/a", "/b" ]; limits = { memory = "1G"; io = ( { device = "8:0"; } ); };\n'
            'mounts = ( { source = "/a"; target = "/b"; } ); ports = [ "80:80" ];\n') * 1
    for number in range(120):
        if number % 3 == 0:
            text = source.randbytes(source.randrange(2000))
        elif number % 3 == 1:
            text = " ".join(source.choices(tokens, k=source.randrange(300))).encode()
        else:
            damaged = bytearray(good.encode())
            for _ in range(source.randrange(1, 6)):
                damaged[source.randrange(len(damaged))] = source.randrange(256)
            text = bytes(damaged)
        result = cli("check", write(workspace, "random.machine", text))
        assert result.status in (0, 65), f"seed {seed}, case {number}\n{result}"
        if result.status == 65:
            assert "error:" in result.stderr


def write_mistakes(directory):
    """600 files with one mistake at different places, one of them with another mistake too, and a
    few that are told apart."""
    for number in range(600):
        text = "\n" * (number % 7) + ROOT.replace("/root", f"/r{number}") + " " * (number % 5)
        write(directory, f"m{number:03}.machine", text + f'limits = {{ memroy = "{number}M"; }};')
    write(directory, "m300.machine", ROOT + 'limits = { memroy = "1M"; };\nprots = [];')
    for number in range(3):
        write(directory, f"z{number}.machine", f'rootfs = "/srv/z{number}"; hostname = "-{number}";')


def test_many_errors_of_one_kind(cli, workspace):
    """Are told once with a count, whatever their places; JSON has all."""
    write_mistakes(workspace / "many")
    result = cli("check", "many", cwd=workspace).check(65)
    lines = [line for line in result.stderr.splitlines() if ": error: " in line]
    assert lines[:2] == ['many/m000.machine:2:12: error: unknown key "memroy" in "limits"',
                         'many/m300.machine:3:1: error: unknown key "prots"']
    assert [line.split(":")[0] for line in lines[2:]] == [f"many/z{number}.machine"
                                                          for number in range(3)]
    assert result.stderr.count("did you mean \"memory\"") == 1
    assert ("      = and 599 more errors of this kind, in 599 more files (check --json lists them)"
            in result.stderr.splitlines())
    found = json.loads(cli("check", "--json", "many", cwd=workspace).check(65).stdout)
    assert len(found) == 604
    assert len({finding["file"] for finding in found}) == 603


def test_examples_of_a_kind(cli, workspace):
    """Messages of one kind that name different objects are told apart as long as they are few; of
    many, some are shown."""
    for count, shown in ((10, 10), (200, 3)):
        write(workspace, "web.machine",
              ROOT + "".join(f"wrong_{chr(97 + n % 26) * (n // 26 + 1)} = 1;\n"
                             for n in range(count)))
        result = cli("check", "web.machine", cwd=workspace).check(65)
        assert result.stderr.count("error: unknown key") == shown, str(result)
        assert ("and 197 more errors of this kind (check" in result.stderr) == (count == 200)


def test_many_errors_at_a_start(cli, workspace):
    """`start` of many machines tells a mistake of many once, then how many have it; a machine that
    requires a broken one does not repeat its errors."""
    write_mistakes(workspace / "many")
    write(workspace, "many/asks.machine",
          ROOT + 'command = [ "/bin/true" ]; requires = [ "m000" ];')
    result = cli("--config-path", workspace / "many", "start", "--all").check(65)
    assert result.stderr.count('unknown key "memroy"') == 1
    assert "and 599 more errors of this kind, in 599 more files" in result.stderr
    assert 'machine "asks" requires "m000": its definition has errors' in result.stderr
    assert result.stderr.splitlines()[-1] == "error: 603 definitions have 604 errors"


@pytest.mark.needs("native-speed")
def test_thousand_definitions(cli, workspace):
    """1,000 definitions in under a second of processor time."""
    for number in range(1000):
        write(workspace, f"many/m{number}.machine", f"""
description = "Static web site";
overlay  = [ "/srv/layers/site", "/srv/layers/debian-12" ];
command  = [ "/usr/sbin/nginx", "-g", "daemon off;" ];
hostname = "web";
ports    = [ "{10000 + number}:80" ];
limits   = {{ memory = "256M"; cpu = "50%"; tasks = 128; }};
capabilities = {{ profile = "minimal"; add = [ "CAP_SETUID", "CAP_SETGID" ]; }};
""")
    before = processor_time()
    cli("check", workspace / "many").check()
    seconds = processor_time() - before
    # Builds with sanitizers are slower.
    with open(cli.binary, "rb") as binary:
        factor = 10 if b"__asan_init" in binary.read() else 1
    assert seconds < factor, f"{seconds:.2f} s"


def test_an_address_outside_its_network(cli, workspace):
    """Reported before a start, for the network beside the machine and the one of the path."""
    write(workspace, "out.network", 'subnet = "10.77.0.0/24"; subnet6 = "fd77::/64";')
    write(workspace, "six.network", 'subnet6 = "fd78::/64";')
    for key, value, name, text in (
            ("address", "10.88.0.5", "out", "10.88.0.5 is not an address of network"),
            ("address", "10.77.0.0", "out", "10.77.0.0 is not an address of network"),
            ("address6", "fd78::5", "out", "fd78::5 is not an address of network"),
            ("address", "10.77.0.5", "six", "has no IPv4")):
        path = write(workspace, "web.machine",
                     ROOT + f'network = {{ name = "{name}"; {key} = "{value}"; }};')
        result = cli("check", path).check(65)
        assert text in result.stderr and "web.machine:" in result.stderr
    for value, key in (("10.77.0.5", "address"), ("fd77::5", "address6")):
        path = write(workspace, "web.machine",
                     ROOT + f'network = {{ name = "out"; {key} = "{value}"; }};')
        cli("check", path).check()


@pytest.mark.parametrize("name", ["a.machine", "a.network", "a.volume", "a.pod"])
def test_a_name_like_a_file(cli, workspace, name):
    """`stop a.machine` would refer to another machine."""
    path = write(workspace, f"{name}.machine", ROOT)
    assert f'invalid machine name "{name}"' in cli("check", path).check(65).stderr
    cli("run", "--name", name, write(workspace, "b.machine", ROOT)).check(125)
