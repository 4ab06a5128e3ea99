/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/newcomers/newcomer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "cli/moves/moves.h"
#include "config/show.h"

static int set_paths(const struct cli *cli, const char *beside, struct newcomer *newcomer)
{
        const char *slash = beside ? strrchr(beside, '/') : NULL;
        _cleanup_free_ char *place = slash ? strndup(beside, (size_t)(slash - beside))
                                           : strdup(cli->directories.config_path[0]);
        const char *state = cli->directories.state, *name = newcomer->name;

        if (!place) {
                return -ENOMEM;
        }
        newcomer->directory = string_format("%s/machines/.%s.new", state, name);
        newcomer->final_directory = string_format("%s/machines/%s", state, name);
        newcomer->definition = string_format("%s/.%s.machine.new", place, name);
        newcomer->final_definition = string_format("%s/%s.machine", place, name);
        return newcomer->directory && newcomer->final_directory && newcomer->definition &&
                               newcomer->final_definition
                       ? 0
                       : -ENOMEM;
}

/* Before anything is copied: whether the definition can be written at the end. */
static int check_place(const struct newcomer *newcomer, struct machine_error *error)
{
        _cleanup_close_ int fd =
                open(newcomer->definition, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd < 0) {
                return error_set(error, errno, "cannot create %s", newcomer->definition);
        }
        return 0;
}

int newcomer_begin(const struct cli *cli, const char *name, const char *beside,
                   struct newcomer *ret, struct machine_error *error)
{
        _cleanup_free_ char *machines = string_format("%s/machines", cli->directories.state);
        int r;

        if (!ret->name) {
                ret->name = strdup(name);
        }
        if (!machines || !ret->name || set_paths(cli, beside, ret) < 0) {
                return error_oom(error);
        }
        r = directory_make(machines, 0700);
        if (r < 0) {
                return error_set(error, r, "cannot create %s", machines);
        }
        r = tree_remove(AT_FDCWD, ret->directory, error);
        r = r < 0 ? r : check_place(ret, error);
        if (r == 0 && mkdir(ret->directory, 0700) < 0) {
                r = error_set(error, errno, "cannot create %s", ret->directory);
        }
        if (r < 0) {
                return r;
        }
        ret->directory_fd = open(ret->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return ret->directory_fd < 0 ? error_set(error, errno, "cannot open %s", ret->directory)
                                     : 0;
}

int newcomer_define(struct newcomer *newcomer, const struct machine *machine,
                    struct machine_error *error)
{
        json_decref(newcomer->settings);
        newcomer->settings = NULL;
        return config_machine_json(machine, false, &newcomer->settings) < 0 ? error_oom(error) : 0;
}

int newcomer_drop(struct newcomer *newcomer, const char *key, bool *ret_dropped,
                  struct machine_error *error)
{
        const char *dot = strchr(key, '.');
        _cleanup_free_ char *group = dot ? strndup(key, (size_t)(dot - key)) : NULL;
        json_t *object =
                dot ? json_object_get(newcomer->settings, group ? group : "") : newcomer->settings;

        json_t *element;
        size_t index;

        if (dot && !group) {
                return error_oom(error);
        }
        *ret_dropped = json_object_del(object, dot ? dot + 1 : key) == 0;
        json_array_foreach(object, index, element)
        {
                *ret_dropped |= json_object_del(element, dot ? dot + 1 : key) == 0;
        }
        return 0;
}

char *newcomer_definition(const struct newcomer *newcomer)
{
        _cleanup_free_ char *text = strdup("");
        const char *key;
        json_t *value;

        json_object_foreach(newcomer->settings, key, value)
        {
                _cleanup_free_ char *shown = config_value_text(value);
                char *longer =
                        text && shown ? string_format("%s%s = %s;\n", text, key, shown) : NULL;

                free(text);
                text = longer;
                if (!text) {
                        return NULL;
                }
        }
        return TAKE_PTR(text);
}

int newcomer_publish(const struct cli *cli, const struct state_store *store,
                     struct newcomer *newcomer, struct machine_error *error)
{
        struct moves *moves = &newcomer->moves;
        _cleanup_free_ char *text = newcomer_definition(newcomer);
        int r = text ? file_write_atomic(AT_FDCWD, newcomer->definition, text, strlen(text), 0644)
                     : -ENOMEM;

        if (r < 0) {
                return error_set(error, r, "cannot write %s", newcomer->definition);
        }
        (void)syncfs(newcomer->directory_fd);
        if (moves_add(moves, strdup(newcomer->directory), strdup(newcomer->final_directory)) < 0 ||
            moves_add(moves, strdup(newcomer->definition), strdup(newcomer->final_definition)) <
                    0 ||
            string_replace(&moves->to, newcomer->name) < 0 ||
            string_replace(&moves->definition, newcomer->final_definition) < 0) {
                return error_oom(error);
        }
        r = moves_carry_out(cli, store, moves, error);
        newcomer->published = r == 0;
        return r;
}

void newcomer_clear(struct newcomer *newcomer)
{
        if (!newcomer->published && newcomer->directory) {
                (void)tree_remove(AT_FDCWD, newcomer->directory, NULL);
                (void)unlink(newcomer->definition);
        }
        free(newcomer->name);
        free(newcomer->directory);
        free(newcomer->final_directory);
        free(newcomer->definition);
        free(newcomer->final_definition);
        fd_close(newcomer->directory_fd);
        json_decref(newcomer->settings);
        moves_clear(&newcomer->moves);
        *newcomer = (struct newcomer)NEWCOMER_INIT;
}
