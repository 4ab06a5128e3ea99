/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "apply/images.h"
#include "base/json.h"
#include "base/strings.h"

static bool is_held(const struct application *application, const char *name)
{
        _cleanup_free_ char *revision = NULL;

        return source_store_held(&application->store, name, &revision) == 0 && revision;
}

/* Whether a machine that was held is as the tree says again. */
static bool is_let_go(const struct application *application, const struct plan_item *item)
{
        return item->machine && !item->withheld &&
               (is_held(application, item->name) ||
                source_record_failed(&application->record, item->name, NULL));
}

bool application_is_settled(const struct application *application)
{
        const struct plan *plan = application->plan;
        json_t *history = source_record_history(&application->record);
        const json_t *last = json_array_get(history, json_array_size(history) - 1);

        if (plan->changes > 0 || !string_equal(application->revision, application->from) ||
            string_equal(json_get_string(last, "result"), "interrupted")) {
                return false;
        }
        for (size_t i = 0; i < plan->count; i++) {
                const struct plan_item *item = &plan->items[i];

                if (is_let_go(application, item) ||
                    (item->machine && !source_record_owns(&application->record, item->name))) {
                        return false;
                }
        }
        return true;
}

int application_count_withheld(const struct application *application)
{
        int count = 0;

        for (size_t i = 0; i < application->plan->count; i++) {
                count += application->plan->items[i].withheld;
        }
        return count;
}

/* ---- Before ---- */

