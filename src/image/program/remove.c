/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "image/program/program.h"
#include "image/store/store.h"

/* Verbs that remove from the store. */

static int report(const struct program *program, const struct collected *collected)
{
        char size[16];

        if (program->json != PROGRAM_JSON_OFF) {
                return program_print_json(program, json_pack("{s:i,s:i,s:I}", "images",
                                                             (int)collected->images, "layers",
                                                             (int)collected->layers, "bytes",
                                                             (json_int_t)collected->bytes));
        }
        if (!program->quiet) {
                quantity_format_size(collected->bytes, size);
                (void)printf("removed %u images and %u layers, freed %s\n", collected->images,
                             collected->layers, size);
        }
        return 0;
}

/* Whether the image has other references than this one. */
static bool has_others(const json_t *references, const char *id, const char *reference)
{
        const char *name;
        json_t *value;

        json_object_foreach(json_object_get((json_t *)references, "references"), name, value)
        {
                if (strcmp(name, reference) != 0 &&
                    string_equal(json_get_string(value, "id"), id)) {
                        return true;
                }
        }
        return false;
}

static int remove_one(struct program *program, struct store *store, const char *text,
                      struct collected *collected, struct machine_error *error)
{
        _cleanup_json_ json_t *references = NULL;
        _cleanup_free_ char *reference = NULL, *user = NULL;
        digest_text id;
        int r = store_find_image(store, text, id, &reference, error);

        if (r == 0) {
                r = store_read_references(store, &references, error);
        }
        if (r < 0) {
                return r;
        }
        /* If the image has several names, only this one is removed. */
        if (reference && has_others(references, id, reference)) {
                char *names[] = { reference, NULL };

                return store_set_references(store, names, NULL, error);
        }
        r = store_image_user(store, id, &user, error);
        if (r < 0) {
                return r;
        }
        if (user && !program->force) {
                error_say(error, EBUSY, "the image %s is in use by %s", text, user);
                error_hint(error, "delete the machine, or apply a tree without the image; --force "
                                  "removes it nevertheless");
                return -EBUSY;
        }
        return store_remove_image(store, id, collected, error);
}

int program_remove(struct program *program, struct machine_error *error)
{
        _cleanup_store_ struct store store = STORE_INIT;
        struct collected collected = { 0 };
        int r = store_open(program->state_directory, LOCK_EX, &program->log, &store, error);

        for (int i = 0; r == 0 && i < program->argc; i++) {
                r = remove_one(program, &store, program->argv[i], &collected, error);
        }
        return r < 0 ? r : report(program, &collected);
}

int program_prune(struct program *program, struct machine_error *error)
{
        _cleanup_store_ struct store store = STORE_INIT;
        struct collected collected = { 0 };
        int r = store_open(program->state_directory, LOCK_EX, &program->log, &store, error);

        if (r == 0) {
                r = store_prune(&store, program->all, &collected, error);
        }
        return r < 0 ? r : report(program, &collected);
}
