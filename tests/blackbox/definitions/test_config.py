# SPDX-License-Identifier: LGPL-2.1-or-later
"""`config show`: the effective definition, and the origin of each key."""

import json


def write(directory, name, text):
    """Writes a definition and returns its path."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def show(cli, *arguments, **options):
    """The definition in effect as JSON."""
    return json.loads(cli("config", "show", "--json=short", *arguments, **options).check().stdout)


def test_layers(cli, workspace):
    """File, include, drop-in and command line: each key with the place that won."""
    write(workspace, "common/base.machine",
          'overlay = [ "layers/debian" ];\nuser = "daemon";\nlimits = { tasks = 1; nice = 1; };\n')
    write(workspace, "web.machine.d/local.machine", "limits = { tasks = 3; };\n")
    write(workspace, "web.machine",
          '@include "common/base.machine"\nhostname = "www";\nlimits = { tasks = 2; };\n')
    result = cli("config", "show", "./web.machine", "--set", "description=of the command line",
                 cwd=workspace).check()
    lines = {line.split("=")[0].strip(): line for line in result.stdout.splitlines()}
    assert lines["tasks"].startswith("  tasks = 3;")
    assert lines["tasks"].endswith("# ./web.machine.d/local.machine:1")
    assert lines["nice"].endswith("# ./common/base.machine:3")
    assert lines["hostname"].endswith("# ./web.machine:2")
    assert lines["user"].endswith("# ./common/base.machine:2")
    assert lines["description"].endswith("# --set:1")
    assert f'"{workspace}/common/layers/debian"' in lines["overlay"]


def test_says_the_same(cli, workspace):
    """The output is an equivalent definition."""
    path = write(workspace, "web.machine", """
overlay = [ "a", "/b" ];
command = [ "sh", "-c", "echo \\"x\\\\y\\" # no comment\\n" ];
limits = { memory = "1.5G"; cpu = "2.5"; open_files = 5; io = ( { device = "8:0"; read_iops = 1; } ); };
mounts = ( { type = "tmpfs"; target = "/t"; size = "1M"; }, { source = "x"; target = "/x"; } );
environment = [ "A=ä", "B=" ];
network = { mode = "none"; dns = [ ]; };
stop = { timeout = "1min 30s"; };
""")
    text = cli("config", "show", path).check().stdout
    again = write(workspace, "elsewhere/web.machine", text)
    cli("check", "--strict", again).check()
    assert show(cli, again)["settings"] == show(cli, path)["settings"]
    defaults = cli("config", "show", "--defaults", path).check().stdout
    assert '# user_namespace = "auto";' in defaults
    commented = write(workspace, "defaults/web.machine", defaults)
    assert show(cli, commented)["settings"] == show(cli, path)["settings"]


def test_command_line_says_what_a_file_can(cli, workspace):
    """The shorthand and --set make the machine that a file would."""
    said = show(cli, "--rootfs", "root", "--name", "web", "--memory", "1G", "--cpu", "50%",
                "-p", "8080:80", "--port", "53:53/udp", "--mount", "/a:/b:ro",
                "--mount", "type=tmpfs,target=/tmp", "-e", "A=1", "--env", "HOME",
                "--set", 'command=[ "a", "b c" ]', "--set", "read_only=true",
                "--set", "limits.tasks=9", cwd=workspace)
    assert said["name"] == "web" and said["definition"] is None
    assert said["settings"] == {
        "rootfs": f"{workspace}/root",
        "read_only": True,
        "command": ["a", "b c"],
        "environment": ["A=1", "HOME=/root"],
        "limits": {"memory": "1G", "cpu": "50%", "tasks": 9},
        "ports": ["8080:80/tcp", "53:53/udp"],
        "mounts": [{"source": "/a", "target": "/b", "read_only": True},
                   {"type": "tmpfs", "target": "/tmp"}],
    }
    text = cli("config", "show", "--rootfs", "/r", "--name", "web", "--memory", "1G").check().stdout
    path = write(workspace, "web.machine", text)
    assert show(cli, path)["settings"] == {"rootfs": "/r", "limits": {"memory": "1G"}}


def test_shorthand_adds_set_replaces(cli, workspace):
    """--env adds to the file's entries, --set replaces them."""
    path = write(workspace, "web.machine", 'rootfs = "/r"; environment = [ "A=1" ];')
    assert show(cli, path, "-e", "B=2")["settings"]["environment"] == ["A=1", "B=2"]
    assert show(cli, path, "--set", "environment=B=2")["settings"]["environment"] == ["B=2"]


def test_standard_input(cli):
    """`-` reads standard input."""
    said = show(cli, "-", "--name", "web", input='rootfs = "/r";')
    assert said["name"] == "web"
    assert said["origins"]["rootfs"] == {"file": "standard input", "line": 1}


def test_errors(cli, workspace):
    """A definition that is wrong is not shown."""
    path = write(workspace, "web.machine", 'rootfs = "/r"; limits = { tasks = 0; };')
    result = cli("config", "show", path).check(65)
    assert result.stdout == "" and "web.machine:1:35: error:" in result.stderr
    result = cli("config", "show", path, "--set", "limits.memroy=1G").check(65)
    assert 'did you mean "limits.memory"?' in result.stderr
    cli("config", "show", path, "--set", "limits.tasks").check(64)
    cli("config", "show").check(64)
    cli("config", "frobnicate", path).check(64)
    cli("config", "show", "none").check(66)


def test_hostile_names(cli, workspace):
    """Control characters of a definition do not reach the terminal."""
    path = write(workspace, "web.machine", 'rootfs = "/r"; description = "\\x1b[31m"; x = "\x9b1m";')
    result = cli("check", path).check(65)
    assert "\x1b" not in result.stderr and "\x9b" not in result.stderr
    path = write(workspace, "esc.machine", 'rootfs = "/r"; description = "\\x1b[31m";')
    assert "\\x1b[31m" in cli("config", "show", path).check().stdout
