/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile payload. It looks for processes in its machine that are not its own, as fast as it can,
 * and tries to get at each of them by every way that the kernel has: the files of /proc/PID,
 * ptrace, process_vm_readv, pidfd_getfd. What it gets at counts when that process has a capability,
 * a user, a lack of a filter or of no_new_privs that the attacker has not.
 *
 *     attacker once      attacks PID 1 for some milliseconds, as the payload of a start
 *     attacker watch     attacks whatever comes, until SIGTERM
 *
 * Both print "seen N" (processes that are not its own), "tried N", "equal N" (successes against
 * processes that are worth nothing, without which the attack itself would be in doubt) and one line
 * "HIT .." for each kind of success that counts. A static program: the machine's root has no
 * loader.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Where machine-init, which is static and at a fixed place, has its text. */
#define TEXT_ADDRESS 0x401000UL
#define HITS_MAXIMUM 64
#define WORKERS      3

/* What a process may do. */
struct rights {
        unsigned long long permitted;
        unsigned int uids[4];
        int seccomp;
        int no_new_privileges;
        char state;
        char name[32];
};

struct hit {
        const char *what;
        int pid;
        unsigned long count;
        struct rights rights;
};

/* Of all workers. */
struct shared {
        unsigned long seen, tried, equal;
        unsigned int hit_count;
        struct hit hits[HITS_MAXIMUM];
        struct rights own;
        pid_t parent;
        pid_t workers[WORKERS];
};

static struct shared *shared;
static volatile sig_atomic_t ended;

static bool read_rights(int pid, struct rights *ret)
{
        char path[64], text[4096], *at;
        ssize_t n;
        int fd;

        snprintf(path, sizeof path, "/proc/%d/status", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0) {
                close(fd);
        }
        if (n <= 0) {
                return false;
        }
        text[n] = '\0';
        *ret = (struct rights){ 0 };
        if ((at = strstr(text, "Name:\t"))) {
                sscanf(at, "Name:\t%31s", ret->name);
        }
        if ((at = strstr(text, "State:\t"))) {
                ret->state = at[7];
        }
        if ((at = strstr(text, "Uid:\t"))) {
                sscanf(at, "Uid:\t%u %u %u %u", &ret->uids[0], &ret->uids[1], &ret->uids[2],
                       &ret->uids[3]);
        }
        if ((at = strstr(text, "CapPrm:\t"))) {
                sscanf(at, "CapPrm:\t%llx", &ret->permitted);
        }
        if ((at = strstr(text, "Seccomp:\t"))) {
                sscanf(at, "Seccomp:\t%d", &ret->seccomp);
        }
        if ((at = strstr(text, "NoNewPrivs:\t"))) {
                sscanf(at, "NoNewPrivs:\t%d", &ret->no_new_privileges);
        }
        return true;
}

static bool is_above(const struct rights *rights)
{
        const struct rights *own = &shared->own;

        return (rights->permitted & ~own->permitted) || rights->seccomp < own->seccomp ||
               rights->no_new_privileges < own->no_new_privileges ||
               (own->uids[0] != 0 && rights->uids[0] == 0 && !(own->permitted & (1U << 7)));
}

/*
 * Something was got hold of. The rights are read afterwards, and a process on its way to a payload
 * only loses some: what is above then was above before.
 */
static void succeed(const char *what, int pid)
{
        struct rights rights;
        unsigned int i;

        if (!read_rights(pid, &rights) || !is_above(&rights)) {
                __atomic_add_fetch(&shared->equal, 1, __ATOMIC_RELAXED);
                return;
        }
        for (i = 0; i < HITS_MAXIMUM && i < shared->hit_count; i++) {
                if (strcmp(shared->hits[i].what, what) == 0 &&
                    strcmp(shared->hits[i].rights.name, rights.name) == 0) {
                        shared->hits[i].count++;
                        return;
                }
        }
        i = __atomic_fetch_add(&shared->hit_count, 1, __ATOMIC_RELAXED);
        if (i < HITS_MAXIMUM) {
                shared->hits[i] = (struct hit){ what, pid, 1, rights };
        }
}

