/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "cli/machines/own.h"
#include "cli/output/print.h"
#include "cli/verbs/verbs.h"
#include "config/config.h"
#include "config/lock.h"

#define LOCK_SIZE_MAX (4U << 20)

struct lock_options {
        bool update;
        const char *only; /* the one name that --update moves, or NULL */
        const char *platform;
};

static int take_update(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        struct lock_options *given = data;

        given->update = true;
        given->only = value;
        return 0;
}

static int take_platform(const struct cli_option *option, const char *value, void *data,
                         struct machine_error *error)
{
        ((struct lock_options *)data)->platform = value;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "platform", "PLATFORM", "platform, such as linux/arm64/v8", take_platform },
        { 0, "update", "[REFERENCE]", "move images to what their names point to now", take_update },
        CLI_OPTIONS_END,
};

/* ---- The images of a tree ---- */

static int add_image(const char *path, const char *name, char ***images,
                     struct machine_error *error)
{
        const struct config_options reading = {
                .unlocked = true,
                .instance = string_ends_with(name, "@") ? "instance" : NULL,
        };
        _cleanup_diagnostics_ struct diagnostics diagnostics = { 0 };
        struct machine *machine = NULL;
        int r = config_load(path, &reading, &diagnostics, &machine, error);

        if (r < 0) {
                _cleanup_free_ char *text = diagnostics_format(&diagnostics, false);

                (void)file_write_all(STDERR_FILENO, text ? text : "", text ? strlen(text) : 0);
                return r;
        }
        if (machine->root.image && !strchr(machine->root.image, '@') &&
            !strv_contains(*images, machine->root.image) &&
            strv_append(images, machine->root.image) < 0) {
                r = error_oom(error);
        }
        machine_free(machine);
        return r;
}

static int add_directory(const char *directory, char ***images, struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = directory_list(AT_FDCWD, directory, ".machine", &names);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", directory);
        }
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = string_format("%s/%s.machine", directory, *name);

                r = r < 0 ? r : path ? add_image(path, *name, images, error) : error_oom(error);
        }
        return r;
}

static int find_images(const char *tree, char ***images, struct machine_error *error)
{
        _cleanup_free_ char *hosts = path_join(tree, "hosts");
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *host;
        int r = hosts ? add_directory(tree, images, error) : error_oom(error);

        if (r < 0 || directory_open_at(AT_FDCWD, hosts, &directory) < 0) {
                return r;
        }
        while (r == 0 && (host = directory_next(directory))) {
                _cleanup_free_ char *path = path_join(hosts, host->d_name);

                r = path ? add_directory(path, images, error) : error_oom(error);
        }
        return r;
}

/* ---- The lock ---- */

static int read_lock(const char *path, json_t **ret, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = file_read_text(path, LOCK_SIZE_MAX, &text, &length);

        if (r == -ENOENT) {
                *ret = json_pack("{s:{}}", "images");
                return *ret ? 0 : error_oom(error);
        }
        return r < 0 ? file_explain(r, "the lock of images", path, error)
                     : config_lock_parse(text, path, ret, error);
}

static json_t *make_entry(const json_t *found)
{
        const char *name = json_get_string(found, "Name");
        const char *digest = json_get_string(found, "Manifest");
        const char *os = json_get_string(found, "Os");
        const char *architecture = json_get_string(found, "Architecture");

        return name && digest && os && architecture
                       ? json_pack("{s:o,s:s,s:o}", "image", json_sprintf("%s@%s", name, digest),
                                   "digest", digest, "platform",
                                   json_sprintf("%s/%s", os, architecture))
                       : NULL;
}

/* Finds out what the name points to now. Returns 0 or -errno; *ret is a new reference. */
static int ask(const struct cli *cli, const char *image, const char *platform, json_t **ret,
               struct machine_error *error)
{
        _cleanup_free_ char *address = string_format("docker://%s", image);
        _cleanup_free_ char *option =
                platform ? string_format("--platform=%s", platform) : strdup("--json=short");
        const char *const arguments[] = { "inspect", "--json=short", option, address, NULL };
        _cleanup_free_ char *what = string_format("the digest of \"%s\" could not be found", image);
        _cleanup_json_ json_t *found = NULL;
        int r = address && option && what ? cli_ask_own(cli, arguments, what, &found, error)
                                          : error_oom(error);

        if (r < 0) {
                return r;
        }
        *ret = make_entry(found);
        return *ret ? 0 : error_say(error, EBADMSG, "%s", what);
}

static int lock_one(const struct cli *cli, const char *image, const struct lock_options *given,
                    const json_t *before, json_t *images, struct machine_error *error)
{
        json_t *known = json_object_get(before, image), *entry = NULL;
        bool moves = given->update && (!given->only || strcmp(given->only, image) == 0);
        int r = 0;

        if (known && !moves) {
                entry = json_incref(known);
        } else {
                r = ask(cli, image, given->platform, &entry, error);
        }
        if (r < 0) {
                return r;
        }
        if (cli->json == CLI_JSON_OFF && (!known || !json_equal(known, entry))) {
                (void)printf("%s %s\n", image, json_get_string(entry, "digest"));
        }
        return json_object_set_new(images, image, entry) < 0 ? error_oom(error) : 0;
}

static int write_lock(const struct cli *cli, const char *path, json_t *images,
                      struct machine_error *error)
{
        _cleanup_json_ json_t *lock =
                json_pack("{s:i,s:O}", "version", CONFIG_LOCK_VERSION, "images", images);
        _cleanup_free_ char *plain = lock ? json_dumps(lock, JSON_INDENT(2)) : NULL;
        _cleanup_free_ char *text = plain ? string_format("%s\n", plain) : NULL;
        int r = text ? file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644) : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot write %s", path);
        }
        return cli->json == CLI_JSON_OFF ? 0 : cli_print_json(cli, TAKE_PTR(lock), error);
}

/* The old lock stays if one of the images cannot be asked for. */
static int lock_tree(const struct cli *cli, const char *tree, const struct lock_options *given,
                     struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(tree, CONFIG_LOCK_FILE);
        _cleanup_json_ json_t *before = NULL, *images = json_object();
        _cleanup_strv_ char **names = NULL;
        int r = path && images ? read_lock(path, &before, error) : error_oom(error);

        r = r < 0 ? r : find_images(tree, &names, error);
        if (r == 0 && given->only && !strv_contains(names, given->only)) {
                r = error_say(error, ENOENT, "no definition in %s names the image \"%s\"", tree,
                              given->only);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
        }
        if (names) {
                strv_sort(names);
        }
        STRV_FOREACH(name, names) {
                r = r < 0 ? r
                          : lock_one(cli, *name, given, json_object_get(before, "images"), images,
                                     error);
        }
        return r < 0 ? r : write_lock(cli, path, images, error);
}

static int run_lock(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        struct lock_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected a directory of definitions");
        }
        return lock_tree(cli, argv[0], &given, error);
}

const struct verb verb_lock = {
        .name = "lock",
        .arguments = "DIRECTORY",
        .summary = "write the digests of all images to machines.lock",
        .options = options,
        .run = run_lock,
};
