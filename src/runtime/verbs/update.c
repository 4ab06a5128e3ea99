/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "cgroup/limits/limits.h"
#include "runtime/common/container.h"
#include "runtime/common/limits.h"

#define RESOURCES_MAXIMUM ((size_t)1 << 20)

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)

static int read_resources(const char *path, struct machine **ret, struct machine_error *error)
{
        bool input = string_equal(path, "-");
        const char *name = input ? "standard input" : path;
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = input ? file_read_fd(STDIN_FILENO, RESOURCES_MAXIMUM, &text, &length)
                      : file_read(AT_FDCWD, path, RESOURCES_MAXIMUM, &text, &length);

        return r < 0 ? error_set(error, r, "cannot read the resources from %s", name)
                     : oci_resources_parse(text, length, name, ret, error);
}

/* The limits are in a document, or are options. */
static int read_limits(const struct arguments *arguments, struct machine **ret,
                       struct machine_error *error)
{
        const char *path = arguments->values[ARGUMENT_RESOURCES];
        _cleanup_free_ char *text = NULL;
        int r;

        if (!path == !limits_given(arguments)) {
                error_say(error, EINVAL,
                          "update: expected either --resources FILE or limits as options");
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (path) {
                return read_resources(path, ret, error);
        }
        r = limits_document(arguments, &text, error);
        return r < 0 ? r : oci_resources_parse(text, strlen(text), "update", ret, error);
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_(cleanup_machine) struct machine *machine = NULL;
        _cleanup_cgroup_ struct cgroup group = CGROUP_INIT;
        _cleanup_strv_ char **warnings = NULL;
        int r = read_limits(arguments, &machine, error);

        if (r == 0) {
                r = container_open(runtime, arguments->rest[0], true, &container, error);
        }
        if (r == 0 && (container.status == OCI_STOPPED || container.status == OCI_CREATING)) {
                r = container_refuse(&container, "update", error);
        }
        if (r == 0) {
                r = container_group(&container, "update", &group, error);
        }
        if (r == 0) {
                r = cgroup_apply_limits(&group, &machine->limits, &warnings, error);
        }
        STRV_FOREACH(warning, warnings) {
                runtime_warn(runtime, *warning);
        }
        return r;
}

const struct verb verb_update = {
        .name = "update",
        .arguments = "ID",
        .summary = "Change the limits of a container",
        .options = ARGUMENT_BIT(ARGUMENT_RESOURCES) | ARGUMENTS_LIMITS,
        .minimum = 1,
        .maximum = 1,
        .run = run,
};
