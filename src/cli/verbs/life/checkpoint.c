/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/quantity.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/life/stop.h"
#include "cli/machines/definition.h"
#include "cli/machines/locked_machine.h"
#include "cli/newcomers/archive.h"
#include "cli/newcomers/checkpoint.h"
#include "cli/newcomers/exporting.h"
#include "cli/verbs/verbs.h"
#include "criu/criu.h"
#include "supervise/request.h"

/* Five seconds. */
#define STOPPING_WAITS     500
#define STOPPING_WAIT_USEC 10000

struct checkpoint_options_given {
        struct checkpoint_given common;
        const char *to;
        bool leave_running;
};

static int take_to(const struct cli_option *option, const char *value, void *data,
                   struct machine_error *error)
{
        ((struct checkpoint_options_given *)data)->to = value;
        return 0;
}

static int take_timeout(const struct cli_option *option, const char *value, void *data,
                        struct machine_error *error)
{
        struct checkpoint_options_given *given = data;

        if (quantity_parse_time(value, &given->common.timeout) < 0 || given->common.timeout == 0) {
                return error_say(error, EINVAL, "--timeout: \"%s\" is no time, such as 30s", value);
        }
        return 0;
}

#define GIVEN(member) CLI_FLAG(struct checkpoint_options_given, member)

static const struct cli_option options[] = {
        { 'o', "to", "FILE", "the archive to write", take_to },
        { 0, "leave-running", NULL, "let the machine run on", GIVEN(leave_running) },
        { 0, "tcp-established", NULL, "keep open TCP connections", GIVEN(common.tcp_established) },
        { 0, "tcp-close", NULL, "close open TCP connections", GIVEN(common.tcp_close) },
        { 0, "file-locks", NULL, "keep locks on files", GIVEN(common.file_locks) },
        { 0, "ext-unix", NULL, "keep sockets whose peers are outside",
          GIVEN(common.external_sockets) },
        { 0, "timeout", "TIME", "the time that CRIU gets (default: 30s)", take_timeout },
        CLI_OPTIONS_END,
};

struct writing {
        struct cli *cli;
        const struct checkpoint_options_given *given;
        const struct state_store *store;
        struct locked_machine machine;
        struct exporting exporting;
        char *criu; /* its version */
        char *images;
        bool written; /* the archive is complete */
};

/* ---- while no process of the machine runs ---- */

static int write_archive(struct writing *writing, struct machine_error *error)
{
        int r = exporting_write(&writing->exporting, writing->given->to, error);

        writing->written = r == 0;
        return r;
}

/* The supervisor is not to take the end of its machine for a failure. */
static int await_stopping(const struct writing *writing, struct machine_error *error)
{
        for (unsigned int i = 0; i < STOPPING_WAITS; i++) {
                _cleanup_record_ struct machine_record record = { 0 };
                int r = state_query(writing->store, writing->machine.record.name, &record, error);

                if (r < 0 || record.state == MACHINE_STATE_STOPPING ||
                    !machine_state_is_live(record.state)) {
                        return r;
                }
                (void)usleep(STOPPING_WAIT_USEC);
        }
        return error_say(error, ETIMEDOUT, "the supervisor of machine \"%s\" does not stop it",
                         writing->machine.record.name);
}

/* Killed where they are, they never get past the moment that was written down. They are gone once
 * CRIU has let go of them. */
static int kill_all(struct writing *writing, struct machine_error *error)
{
        _cleanup_close_ int supervisor = process_open(&writing->machine.record.supervisor);
        int r = supervisor < 0 ? supervisor : request_stop(supervisor, true);

        writing->machine.lock = fd_close(writing->machine.lock);
        if (r < 0) {
                return error_set(error, r, "cannot stop machine \"%s\"",
                                 writing->machine.record.name);
        }
        r = await_stopping(writing, error);
        return r < 0 ? r : cgroup_kill(&writing->machine.group, error);
}

static int await_end(struct writing *writing, struct machine_error *error)
{
        char *const names[] = { writing->machine.record.name, NULL };

        return cli_stop_machines(writing->cli, writing->store, names, true, NULL, error);
}

