/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/apply.h"

#include <errno.h>
#include <fcntl.h>

#include "apply/fetch/stage.h"
#include "apply/settle.h"
#include "base/json.h"
#include "base/rights/trust.h"
#include "base/strings.h"

void application_close(struct application *application)
{
        if (application->adopted) {
                (void)source_store_drop(&application->store, application->adopted, NULL);
        }
        execute_results_free(application->results,
                             application->plan ? application->plan->count : 0);
        plan_free(application->plan);
        view_free(application->view);
        strv_free(application->clashes);
        fetched_clear(&application->fetched);
        source_record_clear(&application->record);
        source_store_close(&application->store);
        state_store_close(&application->machines);
        free(application->revision);
        free(application->from);
        free(application->adopted);
}

/* ---- The source ---- */

int apply_open_source(const char *state_directory, const char *id, struct source_store *ret,
                      struct source_record *ret_record, struct machine_error *error)
{
        _cleanup_strv_ char **ids = NULL;
        int r = source_store_list(state_directory, &ids, error);

        if (r == 0 && (id ? !strv_contains(ids, id) : !ids)) {
                r = id ? error_say(error, ENOENT, "there is no source \"%s\"", id)
                       : error_say(error, ENOENT, "nothing has been applied on this host");
                error_kind(error, MACHINE_ERROR_NO_INPUT);
        } else if (r == 0 && !id && ids[1]) {
                _cleanup_free_ char *list = strv_join(ids, ", ");

                r = error_say(error, EINVAL, "this host has several sources: %s", list ? list : "");
                error_hint(error, "choose one with --source=ID");
                error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = r < 0 ? r : source_store_find(state_directory, id ? id : ids[0], "", ret, error);
        return r < 0 ? r : source_record_read(ret->directory, ret_record, error);
}

static void on_waiting(void *data)
{
        log_notice(data, "waiting for another apply to finish");
}

static int open_source(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        const char *state = options->host.directories.state;
        _cleanup_free_ char *origin = NULL;
        int r = options->rollback ? 0 : fetch_origin(options->origin, &origin, error);

        if (options->rollback) {
                r = apply_open_source(state, options->source, &application->store,
                                      &application->record, error);
                source_record_clear(&application->record);
        } else if (r == 0) {
                r = source_store_find(state, options->source, origin, &application->store, error);
        }
        if (r == 0 && !options->plan) {
                r = source_store_lock(&application->store, on_waiting, (void *)options->host.log,
                                      error);
        }
        r = r < 0 ? r
                  : source_record_read(application->store.directory, &application->record, error);
        r = r < 0 ? r : source_store_current(&application->store, &application->from, error);
        if (r == 0 && origin && source_record_set_origin(&application->record, origin) < 0) {
                r = error_oom(error);
        }
        return r;
}

/* ---- The tree ---- */

/* The last revision before the current one that was applied without failures. */
static const char *revision_before(const struct application *application)
{
        json_t *history = source_record_history(&application->record);

        for (size_t i = json_array_size(history); i > 0; i--) {
                const json_t *entry = json_array_get(history, i - 1);
                const char *revision = json_get_string(entry, "revision");

                if (revision && !string_equal(revision, application->from) &&
                    string_equal(json_get_string(entry, "result"), "done") &&
                    source_store_has(&application->store, revision)) {
                        return revision;
                }
        }
        return NULL;
}

/* The first characters of a revision are enough if no other one has them. */
static const char *revision_of_prefix(const struct application *application, const char *prefix)
{
        json_t *history = source_record_history(&application->record);
        const char *found = NULL;

        for (size_t i = json_array_size(history); i > 0; i--) {
                const char *revision = json_get_string(json_array_get(history, i - 1), "revision");

                if (!revision || !string_after(revision, prefix) ||
                    !source_store_has(&application->store, revision)) {
                        continue;
                }
                if (found && strcmp(found, revision) != 0) {
                        return NULL;
                }
                found = revision;
        }
        return found;
}

static int choose_stored(struct application *application, struct machine_error *error)
{
        const char *wanted = application->options->rollback;
        const char *revision =
                *wanted ? revision_of_prefix(application, wanted) : revision_before(application);

        if (!revision) {
                if (*wanted) {
                        error_say(error, ENOENT, "revision %s is not stored, or not the only one",
                                  wanted);
                } else {
                        error_say(error, ENOENT, "no earlier revision is stored");
                }
                error_hint(error, "machinectl-lite apply --history shows what is");
                return error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        application->revision = strdup(revision);
        application->fetched.tree = source_store_tree(&application->store, revision);
        return application->revision && application->fetched.tree ? 0 : error_oom(error);
}

static int check_rejected(const struct application *application, struct machine_error *error)
{
        const char *rejected = source_record_rejected(&application->record);

        if (application->options->force || !string_equal(rejected, application->revision)) {
                return 0;
        }
        error_say(error, EPERM, "revision %s was rolled back", application->revision);
        error_hint(error, "apply a newer one, or this one again with --force");
        return -EPERM;
}

/* Stores a tree that was fetched, with an owner and modes that nobody else can change. */
static int store_tree(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        bool directory = !application->fetched.temporary;
        const struct stage_options staging = { .trust_required = directory,
                                               .trusted_owner = options->fetch.trusted_owner };
        _cleanup_free_ char *staged = NULL;
        char digest[STAGE_DIGEST_SIZE];
        int r = directory ? trust_judge(application->fetched.tree, staging.trusted_owner, error)
                          : 0;

        r = r < 0 ? r : source_store_stage(&application->store, &staged, error);
        r = r < 0 ? r : launch_inject_fault("apply-stage", error);
        r = r < 0 ? r : stage_tree(application->fetched.tree, staged, &staging, digest, error);
        if (r == 0 && directory && string_replace(&application->revision, digest) < 0) {
                r = error_oom(error);
        }
        r = r < 0 ? r : launch_inject_fault("apply-store", error);
        return r < 0 ? r
                     : source_store_adopt(&application->store, staged, application->revision,
                                          error);
}

static int take_tree(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        struct fetch_request request = options->fetch;
        int r;

        request.origin = source_record_origin(&application->record);
        request.current = application->from;
        request.force = options->force;
        request.runtime_directory = options->host.directories.runtime;
        request.log = options->host.log;
        r = fetch_tree(&request, &application->fetched, error);
        if (r < 0) {
                return r;
        }
        application->revision = strdup(application->fetched.revision);
        r = application->revision ? check_rejected(application, error) : error_oom(error);
        if (r < 0 || options->plan) {
                return r;
        }
        if (!source_store_has(&application->store, application->revision)) {
                r = store_tree(application, error);
                if (r == 0) {
                        application->adopted = strdup(application->revision);
                        r = application->adopted ? 0 : error_oom(error);
                }
        }
        free(application->fetched.tree);
        application->fetched.tree = source_store_tree(&application->store, application->revision);
        return r == 0 && !application->fetched.tree ? error_oom(error) : r;
}

/* ---- The plan ---- */

static int load_view(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        const struct view_options viewing = {
                .tree = application->fetched.tree,
                .config_path = options->host.directories.config,
                .host = options->as_host,
                .trust_required = !options->plan,
        };

        return view_load(&viewing, &application->view, error);
}

/* Everything gone at once is more likely the wrong directory or branch. */
static int check_prune(const struct application *application, struct machine_error *error)
{
        const struct plan *plan = application->plan;
        size_t stopped = 0;

        for (size_t i = 0; i < plan->count; i++) {
                stopped += plan->items[i].word == PLAN_STOP;
        }
        if (application->options->force || stopped == 0 || stopped < plan->count) {
                return 0;
        }
        error_say(error, EPERM, "none of the %zu machines of this source is there any more",
                  stopped);
        error_hint(error, "check the directory or revision; --force removes them all");
        return -EPERM;
}

static int make_plan(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        const struct plan_request request = {
                .view = application->view,
                .store = &application->store,
                .record = &application->record,
                .machines = &application->machines,
                .state_directory = options->host.directories.state,
                .prune = options->prune,
                .force = options->force,
        };
        int r = state_store_open(options->host.directories.runtime, &application->machines, error);

        r = r < 0 ? r : plan_make(&request, &application->plan, &application->clashes, error);
        return r < 0 ? r : check_prune(application, error);
}

/* What an unchanged machine needs of the host, it has. */
static int check_on_host(struct application *application, struct machine_error *error)
{
        const struct plan *plan = application->plan;

        for (size_t i = 0; i < plan->count; i++) {
                const struct plan_item *item = &plan->items[i];

                if (item->machine && plan_acts(item) &&
                    view_check_on_host(application->view, item->name) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

static int name_files(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        bool directory = options->origin && !application->fetched.temporary;

        return view_name_files(application->view, directory ? options->origin : NULL) < 0
                       ? error_oom(error)
                       : 0;
}

int application_open(const struct apply_options *options, struct application *ret,
                     struct machine_error *error)
{
        int r;

        *ret = (struct application){ .options = options,
                                     .store = SOURCE_STORE_INIT,
                                     .fetched = FETCHED_INIT,
                                     .machines = STATE_STORE_INIT };
        r = open_source(ret, error);
        if (r == 0) {
                r = options->rollback ? choose_stored(ret, error) : take_tree(ret, error);
        }
        r = r < 0 ? r : load_view(ret, error);
        if (r == 0 && ret->view->diagnostics.errors == 0) {
                r = make_plan(ret, error);
                if (r == 0 && !options->as_host) {
                        r = check_on_host(ret, error);
                }
        }
        return r < 0 ? r : name_files(ret, error);
}

/* ---- Carrying out ---- */

static int report_all(const struct application *application, char *const *failures,
                      struct machine_error *error)
{
        STRV_FOREACH(failure, failures) {
                log_line(application->options->host.log, LOG_LEVEL_ERROR, "%s", *failure);
        }
        error_say(error, EINVAL, "nothing was changed");
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

static int rehearse(const struct application *application, struct machine_error *error)
{
        const struct execute_request request = {
                .host = &application->options->host,
                .plan = application->plan,
                .store = &application->store,
                .machines = &application->machines,
                .revision = application->revision,
        };
        _cleanup_strv_ char **failures = NULL;
        int r = execute_rehearse(&request, application->view, &failures, error);

        if (r == 0 && failures) {
                r = report_all(application, failures, error);
        }
        return r;
}

int application_carry_out(struct application *application, struct machine_error *error)
{
        int r = application->clashes ? report_all(application, application->clashes, error)
                                     : rehearse(application, error);

        if (r < 0) {
                return r;
        }
        if (application_is_settled(application)) {
                return application_count_withheld(application);
        }
        r = application_begin(application, error);
        return r < 0 ? r : application_finish(application, error);
}
