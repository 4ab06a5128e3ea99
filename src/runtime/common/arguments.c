/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"

#define HELP_COLUMN 30

static const struct {
        const char *name;
        const char *value; /* what its value is, or NULL for a flag */
        const char *help;
        char letter;
        bool many;
} known[ARGUMENTS] = {
        [ARGUMENT_ROOT] = { "root", "DIR", "where containers are recorded", 0, false },
        [ARGUMENT_LOG] = { "log", "FILE", "write errors to this file as well", 0, false },
        [ARGUMENT_LOG_FORMAT] = { "log-format", "FORMAT", "text or json", 0, false },
        [ARGUMENT_LOG_LEVEL] = { "log-level", "LEVEL", "error, warning, info or debug", 0, false },
        [ARGUMENT_DEBUG] = { "debug", NULL, "report each step", 0, false },
        [ARGUMENT_SYSTEMD_CGROUP] = { "systemd-cgroup", NULL, "systemd manages control groups", 's',
                                      false },
        [ARGUMENT_CGROUP_MANAGER] = { "cgroup-manager", "MANAGER", "cgroupfs, systemd or disabled",
                                      0, false },
        [ARGUMENT_ROOTLESS] = { "rootless", "MODE", "auto, true or false", 0, false },
        [ARGUMENT_VERSION] = { "version", NULL, "print the version", 'v', false },
        [ARGUMENT_HELP] = { "help", NULL, "print this help", 'h', false },
        [ARGUMENT_BUNDLE] = { "bundle", "DIR",
                              "directory with config.json, default the working directory", 'b',
                              false },
        [ARGUMENT_PID_FILE] = { "pid-file", "FILE", "write the process' pid to it", 0, false },
        [ARGUMENT_CONSOLE_SOCKET] = { "console-socket", "SOCKET",
                                      "send the terminal's master side to it", 0, false },
        [ARGUMENT_PIDFD_SOCKET] = { "pidfd-socket", "SOCKET", "send the process' pidfd to it", 0,
                                    false },
        [ARGUMENT_PRESERVE_FDS] = { "preserve-fds", "N", "pass on N descriptors from 3 on", 0,
                                    false },
        [ARGUMENT_NO_PIVOT] = { "no-pivot", NULL, "not supported", 0, false },
        [ARGUMENT_NO_NEW_KEYRING] = { "no-new-keyring", NULL, "keep the caller's session keyring",
                                      0, false },
        [ARGUMENT_NO_SUBREAPER] = { "no-subreaper", NULL,
                                    "accepted: this program never reaps orphans", 0, false },
        [ARGUMENT_DETACH] = { "detach", NULL, "do not wait for the process", 'd', false },
        [ARGUMENT_KEEP] = { "keep", NULL, "do not delete the container at its end", 0, false },
        [ARGUMENT_PROCESS] = { "process", "FILE", "process.json", 'p', false },
        [ARGUMENT_TTY] = { "tty", NULL, "with a terminal", 't', false },
        [ARGUMENT_USER] = { "user", "UID[:GID]", "ids of the process", 'u', false },
        [ARGUMENT_GROUPS] = { "additional-gids", "GID", "supplementary group", 'g', true },
        [ARGUMENT_CWD] = { "cwd", "DIR", "working directory in the container", 0, false },
        [ARGUMENT_ENV] = { "env", "KEY=VALUE", "variable", 'e', true },
        [ARGUMENT_CAP] = { "cap", "CAPABILITY", "additional capability", 'c', true },
        [ARGUMENT_APPARMOR] = { "apparmor", "PROFILE", "AppArmor profile", 0, false },
        [ARGUMENT_PROCESS_LABEL] = { "process-label", "LABEL", "SELinux label", 0, false },
        [ARGUMENT_CGROUP] = { "cgroup", "PATH", "control group below the container's", 0, false },
        [ARGUMENT_NO_NEW_PRIVS] = { "no-new-privs", NULL, "no privileges from set-user-ID programs",
                                    0, false },
        [ARGUMENT_IGNORE_PAUSED] = { "ignore-paused", NULL, "also in a container that is paused", 0,
                                     false },
        [ARGUMENT_ALL] = { "all", NULL, "all processes of the container", 'a', false },
        [ARGUMENT_FORCE] = { "force", NULL, "end it first; none is no error", 'f', false },
        [ARGUMENT_FORMAT] = { "format", "FORMAT", "table or json", 'f', false },
        [ARGUMENT_QUIET] = { "quiet", NULL, "ids alone", 'q', false },
        [ARGUMENT_FOR_USER] = { "rootless", NULL, "for a user who is not root", 0, false },
        [ARGUMENT_RESOURCES] = { "resources", "FILE",
                                 "linux.resources as JSON, - for standard input", 'r', false },
        [ARGUMENT_MEMORY] = { "memory", "BYTES", "limit of memory", 0, false },
        [ARGUMENT_MEMORY_RESERVATION] = { "memory-reservation", "BYTES",
                                          "memory that is not taken away", 0, false },
        [ARGUMENT_MEMORY_SWAP] = { "memory-swap", "BYTES", "limit of memory and swap together", 0,
                                   false },
        [ARGUMENT_KERNEL_MEMORY] = { "kernel-memory", "BYTES", "refused: only cgroup v1 has it", 0,
                                     false },
        [ARGUMENT_KERNEL_MEMORY_TCP] = { "kernel-memory-tcp", "BYTES",
                                         "refused: only cgroup v1 has it", 0, false },
        [ARGUMENT_CPU_SHARE] = { "cpu-share", "N", "relative weight, 2 to 262144", 0, false },
        [ARGUMENT_CPU_QUOTA] = { "cpu-quota", "USEC", "processor time in each period", 0, false },
        [ARGUMENT_CPU_PERIOD] = { "cpu-period", "USEC", "length of a period", 0, false },
        [ARGUMENT_CPU_BURST] = { "cpu-burst", "USEC", "unused time that may be saved up", 0,
                                 false },
        [ARGUMENT_CPU_IDLE] = { "cpu-idle", "0|1", "only when nobody else wants to run", 0, false },
        [ARGUMENT_CPU_RT_RUNTIME] = { "cpu-rt-runtime", "USEC", "refused: only cgroup v1 has it", 0,
                                      false },
        [ARGUMENT_CPU_RT_PERIOD] = { "cpu-rt-period", "USEC", "refused: only cgroup v1 has it", 0,
                                     false },
        [ARGUMENT_CPUSET_CPUS] = { "cpuset-cpus", "LIST", "processors", 0, false },
        [ARGUMENT_CPUSET_MEMS] = { "cpuset-mems", "LIST", "memory nodes", 0, false },
        [ARGUMENT_PIDS_LIMIT] = { "pids-limit", "N", "limit of processes", 0, false },
        [ARGUMENT_BLKIO_WEIGHT] = { "blkio-weight", "N", "relative weight, 10 to 1000", 0, false },
        [ARGUMENT_STATS] = { "stats", NULL, "once, the usage alone", 0, false },
        [ARGUMENT_INTERVAL] = { "interval", "SECONDS", "time between two", 0, false },
};

