# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/book: its programs compile and print what the chapters say, the places in src/ exist, and the
commands do what is shown."""

import re
import subprocess
from pathlib import Path

import pytest

import harness
import needs
import pages

BOOK = pages.DOCS / "book"
PROGRAMS = sorted(BOOK.glob("*.c"))
CHAPTERS = sorted(path for path in BOOK.glob("*.md") if path.name != "index.md")


@pytest.fixture
def page_host(workspace):
    """A host on which commands of pages run."""
    directory = workspace / "page"
    directory.mkdir()
    return pages.Host(directory)


def section(path, heading):
    """The blocks below a heading of a chapter."""
    return [block for block in pages.blocks(path.read_text(encoding="utf-8"))
            if block.heading == heading]


def test_each_chapter_has_its_program():
    assert [path.stem for path in PROGRAMS] == [path.stem for path in CHAPTERS]
    listed = section(BOOK / "index.md", "How a machine is made")[0]
    assert [line for line in listed.lines if line and line[0] != ":"] == [
        path.stem for path in CHAPTERS]


@pytest.mark.needs("root", "program:cc")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_its_chapter_says(program, workspace):
    binary = workspace / "program"
    subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O1", "-o", binary, program],
                   check=True, timeout=60)
    done = subprocess.run([binary], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(Path("/tmp").glob("chapter-*"))
    [shown] = [block for block in section(program.with_suffix(".md"), "From scratch")
               if block.info == "text"]
    assert ([pages.plain(line) for line in done.stdout.splitlines()]
            == [pages.plain(line) for line in shown.lines])


def test_the_digests_are_right(workspace):
    """Numbers are left out of the comparison above."""
    shown = section(BOOK / "10-images.md", "From scratch")[1].lines
    done = subprocess.run(["sha256sum"], input=bytes(1024), stdout=subprocess.PIPE, check=True)
    assert f"an empty layer: sha256:{done.stdout.decode().split()[0]}" in shown


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_places_exist(chapter):
    """Each item names a file, and functions that are defined in it."""
    text = chapter.read_text(encoding="utf-8")
    places = text.split("\n## In machinectl-lite\n")[1].split("\n## ")[0]
    items = re.findall(r"^- `(src/[^`]+)`((?:,| and|\s+`\w+\(\)`)*)", places, re.MULTILINE)
    assert items and len(items) == len(re.findall(r"^- ", places, re.MULTILINE))
    for file, functions in items:
        source = (harness.SOURCE / file).read_text(encoding="utf-8")
        for name in re.findall(r"`(\w+)\(\)`", functions):
            assert re.search(rf"^[\w *]*\b{name}\([^;]*$", source, re.MULTILINE), (file, name)
    for file in re.findall(r"`(src/[^`]+)`", text):
        assert (harness.SOURCE / file).is_file(), file


@pytest.mark.needs("root", "program:curl")
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_commands_of_a_chapter(chapter, page_host):
    wanted = pages.commands_of(BOOK / "index.md", needs.missing)
    own = pages.commands_of(chapter, needs.missing)
    assert own
    wrong = page_host.run(wanted + own)
    assert not wrong, wrong
