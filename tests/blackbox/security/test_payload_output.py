# SPDX-License-Identifier: LGPL-2.1-or-later
"""Output of a payload cannot control the terminal of the user who views it."""

import json

import pytest

# A title, a cursor, a colour, an 8-bit control character, a tab, a carriage return, broken UTF-8, a
# NUL, DEL, a report that makes a terminal send input; and text in several scripts.
LINES = [b"\033]0;title\007", b"\033[2J\033[H", b"\033[1;31mred\033[0m", b"\302\23331mC1", b"a\tb",
         b"over\rwritten", b"\377\300", b"nul\0", b"\177", b"\033[6n\033Z", b"\033[8mhidden",
         "\u00fc \u4e2d \U0001f600".encode(), b"end of line\r"]
SHOWN = ["\\x1b]0;title\\x07", "\\x1b[2J\\x1b[H", "\033[1;31mred\033[0m\033[0m",
         "\\xc2\\x9b31mC1", "a\tb", "over\\x0dwritten", "\\xff\\xc0", "nul\\x00", "\\x7f",
         "\\x1b[6n\\x1bZ", "\033[8mhidden\033[0m", "\u00fc \u4e2d \U0001f600", "end of line"]


@pytest.fixture
def printed(cli, machine_file):
    """A machine that has printed the lines."""
    text = "".join(f"\\{byte:03o}" for line in LINES for byte in line + b"\n")
    path = machine_file("talker", command=["/bin/sh", "-c", f"printf '{text}'"],
                        log={"driver": "file"})
    cli("start", path).check()
    cli("wait", "talker").check()
    return "talker"


def test_logs_on_a_terminal(cli, printed):
    terminal = cli.terminal("logs", printed)
    assert terminal.wait() == 0
    lines = terminal.text.replace("\r\n", "\n").split("\n")
    assert [line for line in lines if line and "ended with status" not in line] == SHOWN


def test_logs_raw(cli, printed):
    terminal = cli.terminal("logs", "--raw", printed)
    assert terminal.wait() == 0
    assert "\033]0;title\007" in terminal.text and "\033[6n" in terminal.text


def test_logs_into_a_pipe(cli, printed, workspace):
    """Nothing is changed, with --raw or without."""
    for options in ([], ["--raw"]):
        with open(workspace / "out", "wb") as out:
            cli.start("logs", *options, printed, stdout=out).wait().check()
        told = (workspace / "out").read_bytes().splitlines(keepends=True)
        # A log's line ends without the carriage return.
        expected = b"".join(line.removesuffix(b"\r") + b"\n" for line in LINES)
        assert b"".join(line for line in told if b"ended with status" not in line) == expected


def test_json_holds_no_control_character(cli, printed):
    """The text is the same; bytes that JSON cannot contain are escaped."""
    result = cli("logs", "--json=short", printed).check()
    texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
    assert texts[0] == "\033]0;title\007" and texts[3] == "\u009b31mC1" and texts[8] == "\x7f"
    assert texts[6] == "\\xff\\xc0" and texts[4] == "a\tb"
    assert not any(ord(c) < 32 or 0x7f <= ord(c) < 0xa0 for c in result.stdout.replace("\n", ""))


def test_last_lines_of_a_failed_start(cli, machine_file):
    path = machine_file("dies", ready="notify", log={"driver": "file"},
                        command=["/bin/sh", "-c", "printf '\\033[2Jbad\\tnews\\n'; exit 1"])
    terminal = cli.terminal("start", path)
    terminal.wait()
    assert "\\x1b[2Jbad\tnews" in terminal.text and "\033[2J" not in terminal.text