/* ---- the ways ---- */

static int open_of(int pid, const char *name, int flags)
{
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        return open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Files that can be opened of a process whose memory is gone already, and are empty then. */
static const char *const texts[] = { "maps",    "auxv",    "environ", "smaps",
                                     "pagemap", "syscall", "stack" };

static void try_texts(int pid)
{
        char byte;

        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
                int fd = open_of(pid, texts[i], O_RDONLY);

                if (fd >= 0) {
                        if (read(fd, &byte, 1) == 1) {
                                succeed(texts[i], pid);
                        }
                        close(fd);
                }
        }
}

static void try_memory(int pid, const char *name)
{
        int fd = open_of(pid, name, O_RDWR);
        char byte;

        if (fd >= 0) {
                /* Written back as it was: what is shown is that it can be. */
                if (pread(fd, &byte, 1, TEXT_ADDRESS) == 1 &&
                    pwrite(fd, &byte, 1, TEXT_ADDRESS) == 1) {
                        succeed("mem", pid);
                }
                close(fd);
        }
}

/* Of links, those that lead where the attacker itself can go are worth nothing. */
static bool leads_nowhere_new(int fd)
{
        struct stat there, here;

        return fstat(fd, &there) == 0 && stat("/", &here) == 0 && there.st_dev == here.st_dev &&
               there.st_ino == here.st_ino;
}

static const char *const links[] = { "exe",  "cwd",  "root", "fd/0", "fd/1",
                                     "fd/2", "fd/3", "fd/4", "fd/5", "fd/6" };

static void try_links(int pid)
{
        for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
                int fd = open_of(pid, links[i], O_PATH);

                if (fd >= 0) {
                        if (!leads_nowhere_new(fd)) {
                                succeed(links[i], pid);
                        }
                        close(fd);
                }
        }
}

static void try_vm(int pid)
{
        char byte = 0;
        struct iovec here = { &byte, 1 };
        struct iovec there = { (void *)TEXT_ADDRESS, 1 };

        if (process_vm_readv(pid, &here, 1, &there, 1, 0) == 1) {
                succeed("process_vm_readv", pid);
        }
        /* The text is not writable, which is found out after the right to it: EFAULT, not EPERM. */
        if (process_vm_writev(pid, &here, 1, &there, 1, 0) == 1 || errno == EFAULT) {
                succeed("process_vm_writev", pid);
        }
}

static void try_pidfd(int pid)
{
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

        for (int number = 0; pidfd >= 0 && number < 7; number++) {
                int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

                if (fd >= 0) {
                        succeed("pidfd_getfd", pid);
                        close(fd);
                }
        }
        if (pidfd >= 0) {
                close(pidfd);
        }
}

/* The tracer's end lets go: the worker ends after a success, and another takes its place. */
static void try_ptrace(int pid)
{
        static int had[64];
        static unsigned int next;

        for (size_t i = 0; i < sizeof had / sizeof had[0]; i++) {
                if (had[i] == pid) {
                        return;
                }
        }
        if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
                had[next++ % (sizeof had / sizeof had[0])] = pid;
                succeed("ptrace", pid);
                if (pid != 1) {
                        _exit(0);
                }
        }
}

static void attack_files(int pid)
{
        char path[32];

        try_memory(pid, "mem");
        snprintf(path, sizeof path, "task/%d/mem", pid);
        try_memory(pid, path);
        try_texts(pid);
        try_links(pid);
        __atomic_add_fetch(&shared->tried, 1, __ATOMIC_RELAXED);
}

static void attack_calls(int pid)
{
        try_vm(pid);
        try_pidfd(pid);
        try_ptrace(pid);
        try_memory(pid, "mem");
        __atomic_add_fetch(&shared->tried, 1, __ATOMIC_RELAXED);
}

/* Stopped at whatever it was doing, it is looked at at leisure. */
static void attack_stopped(int pid)
{
        static int last;

        if (pid <= last || pid % 3 != 0) {
                attack_files(pid);
                return;
        }
        last = pid;
        if (kill(pid, SIGSTOP) == 0) {
                for (int i = 0; i < 20; i++) {
                        attack_files(pid);
                        try_vm(pid);
                        try_pidfd(pid);
                }
                (void)kill(pid, SIGCONT);
        }
}

