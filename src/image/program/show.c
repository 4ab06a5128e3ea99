/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "image/program/program.h"
#include "image/store/original.h"
#include "image/store/store.h"
#include "image/store/verify.h"

/* image-status: one image of the store. */

struct fault_list {
        const struct program *program;
        json_t *faults;
};

static void report_fault(const char *diff_id, const char *path, const char *fault, void *data)
{
        struct fault_list *list = data;
        _cleanup_free_ char *printable = string_printable(path);

        if (list->program->json != PROGRAM_JSON_OFF) {
                (void)json_array_append_new(list->faults,
                                            json_pack("{s:s,s:s,s:s}", "layer", diff_id, "path",
                                                      printable ? printable : "", "fault", fault));
                return;
        }
        (void)printf("%.19s /%s %s\n", diff_id, printable ? printable : "", fault);
}

static int verify_layers(struct program *program, struct store *store, const json_t *layers,
                         json_t *faults, uint64_t *ret_count, struct machine_error *error)
{
        struct fault_list list = { program, faults };
        const json_t *layer;
        size_t i;

        *ret_count = 0;
        json_array_foreach(layers, i, layer)
        {
                const char *diff_id = json_get_string(layer, "diff_id");
                uint64_t count = 0;
                int r = digest_is_valid(diff_id)
                                ? verify_layer(store, diff_id, report_fault, &list, &count, error)
                                : error_say(error, EINVAL, "the image's record is damaged");

                if (r < 0) {
                        return r;
                }
                *ret_count += count;
        }
        return 0;
}

/* Joins strings of unknown origin into one printable line. */
static void print_strings(const char *label, const json_t *strings)
{
        _cleanup_free_ char *line = NULL, *printable = NULL;
        const json_t *value;
        size_t i;

        json_array_foreach(strings, i, value)
        {
                char *longer = string_format("%s%s%s", line ? line : "", line ? " " : "",
                                             json_string_value(value));

                free(line);
                line = longer;
        }
        printable = line ? string_printable(line) : NULL;
        if (printable) {
                (void)printf("%12s: %s\n", label, printable);
        }
}

static void print_config(const json_t *config)
{
        static const struct {
                const char *label;
                const char *key;
        } lines[] = {
                { "Entrypoint", "entrypoint" },
                { "Command", "command" },
                { "Exposes", "ports" },
                { "Volumes", "volumes" },
        };

        for (size_t i = 0; i < ELEMENTS_OF(lines); i++) {
                print_strings(lines[i].label, json_object_get(config, lines[i].key));
        }
}

static void print_status(const json_t *image, const json_t *record)
{
        const json_t *layers = json_object_get(record, "layers"), *layer, *name;
        uint64_t size = 0, kept = 0;
        char text[16];
        size_t i;

        (void)json_get_number(image, "size", &size);
        quantity_format_size(size, text);
        (void)printf("          Id: %s\n", json_get_string(image, "id"));
        json_array_foreach(json_object_get(image, "references"), i, name)
        {
                (void)printf("   Reference: %s\n", json_string_value(name));
        }
        (void)printf("    Platform: %s/%s\n", json_get_string(image, "os"),
                     json_get_string(image, "architecture"));
        if (json_get_string(record, "manifest")) {
                (void)printf("    Manifest: %s\n", json_get_string(record, "manifest"));
        }
        if (json_get_string(record, "created")) {
                _cleanup_free_ char *created = string_printable(json_get_string(record, "created"));

                (void)printf("     Created: %s\n", created ? created : "");
        }
        print_config(json_object_get(record, "config"));
        (void)printf("        Size: %s\n", text);
        (void)json_get_number(image, "kept", &kept);
        if (kept > 0) {
                quantity_format_size(kept, text);
                (void)printf("        Kept: %s as pulled\n", text);
        }
        json_array_foreach(layers, i, layer)
        {
                (void)printf("%12s: %s\n", i == 0 ? "Layers" : "",
                             json_get_string(layer, "diff_id"));
        }
}

int program_status(struct program *program, struct machine_error *error)
{
        _cleanup_store_ struct store store = STORE_INIT;
        _cleanup_json_ json_t *references = NULL, *record = NULL, *image = NULL;
        json_t *faults = NULL;
        uint64_t count = 0, kept;
        digest_text id;
        int r = store_open(program->state_directory, LOCK_SH, &program->log, &store, error);

        if (r == 0) {
                r = store_find_image(&store, program->argv[0], id, NULL, error);
        }
        if (r == 0) {
                r = store_read_references(&store, &references, error);
        }
        if (r == 0) {
                r = store_read_image(&store, id, &record, error);
        }
        if (r == 0) {
                r = kept_size(&store, id, &kept, error);
        }
        if (r < 0) {
                return r;
        }
        image = program_describe(&store, references, id);
        faults = json_array();
        if (!image || json_object_set_new(image, "faults", faults) < 0 ||
            json_object_set(image, "config", json_object_get(record, "config")) < 0 ||
            json_set_number(image, "kept", kept) < 0 ||
            json_object_set(image, "manifest", json_object_get(record, "manifest")) < 0 ||
            json_object_set(image, "chain", json_object_get(record, "layers")) < 0) {
                return error_oom(error);
        }
        if (program->json == PROGRAM_JSON_OFF) {
                print_status(image, record);
        }
        if (program->verify) {
                r = verify_layers(program, &store, json_object_get(record, "layers"), faults,
                                  &count, error);
        }
        if (r == 0 && program->json != PROGRAM_JSON_OFF) {
                r = program_print_json(program, TAKE_PTR(image));
        }
        if (r == 0 && count > 0) {
                error_say(error, EBADMSG,
                          "the image was changed in %llu places since it was unpacked",
                          (unsigned long long)count);
                error_hint(error, "remove the image and fetch or load it again");
                return -EBADMSG;
        }
        if (r == 0 && program->verify && program->json == PROGRAM_JSON_OFF) {
                (void)printf("    Verified: every file of every layer\n");
        }
        return r;
}
