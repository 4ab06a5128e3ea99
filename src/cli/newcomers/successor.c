/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/newcomers/successor.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/machines/definition.h"
#include "config/read/name.h"
#include "launch/launch.h"
#include "systemd/manager.h"

void successor_unlock(const struct state_store *store, const char *name, int lock)
{
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_free_ char *path =
                store->path && name ? string_format("%s/%s.lock", store->path, name) : NULL;
        struct stat held, named;

        if (lock >= 0 && path && state_load(store, name, &record, NULL) == -ENOENT &&
            fstat(lock, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino) {
                (void)state_remove(store, name, NULL);
        }
        fd_close(lock);
}

void predecessor_close(struct predecessor *predecessor)
{
        successor_unlock(&predecessor->store, predecessor->name, predecessor->lock);
        successor_unlock(&predecessor->store, predecessor->new_name, predecessor->new_lock);
        state_store_close(&predecessor->store);
        free(predecessor->name);
        free(predecessor->definition);
        free(predecessor->new_name);
        *predecessor = (struct predecessor)PREDECESSOR_INIT;
}

/* In the order of the names, so that two commands do not wait for each other. */
static int lock_both(struct predecessor *machine, const char *name, struct machine_error *error)
{
        bool first = !name || strcmp(machine->name, name) < 0;

        if (!first) {
                machine->new_lock = state_lock(&machine->store, name, error);
                if (machine->new_lock < 0) {
                        return machine->new_lock;
                }
        }
        machine->lock = state_lock(&machine->store, machine->name, error);
        if (machine->lock >= 0 && first && name) {
                machine->new_lock = state_lock(&machine->store, name, error);
                return machine->new_lock < 0 ? machine->new_lock : 0;
        }
        return machine->lock < 0 ? machine->lock : 0;
}

static int refuse_running(const struct machine_record *record, struct machine_error *error)
{
        if (!machine_state_is_live(record->state) || !process_is_alive(&record->supervisor)) {
                return 0;
        }
        error_say(error, EBUSY, "machine \"%s\" is %s", record->name,
                  machine_state_name(record->state));
        error_hint(error, "stop it first: machinectl-lite stop %s", record->name);
        return -EBUSY;
}

static bool has_layer(const struct cli *cli, const char *name)
{
        _cleanup_free_ char *path = string_format("%s/machines/%s", cli->directories.state, name);

        return path && access(path, F_OK) == 0;
}

/* The machine's record, if it has one, and its definition. */
static int settle(struct cli *cli, const char *argument, struct predecessor *machine,
                  struct machine_error *error)
{
        const struct launch_directories directories = cli_launch_directories(cli);
        _cleanup_record_ struct machine_record record = { 0 };
        int r = state_load(&machine->store, machine->name, &record, error);
        bool known = r == 0;

        if (r < 0 && r != -ENOENT) {
                return r;
        }
        r = known ? refuse_running(&record, error) : 0;
        if (r == 0 && known && machine_state_is_live(record.state)) {
                r = launch_undo(&directories, &record, &cli->log, error);
        }
        if (r < 0) {
                return r;
        }
        if (cli_find_definition(cli, argument, &machine->definition) == 0) {
                return 0;
        }
        machine->definition = TAKE_PTR(record.definition);
        if (known || has_layer(cli, machine->name)) {
                return 0;
        }
        error_say(error, ENOENT, "no such machine: \"%s\"", argument);
        error_hint(error, "machinectl-lite list --all shows known machines");
        return error_kind(error, MACHINE_ERROR_NO_INPUT);
}

int predecessor_open(struct cli *cli, const struct verb *verb, const char *argument,
                     const char *name, struct predecessor *ret, struct machine_error *error)
{
        int r = cli_machine_name(cli, verb, argument, &ret->name, error);

        if (r == 0 && name && !path_is_component(name)) {
                r = cli_usage_error(verb, error, "\"%s\" is not a name: " CONFIG_NAME_RULE, name);
        }
        if (r == 0 && string_equal(name, ret->name)) {
                r = cli_usage_error(verb, error, "\"%s\" is its name already", name);
        }
        if (r == 0 && string_replace(&ret->new_name, name) < 0) {
                r = error_oom(error);
        }
        r = r < 0 ? r : cli_open_store(cli, &ret->store, error);
        r = r < 0 ? r : lock_both(ret, name, error);
        return r < 0 ? r : settle(cli, argument, ret, error);
}

bool predecessor_is_enabled(const struct cli *cli, const char *name)
{
        _cleanup_free_ char *unit = systemd_unit_of(name), *pattern = NULL;
        const char *home = getenv("XDG_CONFIG_HOME");
        glob_t found = { 0 };
        bool enabled;

        if (!unit || !cli->directories.usual || !systemd_is_booted()) {
                return false;
        }
        if (caller_is_root()) {
                pattern = string_format("/etc/systemd/system/*.wants/%s", unit);
        } else {
                pattern = home && *home ? string_format("%s/systemd/user/*.wants/%s", home, unit)
                                        : string_format("%s/.config/systemd/user/*.wants/%s",
                                                        getenv("HOME") ? getenv("HOME") : "", unit);
        }
        enabled = pattern && glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
        globfree(&found);
        return enabled;
}

/* ---- The new name ---- */

int successor_check_name(const struct cli *cli, const struct state_store *store, const char *name,
                         struct machine_error *error)
{
        _cleanup_record_ struct machine_record record = { 0 };
        _cleanup_free_ char *taken = NULL;

        if (!config_name_is_valid(name)) {
                error_say(error, EINVAL, "\"%s\" cannot be the name of a machine", name);
                error_hint(error, "a name has " CONFIG_NAME_RULE);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        if (cli_find_definition(cli, name, &taken) == 0) {
                return error_say(error, EEXIST, "there is a machine \"%s\" already: %s", name,
                                 taken);
        }
        if (state_load(store, name, &record, NULL) == 0 || has_layer(cli, name)) {
                error_say(error, EEXIST, "there is a machine \"%s\" already%s%s", name,
                          record.definition ? ": " : "",
                          record.definition ? record.definition : "");
                error_hint(error,
                           "choose another name, or delete that one: machinectl-lite delete %s",
                           name);
                return -EEXIST;
        }
        return 0;
}

/* A definition with a name of its own, which nobody else manages. */
int predecessor_check(const struct cli *cli, const struct predecessor *machine, bool any_source,
                      struct machine_error *error)
{
        const char *definition = machine->definition;
        _cleanup_free_ char *own = string_format("/%s.machine", machine->name);

        if (!own) {
                return error_oom(error);
        }
        if (definition && string_ends_with(definition, ".pod")) {
                error_say(error, EINVAL,
                          "\"%s\" is a pod, whose name its members have in their "
                          "definitions",
                          machine->name);
                error_hint(error,
                           "this is for machines; write another NAME.pod, and name it there");
                return -EINVAL;
        }
        if (!any_source && definition && path_is_below(definition, cli->directories.stored)) {
                error_say(error, EINVAL,
                          "the definition of machine \"%s\" was applied from a source",
                          machine->name);
                error_hint(error, "change it there, and apply it: machinectl-lite apply");
                return -EINVAL;
        }
        if (!any_source && definition && !string_ends_with(definition, own)) {
                error_say(error, EINVAL, "machine \"%s\" has no definition of its own, but %s",
                          machine->name, definition);
                error_hint(error, "an instance of a template is made by starting it: "
                                  "machinectl-lite start TEMPLATE@INSTANCE");
                return -EINVAL;
        }
        return 0;
}

int successor_check(const struct cli *cli, const struct predecessor *machine, const char *name,
                    struct machine_error *error)
{
        int r = predecessor_check(cli, machine, false, error);

        return r < 0 ? r : successor_check_name(cli, &machine->store, name, error);
}

static int check_directory(const char *path, struct machine_error *error)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *directory = strndup(path, (size_t)(slash - path));

        return !directory ? error_oom(error)
               : access(directory, W_OK) < 0
                       ? error_set(error, errno, "cannot write to %s", directory)
                       : 0;
}

int successor_check_paths(const struct moves *moves, struct machine_error *error)
{
        struct stat status;
        int r = 0;

        for (size_t i = 0; r == 0 && moves->paths && moves->paths[i]; i += 2) {
                if (lstat(moves->paths[i], &status) < 0) {
                        continue;
                }
                r = check_directory(moves->paths[i], error);
                if (r == 0 && lstat(moves->paths[i + 1], &status) == 0) {
                        error_say(error, EEXIST, "%s exists", moves->paths[i + 1]);
                        error_hint(error, "choose another name, or remove it");
                        r = -EEXIST;
                }
        }
        return r;
}
