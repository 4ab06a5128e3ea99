/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The environment of the payload. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "launch/context.h"

#define ENVIRONMENT_FILE_MAXIMUM (UINT64_C(1) << 20)
#define MACHINE_ID_FILE_MAXIMUM  64

/* As Debian's and Fedora's login programs set it for root. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int launch_set_variable(char ***environment, char *entry)
{
        size_t length;

        if (!entry) {
                return -ENOMEM;
        }
        length = strcspn(entry, "=") + 1;
        for (char **at = *environment; at && *at; at++) {
                if (strncmp(*at, entry, length) == 0) {
                        free(*at);
                        *at = entry;
                        return 0;
                }
        }
        return strv_take(environment, entry);
}

/* One line of an environment file: "KEY=VALUE" as it stands, blank, or a comment. */
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
        return launch_set_variable(environment, strndup(line + indent, length - indent)) < 0
                       ? error_oom(error)
                       : 0;
}

static int load_file(const char *path, char ***environment, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        unsigned int number = 1;
        int r = file_read(AT_FDCWD, path, ENVIRONMENT_FILE_MAXIMUM, &text, &length);

        if (r < 0) {
                return file_explain(r, "the environment file", path, error);
        }
        if (strlen(text) != length) {
                error_say(error, EINVAL, "the environment file %s holds a NUL byte", path);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        for (const char *line = text; *line; number++) {
                size_t line_length = strcspn(line, "\n");

                r = take_line(path, number, line, line_length, environment, error);
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
                int r = load_file(*path, &environment, error);

                if (r < 0) {
                        return r;
                }
        }
        STRV_FOREACH(entry, machine->process.environment) {
                if (launch_set_variable(&environment, strdup(*entry)) < 0) {
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
        /* A host without an id of its own still gets distinct ones for its machines. */
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
        /* The bits that make it a UUID of version 4, variant 1 (RFC 9562), as machine-id(5) asks.
         */
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

static int set_built_in(const struct launch *launch, char ***environment)
{
        const struct machine_user *user = &launch->user;
        const char *name = user->name ? user->name : user->uid == 0 ? "root" : NULL;
        const char *terminal = getenv("TERM");
        int r = launch_set_variable(environment, strdup(DEFAULT_PATH));

        if (r == 0) {
                r = launch_set_variable(environment, strdup("container=machinectl-lite"));
        }
        if (r == 0) {
                r = launch_set_variable(environment,
                                        string_format("HOME=%s", user->home ? user->home : "/"));
        }
        if (r == 0 && name) {
                r = launch_set_variable(environment, string_format("USER=%s", name));
        }
        if (r == 0 && name) {
                r = launch_set_variable(environment, string_format("LOGNAME=%s", name));
        }
        if (r == 0 && launch->machine_id) {
                r = launch_set_variable(environment, uuid_entry(launch->machine_id));
        }
        if (r == 0 && launch->options.terminal) {
                r = launch_set_variable(
                        environment,
                        string_format("TERM=%s", terminal && *terminal ? terminal : "linux"));
        }
        if (r == 0 && launch->options.notify) {
                r = launch_set_variable(environment, strdup("NOTIFY_SOCKET=/run/host/notify"));
        }
        if (r == 0 && launch->machine->credential_count > 0) {
                r = launch_set_variable(environment,
                                        strdup("CREDENTIALS_DIRECTORY=/run/host/credentials"));
        }
        return r;
}

int launch_complete_environment(const struct launch *launch, char ***ret,
                                struct machine_error *error)
{
        _cleanup_strv_ char **environment = NULL;

        if (set_built_in(launch, &environment) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(entry, launch->environment) {
                if (launch_set_variable(&environment, strdup(*entry)) < 0) {
                        return error_oom(error);
                }
        }
        *ret = TAKE_PTR(environment);
        return 0;
}
