/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/running.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "config/show.h"
#include "config/snapshot.h"

#define PROC_FILE_MAXIMUM (64 * 1024)

DEFINE_CLEANUP(struct machine *, machine_free, cleanup_machine)

/* ---- the subject ---- */

static void forget_subject(struct subject *subject)
{
        settings_clear(&subject->settings);
        state_store_close(&subject->store);
}

/* The settings of the start. A machine in the foreground keeps no copy of them, but its definition
 * may be unchanged since. */
static void find_settings(struct subject *subject)
{
        const struct machine_record *record = subject->record;
        _cleanup_(cleanup_machine) struct machine *machine = NULL;
        _cleanup_free_ char *snapshot = NULL;

        if (state_load_definition(&subject->store, record->name, &snapshot) == 0) {
                subject->settings.values = config_snapshot_settings(snapshot);
                subject->settings.origins = config_snapshot_origins(snapshot);
        } else if (record->definition &&
                   cli_definition_drift(subject->cli, record) == CLI_DRIFT_NONE) {
                machine = cli_load_silently(subject->cli, record->definition);
                if (machine &&
                    config_machine_json(machine, false, &subject->settings.values) == 0) {
                        subject->settings.origins = config_origins_json(machine);
                }
        }
}

/* PID 1 is ours, and its first child the payload; or it is the payload itself. */
static pid_t find_payload(pid_t init)
{
        _cleanup_free_ char *path = string_format("/proc/%d/comm", init);
        _cleanup_free_ char *list = string_format("/proc/%d/task/%d/children", init, init);
        _cleanup_free_ char *comm = NULL, *children = NULL;

        if (!path || !list || file_read(AT_FDCWD, path, PROC_FILE_MAXIMUM, &comm, NULL) < 0 ||
            strcmp(comm, "machine-init\n") != 0 ||
            file_read(AT_FDCWD, list, PROC_FILE_MAXIMUM, &children, NULL) < 0 || !*children) {
                return init;
        }
        return (pid_t)strtol(children, NULL, 10);
}

/* ---- all parts ---- */

static int gather(const struct subject *subject, json_t *object, struct machine_error *error)
{
        json_t *ports = explain_ports(subject, error);

        if (!ports) {
                return error && error->number ? -error->number : error_oom(error);
        }
        if (json_set_value(object, "ports", ports) < 0 ||
            json_set_string(object, "name", subject->record->name) < 0 ||
            json_set_number(object, "pid", (uint64_t)subject->record->init.pid) < 0 ||
            json_set_number(object, "payload", (uint64_t)subject->payload) < 0 ||
            json_set_boolean(object, "settings_known", subject->settings.values != NULL) < 0 ||
            json_set_value(object, "namespaces", explain_namespaces(subject)) < 0 ||
            json_set_value(object, "mounts", explain_mounts(subject)) < 0 ||
            json_set_value(object, "rights", explain_rights(subject)) < 0 ||
            json_set_value(object, "limits", explain_limits(subject)) < 0) {
                return error_oom(error);
        }
        return 0;
}

int explain_running(const struct cli *cli, const struct machine_record *record, json_t **ret,
                    struct machine_error *error)
{
        _cleanup_(forget_subject) struct subject subject = {
                .cli = cli,
                .record = record,
                .store = STATE_STORE_INIT,
                .payload = find_payload(record->init.pid),
        };
        _cleanup_json_ json_t *object = json_object();
        int r = cli_open_store(cli, &subject.store, error);

        if (r == 0) {
                find_settings(&subject);
                r = object ? gather(&subject, object, error) : error_oom(error);
        }
        /* What was read of a pid is of this machine only if it is still there. */
        if (r == 0 && !process_is_alive(&record->init)) {
                r = error_say(error, ESRCH, "machine \"%s\" has just stopped", record->name);
        }
        if (r == 0) {
                *ret = TAKE_PTR(object);
        }
        return r;
}

void explain_print_place(const json_t *place)
{
        uint64_t line = 0;

        if (json_is_object(place) && json_get_number(place, "line", &line) == 0) {
                printf("  (%s:%llu)", json_get_string(place, "file"), (unsigned long long)line);
        }
}

void explain_print_running(const json_t *running)
{
        uint64_t init = 0, payload = 0;

        (void)json_get_number(running, "pid", &init);
        (void)json_get_number(running, "payload", &payload);
        printf("%s: first process %llu, payload %llu (pids of the host)\n",
               json_get_string(running, "name"), (unsigned long long)init,
               (unsigned long long)payload);
        if (!json_is_true(json_object_get(running, "settings_known"))) {
                puts("The definition that it was started with is not known to you, so nothing "
                     "below\nnames its lines.");
        }
        explain_print_namespaces(json_object_get(running, "namespaces"));
        explain_print_mounts(json_object_get(running, "mounts"));
        explain_print_rights(json_object_get(running, "rights"));
        explain_print_limits(json_object_get(running, "limits"));
        explain_print_ports(json_object_get(running, "ports"));
}
