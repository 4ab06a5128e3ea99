/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/archive/load_internal.h"
#include "image/program/program.h"
#include "image/transfer/pull.h"

/* Verbs that add images, or names of them. */

static void report(const char *id, char *const *references, void *data)
{
        const struct program *program = data;

        if (program->json != PROGRAM_JSON_OFF) {
                _cleanup_json_ json_t *object = json_pack("{s:s,s:s}", "event", "image", "id", id);

                if (object && json_set_strings(object, "references", references) == 0) {
                        (void)json_dumpf(object, stdout, JSON_COMPACT);
                        (void)putchar('\n');
                }
                return;
        }
        STRV_FOREACH(reference, references) {
                (void)printf("%s %s\n", *reference, id);
        }
}

int program_load(struct program *program, struct machine_error *error)
{
        _cleanup_session_ struct session session = SESSION_INIT;
        const struct load_options options = {
                .path = program->argv[0],
                .name = program->name,
                .reference = program->reference,
        };
        int r;

        if (program->owner && strcmp(program->owner, "self") != 0) {
                error_say(error, EINVAL, "--owner=%s: the only owner is \"self\"", program->owner);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        r = program_open_session(program, &session, error);
        session.one_owner = program->owner != NULL;
        return r < 0 ? r : load(&session, &options, report, program, error);
}

int program_pull(struct program *program, struct machine_error *error)
{
        _cleanup_session_ struct session session = SESSION_INIT;
        const struct pull_options options = {
                .remote = {
                        .reference = program->argv[0],
                        .registries = program->registries,
                        .insecure = program->insecure,
                },
                .keep_blobs = program->keep_blobs,
                .all_platforms = program->all_platforms,
        };
        int r = program_open_session(program, &session, error);

        return r < 0 ? r : pull(&session, &options, report, program, error);
}

static int name_image(struct store *store, const struct program *program, char *const *references,
                      struct machine_error *error)
{
        digest_text id;
        int r = store_find_image(store, program->argv[0], id, NULL, error);

        if (r == 0) {
                r = store_set_references(store, references, id, error);
        }
        if (r == 0) {
                report(id, references, (void *)program);
        }
        return r;
}

int program_tag(struct program *program, struct machine_error *error)
{
        _cleanup_store_ struct store store = STORE_INIT;
        _cleanup_strv_ char **references = NULL;
        int r = 0;

        for (int i = 1; r == 0 && i < program->argc; i++) {
                r = loading_name(program->argv[i], &references, error);
        }
        if (r == 0) {
                r = store_open(program->state_directory, LOCK_SH, &program->log, &store, error);
        }
        return r < 0 ? r : name_image(&store, program, references, error);
}
