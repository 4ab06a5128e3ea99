/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/syscalls/syscall_groups.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/* Groups contain groups and names. */
#define DEPTH_MAXIMUM 4

/* The groups of systemd.exec(5), with the same members, so that a list can be copied from a unit.
 * Calls of processors that this program is not built for are harmless. */
static const struct syscall_group {
        const char *name;
        const char *members;
} groups[] = {
        /* What a C library needs to start and end a process: time, memory, threads, identity. */
        { "@default",
          "execve exit exit_group restart_syscall rt_sigreturn sigreturn "
          "arch_prctl brk mmap mmap2 mprotect munmap membarrier mseal map_shadow_stack cacheflush "
          "riscv_flush_icache riscv_hwprobe "
          "get_thread_area set_thread_area set_tid_address set_tls rseq "
          "futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue "
          "get_robust_list set_robust_list "
          "clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
          "clock_nanosleep_time64 gettimeofday nanosleep time pause "
          "getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid "
          "getpgrp getpid getppid getresgid getresgid32 getresuid getresuid32 getsid gettid "
          "getuid getuid32 getrandom getrlimit ugetrlimit prlimit64 sched_getaffinity "
          "sched_yield uretprobe" },
        { "@aio", "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents "
                  "io_pgetevents_time64 io_uring_setup io_uring_enter io_uring_register" },
        { "@basic-io",
          "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek "
          "close close_range dup dup2 dup3" },
        { "@chown", "chown chown32 fchown fchown32 fchownat lchown lchown32" },
        { "@clock",
          "settimeofday adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64" },
        { "@cpu-emulation", "modify_ldt subpage_prot switch_endian vm86 vm86old" },
        { "@debug", "ptrace pidfd_getfd perf_event_open lookup_dcookie rtas s390_runtime_instr "
                    "sys_debug_setcontext" },
        { "@file-system",
          "open openat openat2 creat close access faccessat faccessat2 truncate truncate64 "
          "ftruncate ftruncate64 fallocate fcntl fcntl64 "
          "stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat oldstat oldlstat oldfstat "
          "statx statfs statfs64 fstatfs fstatfs64 "
          "chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir "
          "link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat "
          "renameat2 mknod mknodat chmod fchmod fchmodat fchmodat2 "
          "utime utimes utimensat utimensat_time64 futimesat "
          "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat "
          "listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr "
          "removexattrat file_getattr file_setattr "
          "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch" },
        { "@io-event",
          "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create "
          "epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait "
          "epoll_pwait2 eventfd eventfd2" },
        { "@ipc",
          "pipe pipe2 memfd_create ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
          "semtimedop_time64 shmat shmctl shmdt shmget mq_open mq_unlink mq_getsetattr mq_notify "
          "mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
          "process_madvise process_vm_readv process_vm_writev" },
        { "@keyring", "add_key keyctl request_key" },
        { "@memlock", "mlock mlock2 mlockall munlock munlockall" },
        { "@module", "init_module finit_module delete_module" },
        { "@mount",
          "mount umount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount "
          "open_tree open_tree_attr mount_setattr" },
        { "@network-io",
          "socket socketpair socketcall bind listen accept accept4 connect shutdown getsockname "
          "getpeername getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg "
          "recvmmsg recvmmsg_time64" },
        { "@obsolete",
          "_sysctl afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle "
          "lock mpx prof profil putpmsg query_module security sgetmask ssetmask stime stty sysfs "
          "tuxcall ulimit uselib ustat vserver" },
        { "@pkey", "pkey_alloc pkey_free pkey_mprotect" },
        { "@privileged",
          "@chown @clock @module @raw-io @reboot @swap _sysctl acct bpf capset chroot "
          "fanotify_init fanotify_mark nfsservctl open_by_handle_at pivot_root quotactl "
          "quotactl_fd setdomainname sethostname setfsuid setfsuid32 setgroups setgroups32 "
          "setresuid setresuid32 setreuid setreuid32 setuid setuid32 vhangup" },
        { "@process",
          "clone clone3 fork vfork execveat wait4 waitid waitpid kill tkill tgkill "
          "rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal prctl capget getrusage "
          "times setns unshare swapcontext" },
        { "@raw-io",
          "ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write s390_pci_mmio_read "
          "s390_pci_mmio_write" },
        { "@reboot", "reboot kexec_load kexec_file_load" },
        { "@resources",
          "setrlimit setpriority nice ioprio_set sched_setaffinity sched_setattr sched_setparam "
          "sched_setscheduler mbind migrate_pages move_pages set_mempolicy "
          "set_mempolicy_home_node" },
        { "@sandbox", "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self" },
        { "@setuid",
          "setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid "
          "setresuid32 setresgid setresgid32 setgroups setgroups32" },
        { "@signal",
          "signal sigaction rt_sigaction sigprocmask rt_sigprocmask sigpending rt_sigpending "
          "sigsuspend rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack signalfd "
          "signalfd4" },
        { "@swap", "swapon swapoff" },
        { "@sync", "sync syncfs fsync fdatasync msync sync_file_range sync_file_range2" },
        { "@system-service",
          "@aio @basic-io @chown @default @file-system @io-event @ipc @keyring @memlock "
          "@network-io @process @resources @setuid @signal @sync @timer "
          "arm_fadvise64_64 cachestat capget capset copy_file_range fadvise64 fadvise64_64 flock "
          "get_mempolicy getcpu getpriority ioctl ioprio_get kcmp madvise mincore mremap "
          "name_to_handle_at oldolduname olduname personality readahead readdir "
          "remap_file_pages sched_get_priority_max sched_get_priority_min sched_getattr "
          "sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 "
          "sched_yield sendfile sendfile64 setfsgid setfsgid32 setfsuid setfsuid32 setpgid setsid "
          "splice sysinfo tee umask uname userfaultfd vmsplice" },
        { "@timer",
          "alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime "
          "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime "
          "timerfd_gettime64 timerfd_settime timerfd_settime64 times" },
};

static const struct syscall_group *find_group(const char *name, size_t length)
{
        for (size_t i = 0; i < ELEMENTS_OF(groups); i++) {
                if (strlen(groups[i].name) == length && memcmp(groups[i].name, name, length) == 0) {
                        return &groups[i];
                }
        }
        return NULL;
}

const char *syscall_group_name(size_t index)
{
        return index < ELEMENTS_OF(groups) ? groups[index].name : NULL;
}

bool syscall_group_exists(const char *name)
{
        return find_group(name, strlen(name)) != NULL;
}

/* The depth of the table bounds the recursion. */
static int walk(const char *names, syscall_name_handler handler, void *data, unsigned int depth)
{
        while (*(names += strspn(names, " "))) {
                size_t length = strcspn(names, " ");
                int r;

                if (*names == '@') {
                        const struct syscall_group *group = find_group(names, length);

                        if (!group || depth == DEPTH_MAXIMUM) {
                                return -ENOENT;
                        }
                        r = walk(group->members, handler, data, depth + 1);
                } else {
                        r = handler(names, length, data);
                }
                if (r != 0) {
                        return r;
                }
                names += length;
        }
        return 0;
}

int syscall_names_walk(const char *names, syscall_name_handler handler, void *data)
{
        return walk(names, handler, data, 0);
}
