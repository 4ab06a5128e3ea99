/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/disk/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "image/program/program.h"
#include "image/store/store.h"

/* list-images: the images of the store, and disk images in directories. */

/* ---- the store ---- */

static uint64_t size_of(struct store *store, const json_t *record)
{
        uint64_t size = 0;
        const json_t *layer;
        size_t i;

        json_array_foreach(json_object_get(record, "layers"), i, layer)
        {
                const char *diff_id = json_get_string(layer, "diff_id");
                struct layer_info info;

                if (digest_is_valid(diff_id) &&
                    store_read_layer(store, diff_id, &info, NULL) == 0) {
                        size += info.bytes;
                }
        }
        return size;
}

json_t *program_describe(struct store *store, const json_t *references, const char *id)
{
        _cleanup_json_ json_t *record = NULL, *names = json_array();
        const char *reference;
        json_t *value;

        if (!names || store_read_image(store, id, &record, NULL) < 0) {
                return NULL;
        }
        json_object_foreach(json_object_get((json_t *)references, "references"), reference, value)
        {
                if (string_equal(json_get_string(value, "id"), id) &&
                    json_array_append_new(names, json_string(reference)) < 0) {
                        return NULL;
                }
        }
        return json_pack("{s:s,s:O,s:O,s:O,s:I,s:I,s:O}", "id", id, "references", names, "os",
                         json_object_get(record, "os"), "architecture",
                         json_object_get(record, "architecture"), "size",
                         (json_int_t)size_of(store, record), "layers",
                         (json_int_t)json_array_size(json_object_get(record, "layers")), "added",
                         json_object_get(record, "added"));
}

static bool matches_text(const char *text, const char *pattern)
{
        return !pattern || fnmatch(pattern, text, 0) == 0 || strstr(text, pattern);
}

static bool matches(const json_t *image, const char *pattern)
{
        const json_t *names = json_object_get(image, "references"), *name;
        size_t i;

        json_array_foreach(names, i, name)
        {
                if (matches_text(json_string_value(name), pattern)) {
                        return true;
                }
        }
        return !pattern;
}

/* ---- disk images ---- */

/* What is in a directory beside images: their root hashes, signatures and hash trees. */
static bool is_beside(const char *name)
{
        return string_ends_with(name, ".roothash") || string_ends_with(name, ".verity") ||
               string_ends_with(name, ".p7s") || string_ends_with(name, ".part");
}

/* Files that hold something else, or may not be read, are left out. */
static int add_file(const char *path, const char *pattern, json_t *images)
{
        _cleanup_disk_image_ struct disk_image image = { 0 };
        _cleanup_close_ int fd = disk_open(path, false, NULL);
        struct stat info;
        json_t *file;

        if (fd < 0 || fstat(fd, &info) < 0 || !matches_text(path, pattern) ||
            disk_probe(fd, path, &image, NULL) < 0) {
                return 0;
        }
        file = json_pack("{s:s,s:n,s:[],s:s,s:I,s:I}", "path", path, "id", "references", "content",
                         image.has_table ? "gpt" : image.content.type, "size",
                         (json_int_t)image.size, "added", (json_int_t)info.st_mtim.tv_sec);
        return json_array_append_new(images, file);
}

static int add_files(const char *directory, const char *pattern, json_t *images)
{
        _cleanup_strv_ char **names = NULL;
        int r = directory_list(AT_FDCWD, directory, "", &names);

        if (r < 0) {
                return r == -ENOMEM ? r : 0;
        }
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = path_join(directory, *name);

                if (!path || (!is_beside(*name) && add_file(path, pattern, images) < 0)) {
                        return -ENOMEM;
                }
        }
        return 0;
}

/* ---- the table ---- */

static void print_line(const char *name, const json_t *image)
{
        const char *id = json_get_string(image, "id");
        uint64_t size = 0, layers = 0, added = 0;
        char text[16], date[32] = "-", number[24] = "-";
        time_t when;
        struct tm parts;

        (void)json_get_number(image, "size", &size);
        if (json_get_number(image, "layers", &layers) == 0) {
                (void)snprintf(number, sizeof number, "%llu", (unsigned long long)layers);
        }
        (void)json_get_number(image, "added", &added);
        when = (time_t)added;
        if (localtime_r(&when, &parts)) {
                (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &parts);
        }
        quantity_format_size(size, text);
        (void)printf("%-48s %-12.12s %6s %8s %s\n", name, id ? id + strlen(DIGEST_PREFIX) : "-",
                     number, text, date);
}

static void print_table(const json_t *images, bool legend)
{
        const json_t *image, *name;
        size_t i, j;

        if (legend) {
                (void)printf("%-48s %-12s %6s %8s %s\n", "REFERENCE", "ID", "LAYERS", "SIZE",
                             "ADDED");
        }
        json_array_foreach(images, i, image)
        {
                const json_t *names = json_object_get(image, "references");
                _cleanup_free_ char *path =
                        json_get_string(image, "path")
                                ? string_printable(json_get_string(image, "path"))
                                : NULL;

                if (json_array_size(names) == 0) {
                        print_line(path ? path : "-", image);
                }
                json_array_foreach(names, j, name)
                {
                        print_line(json_string_value(name), image);
                }
        }
}

static int list_store(struct program *program, const char *pattern, json_t *images,
                      struct machine_error *error)
{
        _cleanup_store_ struct store store = STORE_INIT;
        _cleanup_json_ json_t *references = NULL;
        _cleanup_strv_ char **ids = NULL;
        int r = store_open(program->state_directory, LOCK_SH, &program->log, &store, error);

        if (r == 0) {
                r = store_read_references(&store, &references, error);
        }
        if (r == 0) {
                r = store_list_images(&store, &ids, error);
        }
        if (r < 0) {
                return r;
        }
        STRV_FOREACH(id, ids) {
                _cleanup_json_ json_t *image = program_describe(&store, references, *id);

                if (image && matches(image, pattern)) {
                        (void)json_array_append(images, image);
                }
        }
        return 0;
}

int program_list(struct program *program, struct machine_error *error)
{
        _cleanup_json_ json_t *images = json_array();
        const char *pattern = program->argc > 0 ? program->argv[0] : NULL;
        int r = images ? list_store(program, pattern, images, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        STRV_FOREACH(directory, program->directories) {
                if (add_files(*directory, pattern, images) < 0) {
                        return error_oom(error);
                }
        }
        if (program->json != PROGRAM_JSON_OFF) {
                return program_print_json(program, TAKE_PTR(images));
        }
        print_table(images, program->legend);
        return 0;
}
