# SPDX-License-Identifier: LGPL-2.1-or-later
"""The settings of sphinx-build for docs/: see docs/build-pages."""

# pylint: disable=invalid-name

project = "machinectl-lite"
author = "the machinectl-lite maintainers"
project_copyright = author
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
# Each heading can be the target of a link.
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {
    "description": "Machines in Linux namespaces",
    "fixed_sidebar": True,
    "page_width": "1100px",
}
html_show_copyright = False
man_pages = [
    ("tutorial", "machinectl-lite-tutorial", "from nothing to a web site with a database",
     author, 7),
    ("guides/index", "machinectl-lite-guides", "how to do common things", author, 7),
    ("troubleshooting", "machinectl-lite-troubleshooting", "messages of starts, and their causes",
     author, 7),
    ("book/index", "machinectl-lite-book", "how a machine is made", author, 7),
]
man_show_urls = True
