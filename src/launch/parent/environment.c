/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The environment of the payload. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/rights/trust.h"
#include "base/strings.h"
#include "launch/context.h"
#include "launch/init/user.h"

#define ENVIRONMENT_FILE_MAXIMUM (UINT64_C(1) << 20)
#define MACHINE_ID_FILE_MAXIMUM  64

/* The default of Debian's and Fedora's login programs for root. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Sets a variable that the environment lacks. */
static int set_default(char ***environment, const char *key, const char *value)
{
        size_t length = strlen(key);

        STRV_FOREACH(entry, *environment) {
                if (strncmp(*entry, key, length) == 0 && (*entry)[length] == '=') {
                        return 0;
                }
        }
        return strv_take(environment, string_format("%s=%s", key, value));
}

/* One line of an environment file: "KEY=VALUE" taken literally, blank, or a comment. */
static int take_line(const char *path, unsigned int number, const char *line, size_t length,
                     char ***environment, struct machine_error *error)
{
        size_t indent = strspn(line, " \t");
        const char *equals;

        if (indent >= length || line[indent] == '#') {
                return 0;
        }
        equals = memchr(line, '=', length);
        if (!equals || equals == line + indent) {
                error_say(error, EINVAL, "%s:%u: not KEY=VALUE: \"%.*s\"", path, number,
                          (int)length, line);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        return strv_set_variable(environment, strndup(line + indent, length - indent)) < 0
                       ? error_oom(error)
                       : 0;
}

static int load_file(const char *path, uid_t owner, char ***environment,
                     struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        unsigned int number = 1;
        int r = trust_read_text(path, owner, "the environment file", ENVIRONMENT_FILE_MAXIMUM,
                                &text, &length, error);

        if (r < 0) {
                return r;
        }
        if (strlen(text) != length) {
                error_say(error, EINVAL, "the environment file %s contains a NUL byte", path);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        for (const char *line = text; *line; number++) {
                size_t line_length = strcspn(line, "\n");
                bool carriage_return = line_length > 0 && line[line_length - 1] == '\r';

                r = take_line(path, number, line, line_length - carriage_return, environment,
                              error);
                if (r < 0) {
                        return r;
                }
                line += line_length + (line[line_length] == '\n');
        }
        return 0;
}

int launch_load_environment(const struct machine *machine, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **environment = NULL;

        STRV_FOREACH(path, machine->process.environment_files) {
                int r = load_file(*path, machine->trusted_owner, &environment, error);

                if (r < 0) {
                        return r;
                }
        }
        STRV_FOREACH(entry, machine->process.environment) {
                if (strv_set_variable(&environment, strdup(*entry)) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(environment);
        return 0;
}

int launch_derive_machine_id(const struct machine *machine, char **ret, struct machine_error *error)
{
        _cleanup_free_ char *host = NULL, *seed = NULL, *id = NULL;

        if (machine->machine_id) {
                return string_replace(ret, machine->machine_id) < 0 ? error_oom(error) : 0;
        }
        /* Even on a host without a machine id the machines have distinct ones. */
        (void)file_read(AT_FDCWD, "/etc/machine-id", MACHINE_ID_FILE_MAXIMUM, &host, NULL);
        seed = string_format("%s\n%s", host ? host : "", machine->name);
        if (!seed) {
                return error_oom(error);
        }
        /* Two halves from one hash: the second also covers the seed's terminating NUL. */
        id = string_format("%016" PRIx64 "%016" PRIx64, string_hash(seed, strlen(seed)),
                           string_hash(seed, strlen(seed) + 1));
        if (!id) {
                return error_oom(error);
        }
        /* The bits that make it a UUID of version 4, variant 1 (RFC 9562), as machine-id(5)
         * requires. */
        id[12] = '4';
        id[16] = "89ab"[(id[16] - '0') & 3];
        *ret = TAKE_PTR(id);
        return 0;
}

/* "container_uuid" is the machine id in the form of RFC 9562. */
static char *uuid_entry(const char *id)
{
        return string_format("container_uuid=%.8s-%.4s-%.4s-%.4s-%s", id, id + 8, id + 12, id + 16,
                             id + 20);
}

int launch_describe_terminal(char ***environment)
{
        const char *terminal = getenv("TERM");

        return strv_set_variable(
                environment, string_format("TERM=%s", terminal && *terminal ? terminal : "linux"));
}

static int set_built_in(const struct launch *launch, char ***environment)
{
        int r = strv_set_variable(environment, strdup(DEFAULT_PATH));

        if (r == 0) {
                r = strv_set_variable(environment, strdup("container=machinectl-lite"));
        }
        if (r == 0) {
                r = init_user_describe(&launch->user, environment);
        }
        if (r == 0 && launch->machine_id) {
                r = strv_set_variable(environment, uuid_entry(launch->machine_id));
        }
        if (r == 0 && launch->options.terminal) {
                r = launch_describe_terminal(environment);
        }
        if (r == 0 && launch->options.notify) {
                r = strv_set_variable(environment, strdup("NOTIFY_SOCKET=/run/host/notify"));
        }
        if (r == 0 && launch->machine->credential_count > 0) {
                r = strv_set_variable(environment,
                                      strdup("CREDENTIALS_DIRECTORY=/run/host/credentials"));
        }
        return r;
}

/* By the first process, which becomes the payload: its pid is the one that is meant. */
static int describe_listening(const struct launch_container *container, char ***environment)
{
        int r = strv_set_variable(environment,
                                  string_format("LISTEN_FDS=%u", container->listening));

        if (r == 0) {
                r = strv_set_variable(environment, string_format("LISTEN_PID=%d", getpid()));
        }
        if (r == 0 && container->listening_names) {
                r = strv_set_variable(environment, string_format("LISTEN_FDNAMES=%s",
                                                                 container->listening_names));
        }
        return r;
}

int launch_complete_environment(const struct launch *launch, char ***ret,
                                struct machine_error *error)
{
        _cleanup_strv_ char **environment = NULL;

        if (!launch->machine->bare && set_built_in(launch, &environment) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(entry, launch->environment) {
                if (strv_set_variable(&environment, strdup(*entry)) < 0) {
                        return error_oom(error);
                }
        }
        /* Runtimes of containers set this one variable (for a program that asks for its home). */
        if (launch->machine->bare && launch->user.home &&
            set_default(&environment, "HOME", launch->user.home) < 0) {
                return error_oom(error);
        }
        if (launch_is_container(launch) && launch->options.container->listening > 0 &&
            describe_listening(launch->options.container, &environment) < 0) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(environment);
        return 0;
}