static bool is_allowed(enum argument argument, uint64_t allowed)
{
        return allowed & ARGUMENT_BIT(argument);
}

static int find_long(const char *name, size_t length, uint64_t allowed)
{
        for (int i = 0; i < ARGUMENTS; i++) {
                if (is_allowed((enum argument)i, allowed) && strlen(known[i].name) == length &&
                    strncmp(known[i].name, name, length) == 0) {
                        return i;
                }
        }
        return -1;
}

static int find_letter(char letter, uint64_t allowed)
{
        for (int i = 0; i < ARGUMENTS; i++) {
                if (is_allowed((enum argument)i, allowed) && known[i].letter == letter) {
                        return i;
                }
        }
        return -1;
}

static int usage(struct machine_error *error, const char *word)
{
        error_say(error, EINVAL, "unknown option \"%s\"", word);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

static int take(int i, const char *word, const char *value, struct arguments *arguments,
                struct machine_error *error)
{
        if (!value && known[i].value) {
                error_say(error, EINVAL, "option %s needs a value: %s", word, known[i].value);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        /* Flags may be written as --flag=true by programs in Go. */
        if (!known[i].value && value && strcmp(value, "true") != 0) {
                if (strcmp(value, "false") == 0) {
                        arguments->values[i] = NULL;
                        return 0;
                }
                error_say(error, EINVAL, "option --%s takes no value", known[i].name);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        arguments->values[i] = known[i].value ? value : "";
        return known[i].many && strv_append(&arguments->lists[i], value) < 0 ? error_oom(error) : 0;
}

/* "--name", "--name=VALUE", "--name VALUE", and the same with a single dash, as Go has it. *taken
 * is the number of words. */
static int take_long(char **words, size_t dashes, uint64_t allowed, struct arguments *arguments,
                     size_t *taken, struct machine_error *error)
{
        const char *name = words[0] + dashes, *equals = strchr(name, '=');
        int i = find_long(name, equals ? (size_t)(equals - name) : strlen(name), allowed);
        const char *value = equals ? equals + 1 : NULL;

        *taken = 1;
        if (i < 0) {
                return usage(error, words[0]);
        }
        if (!value && known[i].value && words[1]) {
                value = words[1];
                *taken = 2;
        }
        return take(i, words[0], value, arguments, error);
}

/* "-abc", "-bVALUE", "-b VALUE". */
static int take_short(char **words, uint64_t allowed, struct arguments *arguments, size_t *taken,
                      struct machine_error *error)
{
        *taken = 1;
        for (const char *letter = words[0] + 1; *letter; letter++) {
                int i = find_letter(*letter, allowed), r;
                const char *value = NULL;

                if (i < 0) {
                        return usage(error, words[0]);
                }
                if (known[i].value) {
                        value = letter[1] ? letter + 1 : words[1];
                        *taken += !letter[1] && words[1];
                }
                r = take(i, words[0], value, arguments, error);
                if (r < 0 || known[i].value) {
                        return r;
                }
        }
        return 0;
}

int arguments_parse(char **words, uint64_t allowed, bool stop, struct arguments *arguments,
                    struct machine_error *error)
{
        char **kept = words;
        bool options = true;

        arguments->rest = words;
        for (size_t i = 0, taken; words[i]; i += taken) {
                char *word = words[i];
                int r = 0;

                taken = 1;
                if (options && strcmp(word, "--") == 0) {
                        options = false;
                } else if (options && strncmp(word, "--", 2) == 0) {
                        r = take_long(words + i, 2, allowed, arguments, &taken, error);
                } else if (options && word[0] == '-' && word[1]) {
                        r = find_long(word + 1, strcspn(word + 1, "="), allowed) >= 0 && word[2]
                                    ? take_long(words + i, 1, allowed, arguments, &taken, error)
                                    : take_short(words + i, allowed, arguments, &taken, error);
                } else {
                        options = options && !stop;
                        *kept++ = word;
                }
                if (r < 0) {
                        return r;
                }
        }
        *kept = NULL;
        arguments->count = (size_t)(kept - words);
        return 0;
}

const char *arguments_name(enum argument argument)
{
        return known[argument].name;
}

void arguments_clear(struct arguments *arguments)
{
        for (size_t i = 0; i < ARGUMENTS; i++) {
                strv_free(TAKE_PTR(arguments->lists[i]));
        }
}

void arguments_print(uint64_t allowed)
{
        for (int i = 0; i < ARGUMENTS; i++) {
                char text[64];

                if (!is_allowed((enum argument)i, allowed)) {
                        continue;
                }
                (void)snprintf(text, sizeof text, "%c%c%s--%s%s%s", known[i].letter ? '-' : ' ',
                               known[i].letter ? known[i].letter : ' ',
                               known[i].letter ? ", " : "  ", known[i].name,
                               known[i].value ? " " : "", known[i].value ? known[i].value : "");
                printf("  %-*s %s\n", HELP_COLUMN, text, known[i].help);
        }
}

int arguments_number(const struct arguments *arguments, enum argument argument, uint64_t maximum,
                     uint64_t *ret, struct machine_error *error)
{
        const char *text = arguments->values[argument];
        char *end;

        *ret = 0;
        if (!text) {
                return 0;
        }
        errno = 0;
        *ret = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno || *ret > maximum) {
                error_say(error, EINVAL, "--%s=%s: expected a number up to %llu",
                          known[argument].name, text, (unsigned long long)maximum);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return 0;
}
