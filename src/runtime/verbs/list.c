/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "runtime/common/container.h"

static const char row[] = "%-28s %-10s %-12s %-40s %-28s %s\n";

/* All containers that are recorded here are the caller's. */
static const char *owner_name(void)
{
        const struct passwd *entry = getpwuid(geteuid());

        return entry ? entry->pw_name : "";
}

static void print_row(const struct oci_state *state)
{
        char pid[16], created[40];

        (void)snprintf(pid, sizeof pid, "%d", state->pid);
        oci_time_write(state->created, created);
        printf(row, state->id, pid, oci_status_name(state->status), state->bundle, created,
               state->owner);
}

static int add_json(json_t *array, const struct oci_state *state)
{
        _cleanup_free_ char *text = oci_state_write(state, 0);
        json_t *object = text ? json_loads(text, 0, NULL) : NULL;

        return object && json_array_append_new(array, object) == 0 ? 0 : -ENOMEM;
}

/* One that is gone by now, or was being created and left nothing, is not listed. */
static int list_one(const struct runtime *runtime, const char *id, const char *format,
                    json_t *array, struct machine_error *error)
{
        _cleanup_container_ struct container container = CONTAINER_INIT;
        _cleanup_oci_bundle_ struct oci_bundle configuration = { 0 };
        struct oci_state state;
        int r = container_open(runtime, id, false, &container, error);

        if (r == 0) {
                r = container_configuration(&container, &configuration, error);
        }
        if (r < 0) {
                machine_error_clear(error);
                return 0;
        }
        state = container_state(&container, &configuration);
        state.owner = owner_name();
        if (string_equal(format, "json")) {
                return add_json(array, &state) < 0 ? error_oom(error) : 0;
        }
        if (string_equal(format, "ids")) {
                puts(state.id);
        } else {
                print_row(&state);
        }
        return 0;
}

static int list_all(const struct runtime *runtime, char *const *ids, const char *format,
                    struct machine_error *error)
{
        _cleanup_json_ json_t *array = json_array();
        int r = 0;

        if (string_equal(format, "table")) {
                printf(row, "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
        }
        STRV_FOREACH(id, ids) {
                if (r == 0) {
                        r = list_one(runtime, *id, format, array, error);
                }
        }
        if (r == 0 && string_equal(format, "json")) {
                r = json_dumpf(array, stdout, JSON_COMPACT) < 0 ? error_oom(error) : 0;
                putchar('\n');
        }
        return r;
}

static int run(const struct runtime *runtime, const struct arguments *arguments,
               struct machine_error *error)
{
        const char *format = arguments->values[ARGUMENT_FORMAT];
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_strv_ char **ids = NULL;
        int r;

        format = arguments_has(arguments, ARGUMENT_QUIET) ? "ids" : format ? format : "table";
        if (!string_equal(format, "table") && !string_equal(format, "json") &&
            !string_equal(format, "ids")) {
                error_say(error, EINVAL, "--format=%s: expected table or json", format);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = state_store_open(runtime->root, &store, error);
        if (r == 0) {
                r = state_list(&store, &ids, error);
        }
        return r < 0 ? r : list_all(runtime, ids, format, error);
}

const struct verb verb_list = {
        .name = "list",
        .arguments = "",
        .summary = "List all containers",
        .options = ARGUMENT_BIT(ARGUMENT_FORMAT) | ARGUMENT_BIT(ARGUMENT_QUIET),
        .run = run,
};
