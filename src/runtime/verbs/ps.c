/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cgroup/tree/processes.h"
#include "cgroup/tree/tree.h"
#include "runtime/common/container.h"

static int add_json(void *data, pid_t pid)
{
        return json_array_append_new(data, json_integer(pid)) < 0 ? -ENOMEM : 0;
}

static int print_json(const struct cgroup *group, struct machine_error *error)
{
        _cleanup_json_ json_t *array = json_array();
        int r = cgroup_for_each_process(group, add_json, array);

        if (r < 0 || json_dumpf(array, stdout, JSON_COMPACT) < 0) {
                return error_set(error, r < 0 ? r : ENOMEM, "cannot list the processes in %s",
                                 group->path);
        }
        putchar('\n');
        return 0;
}

/* The arguments of a process, as its own they may be anything. */
static char *command_of(pid_t pid)
{
        char path[32];
        _cleanup_free_ char *text = NULL;
        size_t length;

        (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        if (file_read(AT_FDCWD, path, 1 << 20, &text, &length) < 0) {
                return NULL;
        }
        for (size_t i = 0; i + 1 < length; i++) {
                text[i] = text[i] ? text[i] : ' ';
        }
        return string_printable(text);
}

static int print_line(void *data, pid_t pid)
{
        _cleanup_free_ char *command = command_of(pid);

        printf("%-8d %s\n", pid, command ? command : "");
        return 0;
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        const char *format = arguments->values[ARGUMENT_FORMAT];
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        int r = container_open(runtime, arguments->rest[0], false, &container, error);

        if (r == 0 && container.status == OCI_STOPPED) {
                r = container_refuse(&container, "list the processes of", error);
        }
        if (r == 0) {
                r = container_group(&container, "list the processes of", &group, error);
        }
        if (r < 0) {
                return r;
        }
        if (string_equal(format, "json")) {
                return print_json(&group, error);
        }
        if (format && !string_equal(format, "table")) {
                error_say(error, EINVAL, "--format=%s: expected table or json", format);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        printf("%-8s %s\n", "PID", "COMMAND");
        r = cgroup_for_each_process(&group, print_line, NULL);
        return r < 0 ? error_set(error, r, "cannot list the processes in %s", group.path) : 0;
}

const struct verb verb_ps = {
        .name = "ps",
        .arguments = "ID",
        .summary = "List the processes of a container",
        .options = ARGUMENT_BIT(ARGUMENT_FORMAT),
        .minimum = 1,
        .maximum = 1,
        .run = run,
};
