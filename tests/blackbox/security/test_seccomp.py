# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls of a payload. A probe inside the machine makes each call and prints the errno; the
same probe without a filter shows that the filter caused the refusal."""

import errno
import json
import signal

import pytest

PROBE = r'''
import ctypes, errno, mmap, os, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    ctypes.set_errno(0)
    values = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    result = libc.syscall(ctypes.c_long(number), *values)
    if result >= 0:
        return "ok"
    return errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))

def call_and_end_child(number, *arguments):
    """For calls that may return twice: the child exits immediately."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(value) for value in arguments])
    if result == 0:
        os._exit(0)
    return "ok" if result > 0 else errno.errorcode[ctypes.get_errno()]

def by_int80(number, first=0, second=0):
    """The call through the entry point of 32-bit programs."""
    code = bytes([0x53, 0xb8]) + number.to_bytes(4, "little") + bytes([0xbb]) \
        + first.to_bytes(4, "little") + bytes([0xb9]) + second.to_bytes(4, "little") \
        + bytes([0x31, 0xd2, 0xcd, 0x80, 0x5b, 0xc3])
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return "ok" if result >= 0 else errno.errorcode[-result]

NEWUSER, NEWNS, SIGCHLD = 0x10000000, 0x20000, 17
if platform.machine() == "x86_64":
    N = dict(keyctl=250, add_key=248, request_key=249, mount=165, umount2=166, ptrace=101,
             setns=308, unshare=272, clone=56, bpf=321, perf_event_open=298, io_uring_setup=425,
             userfaultfd=323, open_by_handle_at=304, kexec_load=246, init_module=175,
             finit_module=313, reboot=169, swapon=167, clock_settime=227, settimeofday=164,
             syslog=103, acct=163, quotactl=179, personality=135, ioctl=16, socket=41, chroot=161,
             sethostname=170, process_vm_readv=310, pidfd_getfd=438, kcmp=312, pivot_root=155,
             open_tree=428, fsopen=430, mount_setattr=442, clone3=435, getpid=39, mkdirat=258,
             get_mempolicy=239, mbind=237, set_mempolicy=238, set_mempolicy_home_node=450,
             lsm_list_modules=461)
else:
    N = dict(keyctl=219, add_key=217, request_key=218, mount=40, umount2=39, ptrace=117,
             setns=268, unshare=97, clone=220, bpf=280, perf_event_open=241, io_uring_setup=425,
             userfaultfd=282, open_by_handle_at=265, kexec_load=104, init_module=105,
             finit_module=273, reboot=142, swapon=224, clock_settime=112, settimeofday=170,
             syslog=116, acct=89, quotactl=60, personality=92, ioctl=29, socket=198, chroot=51,
             sethostname=161, process_vm_readv=270, pidfd_getfd=438, kcmp=272, pivot_root=41,
             open_tree=428, fsopen=430, mount_setattr=442, clone3=435, getpid=172, mkdirat=34,
             get_mempolicy=236, mbind=235, set_mempolicy=237, set_mempolicy_home_node=450,
             lsm_list_modules=461)