static json_t *words_of(const struct plan *plan)
{
        _cleanup_json_ json_t *words = json_object();

        for (size_t i = 0; words && i < plan->count; i++) {
                if (plan_acts(&plan->items[i]) &&
                    json_set_string(words, plan->items[i].name,
                                    plan_word_name(plan->items[i].word)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(words);
}

static json_t *runs_of(const struct plan *plan)
{
        _cleanup_json_ json_t *runs = json_object();

        for (size_t i = 0; runs && i < plan->count; i++) {
                const struct plan_item *item = &plan->items[i];

                if ((item->word == PLAN_RESTART || item->word == PLAN_START) &&
                    item->started_usec > 0 &&
                    json_set_number(runs, item->name, item->started_usec) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(runs);
}

static int write_record(const struct application *application, struct machine_error *error)
{
        return source_record_write(application->store.directory, &application->record, error);
}

static int record_beginning(struct application *application, struct machine_error *error)
{
        struct source_record *record = &application->record;
        const struct plan *plan = application->plan;
        bool back = application->options->rollback != NULL;

        for (size_t i = 0; i < plan->count; i++) {
                if (plan->items[i].machine && source_record_own(record, plan->items[i].name) < 0) {
                        return error_oom(error);
                }
        }
        if (source_record_begin(record, back ? "rollback" : "apply", application->revision,
                                application->from, words_of(plan), runs_of(plan)) < 0 ||
            source_record_reject(record, back ? application->from : NULL) < 0) {
                return error_oom(error);
        }
        return write_record(application, error);
}

int application_begin(struct application *application, struct machine_error *error)
{
        const struct plan *plan = application->plan;
        int r = launch_inject_fault("apply-record", error);

        r = r < 0 ? r : record_beginning(application, error);
        r = r < 0 ? r : application_note_images(application, error);
        r = r < 0 ? r : launch_inject_fault("apply-switch", error);
        r = r < 0 ? r : source_store_switch(&application->store, application->revision, error);
        if (r == 0) {
                /* The tree is in use from here on. */
                free(TAKE_PTR(application->adopted));
        }
        r = r < 0 ? r : launch_inject_fault("apply-switched", error);
        for (size_t i = 0; r == 0 && i < plan->count; i++) {
                if (is_let_go(application, &plan->items[i])) {
                        r = source_store_release(&application->store, plan->items[i].name, error);
                }
        }
        return r;
}

/* ---- Taking everything back ---- */

/* Machines that this run has started and the old tree does not have. */
static void stop_what_was_new(const struct plan *old, struct plan *plan)
{
        for (size_t i = 0; i < plan->count; i++) {
                const struct plan_item *before = plan_find(old, plan->items[i].name);

                if (plan->items[i].word == PLAN_KEEP && before && before->word == PLAN_START) {
                        plan->items[i].word = PLAN_STOP;
                }
        }
}

static int plan_old(const struct application *application, const struct view *view,
                    struct plan **ret, struct machine_error *error)
{
        const struct plan_request request = {
                .view = view,
                .store = &application->store,
                .record = &application->record,
                .machines = &application->machines,
                .state_directory = application->options->host.directories.state,
                .force = true,
        };
        _cleanup_strv_ char **clashes = NULL;
        int r = plan_make(&request, ret, &clashes, error);

        if (r == 0) {
                stop_what_was_new(application->plan, *ret);
        }
        return r;
}

static int switch_back(const struct application *application, struct machine_error *error)
{
        const struct plan *plan = application->plan;
        int r = source_store_switch(&application->store, application->from, error);

        for (size_t i = 0; r == 0 && i < plan->count; i++) {
                r = source_store_release(&application->store, plan->items[i].name, error);
        }
        return r;
}

static int take_back(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        _cleanup_free_ char *tree = source_store_tree(&application->store, application->from);
        const struct view_options viewing = { .tree = tree,
                                              .config_path = options->host.directories.config,
                                              .trust_required = true };
        _cleanup_view_ struct view *view = NULL;
        _cleanup_plan_ struct plan *plan = NULL;
        struct execute_request request = { .host = &options->host,
                                           .store = &application->store,
                                           .machines = &application->machines,
                                           .revision = application->from };
        struct execute_result *results;
        int r = tree ? switch_back(application, error) : error_oom(error);

        r = r < 0 ? r : view_load(&viewing, &view, error);
        r = r < 0 ? r : plan_old(application, view, &plan, error);
        if (r < 0) {
                return r;
        }
        results = calloc(plan->count + 1, sizeof *results);
        request.plan = plan;
        r = results ? execute_plan(&request, results, error) : error_oom(error);
        execute_results_free(results, plan->count);
        return r > 0 ? error_say(error, EIO, "%d machines could not be taken back", r) : r;
}

/* Without an earlier revision, what was started is stopped. */
static int take_back_first(struct application *application, struct machine_error *error)
{
        struct plan *plan = application->plan;
        struct execute_request request = { .host = &application->options->host,
                                           .plan = plan,
                                           .store = &application->store,
                                           .machines = &application->machines,
                                           .revision = application->revision };
        struct execute_result *results = calloc(plan->count + 1, sizeof *results);
        int r;

        for (size_t i = 0; i < plan->count; i++) {
                bool started = plan->items[i].word == PLAN_START;

                plan->items[i].word = started ? PLAN_STOP : PLAN_UNCHANGED;
                plan->items[i].live = started;
        }
        r = results ? execute_plan(&request, results, error) : error_oom(error);
        execute_results_free(results, plan->count);
        r = r < 0 ? r : source_store_switch(&application->store, NULL, error) < 0 ? -EIO : r;
        return r > 0 ? error_say(error, EIO, "%d machines could not be stopped", r) : r;
}

/* ---- Afterwards ---- */

static int note_result(struct application *application, const struct plan_item *item,
                       const struct execute_result *result)
{
        struct source_record *record = &application->record;

        if (item->word == PLAN_STOP) {
                if (result->done) {
                        source_record_disown(record, item->name);
                }
                return 0;
        }
        if (!item->machine || item->withheld || item->word == PLAN_MANUAL) {
                return 0;
        }
        if (!result->done) {
                return source_record_note_failed(record, item->name, application->revision,
                                                 result->reason);
        }
        if (item->word == PLAN_UNCHANGED) {
                source_record_forget_failed(record, item->name);
                return 0;
        }
        return source_record_note_good(record, item->name, application->revision, result->image);
}

/* Revisions of which a machine that runs has files. */
static int list_used(const struct application *application, char ***ret)
{
        const char *trees = application->store.directory;
        json_t *machines = source_record_machines(&application->record);
        const char *name;
        json_t *value;

        json_object_foreach(machines, name, value)
        {
                _cleanup_free_ char *snapshot = NULL;

                if (state_load_definition(&application->machines, name, &snapshot) < 0) {
                        continue;
                }
                for (const char *at = snapshot; (at = strstr(at, trees));) {
                        const char *revision = at + strlen(trees) + 1;
                        size_t length = strcspn(revision, "/:\"");

                        if (strv_take(ret, strndup(revision, length)) < 0) {
                                return -ENOMEM;
                        }
                        at = revision;
                }
        }
        return 0;
}

static int record_end(struct application *application, const char *result,
                      struct machine_error *error)
{
        _cleanup_strv_ char **used = NULL;
        int r = source_record_conclude(&application->record, result) < 0 ? error_oom(error) : 0;

        r = r < 0 ? r : launch_inject_fault("apply-finish", error);
        r = r < 0 ? r : write_record(application, error);
        if (r == 0 && list_used(application, &used) < 0) {
                r = error_oom(error);
        }
        r = r < 0 ? r : launch_inject_fault("apply-prune", error);
        r = r < 0 ? r : source_store_prune(&application->store, &application->record, used, error);
        return r < 0 ? r : application_note_images(application, error);
}

static int take_all_back(struct application *application, struct machine_error *error)
{
        const struct plan *plan = application->plan;
        _cleanup_strv_ char **started = NULL;
        int r = 0;

        log_notice(application->options->host.log, "taking everything back");
        application->taken_back = true;
        for (size_t i = 0; r == 0 && i < plan->count; i++) {
                if (plan->items[i].word == PLAN_START && !plan->items[i].revision) {
                        r = strv_append(&started, plan->items[i].name);
                }
        }
        if (r < 0) {
                return error_oom(error);
        }
        r = application->from ? take_back(application, error) : take_back_first(application, error);
        STRV_FOREACH(name, started) {
                source_record_disown(&application->record, *name);
        }
        return r;
}

int application_finish(struct application *application, struct machine_error *error)
{
        const struct apply_options *options = application->options;
        const struct plan *plan = application->plan;
        const struct execute_request request = {
                .host = &options->host,
                .plan = plan,
                .store = &application->store,
                .machines = &application->machines,
                .view = application->view,
                .revision = application->revision,
                .prune_data = options->prune_data,
                .take_back = true,
        };
        int failed, r = 0;

        application->results = calloc(plan->count + 1, sizeof *application->results);
        failed = application->results ? execute_plan(&request, application->results, error)
                                      : error_oom(error);
        if (failed < 0) {
                return failed;
        }
        for (size_t i = 0; i < plan->count; i++) {
                if (note_result(application, &plan->items[i], &application->results[i]) < 0) {
                        return error_oom(error);
                }
        }
        if (failed > 0 && options->atomic) {
                r = take_all_back(application, error);
        }
        r = r < 0 ? r
                  : record_end(application,
                               application->taken_back ? "taken back"
                               : failed                ? "failed"
                                                       : "done",
                               error);
        return r < 0 ? r : failed + application_count_withheld(application);
}
