/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "image/archive/export.h"
#include "image/program/program.h"

/* Verbs that export images or send them to a registry. */

static int parse_format(const char *text, enum save_format *ret, struct machine_error *error)
{
        static const char *const names[] = {
                [SAVE_OCI] = "oci", [SAVE_DOCKER] = "docker", [SAVE_DIRECTORY] = "oci-directory"
        };

        *ret = SAVE_OCI;
        for (size_t i = 0; text && i < ELEMENTS_OF(names); i++) {
                if (strcmp(text, names[i]) == 0) {
                        *ret = (enum save_format)i;
                        return 0;
                }
        }
        if (!text) {
                return 0;
        }
        error_say(
                error, EINVAL,
                "invalid format \"%s\": must be oci, docker, oci-directory, erofs, squashfs or raw",
                text);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

int program_save(struct program *program, struct machine_error *error)
{
        _cleanup_session_ struct session session = SESSION_INIT;
        enum save_format format;
        int r = parse_format(program->format, &format, error);

        if (r == 0 && strcmp(program->argv[1], "-") == 0 && isatty(STDOUT_FILENO)) {
                r = error_say(error, EINVAL, "refusing to write an archive to a terminal");
        }
        if (r == 0) {
                r = program_open_session(program, &session, error);
        }
        return r < 0 ? r
                     : save(&session, program->argv[0], program->argv[1], format,
                            program->all_platforms, error);
}

static int print_result(const struct program *program, const char *reference, const char *key,
                        const char *digest)
{
        if (program->json != PROGRAM_JSON_OFF) {
                return program_print_json(program, json_pack("{s:s,s:s,s:s}", "event", "image",
                                                             "reference", reference, key, digest));
        }
        (void)printf("%s %s\n", reference, digest);
        return 0;
}

int program_commit(struct program *program, struct machine_error *error)
{
        _cleanup_session_ struct session session = SESSION_INIT;
        digest_text id;
        int r = program_open_session(program, &session, error);

        if (r == 0) {
                r = commit(&session, program->argv[0], program->argv[1], program->changes, id,
                           error);
        }
        return r < 0 ? r : print_result(program, program->argv[1], "id", id);
}

int program_push(struct program *program, struct machine_error *error)
{
        _cleanup_session_ struct session session = SESSION_INIT;
        const struct push_options options = {
                .image = program->argv[0],
                .reference = program->argc > 1 ? program->argv[1] : NULL,
                .registries = program->registries,
                .insecure = program->insecure,
                .all_platforms = program->all_platforms,
        };
        _cleanup_free_ char *reference = NULL;
        digest_text digest;
        int r = program_open_session(program, &session, error);

        if (r == 0) {
                r = push(&session, &options, digest, &reference, error);
        }
        return r < 0 ? r : print_result(program, reference, "digest", digest);
}