'''


@pytest.fixture
def probe(cli, machine_file, debian_root):
    """probe("print(call(N['keyctl']))", key=value, ..): the words that it prints in a machine."""

    def run(script, status=0, **keys):
        path = machine_file(overlay=[debian_root], upper="volatile",
                            command=["python3", "-c", PROBE + script], **keys)
        return cli("run", path).check(status).stdout.split()

    return run


# Name, arguments, and whether the kernel answers differently without a filter. Calls with an effect
# get arguments that prevent it.
REFUSED = [
    ("keyctl", "0, 0xfffffffd, 0", True), ("add_key", "0, 0, 0, 0, 0", True),
    ("request_key", "0, 0, 0, 0", True), ("mount", "0, 0, 0, 0, 0", False),
    ("umount2", "0, 0", False), ("pivot_root", "0, 0", False), ("ptrace", "12345, 0, 0, 0", True),
    ("setns", "0xffffffff, 0", True), ("open_tree", "0xffffffff, 0, 0", True),
    ("fsopen", "0, 0", False), ("mount_setattr", "0xffffffff, 0, 0, 0, 0", True),
    ("bpf", "999, 0, 0", True), ("perf_event_open", "0, 0, 0, 0, 0", True),
    ("io_uring_setup", "0, 0", True), ("userfaultfd", "0x1000000", True),
    ("open_by_handle_at", "0xffffffff, 0, 0", True), ("kexec_load", "0, 0, 0, 0", False),
    ("init_module", "0, 0, 0", False), ("finit_module", "0xffffffff, 0, 0", False),
    ("reboot", "0, 0, 0, 0", False), ("swapon", "0, 0", False),
    ("clock_settime", "99, 0", True), ("settimeofday", "1, 0", True),
    ("syslog", "3, 0, 0", False), ("acct", "1", False), ("quotactl", "0xffffffff, 0, 0, 0", True),
    ("sethostname", "0, 70", False), ("process_vm_readv", "0, 0, 0, 0, 0, 1", True),
    ("pidfd_getfd", "0xffffffff, 0, 0", True), ("kcmp", "0, 0, 99, 0, 0", True),
    ("get_mempolicy", "0, 0, 0, 0, 99", True), ("mbind", "0, 0, 99, 0, 0, 0", True),
    ("set_mempolicy", "99, 0, 0", True), ("set_mempolicy_home_node", "1, 1, 0, 99", True),
    ("lsm_list_modules", "0, 0, 1", True), ("unshare", "0x400", True),
]


def test_refused_by_default(probe):
    """Calls that no service needs fail with EPERM, and because of the filter."""
    script = "".join(f"print('{name}', call(N['{name}'], {arguments}))\n"
                     for name, arguments, _ in REFUSED)
    filtered = probe(script)
    assert dict(zip(filtered[::2], filtered[1::2])) == {name: "EPERM" for name, _, _ in REFUSED}
    bare = probe(script, seccomp={"profile": "off"})
    unlike = {name for name, answer in zip(bare[::2], bare[1::2]) if answer != "EPERM"}
    told_apart = {name for name, _, differs in REFUSED if differs}
    # A sysctl of the distribution; older kernels check the capability first.
    may_be_alike = {"perf_event_open", "userfaultfd", "io_uring_setup", "bpf", "open_by_handle_at"}
    assert sorted(told_apart - unlike - may_be_alike) == []


def test_namespaces_need_sys_admin(probe):
    """No new namespaces by clone, clone3 or unshare without CAP_SYS_ADMIN; threads and forks
    work."""
    script = """
print(call(N['unshare'], NEWUSER), call(N['unshare'], NEWNS), call(N['unshare'], 0x80))
print(call_and_end_child(N['clone'], NEWUSER | SIGCHLD, 0, 0, 0, 0))
print(call_and_end_child(N['clone'], (1 << 32) | NEWUSER | SIGCHLD, 0, 0, 0, 0))
print(call_and_end_child(N['clone'], SIGCHLD, 0, 0, 0, 0))
print(call(N['clone3'], 0, 0))
import threading, subprocess
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout)
"""
    assert probe(script) == ["EPERM"] * 5 + ["ok", "ENOSYS", "thread", "child"]
    script = """
print(call_and_end_child(N['clone'], NEWUSER | SIGCHLD, 0, 0, 0, 0))
print(call(N['clone3'], 0, 0), call(N['unshare'], NEWNS), call(N['unshare'], NEWUSER))
"""
    assert probe(script, capabilities={"profile": "system"}) == ["ok", "EINVAL", "ok", "ok"]


def test_arguments(probe):
    """Calls that are allowed except for some arguments, compared in all their 64 bits."""
    script = """
for request in (0x5412, 0x541c, (1 << 32) | 0x5412, (7 << 32) | 0x541c):
    print(call(N['ioctl'], 0, request, 0))
print(call(N['ioctl'], 0xffffffff, 0x5401, 0))
print(call(N['personality'], 0x0040000), call(N['personality'], 0x0400000))
print(call(N['personality'], 0xffffffff))
for family, kind, protocol in ((16, 3, 9), (40, 1, 0), (38, 5, 0), (1, 1, 0), (16, 3, 0)):
    print(call(N['socket'], family, kind, protocol))
"""
    assert probe(script) == ["EPERM"] * 4 + ["EBADF", "EPERM", "EPERM", "ok"] + [
        "EAFNOSUPPORT"] * 3 + ["ok", "ok"]
    bare = probe(script, seccomp={"profile": "off"})
    assert "EPERM" not in bare[4:8], bare


@pytest.mark.owners("root", "user")
def test_terminal_cannot_be_typed_into(cli, machine_file, debian_root):
    """TIOCSTI on the machine's own terminal (CVE-2017-5226)."""
    path = machine_file(overlay=[debian_root], upper="volatile", terminal=True, command=[
        "python3", "-c", "import fcntl\ntry:\n  fcntl.ioctl(0, 0x5412, b'x')\n"
                         "except OSError as e:\n  print('errno', e.errno)\n"])
    terminal = cli.terminal("run", path)
    terminal.read_until(f"errno {errno.EPERM}")
    assert terminal.wait() == 0


def test_unknown_calls_look_like_an_older_kernel(probe):
    """ENOSYS, so that a C library falls back to another call."""
    assert probe("print(call(600), call(4000), call(0x7fffffff))") == ["ENOSYS"] * 3


INT80 = """
if platform.machine() != "x86_64":
    print("other"); sys.exit()
if by_int80(20) != "ok":
    print("none"); sys.exit()
"""


def judge_int80(found):
    """The output of a script that begins with INT80; skips if it could not try."""
    if found == ["other"]:
        pytest.skip("needs an x86_64 processor")
    if found == ["none"]:
        pytest.skip("needs a kernel with CONFIG_IA32_EMULATION")
    return found


def test_32_bit_entry(probe):
    """int 0x80 reaches the same kernel with other numbers: keyctl, mount, unshare, clone,
    keyctl."""
    script = INT80 + """
print(by_int80(288), by_int80(21), by_int80(310, NEWUSER), by_int80(120, NEWUSER), by_int80(435))
"""
    found = judge_int80(probe(script))
    assert found == ["EPERM"] * 4 + ["ENOSYS"]
    assert probe(script, seccomp={"profile": "off"})[0] != "EPERM"


def test_socketcall(probe):
    """socketcall of 32-bit x86 does not bypass the rules of socket: AF_VSOCK, AF_ALG and audit
    through it, then an ordinary socket. `allow` enables it for 32-bit programs."""
    script = INT80 + """
# The arguments must be at addresses that fit a 32-bit pointer.
libc.mmap.restype = ctypes.c_void_p
low = libc.mmap(None, 4096, 3, 0x62, -1, 0)
for arguments in ((40, 1, 0), (38, 5, 0), (16, 3, 9), (2, 1, 0)):
    ctypes.memmove(low, (ctypes.c_uint32 * 3)(*arguments), 12)
    print(by_int80(102, 1, low))
"""
    assert judge_int80(probe(script)) == ["ENOSYS"] * 4
    assert probe(script, seccomp={"allow": ["socketcall"]})[3] == "ok"


def test_x32_numbers(probe):
    """The numbers of x32 do not bypass the filter either."""
    found = probe("print(platform.machine(), call(0x40000000 + 250, 0, 0, 0), "
                  "call(0x40000000 + N['getpid']))")
    if found[0] != "x86_64":
        pytest.skip("needs an x86_64 processor")
    assert found[1:] == ["ENOSYS", "ENOSYS"]


@pytest.mark.parametrize("capability, call, before, after", [
    ("CAP_SYS_PTRACE", "call(N['ptrace'], 12345, 0, 0, 0)", "EPERM", "EIO ESRCH"),
    ("CAP_SYS_ADMIN", "call(N['setns'], 0xffffffff, 0)", "EPERM", "EBADF"),
    ("CAP_SYS_TIME", "call(N['clock_settime'], 99, 0)", "EPERM", "EINVAL EFAULT"),
    ("CAP_BPF", "call(N['bpf'], 999, 0, 0)", "EPERM", "EINVAL EPERM"),
    ("CAP_SYS_ADMIN", "call(N['keyctl'], 0, 0xfffffffd, 0)", "EPERM", "EPERM")])
def test_capabilities_open_what_they_are_for(probe, capability, call, before, after):
    """A capability of the machine allows its own calls, and no others."""
    assert probe(f"print({call})") == [before]
    found = probe(f"print({call})", capabilities={"add": [capability]})
    assert found[0] in after.split()


def test_allow_and_deny(probe):
    """Calls and groups of systemd.exec(5), in addition to the profile; deny takes precedence."""
    script = ("print(call(N['keyctl'], 0, 0xfffffffd, 0), call(N['ioctl'], 0xffffffff, 0x5412, 0),"
              "call(N['getpid']), call(N['chroot'], 0), call(N['add_key'], 0, 0, 0, 0, 0))")
    assert probe(script) == ["EPERM", "EPERM", "ok", "EFAULT", "EPERM"]
    assert probe(script, seccomp={"allow": ["@keyring", "ioctl"],
                                  "deny": ["chroot", "add_key", "@clock"]}) == [
        "ok", "EBADF", "ok", "EPERM", "EPERM"]
    assert probe(script, seccomp={"profile": "off", "deny": ["keyctl"]})[0] == "EPERM"


@pytest.mark.owners("root", "user")
@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_session_keyring(cli, machine_file, debian_root, closed, user_namespace):
    """Even if a machine may use keys, those of the caller's session are not accessible."""
    show = "libc.syscall(ctypes.c_long(N['keyctl']), 0, ctypes.c_long(-3), 0)"
    # Joins its own session keyring, records its number, and executes the command.
    wrapper = ["/usr/bin/python3", "-c", PROBE + "libc.syscall(ctypes.c_long(N['keyctl']), 1, 0)\n"
               f"open(sys.argv[1], 'w').write(str({show}))\n"
               "os.execvp(sys.argv[2], sys.argv[2:])\n", closed / "session"]
    path = machine_file(overlay=[debian_root], upper="volatile", seccomp={"allow": ["@keyring"]},
                        user_namespace=user_namespace,
                        command=["python3", "-c", PROBE + f"print({show})"])
    inside = int(cli("run", path, wrapper=wrapper).check().stdout)
    outside = int((closed / "session").read_text(encoding="ascii"))
    assert inside > 0 and outside > 0 and inside != outside


@pytest.mark.parametrize("seccomp, word", [
    ({"allow": ["@nosuch"]}, "@nosuch"), ({"deny": ["keyctI"]}, "keyctI")])
def test_unknown_names(cli, machine_file, seccomp, word):
    """A misspelt name is an error: a deny list with one would not protect."""
    result = cli("run", machine_file(command=["true"], seccomp=seccomp))
    assert result.status in (65, 125) and word in result.stderr, result


@pytest.mark.owners("root", "user")
def test_filter_is_there_in_every_case(cli, machine_file):
    """With and without no_new_privileges, as root and as a user, with a stub and without."""
    for user in ("root", "alice"):
        for no_new_privileges in (True, False):
            for init in (True, False):
                text = cli("run", machine_file(
                    user=user, no_new_privileges=no_new_privileges, init=init,
                    capabilities={"profile": "minimal"},
                    command=["cat", "/proc/self/status"])).check().stdout
                fields = dict(line.split(":\t") for line in text.splitlines() if ":\t" in line)
                assert fields["Seccomp"] == "2" and fields["Seccomp_filters"] == "1", text
                assert fields["NoNewPrivs"] == str(int(no_new_privileges))


def test_programs_work(cli, machine_file):
    """A hundred different programs start under the default filter."""
    script = r"""
count=0
for program in $(busybox --list); do
        case $program in
        \[*|ash|sh|bash|hush|busybox|getty|init|linuxrc|halt|poweroff|reboot|shutdown) continue ;;
        esac
        busybox $program --help >/dev/null 2>&1
        status=$?
        [ $status -lt 126 ] || echo "$program $status"
        count=$((count + 1))
done
[ $count -ge 100 ] && echo enough
"""
    result = cli("run", machine_file(command=["sh", "-c", script]), timeout=120).check()
    assert result.stdout.split() == ["enough"], result


def test_a_language_runtime_works(probe):
    """Threads, asyncio, subprocesses, shared memory, sockets, locales, temporary files, signals."""
    script = """
import asyncio, concurrent.futures, multiprocessing.shared_memory, select, signal, socket
import subprocess, tempfile, time, fcntl, selectors, queue, shutil, random, uuid, getpass
memory = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)
memory.close(); memory.unlink()
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert sum(pool.map(len, ["a"] * 8)) == 8
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    assert sum(pool.map(len, ["a"] * 8)) == 8
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0
asyncio.run(main())
with tempfile.TemporaryFile() as file:
    fcntl.flock(file, fcntl.LOCK_EX); os.posix_fallocate(file.fileno(), 0, 4096)
signal.setitimer(signal.ITIMER_REAL, 10); signal.setitimer(signal.ITIMER_REAL, 0)
os.sched_setaffinity(0, os.sched_getaffinity(0)); os.setpriority(os.PRIO_PROCESS, 0, 5)
os.memfd_create("x"); os.pidfd_open(os.getpid()); os.statvfs("/"); os.getloadavg()
print("works")
"""
    assert probe(script) == ["works"]


# ---- Profiles in Docker's format ----

def docker_profile(path, **changes):
    """Writes a profile that allows everything except for `rules`."""
    path.write_text(json.dumps({
        "defaultAction": "SCMP_ACT_ALLOW",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64",
                     "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
        **changes}))
    return path


RULES = [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXDEV},
    {"names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS"},
    {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EDOM,
     "args": [{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]},
    {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_CHROOT"]}},
    {"names": ["acct"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EDOM,
     "includes": {"caps": ["CAP_SYS_CHROOT"], "arches": ["amd64", "arm64"], "minKernel": "4.8"}},
]


def test_docker_profile_acts(probe, workspace):
    """errnoRet, args, includes and excludes; other calls get the profile's default."""
    profile = docker_profile(workspace / "profile.json", syscalls=RULES)
    script = """
print(call(N['mkdirat'], 0, 0, 0), call(N['personality'], 8), call(N['personality'], 0xffffffff))
print(call(N['chroot'], 0), call(N['acct'], 1), call(N['keyctl'], 0, 0xfffffffd, 0))
"""
    assert probe(script, seccomp={"profile": profile}) == [
        "EXDEV", "EDOM", "ok", "EFAULT", "EDOM", "ok"]
    assert probe(script, seccomp={"profile": profile}, capabilities={"drop": ["CAP_SYS_CHROOT"]})[
        3:5] == ["EPERM", "EPERM"]
    assert probe(script, seccomp={"profile": profile, "deny": ["keyctl"], "allow": ["mkdirat"]})[
        ::5] == ["EFAULT", "EPERM"]


def test_docker_profile_of_another_editor(cli, machine_file, workspace):
    """A byte order mark and carriage returns are ignored."""
    profile = docker_profile(workspace / "profile.json", syscalls=RULES)
    text = json.dumps(json.loads(profile.read_text()), indent=1).replace("\n", "\r\n")
    profile.write_bytes(b"\xef\xbb\xbf" + text.encode())
    cli("run", machine_file(command=["sync"], seccomp={"profile": profile})).check(
        128 + signal.SIGSYS)


def test_docker_profile_kills(cli, machine_file, workspace):
    """A call that kills ends the payload with SIGSYS."""
    profile = docker_profile(workspace / "profile.json", syscalls=RULES)
    cli("run", machine_file(command=["sync"], seccomp={"profile": profile})).check(
        128 + signal.SIGSYS)


def test_allow_list_profile(cli, machine_file, workspace, debian_root):
    """With an allow list that is too short, the program's own error shows it."""
    names = ["execve", "exit_group", "exit", "write", "brk", "arch_prctl", "mmap", "munmap",
             "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlink", "readlinkat",
             "mprotect", "getrandom", "getuid", "setuid", "setgid", "getgid", "ioctl", "prctl",
             "read", "openat", "close", "fstat", "newfstatat", "pread64", "access", "faccessat",
             "uname", "geteuid", "getegid"]
    profile = docker_profile(workspace / "profile.json", defaultAction="SCMP_ACT_ERRNO",
                             defaultErrnoRet=1,
                             syscalls=[{"names": names, "action": "SCMP_ACT_ALLOW"}])
    keys = {"overlay": [debian_root], "upper": "volatile", "seccomp": {"profile": profile}}
    assert cli("run", machine_file(command=["echo", "hello"], **keys)).check().stdout == "hello\n"
    result = cli("run", machine_file(command=["mkdir", "/tmp/x"], **keys)).check(1)
    assert "Operation not permitted" in result.stderr


@pytest.mark.parametrize("text, words", [
    ('{ "defaultAction": "SCMP_ACT_ALLOW",\n }', ["profile.json:2:"]),
    ('{ "defaultAction": "ALLOW" }', ["profile.json", '"ALLOW"']),
    ('{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [ { "names": ["keyctI"], '
     '"action": "SCMP_ACT_ERRNO" } ] }', ["profile.json", "syscalls[0]", "keyctI"]),
    ('[' * 100000, ["profile.json"]), ("", ["profile.json"])])
def test_bad_profiles(cli, machine_file, workspace, text, words):
    """The error names the file, the position and the value; nothing is started."""
    (workspace / "profile.json").write_text(text)
    result = cli("run", machine_file(command=["echo", "started"],
                                     seccomp={"profile": workspace / "profile.json"}))
    assert result.status in (65, 125) and result.stdout == "", result
    assert all(word in result.stderr for word in words), result


def test_missing_profile(cli, machine_file, workspace):
    """The error names a missing profile."""
    result = cli("run", machine_file(command=["true"],
                                     seccomp={"profile": workspace / "nowhere.json"}))
    assert result.status in (65, 66, 125) and "nowhere.json" in result.stderr, result


# ---- The cache ----

def entries(cli):
    """The cached filters: name, modification time, content."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes())
            for path in (cli.state / "seccomp").glob("*.bpf")}


def test_cache(cli, machine_file, workspace):
    """Compiled once for each content; a damaged entry is rewritten; the default needs none."""
    cli("run", machine_file(command=["true"])).check()
    assert not entries(cli)
    profile = docker_profile(workspace / "profile.json", syscalls=RULES)
    path = machine_file(command=["sync"], seccomp={"profile": profile})
    cli("run", path).check(159)
    first = entries(cli)
    assert len(first) == 1
    cli("run", path).check(159)
    assert entries(cli) == first
    (name, (_, content)), = first.items()
    (cli.state / "seccomp" / name).write_bytes(content[:-20] + bytes(20))
    cli("run", path).check(159)
    assert entries(cli)[name][1] == content
    docker_profile(profile, syscalls=[])
    cli("run", path).check(0)
    assert len(entries(cli)) == 2


def test_cache_of_another_user_is_not_trusted(cli, machine_file, workspace):
    """An entry that others can write to is not used."""
    profile = docker_profile(workspace / "profile.json", syscalls=RULES)
    path = machine_file(command=["sync"], seccomp={"profile": profile})
    cli("run", path).check(159)
    entry, = (cli.state / "seccomp").glob("*.bpf")
    entry.chmod(0o666)
    cli("run", path).check(159)
    assert entry.stat().st_mode & 0o777 == 0o600
