/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/tree.h"
#include "base/tree/tree_copy.h"
#include "cli/machines/definition.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/newcomers/newcomer.h"
#include "cli/newcomers/successor.h"
#include "cli/verbs/verbs.h"

static const struct cli_option options[] = {
        CLI_SETTING_OPTIONS,
        CLI_OPTIONS_END,
};

/* ---- Its files ---- */

/* Parts of a machine's directory that are its own. The first start of the clone makes "work". */
static const char *const parts[] = { "upper", "volumes", "image.json" };

static int copy_part(int from, int to, const char *name, struct machine_error *error)
{
        struct stat status;

        if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
                return errno == ENOENT ? 0 : error_set(error, errno, "cannot read %s", name);
        }
        if (S_ISDIR(status.st_mode)) {
                return tree_copy(from, name, to, name, error);
        }
        {
                _cleanup_close_ int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                _cleanup_close_ int target =
                        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                int r = source < 0 || target < 0 ? -errno : file_copy(source, target);

                return r < 0 ? error_set(error, r, "cannot copy %s", name) : 0;
        }
}

/* The writable layer and the image below it, if the machine has run. */
static int copy_files(const struct cli *cli, const char *name, const struct newcomer *newcomer,
                      struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/machines/%s", cli->directories.state, name);
        _cleanup_close_ int from = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        int r = 0;

        if (from < 0) {
                return path && errno == ENOENT
                               ? 0
                               : error_set(error, path ? errno : ENOMEM, "cannot open %s", path);
        }
        for (size_t i = 0; r == 0 && i < ELEMENTS_OF(parts); i++) {
                r = copy_part(from, newcomer->directory_fd, parts[i], error);
        }
        return r;
}

/* ---- Its definition ---- */

/* What two machines cannot have both. */
static const char *const clashing[] = {
        "hostname",         "machine_id",        "ports",
        "network.address",  "network.address6",  "network.mac",
        "networks.address", "networks.address6", "networks.mac",
};

/* Two machines cannot write to one directory. */
static int check_root(const struct machine *machine, struct machine_error *error)
{
        const char *directory =
                machine->root.upper == MACHINE_UPPER_DIRECTORY  ? machine->root.upper_directory
                : machine->root.upper == MACHINE_UPPER_IN_PLACE ? machine->root.directory
                                                                : NULL;

        if (!directory) {
                return 0;
        }
        error_say(error, EBUSY, "machine \"%s\" writes to %s, which its clone cannot have as well",
                  machine->name, directory);
        error_hint(error, "give the clone another one: --set %s",
                   machine->root.upper == MACHINE_UPPER_IN_PLACE
                           ? "rootfs=DIRECTORY, with a copy in it, or --set upper=persistent"
                           : "upper=DIRECTORY");
        return -EBUSY;
}

/* Whether the command line gives a key, by itself, in its group, or with an option of its own. */
static bool is_set(const struct cli_settings *settings, const char *key)
{
        for (size_t i = 0; i < settings->count; i++) {
                const struct config_setting *setting = &settings->items[i];
                size_t length = strcspn(setting->value, "=+");

                if (string_equal(setting->option, "port") && strcmp(key, "ports") == 0) {
                        return true;
                }
                if (string_equal(setting->option, "set") &&
                    strncmp(setting->value, key, length) == 0 &&
                    (key[length] == '\0' || key[length] == '.')) {
                        return true;
                }
        }
        return false;
}

static int write_clone(struct cli *cli, const struct machine *machine,
                       const struct cli_settings *settings, struct newcomer *newcomer,
                       struct machine_error *error)
{
        _cleanup_strv_ char **left_out = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < ELEMENTS_OF(clashing); i++) {
                bool dropped = false;
                int r = is_set(settings, clashing[i])
                                ? 0
                                : newcomer_drop(newcomer, clashing[i], &dropped, error);

                r = r == 0 && dropped ? strv_append(&left_out, clashing[i]) : r;
                if (r < 0) {
                        return r;
                }
        }
        list = strv_join(left_out, ", ");
        if (left_out && list) {
                log_notice(&cli->log,
                           "left out of the definition of \"%s\", because \"%s\" has it: %s; --set "
                           "gives others",
                           newcomer->name, machine->name, list);
        }
        return 0;
}

static int clone_machine(struct cli *cli, struct predecessor *source, const char *name,
                         const struct cli_settings *settings, const char *argument,
                         struct machine_error *error)
{
        _cleanup_newcomer_ struct newcomer newcomer = NEWCOMER_INIT;
        struct machine *machine = NULL;
        int r = successor_check(cli, source, name, error);

        if (r == 0 && !source->definition) {
                error_say(error, EINVAL, "machine \"%s\" was defined on the command line",
                          source->name);
                error_hint(error, "only a machine with a definition can be cloned");
                r = -EINVAL;
        }
        r = r < 0 ? r : cli_load_definition(cli, argument, settings, &machine, error);
        r = r < 0 ? r : check_root(machine, error);
        r = r < 0 ? r : cli_enter_user_for(cli, machine, error);
        r = r < 0 ? r : newcomer_begin(cli, name, source->definition, &newcomer, error);
        r = r < 0 ? r : newcomer_define(&newcomer, machine, error);
        r = r < 0 ? r : write_clone(cli, machine, settings, &newcomer, error);
        r = r < 0 ? r : copy_files(cli, source->name, &newcomer, error);
        r = r < 0 ? r : newcomer_publish(cli, &source->store, &newcomer, error);
        machine_free(machine);
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_predecessor_ struct predecessor source = PREDECESSOR_INIT;
        struct cli_settings settings = { 0 };
        int r = cli_parse(cli, verb, &settings, &argc, &argv, error);

        if (r == 0 && argc != 2) {
                r = cli_usage_error(verb, error, "expected a machine and the name of its clone");
        }
        r = r != 0 ? r : predecessor_open(cli, verb, argv[0], argv[1], &source, error);
        r = r != 0 ? r : clone_machine(cli, &source, argv[1], &settings, argv[0], error);
        free(settings.items);
        return r > 0 ? 0 : r;
}

const struct verb verb_clone = {
        .name = "clone",
        .arguments = "M NEW",
        .summary = "make a second machine from a stopped one",
        .options = options,
        .run = run,
};
