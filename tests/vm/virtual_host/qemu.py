# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's command line, and whether hardware virtualisation works here."""

import os
import subprocess
import tempfile

from commands import run_logged, say
from settings import CACHE, MAKE_LIMIT

QEMU = "qemu-system-x86_64"
PROCESSORS = {"kvm": "host", "tcg": "max"}

# A boot sector: mov al,0x21; mov dx,0x501; out dx,al; hlt. QEMU's isa-debug-exit device turns the
# value into its exit status, 2 * 0x21 + 1.
TRIAL_SECTOR = bytes.fromhex("b021 ba0105 ee f4 ebfd").ljust(510, b"\0") + b"\x55\xaa"
TRIAL_STATUS = 67
TRIAL_LIMIT = 3

# Restarts for tests start QEMU again: -no-reboot ends it on a panic, too.
KERNEL = (
    "root=/dev/vda", "rw", "console=ttyS0", "quiet", "panic=-1", "oops=panic",
    # Emulated processors do not have these vulnerabilities, and mitigations cost time.
    "mitigations=off", "nokaslr", "random.trust_cpu=on",
    "systemd.show_status=true",
)


def base_command(accelerator):
    return [
        QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-machine", "q35", "-accel", accelerator, "-cpu", PROCESSORS[accelerator],
    ]


def works(accelerator):
    """
    Whether this machine can run a program that way: found out by running one.

    /dev/kvm may be there and of no use: nested in another hypervisor it can fail or crawl.
    """
    with tempfile.NamedTemporaryFile(prefix="machinectl-lite-trial-") as disk:
        disk.write(TRIAL_SECTOR)
        disk.flush()
        command = base_command(accelerator) + [
            "-device", "isa-debug-exit",
            "-drive", f"file={disk.name},format=raw,if=virtio,readonly=on",
        ]
        try:
            trial = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=TRIAL_LIMIT,
            )
        except subprocess.TimeoutExpired:
            return False
    return trial.returncode == TRIAL_STATUS


def choose_accelerator():
    if os.path.exists("/dev/kvm"):
        if works("kvm"):
            return "kvm"
        say("/dev/kvm is there and does not work; the processor is emulated")
    return "tcg"


def make_overlay(disk, overlay):
    """A disk that receives all writes, so that DISK does not change."""
    run_logged(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk, overlay],
        CACHE / "log" / "qemu-img.log", MAKE_LIMIT, "making an overlay of the disk",
    )


def machine_command(accelerator, cpus, memory, directory, kernel, kernel_words):
    """The virtual host whose disks are in DIRECTORY, without a console."""
    drives = []
    for name, options in (
        # In this order they are /dev/vda, vdb and vdc. Nothing is kept after the run, so nothing is
        # flushed.
        ("overlay", "format=qcow2,cache=unsafe"),
        ("delivery", "format=raw,readonly=on"),
        ("results", "format=raw,cache=unsafe"),
    ):
        drives += ["-drive", f"file={directory / name},if=virtio,{options}"]
    return [
        *base_command(accelerator), "-smp", str(cpus), "-m", str(memory), *drives,
        "-kernel", str(kernel), "-initrd", str(directory / "initrd"),
        "-append", " ".join((*KERNEL, *kernel_words)),
    ]


def console_on(descriptor):
    return ["-chardev", f"socket,id=console,fd={descriptor}", "-serial", "chardev:console"]


def port(name, descriptor):
    """A named channel, a character device in the guest."""
    return [
        "-chardev", f"socket,id={name},fd={descriptor}",
        "-device", f"virtserialport,chardev={name},name=machinectl-lite.{name}",
    ]
