/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "systemd/scope.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/process/process.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "systemd/bus.h"
#include "systemd/manager.h"

/* How long, in milliseconds, the manager may take: it may be starting other units. */
#define ANSWER_TIMEOUT 30000

/* A property is a structure of its name and a variant. */
static void begin_property(struct bus_message *body, const char *name, const char *type)
{
        bus_align(body, 8);
        bus_put_string(body, name);
        bus_put_signature(body, type);
}

static void put_text(struct bus_message *body, const char *name, const char *value)
{
        begin_property(body, name, "s");
        bus_put_string(body, value);
}

static void put_flag(struct bus_message *body, const char *name, bool value)
{
        begin_property(body, name, "b");
        bus_put_u32(body, value);
}

static void put_process(struct bus_message *body, pid_t pid)
{
        size_t start;

        begin_property(body, "PIDs", "au");
        start = bus_begin_array(body, 4);
        bus_put_u32(body, (uint32_t)pid);
        bus_end_array(body, start, 4);
}

/* The limits are the group's below the scope, which is not the manager's: that has none of its own.
 */
static void put_properties(struct bus_message *body, const char *slice, const char *description,
                           pid_t pid)
{
        size_t start = bus_begin_array(body, 8);

        put_text(body, "Description", description);
        put_text(body, "Slice", slice);
        put_text(body, "CollectMode", "inactive-or-failed");
        put_flag(body, "DefaultDependencies", false);
        put_flag(body, "Delegate", true);
        begin_property(body, "TasksMax", "t");
        bus_put_u64(body, UINT64_MAX);
        put_process(body, pid);
        bus_end_array(body, start, 8);
}

static int refuse(const char *unit, const struct bus_header *header, struct bus_message *body,
                  struct machine_error *error)
{
        const char *text = bus_get_string(body);
        int number = strstr(header->error_name, "UnitExists") ? EEXIST : EIO;

        return error_say(error, number, "systemd cannot start %s: %s", unit,
                         *text ? text : header->error_name);
}

static int judge(const char *unit, const char *result, struct machine_error *error)
{
        return string_equal(result, "done")
                       ? 0
                       : error_say(error, EIO, "systemd could not start %s: its job is \"%s\"",
                                   unit, result);
}

/* The answer names a job, whose end is announced; that may come before the answer. */
static int await_job(int fd, const char *unit, struct machine_error *error)
{
        _cleanup_free_ char *job = NULL, *ended = NULL, *result = NULL;

        for (;;) {
                struct bus_message body;
                struct bus_header header;
                int r = bus_receive(fd, ANSWER_TIMEOUT, &header, &body);

                if (r < 0) {
                        return error_set(error, r, "no answer of systemd about %s", unit);
                }
                if (header.type == BUS_ERROR) {
                        return refuse(unit, &header, &body, error);
                }
                if (header.type == BUS_RETURN) {
                        r = string_replace(&job, bus_get_string(&body));
                } else if (string_equal(header.member, "JobRemoved")) {
                        (void)bus_get_u32(&body);
                        r = string_replace(&ended, bus_get_string(&body));
                        if (r == 0 && string_equal(bus_get_string(&body), unit)) {
                                r = string_replace(&result, bus_get_string(&body));
                        }
                }
                if (r < 0) {
                        return error_oom(error);
                }
                if (job && result) {
                        return judge(unit, result, error);
                }
        }
}

int systemd_enter_own_scope(const char *machine, struct machine_error *error)
{
        _cleanup_free_ char *unit = NULL;
        _cleanup_free_ char *description = NULL;

        if (caller_is_root() || !systemd_is_booted()) {
                return 0;
        }
        unit = string_format("machinectl-lite-%016llx-%d.scope",
                             (unsigned long long)string_hash(machine, strlen(machine)), getpid());
        description = string_format("Machine %s", machine);
        return !unit || !description
                       ? error_oom(error)
                       : systemd_enter_scope(unit, "app.slice", description, getpid(), error);
}

int systemd_enter_scope(const char *unit, const char *slice, const char *description, pid_t pid,
                        struct machine_error *error)
{
        struct bus_message body = { .length = 0 };
        _cleanup_close_ int fd = bus_connect();
        size_t auxiliary;
        int r;

        if (fd < 0) {
                error_set(error, fd, "cannot reach systemd, which manages the control groups");
                if (caller_is_root()) {
                        error_hint(error, "without systemd choose another cgroup manager: "
                                          "--cgroup-manager cgroupfs");
                }
                return fd;
        }
        bus_put_string(&body, unit);
        bus_put_string(&body, "fail");
        put_properties(&body, slice, description, pid);
        auxiliary = bus_begin_array(&body, 8);
        bus_end_array(&body, auxiliary, 8);
        r = bus_call(fd, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body);
        return r < 0 ? error_set(error, r, "cannot ask systemd for %s", unit)
                     : await_job(fd, unit, error);
}

void systemd_adopt_process(pid_t process, const char *unit, const char *description)
{
        pid_t pid;

        if (caller_is_root() || !systemd_is_booted()) {
                return;
        }
        /* Nobody waits for the manager: the child of a child asks it. */
        pid = fork();
        if (pid == 0) {
                if (fork() == 0) {
                        (void)systemd_enter_scope(unit, "app.slice", description, process, NULL);
                }
                _exit(EXIT_SUCCESS);
        }
        if (pid > 0) {
                (void)process_wait(pid);
        }
}
