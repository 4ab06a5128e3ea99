/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stopping and starting one machine, with its supervisor or its unit. */

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "apply/execute/task.h"
#include "base/process/process.h"
#include "base/strings.h"
#include "config/config.h"
#include "state/settle.h"
#include "supervise/life/supervisor.h"
#include "systemd/manager.h"

/* ---- Units ---- */

static int begin_control(struct task *task, const char *verb, const char *unit,
                         struct machine_error *error)
{
        char *const units[] = { (char *)unit, NULL };
        int r = systemd_begin_control(verb, units, &task->child, error);

        if (r < 0) {
                return r;
        }
        task->fd = (int)syscall(SYS_pidfd_open, task->child, 0);
        return task->fd < 0 ? error_set(error, errno, "cannot watch systemctl") : 0;
}

static int end_control(struct task *task)
{
        int status = process_wait(task->child);

        task->child = 0;
        return status;
}

/* ---- Stop ---- */

static int ask_supervisor(struct task *task, const struct machine_record *record,
                          struct machine_error *error)
{
        int fd = process_open(&record->supervisor);

        if (fd == -ESRCH) {
                return 0;
        }
        if (fd < 0 ||
            (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)) {
                int r = fd < 0 ? fd : -errno;

                fd_close(fd);
                return error_set(error, r, "cannot stop machine \"%s\"", record->name);
        }
        /* One that was suspended has to continue to read the signal. */
        (void)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
        task->fd = fd;
        return 0;
}

int task_begin_stop(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_query(tasks->request->machines, task->item->name, &record, error);

        if (r == -ENOENT || (r == 0 && !machine_state_is_live(record.state))) {
                return 0;
        }
        if (r < 0) {
                return r;
        }
        return record.unit ? begin_control(task, "stop", record.unit, error)
                           : ask_supervisor(task, &record, error);
}

int task_end_stop(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        int r;

        task->fd = fd_close(task->fd);
        if (task->child > 0) {
                (void)end_control(task);
        }
        r = state_query(tasks->request->machines, task->item->name, &record, error);
        if (r < 0 && r != -ENOENT) {
                return r;
        }
        return r == 0 && machine_state_is_live(record.state)
                       ? error_say(error, EBUSY, "machine \"%s\" has not stopped", task->item->name)
                       : 0;
}

/* ---- Start ---- */

static int load(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(tasks->request->host->directories.config, ":");
        const struct config_options options = {
                .search_path = search_path,
                .trust.required = true,
        };
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };

        if (!search_path) {
                return error_oom(error);
        }
        machine_free(TAKE_PTR(task->machine));
        return config_load(task->item->name, &options, &diagnostics, &task->machine, error);
}

int task_begin_start(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        const struct execute_host *host = tasks->request->host;
        const struct supervisor_options options = {
                .directories = host->directories,
                .log_directory = host->log_directory,
                .log = host->log,
                .report = -EBADF,
        };
        _cleanup_free_ char *unit = systemd_unit_of(task->item->name);
        int r = unit ? load(tasks, task, error) : error_oom(error);

        if (r == 0 && host->units) {
                r = begin_control(task, "start", unit, error);
        } else if (r == 0) {
                r = supervise_detach(task->machine, &options, &task->fd, error);
        }
        if (r == 0) {
                task->begun = log_now();
                task->deadline = settle_deadline(task->machine, task->begun);
        }
        return r;
}

/* systemctl has printed what it knows; the record says why the machine has failed. */
static int explain_unit(const struct tasks *tasks, const struct task *task,
                        struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        const char *name = task->item->name;
        bool known = state_query(tasks->request->machines, name, &record, NULL) == 0;

        error_say(error, EIO, "the unit of machine \"%s\" has failed%s%s", name,
                  known && record.reason ? ": " : "", known && record.reason ? record.reason : "");
        error_hint(error, "machinectl-lite logs %s shows its output", name);
        return -EIO;
}

int task_end_start(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        int r;

        if (task->child > 0) {
                r = end_control(task) == 0 ? 0 : explain_unit(tasks, task, error);
        } else {
                r = supervise_await(task->fd, task->item->name, tasks->request->host->log, error);
        }
        task->fd = fd_close(task->fd);
        return r;
}

int task_look(const struct tasks *tasks, struct task *task, struct machine_error *error)
{
        return settle_look(tasks->request->machines, task->machine, task->item->name, task->begun,
                           &task->deadline, error);
}
