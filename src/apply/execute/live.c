/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of a running machine that need no restart: limits, and what its supervisor follows. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/syscall.h>

#include "apply/execute/reload.h"
#include "apply/execute/task.h"
#include "base/process/process.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cgroup/limits/limits.h"
#include "config/compare.h"
#include "config/snapshot.h"

/* How long a supervisor may take to read its definition. */
#define FOLLOW_TIMEOUT (5 * USEC_PER_SEC)

/* ---- Limits ---- */

/* A limit that the definition no longer has is lifted: the kernel's value for none, by key. */
static const struct {
        const char *key;
        size_t offset;
        uint64_t none;
} lifted[] = {
        { "limits.memory", offsetof(struct machine_limits, memory), MACHINE_UNLIMITED },
        { "limits.memory", offsetof(struct machine_limits, swap), MACHINE_UNLIMITED },
        { "limits.memory_high", offsetof(struct machine_limits, memory_high), MACHINE_UNLIMITED },
        { "limits.memory_low", offsetof(struct machine_limits, memory_low), 0 },
        { "limits.swap", offsetof(struct machine_limits, swap), MACHINE_UNLIMITED },
        { "limits.cpu", offsetof(struct machine_limits, cpu_quota), MACHINE_UNLIMITED },
        { "limits.cpu", offsetof(struct machine_limits, cpu_period), 100000 },
        { "limits.cpu_weight", offsetof(struct machine_limits, cpu_weight), 100 },
        { "limits.tasks", offsetof(struct machine_limits, tasks), MACHINE_UNLIMITED },
        { "limits.io_weight", offsetof(struct machine_limits, io_weight), 100 },
};

static struct machine_limits limits_of(const struct plan_item *item)
{
        struct machine_limits limits = item->machine->limits;

        for (size_t i = 0; i < ELEMENTS_OF(lifted); i++) {
                uint64_t *place = (uint64_t *)((char *)&limits + lifted[i].offset);

                if (*place == MACHINE_UNSET && strv_contains(item->limits, lifted[i].key)) {
                        *place = lifted[i].none;
                }
        }
        return limits;
}

static int change_limits(const struct tasks *tasks, const struct plan_item *item,
                         const struct machine_record *record, struct machine_error *error)
{
        const struct machine_limits limits = limits_of(item);
        struct cgroup group = CGROUP_INIT;
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        if (!item->limits) {
                return 0;
        }
        if (!record->cgroup) {
                return error_say(error, ENODATA, "machine \"%s\" has no control group", item->name);
        }
        path = machine_record_limited_group(record);
        r = path ? cgroup_open(path, &group, error) : error_oom(error);
        r = r < 0 ? r : cgroup_apply_limits(&group, &limits, &warnings, error);
        cgroup_release(&group);
        STRV_FOREACH(warning, warnings) {
                log_warning(tasks->request->host->log, "%s: %s", item->name, *warning);
        }
        return r;
}

/* ---- The supervisor ---- */

static int wait_for_digest(const struct tasks *tasks, const char *name, const char *digest)
{
        uint64_t deadline = log_now() + FOLLOW_TIMEOUT;
        struct pollfd news = { .fd = tasks->notifier, .events = POLLIN };
        char events[4096];

        for (;;) {
                _cleanup_record_ struct machine_record record = { 0 };
                uint64_t now = log_now();

                if (state_query(tasks->request->machines, name, &record, NULL) < 0 ||
                    !machine_state_is_live(record.state)) {
                        return -ESRCH;
                }
                if (string_equal(record.digest, digest)) {
                        return 0;
                }
                if (now >= deadline ||
                    (poll(&news, 1, (int)((deadline - now) / 1000) + 1) < 0 && errno != EINTR)) {
                        return -ETIMEDOUT;
                }
                while (read(tasks->notifier, events, sizeof events) > 0) {
                }
        }
}

static int tell_supervisor(const struct tasks *tasks, const struct machine_record *record,
                           const char *snapshot, struct machine_error *error)
{
        _cleanup_close_ int supervisor = process_open(&record->supervisor);
        char digest[CONFIG_DIGEST_SIZE];
        struct machine *machine = NULL;
        int r = config_snapshot_load(snapshot, record->name, &machine);

        r = r < 0 ? r : config_digest(machine, digest);
        machine_free(machine);
        r = r < 0 ? r : state_save_definition(tasks->request->machines, record->name, snapshot);
        if (r == 0 &&
            (supervisor < 0 || syscall(SYS_pidfd_send_signal, supervisor, SIGHUP, NULL, 0) < 0)) {
                r = supervisor < 0 ? supervisor : -errno;
        }
        r = r < 0 ? r : wait_for_digest(tasks, record->name, digest);
        return r < 0 ? error_set(error, r,
                                 "the supervisor of machine \"%s\" does not follow its definition",
                                 record->name)
                     : 0;
}

static int change_locked(const struct tasks *tasks, const struct plan_item *item, char **ret,
                         struct machine_record *record, struct machine_error *error)
{
        _cleanup_close_ int lock = state_lock(tasks->request->machines, item->name, error);
        _cleanup_free_ char *old = NULL;
        int r = lock < 0 ? lock : state_query(tasks->request->machines, item->name, record, error);

        if (r == 0 && !machine_state_is_live(record->state)) {
                r = -ENOENT;
        }
        if (r < 0) {
                return r == -ENOENT ? error_say(error, r, "machine \"%s\" is not running any more",
                                                item->name)
                                    : r;
        }
        r = state_load_definition(tasks->request->machines, item->name, &old);
        if (r < 0) {
                return error_set(error, r, "cannot read what machine \"%s\" was started with",
                                 item->name);
        }
        *ret = config_snapshot_follow(old, item->machine, item->word == PLAN_RELOAD);
        return *ret ? change_limits(tasks, item, record, error) : error_oom(error);
}

int task_change_live(const struct tasks *tasks, const struct plan_item *item,
                     struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_free_ char *snapshot = NULL;
        int r = change_locked(tasks, item, &snapshot, &record, error);

        if (r == 0 && item->word == PLAN_RELOAD) {
                r = task_reload(tasks, item, &record, error);
        }
        return r < 0 ? r : tell_supervisor(tasks, &record, snapshot, error);
}
