/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/plan/item.h"

#include <errno.h>

#include "apply/plan/difference.h"
#include "base/json.h"
#include "base/strings.h"

static const char *const words[] = {
        [PLAN_UNCHANGED] = "unchanged", [PLAN_LIVE] = "live",     [PLAN_RELOAD] = "reload",
        [PLAN_RESTART] = "restart",     [PLAN_START] = "start",   [PLAN_STOP] = "stop",
        [PLAN_KEEP] = "keep",           [PLAN_MANUAL] = "manual",
};

const char *plan_word_name(enum plan_word word)
{
        return words[word];
}

bool plan_acts(const struct plan_item *item)
{
        return item->word != PLAN_UNCHANGED && item->word != PLAN_KEEP && item->word != PLAN_MANUAL;
}

void plan_item_clear(struct plan_item *item)
{
        free(item->name);
        free(item->reason);
        free(item->revision);
        free(item->image);
        strv_free(item->limits);
        strv_free(item->mounts);
        *item = (struct plan_item){ 0 };
}

static int set(struct plan_item *item, enum plan_word word, char *reason)
{
        item->word = word;
        free(item->reason);
        item->reason = reason;
        return reason ? 0 : -ENOMEM;
}

/* ---- Machines that run ---- */

static int append_all(char ***strings, char *const *more)
{
        STRV_FOREACH(string, more) {
                if (!strv_contains(*strings, *string) && strv_append(strings, *string) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

static char *changed(char *const *a, char *const *b, char *const *c)
{
        _cleanup_strv_ char **all = NULL;
        _cleanup_free_ char *list = NULL;

        if (append_all(&all, a) < 0 || append_all(&all, b) < 0 || append_all(&all, c) < 0) {
                return NULL;
        }
        list = strv_join(all, ", ");
        return list ? string_format("changed: %s", list) : NULL;
}

/* With CAP_SYS_ADMIN it could make a mount writable that is added while it runs, see
 * rootfs_open_bind(). */
static bool can_reload(const struct machine *machine)
{
        const struct machine_capabilities *capabilities = &machine->security.capabilities;

        return machine->apply.on_change == MACHINE_ON_CHANGE_RELOAD &&
               capabilities->profile != MACHINE_CAPABILITIES_SYSTEM &&
               !strv_contains(capabilities->add, "CAP_SYS_ADMIN") &&
               !strv_contains(capabilities->add, "all");
}

/* A changed file is mounted into the machine by a reload; with a restart or by hand otherwise. */
static int decide_by_difference(struct plan_item *item, struct difference *difference)
{
        enum machine_on_change choice = item->machine->apply.on_change;
        char *const *restart = difference->restart;
        char *const *files = difference->files;

        item->image_changed = difference->image;
        item->network_changed = difference->network;
        item->joins_anew = difference->joins_anew;
        item->limits = TAKE_PTR(difference->limits);
        item->mounts = TAKE_PTR(difference->mounts);
        if (restart || (files && !can_reload(item->machine))) {
                return set(item, choice == MACHINE_ON_CHANGE_MANUAL ? PLAN_MANUAL : PLAN_RESTART,
                           changed(restart, files, item->limits));
        }
        if (files) {
                return set(item, PLAN_RELOAD, changed(files, item->limits, difference->live));
        }
        if (item->limits || difference->live) {
                return set(item, PLAN_LIVE, changed(item->limits, difference->live, NULL));
        }
        return set(item, PLAN_UNCHANGED, strdup(""));
}

static int decide_running(const struct plan_request *request, const struct machine_record *record,
                          struct plan_item *item, struct machine_error *error)
{
        _cleanup_difference_ struct difference difference = { 0 };
        int r = difference_of_running(request, record, item->machine, &difference, error);

        if (r < 0) {
                return r;
        }
        return decide_by_difference(item, &difference) < 0 ? error_oom(error) : 0;
}

/* ---- Machines that do not run ---- */

static bool was_stopped_on_purpose(const struct machine_record *record)
{
        return record->state == MACHINE_STATE_STOPPED && record->reason &&
               strcmp(record->reason, MACHINE_STOPPED_ON_REQUEST) == 0;
}

/* By an apply that was killed or failed before it could start the machine again: it is still the
 * run that was to be replaced. The clock may have been set since, and says nothing. */
static bool was_stopped_for_start(const struct plan_request *request,
                                  const struct machine_record *record)
{
        json_t *history = source_record_history(request->record);
        const json_t *last = json_array_get(history, json_array_size(history) - 1);
        uint64_t run;

        return json_get_number(json_object_get(last, "runs"), record->name, &run) == 0 &&
               run == record->started_usec && was_stopped_on_purpose(record);
}

/* By an apply, as its first version has failed and there was none to go back to. */
static bool was_stopped_as_failed(const struct plan_request *request,
                                  const struct machine_record *record)
{
        _cleanup_free_ char *revision =
                source_store_revision_of(request->store, record->definition);
        const char *reason;

        return revision && was_stopped_on_purpose(record) &&
               string_equal(source_record_failed(request->record, record->name, &reason), revision);
}

/* A job that has ended well is done until it changes. */
static int decide_ended(const struct plan_request *request, const struct machine_record *record,
                        struct plan_item *item, struct machine_error *error)
{
        _cleanup_difference_ struct difference difference = { 0 };
        int r;

        if (was_stopped_for_start(request, record)) {
                return set(item, PLAN_START, strdup("an earlier apply did not start it"));
        }
        if (was_stopped_as_failed(request, record)) {
                return set(item, PLAN_START, strdup("its first version has failed"));
        }
        if (was_stopped_on_purpose(record)) {
                return set(item, PLAN_UNCHANGED, strdup("stopped on purpose"));
        }
        if (record->state == MACHINE_STATE_FAILED) {
                return set(item, PLAN_START,
                           string_format("failed: %s", record->reason ? record->reason : ""));
        }
        if (record->state != MACHINE_STATE_STOPPED) {
                return set(item, PLAN_START, strdup("not running"));
        }
        r = difference_of_running(request, record, item->machine, &difference, error);
        if (r < 0) {
                return r;
        }
        if (difference.restart || difference.files) {
                return set(item, PLAN_START, changed(difference.restart, difference.files, NULL));
        }
        return set(item, PLAN_UNCHANGED, string_format("%s", record->reason ? record->reason : ""));
}

/* ---- Versions that have failed ---- */

/* Trying it again would stop what runs well each time. */
static int withhold_failed(const struct plan_request *request, struct plan_item *item,
                           struct machine_error *error)
{
        const char *reason;
        const char *revision = source_record_failed(request->record, item->name, &reason);
        int r;

        if (!revision || request->force || (item->live && !plan_acts(item))) {
                return 0;
        }
        r = difference_is_none(request, revision, item->machine, error);
        if (r <= 0) {
                return r;
        }
        item->withheld = true;
        return set(item, PLAN_UNCHANGED,
                   string_format("its version of %.12s has failed: %s", revision,
                                 reason ? reason : "")) < 0
                       ? error_oom(error)
                       : 0;
}

/* ---- Decisions ---- */

/* What to go back to if the new version fails. */
static int note_past(const struct plan_request *request, const struct machine_record *record,
                     struct plan_item *item)
{
        const char *good = source_record_revision_of(request->record, item->name);
        const char *image = source_record_image_of(request->record, item->name);

        item->started_usec = record ? record->started_usec : 0;
        if (record && item->live) {
                item->revision = source_store_revision_of(request->store, record->definition);
                image = record->image_id;
        }
        if (!item->revision && good && string_replace(&item->revision, good) < 0) {
                return -ENOMEM;
        }
        return string_replace(&item->image, image);
}

int plan_decide(const struct plan_request *request, const struct machine_record *record,
                struct plan_item *item, struct machine_error *error)
{
        int r = 0;

        item->name = strdup(item->machine->name);
        if (!item->name || note_past(request, record, item) < 0) {
                return error_oom(error);
        }
        item->joins_anew = !item->live;
        if (item->live) {
                r = decide_running(request, record, item, error);
        } else if (record) {
                r = decide_ended(request, record, item, error);
        } else {
                r = set(item, PLAN_START, strdup(item->revision ? "not running" : "new"));
        }
        if (r == -ENOMEM && !error_is_set(error)) {
                return error_oom(error);
        }
        return r < 0 ? r : withhold_failed(request, item, error);
}

int plan_decide_gone(const struct plan_request *request, const struct machine_record *record,
                     const char *name, struct plan_item *item, struct machine_error *error)
{
        bool elsewhere = strv_contains(request->view->elsewhere, name);

        item->name = strdup(name);
        item->live = record && machine_state_is_live(record->state);
        if (!item->name || note_past(request, record, item) < 0 ||
            set(item, request->prune ? PLAN_STOP : PLAN_KEEP,
                string_format("%s%s", elsewhere ? "belongs on other hosts" : "no longer there",
                              item->live ? "" : ", and not running")) < 0) {
                return error_oom(error);
        }
        return 0;
}
