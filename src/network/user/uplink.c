/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network/user/uplink.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "network/user/namespace.h"
#include "network/user/program.h"
#include "network/user/setup.h"

#define LOG_NAME    "@user.log"
#define LOG_MAXIMUM (1u << 20)
/* Delays between starts of a program that ends before it serves: one second, two, .. */
#define DELAY_MAXIMUM   (60 * USEC_PER_SEC)
#define DELAY_DOUBLINGS 6

/*
 * pasta: no ports (they are forwarded by the supervisors), no mapping of the gateway's address to
 * the host's 127.0.0.1, addresses of its own instead of the host's. The tap is set up already.
 */
static const char *const pasta[] = {
        "/usr/bin/pasta",
        "--foreground",
        "--quiet",
        "--netns-only",
        "--no-netns-quit",
        "--ns-ifname",
        USER_UPLINK,
        "--tcp-ports",
        "none",
        "--udp-ports",
        "none",
        "--tcp-ns",
        "none",
        "--udp-ns",
        "none",
        "--no-map-gw",
        "--address",
        USER_UPLINK_ADDRESS,
        "--netmask",
        "24",
        "--gateway",
        USER_UPLINK_GATEWAY,
        "--address",
        USER_UPLINK_ADDRESS6,
        "--gateway",
        USER_UPLINK_GATEWAY6,
        "--dns-forward",
        USER_UPLINK_RESOLVER,
        "--netns",
        PROGRAM_NAMESPACE,
        NULL,
};

static const char *const slirp4netns[] = {
        "/usr/bin/slirp4netns",
        "--mtu=65520",
        ("--cidr=" USER_UPLINK_SUBNET),
        "--enable-ipv6",
        "--disable-host-loopback",
        "--enable-sandbox",
        "--enable-seccomp",
        "--netns-type=path",
        PROGRAM_NAMESPACE,
        USER_UPLINK,
        NULL,
};

static const struct known {
        const char *name;
        const char *const *command;
} known[] = {
        { "pasta", pasta },
        { "slirp4netns", slirp4netns },
};

static const struct known *find_program(void)
{
        for (size_t i = 0; i < ELEMENTS_OF(known); i++) {
                if (access(known[i].command[0], X_OK) == 0) {
                        return &known[i];
                }
        }
        return NULL;
}

const char *uplink_program(void)
{
        const struct known *program = find_program();

        return program ? program->name : NULL;
}

static uint64_t now(void)
{
        struct timespec time;

        (void)clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t)time.tv_sec * USEC_PER_SEC + (uint64_t)time.tv_nsec / 1000;
}

/* ---- starting ---- */

/* The delay before the next start of a program that has not worked this many times. */
static uint64_t delay_after(unsigned int failures)
{
        return failures == 0                ? 0
               : failures > DELAY_DOUBLINGS ? DELAY_MAXIMUM
                                            : (uint64_t)USEC_PER_SEC << (failures - 1);
}

/* When a dead program may be started again, in microseconds from now. */
static uint64_t time_to_wait(const struct user_program *program, bool soon)
{
        unsigned int failures = soon && program->failures > 1 ? 1 : program->failures;
        uint64_t due = program->started + delay_after(failures);
        uint64_t present = now();

        return due > present ? due - present : 0;
}

static int make_log(int directory_fd)
{
        int fd = openat(directory_fd, LOG_NAME,
                        O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : close(fd);
}

static int run_program(const struct known *known_program, struct user_record *record,
                       unsigned int failures, const struct network_program *start)
{
        struct user_program program = {
                .name = (char *)known_program->name,
                .namespace = user_namespace_inode(start->namespace_fd),
                .started = now(),
                .failures = failures + 1,
        };
        pid_t pid = network_program_start(start);
        int r = pid < 0 ? pid : process_identify(pid, &program.process);

        /* It has ended at once, as it does on a host without a route: its log has the reason. */
        if (r == -ESRCH) {
                program.process.pid = pid;
                r = process_boot_id(program.process.boot_id);
        }
        return r == 0 ? user_record_set_program(record, &program) : r;
}

static int start_program(const struct known *program, struct user_record *record,
                         unsigned int failures, const struct uplink_place *place)
{
        _cleanup_free_ char *log_path = string_format("%s/" LOG_NAME, place->path);
        const struct network_program start = {
                .command = program->command,
                .log_path = log_path,
                .namespace_fd = place->namespace_fd,
        };
        int r = log_path ? make_log(place->directory_fd) : -ENOMEM;

        return r == 0 ? run_program(program, record, failures, &start) : r;
}

static int refuse(struct machine_error *error)
{
        error_say(error, ENOENT,
                  "no network program is installed, which connects your machines to the network of "
                  "the host");
        error_hint(error, "install pasta (package passt) or slirp4netns, or use an internal "
                          "network or network mode \"host\" or \"none\"");
        return -ENOENT;
}

int uplink_start(struct user_record *record, const struct uplink_place *place, bool soon,
                 uint64_t *ret_wait, struct machine_error *error)
{
        const struct known *program = find_program();
        const struct user_program *present =
                user_record_program(record, user_namespace_inode(place->namespace_fd));
        int r;

        *ret_wait = 0;
        if (present && process_is_alive(&present->process)) {
                return 0;
        }
        if (!program) {
                return refuse(error);
        }
        *ret_wait = present ? time_to_wait(present, soon) : 0;
        if (*ret_wait > 0) {
                return 0;
        }
        r = start_program(program, record, present ? present->failures : 0, place);
        if (r < 0) {
                return error_set(error, r, "cannot start %s", program->command[0]);
        }
        r = user_record_save(place->directory_fd, record, error);
        return r < 0 ? r : 1;
}

void uplink_stop(struct user_record *record, int directory_fd, uint64_t namespace)
{
        const struct user_program *program = user_record_program(record, namespace);
        const struct user_program none = { .namespace = namespace };
        _cleanup_close_ int pidfd = program ? process_open(&program->process) : -EBADF;

        if (pidfd >= 0) {
                (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        }
        (void)user_record_set_program(record, &none);
        if (record->program_count == 0) {
                (void)unlinkat(directory_fd, LOG_NAME, 0);
        }
}

char *uplink_last_words(int directory_fd)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        char *line;

        if (file_read(directory_fd, LOG_NAME, LOG_MAXIMUM, &text, &length) < 0) {
                return NULL;
        }
        while (length > 0 && text[length - 1] == '\n') {
                text[--length] = '\0';
        }
        line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        return *line ? string_printable(line) : NULL;
}