static int complete(void *data, const struct checkpoint_names *names, struct machine_error *error)
{
        struct writing *writing = data;
        struct exporting *exporting = &writing->exporting;
        int r;

        exporting->checkpoint = checkpoint_describe(&writing->machine.record, writing->criu,
                                                    &writing->given->common, names);
        r = exporting->checkpoint ? exporting_take_layer(exporting, error) : error_oom(error);
        if (r < 0 || writing->given->leave_running) {
                return r;
        }
        r = write_archive(writing, error);
        return r < 0 ? r : kill_all(writing, error);
}

/* ---- before ---- */

static int load(struct writing *writing, const char *argument, struct machine_error *error)
{
        const struct cli_settings none = { 0 };
        const struct machine_record *record = &writing->machine.record;
        int r;

        if (cli_definition_drift(writing->cli, record) != CLI_DRIFT_NONE) {
                error_say(error, ESTALE,
                          "the definition of machine \"%s\" is not the one that it was started "
                          "with",
                          record->name);
                error_hint(error,
                           "machinectl-lite config diff %s shows the difference; restart "
                           "the machine, or take the change back",
                           record->name);
                return -ESTALE;
        }
        r = cli_load_definition(writing->cli, argument, &none, &writing->exporting.machine, error);
        return r < 0 ? r : checkpoint_check(writing->exporting.machine, record, error);
}

static int make_images(struct writing *writing, struct machine_error *error)
{
        writing->images = string_format("%s/" ARCHIVE_CHECKPOINT, writing->exporting.parts);
        if (!writing->images) {
                return error_oom(error);
        }
        return mkdir(writing->images, 0700) < 0
                       ? error_set(error, errno, "cannot create %s", writing->images)
                       : 0;
}

static int write_machine(struct writing *writing, struct machine_error *error)
{
        const struct checkpoint_given *common = &writing->given->common;
        const struct checkpoint_options how = {
                .images = writing->images,
                .timeout = common->timeout,
                .leave_running = writing->given->leave_running,
                .tcp_established = common->tcp_established,
                .tcp_close = common->tcp_close,
                .file_locks = common->file_locks,
                .external_sockets = common->external_sockets,
                .complete = complete,
                .data = writing,
        };
        int r = checkpoint_write(writing->exporting.machine, &writing->machine.record, &how, error);

        /* CRIU does not expect that its processes are killed, but what it has written is whole. */
        if (writing->written) {
                machine_error_clear(error);
                return await_end(writing, error);
        }
        return r < 0 ? r : write_archive(writing, error);
}

static int checkpoint(struct writing *writing, const struct verb *verb, const char *argument,
                      struct machine_error *error)
{
        struct exporting *exporting = &writing->exporting;
        int r = cli_machine_name(writing->cli, verb, argument, &exporting->source.name, error);

        r = r < 0 ? r : file_check_replaceable_here(writing->given->to, error);
        r = r < 0 ? r : criu_check(&writing->criu, error);
        r = r < 0 ? r : cli_open_store(writing->cli, &exporting->source.store, error);
        writing->store = &exporting->source.store;
        r = r < 0 ? r
                  : cli_lock_machine(writing->store, exporting->source.name, &writing->machine,
                                     error);
        r = r < 0 ? r : load(writing, argument, error);
        r = r < 0 ? r : exporting_begin(exporting, error);
        r = r < 0 ? r : make_images(writing, error);
        return r < 0 ? r : write_machine(writing, error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct checkpoint_options_given given = { .common.timeout = CHECKPOINT_TIMEOUT };
        struct writing writing = {
                .cli = cli,
                .given = &given,
                .machine = LOCKED_MACHINE_INIT,
                .exporting = EXPORTING_INIT,
        };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1 || !given.to) {
                return cli_usage_error(verb, error, "expected one machine, and --to FILE");
        }
        if (!caller_is_root()) {
                return error_say(error, EPERM,
                                 "CRIU needs root of the host, also for machines of users");
        }
        /* The archive has the memory of the processes. */
        (void)umask(0077);
        writing.exporting.cli = cli;
        writing.exporting.by_reference = true;
        r = checkpoint(&writing, verb, argv[0], error);
        locked_machine_release(&writing.machine);
        exporting_clear(&writing.exporting);
        free(writing.images);
        free(writing.criu);
        return r;
}

const struct verb verb_checkpoint = {
        .name = "checkpoint",
        .arguments = "M",
        .summary = "archive a running machine with its processes",
        .options = options,
        .run = run,
};
