# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/vm/run and tests/vm/shell."""

import argparse
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys

import cache
import debian
import images
import initrd
import project
import qemu
import settings
import shares
from commands import Stopwatch, say
from ran_nowhere import failures, ran_nowhere
from session import Limits, Session
from settings import Failure

RESULTS_DISK_SIZE = 4 << 30

# Of pytest.
NONE_SELECTED = 5


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/vm")
    verbs = parser.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--accelerator", choices=("kvm", "tcg"), help="default: kvm where a trial of it works"
    )
    common.add_argument("--cpus", type=int, default=2)
    common.add_argument("--memory", type=int, default=2048, metavar="MIB")
    common.add_argument("--meson", action="append", default=[], metavar="OPTION",
                        help="for meson setup, as in --meson=-Dfault_injection=true")
    common.add_argument("--fresh", action="store_true", help="make disk and build anew")

    run = verbs.add_parser(
        "run", prog="tests/vm/run", parents=[common],
        description="Runs black-box tests as root in a virtual Debian host and exits with their "
        "status.",
        epilog="What is behind -- goes to pytest, as in: tests/vm/run -- -k memory -x. Results, "
        "journal and core dumps are in build-vm/RELEASE/results afterwards, those of further hosts "
        "in results-2 and so on. Exit status: pytest's, "
        f"or {settings.EXIT_MACHINE_FAILED} when the virtual host failed or a limit passed.",
    )
    run.add_argument(
        "--release", action="append", choices=settings.RELEASES,
        help="may be given twice; default: bookworm",
    )
    run.add_argument(
        "--limit", type=int, default=settings.TESTS_LIMIT, metavar="S",
        help="for all tests together (%(default)s)",
    )
    run.add_argument(
        "--silence", type=int, default=settings.SILENCE_LIMIT, metavar="S",
        help="without a word from the tests, after which they hang (%(default)s)",
    )
    run.add_argument(
        "--hosts", type=int, default=1, metavar="N",
        help="share the tests out among N virtual hosts that run side by side (%(default)s)",
    )
    run.add_argument(
        "--suite", dest="suites", action="append", default=[], metavar="NAME",
        help="with what tests/suites/fetch NAME has fetched, for the tests that need it",
    )
    run.add_argument(
        "--with", dest="others", action="append", default=[], metavar="FILE", type=pathlib.Path,
        help="JUnit report of a run elsewhere, for the list of tests that ran nowhere",
    )
    run.add_argument(
        "--rest", action="store_true",
        help="only the tests that were skipped in every report given by --with",
    )
    run.add_argument(
        "--again", action="store_true",
        help="run tests that failed, if they are few, once more in a new host: those that pass then "
        "fail nothing",
    )
    run.add_argument(
        "tests", nargs="*", metavar="TEST",
        help="files, directories or node ids; default: tests/blackbox",
    )

    shell = verbs.add_parser(
        "shell", prog="tests/vm/shell", parents=[common],
        description="A login as root in the virtual Debian host. Leave with `exit`; Ctrl-A X ends "
        "it at once.",
    )
    shell.add_argument("--release", choices=settings.RELEASES, default="bookworm")

    words, behind, pytest_words = sys.argv[1:], "--" in sys.argv, []
    if behind:
        position = words.index("--")
        words, pytest_words = words[:position], words[position + 1:]
    arguments = parser.parse_args(words)
    arguments.pytest_words = pytest_words
    return arguments


def build(stack, arguments, release):
    """What all virtual hosts of a run have in common: the installed project and the machine."""
    work = settings.WORK / release
    stack.enter_context(cache.locked(work / "lock"))
    installed = project.build(stack, release, work, arguments.meson, arguments.fresh)
    return installed, images.machine(stack, release, arguments.fresh)


def prepare(stack, directory, built, texts, trees=()):
    """Prepares one virtual host in DIRECTORY, which goes with the stack."""
    installed, machine = built
    # Left behind by a killed run: the lock shows that no process uses it.
    shutil.rmtree(directory, ignore_errors=True)
    stack.callback(shutil.rmtree, directory)
    directory.mkdir()
    project.write_delivery(directory / "delivery", [(installed, ""), *trees], texts)
    initrd.write(machine, directory / "initrd")
    qemu.make_overlay(machine / "disk", directory / "overlay")
    with open(directory / "results", "wb") as disk:
        disk.truncate(RESULTS_DISK_SIZE)
    return machine


