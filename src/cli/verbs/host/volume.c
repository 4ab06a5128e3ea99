/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "cli/machines/image_program.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/output/print.h"
#include "cli/output/table.h"
#include "cli/verbs/verbs.h"
#include "config/config.h"
#include "config/read/name.h"
#include "image/execute.h"
#include "launch/volumes/uses.h"

DEFINE_CLEANUP(struct volume_definition *, volume_definition_free, cleanup_definition)

struct volume_options {
        bool force;
};

static const struct cli_option options[] = {
        { 'f', "force", NULL, "with import: replace an existing volume",
          CLI_FLAG(struct volume_options, force) },
        CLI_OPTIONS_END,
};

/* A name is part of a path. */
static int check_name(const char *name, struct machine_error *error)
{
        if (config_name_is_valid(name)) {
                return 0;
        }
        error_say(error, EINVAL, "invalid volume name \"%s\"", name);
        error_hint(error, CONFIG_NAME_RULE);
        return error_kind(error, MACHINE_ERROR_USAGE);
}

/* ---- list and status ---- */

/* The names of the machines that use a volume. NULL if out of memory. */
static json_t *users_json(const struct volume_uses *uses, const char *volume)
{
        _cleanup_json_ json_t *names = json_array();

        for (size_t i = 0; names && i < uses->count; i++) {
                if (string_equal(uses->items[i].volume, volume) &&
                    json_array_append_new(names, json_string(uses->items[i].machine)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(names);
}

static int set_size(json_t *object, const char *key, uint64_t size)
{
        return size == MACHINE_UNSET ? json_set_value(object, key, json_null())
                                     : json_set_number(object, key, size);
}

static int describe(const struct cli *cli, const struct volume_uses *uses, const char *name,
                    json_t **ret, struct machine_error *error)
{
        _cleanup_volume_record_ struct volume_record record = { 0 };
        _cleanup_free_ char *path = volume_path(cli->directories.state, name);
        _cleanup_free_ char *data = path ? string_format("%s/" VOLUME_DATA, path) : NULL;
        _cleanup_json_ json_t *object = json_object();
        int r = data ? volume_load(cli->directories.state, name, &record, error) : error_oom(error);

        if (r < 0) {
                return r;
        }
        if (json_set_string(object, "name", name) < 0 ||
            json_set_number(object, "created", record.created_usec) < 0 ||
            json_set_string(object, "made_by", record.machine) < 0 ||
            json_set_strings(object, "labels", record.labels) < 0 ||
            set_size(object, "size", record.size) < 0 ||
            json_set_string(object, "path", data) < 0 ||
            json_set_boolean(object, "complete", access(data, F_OK) == 0) < 0 ||
            json_set_value(object, "machines", users_json(uses, name)) < 0) {
                return error_oom(error);
        }
        *ret = TAKE_PTR(object);
        return 0;
}

static char *join(const json_t *names)
{
        _cleanup_strv_ char **list = NULL;
        const json_t *name;
        size_t index;

        json_array_foreach(names, index, name)
        {
                if (strv_append(&list, json_string_value(name)) < 0) {
                        return NULL;
                }
        }
        return list ? strv_join(list, " ") : strdup("-");
}

static const char *size_text(const json_t *volume, const char *key, char text[static 16])
{
        uint64_t size;

        if (json_get_number(volume, key, &size) < 0) {
                return "-";
        }
        quantity_format_size(size, text);
        return text;
}

static int print_row(struct table *table, const json_t *volume)
{
        _cleanup_free_ char *machines = join(json_object_get(volume, "machines"));
        _cleanup_free_ char *labels = join(json_object_get(volume, "labels"));
        _cleanup_free_ char *created = NULL;
        uint64_t usec = 0;
        char size[16];

        (void)json_get_number(volume, "created", &usec);
        created = cli_format_timestamp(usec);
        return !machines || !labels || table_add(table, json_get_string(volume, "name")) < 0 ||
                               table_add(table, size_text(volume, "size", size)) < 0 ||
                               table_add(table, machines) < 0 || table_add(table, labels) < 0 ||
                               table_add(table, created) < 0
                       ? -ENOMEM
                       : 0;
}

static int print_list(const struct cli *cli, const json_t *volumes, struct machine_error *error)
{
        static const char *const headings[] = { "NAME",   "SIZE",    "MACHINES",
                                                "LABELS", "CREATED", NULL };
        _cleanup_table_ struct table table = { 0 };
        const json_t *volume;
        size_t index;

        if (table_start(&table, headings) < 0) {
                return error_oom(error);
        }
        json_array_foreach(volumes, index, volume)
        {
                if (print_row(&table, volume) < 0) {
                        return error_oom(error);
                }
        }
        table_print(&table, cli->legend, cli->colour);
        return 0;
}

static int find_uses(const struct cli *cli, struct volume_uses *ret, struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        int r = cli_open_store(cli, &store, error);

        return r < 0 ? r : volume_uses_find(&directories, &store, ret, error);
}

static int run_list(struct cli *cli, const struct volume_options *given, char **argv,
                    struct machine_error *error)
{
        _cleanup_volume_uses_ struct volume_uses uses = { 0 };
        _cleanup_strv_ char **names = NULL;
        _cleanup_json_ json_t *volumes = json_array();
        int r = volume_list(cli->directories.state, &names, error);

        r = r < 0 ? r : find_uses(cli, &uses, error);
        STRV_FOREACH(name, names) {
                json_t *volume = NULL;

                r = r < 0 ? r : describe(cli, &uses, *name, &volume, error);
                /* It has just been removed, or is about to be made. */
                if (r == -ENOENT) {
                        machine_error_clear(error);
                        r = 0;
                } else if (r == 0 && json_array_append_new(volumes, volume) < 0) {
                        r = error_oom(error);
                }
        }
        if (r < 0) {
                return r;
        }
        return cli->json != CLI_JSON_OFF ? cli_print_json(cli, TAKE_PTR(volumes), error)
                                         : print_list(cli, volumes, error);
}

/* What only one volume is asked for, because it takes a look at all of its files. */
static int add_usage(json_t *volume)
{
        const char *path = json_get_string(volume, "path");
        struct stat status;
        uint64_t used = 0;

        if (tree_measure(AT_FDCWD, path, &used) < 0 || stat(path, &status) < 0) {
                return 0;
        }
        return json_set_number(volume, "used", used) < 0 ||
                               json_set_value(volume, "owner",
                                              json_sprintf("%u:%u", status.st_uid, status.st_gid)) <
                                       0
                       ? -ENOMEM
                       : 0;
}

static int print_status(const json_t *volume, struct machine_error *error)
{
        static const char *const texts[] = { "name", "path", "owner", "made_by" };
        static const char *const names[] = { "name", "path", "owner", "made by" };
        _cleanup_free_ char *machines = join(json_object_get(volume, "machines"));
        _cleanup_free_ char *labels = join(json_object_get(volume, "labels"));
        _cleanup_free_ char *created = NULL;
        uint64_t usec = 0;
        char size[16], used[16];

        (void)json_get_number(volume, "created", &usec);
        created = cli_format_timestamp(usec);
        if (!machines || !labels || !created) {
                return error_oom(error);
        }
        for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
                const char *text = json_get_string(volume, texts[i]);

                printf("%s: %s\n", names[i], text ? text : "-");
        }
        printf("created: %s\nused: %s\nsize: %s\nlabels: %s\nmachines: %s\n", created,
               size_text(volume, "used", used), size_text(volume, "size", size), labels, machines);
        if (!json_is_true(json_object_get(volume, "complete"))) {
                puts("content: none yet");
        }
        return 0;
}

static int run_status(struct cli *cli, const struct volume_options *given, char **argv,
                      struct machine_error *error)
{
        _cleanup_volume_uses_ struct volume_uses uses = { 0 };
        _cleanup_json_ json_t *volume = NULL;
        int r = check_name(argv[0], error);

        r = r < 0 ? r : find_uses(cli, &uses, error);
        r = r < 0 ? r : describe(cli, &uses, argv[0], &volume, error);
        if (r == 0) {
                r = add_usage(volume) < 0 ? error_oom(error) : 0;
        }
        if (r < 0) {
                return r;
        }
        return cli->json != CLI_JSON_OFF ? cli_print_json(cli, TAKE_PTR(volume), error)
                                         : print_status(volume, error);
}

/* ---- export and import ---- */

static int image_arguments(const struct cli *cli, const char *verb, const struct volume *volume,
                           const char *file, char ***ret)
{
        const char *const more[] = { verb, "--", volume->path, file };
        int r = cli_image_arguments(cli, ret);

        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(more); i++) {
                r = strv_append(ret, more[i]);
        }
        return r;
}

/* The image program, which this process becomes, inherits the lock. */
static int run_export(struct cli *cli, const struct volume_options *given, char **argv,
                      struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_volume_access_ struct volume_access access = VOLUME_ACCESS_INIT;
        _cleanup_volume_ struct volume volume = VOLUME_INIT;
        _cleanup_strv_ char **arguments = NULL;
        int r = check_name(argv[0], error);

        r = r < 0 ? r : volume_access_open(&directories, &access, error);
        r = r < 0 ? r
                  : volume_access_claim(&directories, &access, argv[0], false, false, &volume,
                                        error);
        if (r < 0) {
                return r;
        }
        if (!volume_is_complete(&volume)) {
                return error_say(error, ENODATA, "volume \"%s\" has no content yet", argv[0]);
        }
        if (image_arguments(cli, "export-volume", &volume, argv[1] ? argv[1] : "-", &arguments) <
                    0 ||
            fcntl(access.trees, F_SETFD, 0) < 0) {
                return error_oom(error);
        }
        return image_execute(arguments, error);
}

static int load_definition(const struct cli *cli, const char *name, struct volume_definition **ret,
                           struct machine_error *error)
{
        _cleanup_free_ char *search_path = strv_join(cli->directories.config_path, ":");
        const struct config_options sources = { .search_path = search_path,
                                                .trust = { .required = true } };
        const struct machine nowhere = { 0 };

        return search_path ? config_load_volume_of(&nowhere, name, &sources, ret, error)
                           : error_oom(error);
}

/* Unpacks the archive next to the content, and then puts it in its place. */
static int import(const struct cli *cli, const struct volume *volume, const char *file,
                  struct machine_error *error)
{
        _cleanup_free_ char *failure =
                string_format("volume \"%s\" could not be imported", volume->name);
        _cleanup_strv_ char **arguments = NULL;
        int r;

        if (!failure || image_arguments(cli, "import-volume", volume, file, &arguments) < 0) {
                return error_oom(error);
        }
        r = image_run(arguments, failure, error);
        r = r < 0 ? r : volume_publish(volume, VOLUME_UNPACKED, error);
        if (r < 0) {
                (void)tree_remove(volume->fd, VOLUME_NEW, NULL);
        }
        return r;
}

static int check_replaceable(const struct volume *volume, bool force, struct machine_error *error)
{
        if (force || !volume_is_complete(volume)) {
                return 0;
        }
        error_say(error, EEXIST, "volume \"%s\" exists", volume->name);
        error_hint(error, "use another name, or --force to replace its content");
        return -EEXIST;
}

static int run_import(struct cli *cli, const struct volume_options *given, char **argv,
                      struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_(cleanup_definition) struct volume_definition *definition = NULL;
        _cleanup_volume_access_ struct volume_access access = VOLUME_ACCESS_INIT;
        _cleanup_volume_ struct volume volume = VOLUME_INIT;
        int r = check_name(argv[0], error);

        r = r < 0 ? r : load_definition(cli, argv[0], &definition, error);
        r = r < 0 ? r : volume_access_open(&directories, &access, error);
        r = r < 0 ? r
                  : volume_access_claim(&directories, &access, argv[0], true, true, &volume, error);
        r = r < 0 ? r : check_replaceable(&volume, given->force, error);
        r = r < 0 ? r : volume_describe(&volume, definition, NULL, error);
        r = r < 0 ? r : import(cli, &volume, argv[1], error);
        if (r < 0 && volume.fd >= 0) {
                volume_abandon(&volume);
        }
        return r;
}

/* ---- remove ---- */

/* Each is tried; the last failure is returned, the others are printed. */
static int run_remove(struct cli *cli, const struct volume_options *given, char **argv,
                      struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_volume_access_ struct volume_access access = VOLUME_ACCESS_INIT;
        int result = volume_access_open(&directories, &access, error);

        if (result < 0) {
                return result;
        }
        volume_collect(cli->directories.state);
        STRV_FOREACH(name, argv) {
                _cleanup_error_ struct machine_error failure = MACHINE_ERROR_INIT;
                int r = check_name(*name, &failure);

                r = r < 0 ? r : volume_access_remove(&directories, &access, *name, &failure);
                if (r < 0) {
                        log_replace_failure(&cli->log, &result, error, r, &failure);
                }
        }
        return result;
}

/* ---- The verb ---- */

static const struct {
        const char *name;
        int minimum, maximum; /* arguments */
        int (*run)(struct cli *cli, const struct volume_options *given, char **argv,
                   struct machine_error *error);
} actions[] = {
        { "list", 0, 0, run_list },        { "status", 1, 1, run_status },
        { "export", 1, 2, run_export },    { "import", 2, 2, run_import },
        { "remove", 1, 1000, run_remove },
};

static int run_volume(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        struct volume_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r > 0 ? 0 : r;
        }
        for (size_t i = 0; argc > 0 && i < ELEMENTS_OF(actions); i++) {
                if (!string_equal(argv[0], actions[i].name) || argc - 1 < actions[i].minimum ||
                    argc - 1 > actions[i].maximum ||
                    (given.force && actions[i].run != run_import)) {
                        continue;
                }
                r = cli_enter_user(cli, error);
                return r < 0 ? r : actions[i].run(cli, &given, argv + 1, error);
        }
        return cli_usage_error(verb, error,
                               "expected \"list\", \"status NAME\", \"export NAME [FILE|-]\", "
                               "\"import NAME FILE|-\" or \"remove NAME..\"");
}

const struct verb verb_volume = {
        .name = "volume",
        .arguments = "list|status|export|import|remove [NAME [FILE]]",
        .summary = "show, archive or remove volumes",
        .options = options,
        .run = run_volume,
};
