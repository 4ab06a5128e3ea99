/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "image/load.h"
#include "image/program.h"
#include "image/pull.h"

/* Verbs that add images. */

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
        int r = session_open(&session, program->state_directory, program->platform,
                             program_progress(program), &program->log, error);

        return r < 0 ? r : load(&session, &options, report, program, error);
}

int program_pull(struct program *program, struct machine_error *error)
{
        _cleanup_session_ struct session session = SESSION_INIT;
        const struct pull_options options = {
                .reference = program->argv[0],
                .registries = program->registries,
                .insecure = program->insecure,
        };
        int r = session_open(&session, program->state_directory, program->platform,
                             program_progress(program), &program->log, error);

        return r < 0 ? r : pull(&session, &options, report, program, error);
}
