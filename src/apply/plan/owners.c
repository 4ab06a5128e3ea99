/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/plan/owners.h"

#include <errno.h>
#include <unistd.h>

#include "base/strings.h"

void owners_clear(struct owners *owners)
{
        for (size_t i = 0; i < owners->count; i++) {
                free(owners->items[i].id);
                source_record_clear(&owners->items[i].record);
        }
        free(owners->items);
}

int owners_load(const struct plan_request *request, struct owners *ret, struct machine_error *error)
{
        _cleanup_strv_ char **ids = NULL;
        int r = source_store_list(request->state_directory, &ids, error);

        ret->items = calloc(strv_length(ids) + 1, sizeof *ret->items);
        if (!ret->items) {
                return error_oom(error);
        }
        STRV_FOREACH(id, ids) {
                struct owner *other = &ret->items[ret->count];
                _cleanup_free_ char *directory = string_format("%s/%s", request->store->place, *id);

                if (strcmp(*id, request->store->id) == 0) {
                        continue;
                }
                other->id = strdup(*id);
                r = other->id && directory ? source_record_read(directory, &other->record, error)
                                           : error_oom(error);
                ret->count += other->id != NULL;
                if (r < 0) {
                        return r;
                }
        }
        return r;
}

static int check_sources(const struct owners *owners, const char *name, char ***clashes)
{
        for (size_t i = 0; i < owners->count; i++) {
                if (source_record_owns(&owners->items[i].record, name)) {
                        return strv_take(clashes,
                                         string_format("machine \"%s\" belongs to the source %s",
                                                       name, owners->items[i].id));
                }
        }
        return 0;
}

/* A machine that runs from another file is not ours, unless that file was moved into the tree. */
static int check_running(const struct plan_request *request, const struct machine_record *record,
                         char ***clashes)
{
        _cleanup_free_ char *revision =
                source_store_revision_of(request->store, record->definition);

        if (revision ||
            (record->definition && access(record->definition, F_OK) < 0 && errno == ENOENT)) {
                return 0;
        }
        return strv_take(clashes, string_format("machine \"%s\" runs from %s", record->name,
                                                record->definition ? record->definition
                                                                   : "the command line"));
}

int owners_check(const struct owners *owners, const struct plan_request *request, const char *name,
                 const struct machine_record *running, char ***clashes)
{
        int r = check_sources(owners, name, clashes);

        return r < 0 || !running ? r : check_running(request, running, clashes);
}