def command_for(arguments, directory, machine, *kernel_words):
    return qemu.machine_command(
        arguments.accelerator, arguments.cpus, arguments.memory, directory, machine / "kernel",
        kernel_words,
    )


def unpack_results(disk, results):
    """The guest's archive begins at the first byte of DISK."""
    subprocess.run(
        ["tar", "--extract", "--file", disk, "--directory", results, "--no-same-owner",
         "--no-same-permissions"],
        check=True, stderr=subprocess.DEVNULL,
    )
    inner = results / "results"
    for entry in inner.iterdir():
        entry.rename(results / entry.name)
    inner.rmdir()


def inside(test):
    """The path in the project of a test given by the user."""
    name, colons, rest = test.partition("::")
    for path in (pathlib.Path(name), settings.SOURCE / name):
        path = path.resolve()
        if path.exists() and path.is_relative_to(settings.SOURCE):
            return str(path.relative_to(settings.SOURCE)) + colons + rest
    raise Failure(f"there is no test {name} in {settings.SOURCE}")


def reports_of_others(arguments):
    """A missing report of a failed run elsewhere counts as a place where nothing ran."""
    return [(str(path), path) for path in arguments.others if path.exists()]


def chosen_tests(arguments):
    if not arguments.rest:
        return [inside(test) for test in arguments.tests or ["tests/blackbox"]]
    reports = reports_of_others(arguments)
    if not reports:
        raise Failure("--rest is what reports given by --with leave over, and there is none")
    return [path_of(test) for test in ran_nowhere(reports)]


def path_of(test):
    """Of a test in a report."""
    module, name = test.split("::", 1)
    return inside(f"tests/blackbox/{module.replace('.', '/')}.py::{name}")


def start(arguments, release, command, watch, results):
    """One run, repeated if the emulator failed: a booting kernel patches its own code, and QEMU's
    emulation of several processors occasionally executes half of a patch."""
    for attempt in range(settings.BOOT_TRIES):
        say(f"{release}: starting ({arguments.accelerator})")
        session = Session(Limits(arguments.limit, arguments.silence), watch, results)
        session.run(command)
        if arguments.accelerator != "tcg" or not session.panicked_at_boot():
            break
        if attempt + 1 < settings.BOOT_TRIES:
            say(f"{release}: the kernel panicked before it was up; once more")
    return session


def run_host(arguments, release, built, tests, results):
    """The tests in one virtual host, with its results in the directory RESULTS."""
    watch = Stopwatch()
    color = ["--color=yes"] if sys.stdout.isatty() else []
    texts = {"arguments": "\0".join([*color, *arguments.pytest_words, *tests])}
    with contextlib.ExitStack() as stack:
        trees = project.suite_trees(arguments.suites)
        directory = results.with_name(results.name.replace("results", "machine"))
        machine = prepare(stack, directory, built, texts, trees)
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir(parents=True)
        command = command_for(
            arguments, directory, machine,
            "systemd.unit=machinectl-lite-tests.target",
            "systemd.mask=serial-getty@ttyS0.service",
            # Compiles Debian's profiles, which takes ten seconds on an emulated processor; tests
            # load their own.
            "systemd.mask=apparmor.service",
            "systemd.mask=docker-registry.service",
            # For PID 1, whose colours would only end up in a log.
            "TERM=dumb",
        )
        status = 0
        for _ in range(1 + settings.REBOOTS):
            session = start(arguments, release, command, watch, results)
            status = status or session.status
            if not session.reboot or session.problem:
                break
        else:
            session.problem = f"the tests asked for more than {settings.REBOOTS} restarts"
        if session.saved:
            unpack_results(directory / "results", results)
    if session.problem:
        say(f"{release}: the virtual host failed: {session.problem}. Its console:\n"
            f"{session.console()}")
        status = settings.EXIT_MACHINE_FAILED
    dumps = len(list(results.glob("coredump/*")))
    say(f"{release}: status {status} after {watch}; core dumps: {dumps}; "
        f"results are in {os.path.relpath(results)}")
    return status