/* ---- the search ---- */

static bool is_own(int pid)
{
        if (pid == shared->parent) {
                return true;
        }
        for (int i = 0; i < WORKERS; i++) {
                if (shared->workers[i] == pid) {
                        return true;
                }
        }
        return pid == getpid();
}

/* The number that was given last in this pid namespace: the last field of /proc/loadavg. */
static int last_pid(int loadavg)
{
        char text[128];
        ssize_t n = pread(loadavg, text, sizeof text - 1, 0);
        char *blank;

        if (n <= 0) {
                return 0;
        }
        text[n] = '\0';
        blank = strrchr(text, ' ');
        return blank ? atoi(blank + 1) : 0;
}

static void work(int number)
{
        void (*const attacks[WORKERS])(int) = { attack_files, attack_calls, attack_stopped };
        int loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
        int counted = last_pid(loadavg);

        shared->workers[number] = getpid();
        for (unsigned int round = 0;; round++) {
                int last = last_pid(loadavg);

                for (int pid = last + 2; pid > last - 4 && pid > 1; pid--) {
                        if (kill(pid, 0) < 0 && errno == ESRCH) {
                                continue;
                        }
                        if (is_own(pid)) {
                                continue;
                        }
                        if (number == 0 && pid > counted) {
                                counted = pid;
                                shared->seen++;
                        }
                        attacks[number](pid);
                }
                if (round % 64 == 0 && shared->parent != 1) {
                        attacks[number](1);
                }
        }
}

static pid_t start_worker(int number)
{
        pid_t pid = fork();

        if (pid == 0) {
                signal(SIGTERM, SIG_DFL);
                work(number);
                _exit(0);
        }
        shared->workers[number] = pid;
        return pid;
}

/* ---- the two modes ---- */

static void end(int signal_number)
{
        ended = 1;
}

static int report(void)
{
        unsigned int count = shared->hit_count < HITS_MAXIMUM ? shared->hit_count : HITS_MAXIMUM;

        printf("seen %lu\ntried %lu\nequal %lu\n", shared->seen, shared->tried, shared->equal);
        for (unsigned int i = 0; i < count; i++) {
                const struct hit *hit = &shared->hits[i];

                printf("HIT %s of pid %d (%s, state %c, uid %u, capabilities %llx, seccomp %d, "
                       "no_new_privs %d) %lu times\n",
                       hit->what, hit->pid, hit->rights.name, hit->rights.state,
                       hit->rights.uids[0], hit->rights.permitted, hit->rights.seccomp,
                       hit->rights.no_new_privileges, hit->count);
        }
        fflush(stdout);
        return count > 0;
}

static int watch(void)
{
        struct sigaction action = { .sa_handler = end };
        pid_t children[WORKERS];

        sigaction(SIGTERM, &action, NULL);
        for (int i = 0; i < WORKERS; i++) {
                children[i] = start_worker(i);
        }
        puts("watching");
        fflush(stdout);
        while (!ended) {
                pid_t pid = wait(NULL);

                for (int i = 0; i < WORKERS; i++) {
                        if (pid == children[i] && !ended) {
                                children[i] = start_worker(i);
                        }
                }
        }
        for (int i = 0; i < WORKERS; i++) {
                kill(children[i], SIGKILL);
        }
        return report();
}

static int once(void)
{
        struct timespec begin, now;

        clock_gettime(CLOCK_MONOTONIC, &begin);
        shared->seen = 1;
        do {
                attack_calls(1);
                attack_files(1);
                clock_gettime(CLOCK_MONOTONIC, &now);
        } while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < 3000000);
        return report();
}

int main(int argc, char **argv)
{
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (argc != 2 || shared == MAP_FAILED) {
                return 64;
        }
        shared->parent = getpid();
        read_rights(getpid(), &shared->own);
        return strcmp(argv[1], "once") == 0 ? once() : watch();
}
