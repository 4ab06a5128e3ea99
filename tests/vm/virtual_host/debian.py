# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages: on this machine, and as trees created by mmdebstrap from the same sources."""

import os
import platform
import shutil
import subprocess

from commands import run_logged, say
from settings import CACHE, MAKE_LIMIT, VM, Failure

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Documentation is not needed, and unpacking it takes a third of the time. PostgreSQL works without
# its JIT compiler, which is larger than the rest of it.
LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/lib/*/libLLVM*",
    "/usr/lib/llvm*",
    "/usr/lib/postgresql/*/lib/bitcode/*",
    "/usr/lib/postgresql/*/lib/llvmjit*",
)


def package_list(*names):
    """The packages listed in files of tests/vm/packages, and these files."""
    files = [VM / "packages" / name for name in names]
    lines = "\n".join(file.read_text() for file in files).splitlines()
    words = [line.partition("#")[0].strip() for line in lines]
    return [word for word in words if word], files


def host_release():
    system = platform.freedesktop_os_release()
    return system.get("VERSION_CODENAME") if system.get("ID") == "debian" else None


def apt_get(*words):
    command = ["apt-get", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    run_logged([*command, *words], CACHE / "log" / "apt-get.log", MAKE_LIMIT, f"apt-get {words[0]}",
               env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def install_missing(packages):
    """Installs packages on this machine, unless all are installed."""
    query = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages],
        capture_output=True, text=True,
    )
    present = {line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    missing = [package for package in packages if package not in present]
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    apt_get("update")
    apt_get("install", *missing)


def known_sources(release):
    """The sources of RELEASE that apt has lists of."""
    host = host_release()
    fields = "$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)"
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    )
    lines = []
    for target in targets.stdout.splitlines():
        origin, site, suite, component = target.split("|")
        name, _, part = suite.partition("-")
        wanted = origin == "Debian" and component == "main" and name in (host, "stable")
        if wanted and part in ("", "updates", "security"):
            suffix = f"-{part}" if part else ""
            lines.append(f"deb [signed-by={KEYRING}] {site} {release}{suffix} main")
    return list(dict.fromkeys(lines))


def sources(release):
    """This machine's Debian mirrors as one-line sources of RELEASE."""
    lines = known_sources(release)
    if not lines:
        # Origins are known from the lists, which may have been removed to save space.
        apt_get("update")
        lines = known_sources(release)
    if not lines:
        raise Failure(
            "/etc/apt names no Debian mirror to make a virtual host from: it takes a Debian that has "
            "`main` of its own release there"
        )
    return "\n".join(lines) + "\n"


def apt_options():
    """apt's settings for mirrors on this machine: proxies, timeouts and signatures."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::Check-")
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    lines = dump.stdout.splitlines()
    return [line for line in lines if line.startswith(wanted) and '""' not in line]


def make_tree(release, packages, place, log):
    """A root file system of RELEASE with PACKAGES in the new directory PLACE."""
    # It mounts this machine's /dev in the root; in its own mount namespace, killing it undoes that.
    command = ["unshare", "--mount", "--propagation", "private",
               "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
               f"--include={','.join(packages)}"]
    command += [f"--aptopt={option}" for option in apt_options()]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    command += [release, str(place), "-"]
    # Prevents the kernel package from creating its own initrd; ours is smaller.
    environment = {**os.environ, "INITRD": "No", "DEBIAN_FRONTEND": "noninteractive"}
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        file.write(sources(release))
    with os.fdopen(read) as lines:
        run_logged(command, log, MAKE_LIMIT, f"making a root of {release}",
                   stdin=lines, env=environment)
    for name in ("etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap"):
        (place / name).unlink(missing_ok=True)
    shutil.rmtree(place / "var/log/apt", ignore_errors=True)