def results_of(release, host=0):
    return settings.WORK / release / (f"results-{host + 1}" if host else "results")


def run_release(arguments, release, hosts):
    """The tests in one release, shared out among virtual hosts; a status for each."""
    tests = chosen_tests(arguments)
    if not tests:
        say(f"{release}: nothing is left over")
        return []
    parts = shares.shared_out(tests, hosts)
    with contextlib.ExitStack() as stack:
        built = build(stack, arguments, release)
        return shares.side_by_side([
            lambda host=host, part=part: run_host(arguments, release, built, part,
                                                  results_of(release, host))
            for host, part in enumerate(parts)
        ])


def reports_of(results):
    return sorted(results.glob("junit-*.xml"))


def run_again(arguments, release, directories):
    """Once more, what failed; the results of the first run are kept beside those of this one."""
    failed = [test for results in directories for report in reports_of(results)
              for test in failures(report)]
    if not 0 < len(failed) <= settings.AGAIN_MAXIMUM:
        return 1
    say(f"{release}: failed, and run once more: {' '.join(failed)}")
    for results in directories:
        results.rename(first_of(results))
    arguments = argparse.Namespace(**vars(arguments))
    arguments.tests, arguments.rest = [path_of(test) for test in failed], False
    return worst(run_release(arguments, release, 1))


def first_of(results):
    return results.with_name(f"{results.name}-first")


def worst(statuses):
    """That no test was selected is the status only if it is so in every host."""
    return max((status for status in statuses if status != NONE_SELECTED),
               default=max(statuses, default=0))


def summarize(reports):
    missed = ran_nowhere(reports)
    if missed:
        say(f"{len(missed)} tests ran nowhere:")
    for test, why in missed.items():
        print(test, *(f"    {place}: {reason}" for place, reason in why), sep="\n", file=sys.stderr)


def run(arguments):
    releases = arguments.release or ["bookworm"]
    statuses, reports = [], reports_of_others(arguments)
    for release in releases:
        directories = [results_of(release, host) for host in range(arguments.hosts)]
        for results in directories:
            shutil.rmtree(results, ignore_errors=True)
            shutil.rmtree(first_of(results), ignore_errors=True)
        status = worst(run_release(arguments, release, arguments.hosts))
        if status == 1 and arguments.again:
            directories = [results for results in directories if results.exists()]
            status = run_again(arguments, release, directories)
        statuses.append(status)
        for results in directories:
            reports += [(release, path) for place in (first_of(results), results)
                        for path in reports_of(place)]
    summarize(reports)
    return next((status for status in statuses if status), 0)


def shell(arguments):
    size = shutil.get_terminal_size()
    terminal = (
        f"export TERM={shlex.quote(os.environ.get('TERM', 'vt220'))}\n"
        f"stty rows {size.lines} cols {size.columns}\n"
    )
    with contextlib.ExitStack() as stack:
        built = build(stack, arguments, arguments.release)
        directory = settings.WORK / arguments.release / "machine"
        machine = prepare(stack, directory, built, {"terminal": terminal})
        command = command_for(arguments, directory, machine, "systemd.unit=multi-user.target")
        say(f"{arguments.release}: starting ({arguments.accelerator}); `exit` or Ctrl-A X ends it")
        return subprocess.run([*command, "-serial", "mon:stdio"]).returncode


def main():
    arguments = parse_arguments()
    # As with Ctrl-C: ends started processes and removes created files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if os.geteuid() != 0:
            raise Failure("making a Debian disk takes root")
        # The tools of the distribution, regardless of the caller's PATH.
        os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        debian.install_missing(debian.package_list("host")[0])
        arguments.accelerator = arguments.accelerator or qemu.choose_accelerator()
        return {"run": run, "shell": shell}[arguments.verb](arguments)
    except Failure as failure:
        say(str(failure))
        return settings.EXIT_MACHINE_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
