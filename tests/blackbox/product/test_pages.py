# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/: the commands of the pages do what is shown, links lead somewhere, messages exist, and Sphinx
builds the whole."""

import re
import shutil
import subprocess

import pytest

import harness
import needs
import pages
import roots

PAGES = sorted(pages.DOCS.rglob("*.md"))
GUIDES = sorted(path for path in (pages.DOCS / "guides").glob("*.md") if path.stem != "index")


def anchors(path):
    """The anchors of the headings of a page, as Sphinx and forges make them."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(pages.DOCS)))
def test_links_lead_somewhere(page):
    """Within the tree; generated pages are in the table of contents of their index."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        generated = path.parent == pages.DOCS / "reference" and path.stem == "messages"
        assert generated or path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


def test_meson_knows_all_pages():
    """It builds them anew when one has changed."""
    listed = set(re.findall(r"^  '([\w./-]+\.(?:md|c|py))',$",
                            (pages.DOCS / "meson.build").read_text(encoding="utf-8"), re.MULTILINE))
    found = PAGES + sorted(pages.DOCS.rglob("*.c")) + sorted(pages.DOCS.rglob("*.py"))
    assert listed == {str(path.relative_to(pages.DOCS)) for path in found}


@pytest.fixture
def page_host(workspace):
    """A host on which commands of pages run."""
    directory = workspace / "page"
    directory.mkdir()
    return pages.Host(directory)


def examples():
    """The commands that make the machine of the examples."""
    return pages.commands_of(pages.DOCS / "book/index.md", needs.missing)


def check_commands(host, wanted, own):
    """Runs the commands of a page after others."""
    assert own
    wrong = host.run(wanted + own)
    assert not wrong, wrong


@pytest.mark.needs("root", "program:curl", "program:openssl")
@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.stem)
def test_the_commands_of_a_guide(page, page_host):
    check_commands(page_host, examples(), pages.commands_of(page, needs.missing))


@pytest.mark.needs("root")
@pytest.mark.parametrize("name", ["troubleshooting.md", "reference/index.md"])
def test_the_commands_of_a_page(name, page_host):
    check_commands(page_host, [], pages.commands_of(pages.DOCS / name, needs.missing))


@pytest.mark.slow
@pytest.mark.needs("root", "program:mmdebstrap", "program:curl", "program:git")
def test_the_commands_of_the_tutorial(page_host):
    try:
        root = pages.tutorial_root()
    except roots.Unavailable as reason:
        pytest.skip(str(reason))
    page_host.stand_in("mmdebstrap", pages.stand_in_for_mmdebstrap(root))
    check_commands(page_host, [], pages.commands_of(pages.DOCS / "tutorial.md", needs.missing))


def source_text():
    """All of src/, with the parts of each literal joined."""
    text = "\n".join(path.read_text(encoding="utf-8")
                     for path in sorted((harness.SOURCE / "src").rglob("*.c")))
    return re.sub(r'(?<!\\)"\s+"', "", text)


def test_messages_are_those_of_the_program():
    """A message of the page is a format of the source, with words in capitals for conversions."""
    page = (pages.DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    items = re.sub(r"\n  ", " ", page)
    found = re.findall(r"^- (`[^`]+`(?: and `[^`]+`)*)(?::| with)", items, re.MULTILINE)
    messages = [message for item in found for message in re.findall(r"`([^`]+)`", item)]
    assert len(messages) > 35
    source = source_text()
    missing = []
    for message in messages:
        pattern = re.escape(message.replace('"', '\\"'))
        pattern = re.sub(r"(?<![A-Za-z_])[A-Z]{3,}(?![A-Za-z_])(?<!CONFIG)(?<!ELF)",
                         r'(?:\g<0>|%[-.*\\d]*(?:" PRI\\w+ ")?l*[a-z])', pattern)
        pattern = pattern.replace(r"\.\.\.", "%s")
        if not re.search(pattern, source):
            missing.append(message)
    assert missing == []


@pytest.mark.needs("program:sphinx-build")
def test_sphinx_builds_without_a_warning(cli, workspace):
    done = subprocess.run([harness.SOURCE / "docs/build-pages", pages.DOCS, cli.binary, "1",
                           workspace, workspace / "built"], capture_output=True, text=True,
                          timeout=120, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    reference = (workspace / "pages/reference/machine.html").read_text(encoding="utf-8")
    keys = cli("schema", "--keys").check().stdout
    for key in (line.split()[0] for line in keys.splitlines()):
        assert key in reference, key
    messages = (workspace / "pages/reference/messages.html").read_text(encoding="utf-8")
    assert "is already running (supervisor" in re.sub(r"<[^>]*>", "", messages)
    for page in "book", "guides", "troubleshooting", "tutorial":
        assert (workspace / f"machinectl-lite-{page}.7").stat().st_size > 4000
    if shutil.which("groff"):
        rendered = subprocess.run(["groff", "-man", "-Tutf8",
                                   workspace / "machinectl-lite-tutorial.7"],
                                  capture_output=True, text=True, check=True, timeout=60).stdout
        assert "redis-server" in rendered
