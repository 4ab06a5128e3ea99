/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process/signal_name.h"
#include "base/strings.h"
#include "image/execute.h"
#include "launch/context.h"
#include "launch/parent/image.h"

bool launch_wants_image(const struct launch *launch)
{
        return launch->machine->root.source == MACHINE_ROOT_IMAGE;
}

/* Whether the machine's writes are kept on top of layers that therefore must not change. */
static bool keeps_writes(const struct launch *launch)
{
        const struct machine_root *root = &launch->machine->root;

        return root->upper == MACHINE_UPPER_PERSISTENT && !root->read_only &&
               !launch->options.ephemeral;
}

static int find_image(const struct launch *launch, struct image_info *ret,
                      struct machine_error *error)
{
        const struct machine_root *root = &launch->machine->root;
        const char *state = launch->options.directories.state;
        int r;

        if (root->pull == MACHINE_PULL_ALWAYS) {
                r = image_fetch(state, root->image, error);
                return r < 0 ? r : image_resolve(state, root->image, ret, error);
        }
        r = image_resolve(state, root->image, ret, error);
        if (r == -ENOENT && root->pull == MACHINE_PULL_MISSING) {
                if (error) {
                        machine_error_clear(error);
                }
                r = image_fetch(state, root->image, error);
                if (r == 0) {
                        r = image_resolve(state, root->image, ret, error);
                }
        }
        return r;
}

/* A writable layer stays on top of the image that it was created on, even if the name refers to
 * another image now. */
static int resolve(const struct launch *launch, const char *directory, struct image_info *ret,
                   struct machine_error *error)
{
        _cleanup_free_ char *pinned = NULL, *reference = NULL;
        _cleanup_free_ char *upper = string_format("%s/upper", directory);
        int r = upper ? 0 : error_oom(error);

        if (r == 0 && !launch->options.current_image && access(upper, F_OK) == 0) {
                r = image_pinned(directory, &pinned, &reference, error);
        }
        if (r < 0) {
                return r;
        }
        if (!pinned) {
                return find_image(launch, ret, error);
        }
        return image_resolve(launch->options.directories.state, pinned, ret, error);
}

static int set_layers(struct machine *machine, const struct image_info *info)
{
        char **layers = strv_copy(info->layers);

        if (!layers) {
                return -ENOMEM;
        }
        strv_free(machine->root.layers);
        machine->root.layers = layers;
        return 0;
}

/* A mount in the definition at the volume's path, or above it, takes precedence. */
static bool is_covered(const struct machine *machine, const char *volume)
{
        for (size_t i = 0; i < machine->mount_count; i++) {
                if (path_is_below(volume, machine->mounts[i].target)) {
                        return true;
                }
        }
        return false;
}

/* Sorted, so that a volume inside another one is mounted after it. */
static int set_volumes(struct machine *machine, const struct image_info *info,
                       struct machine_error *error)
{
        _cleanup_strv_ char **volumes = NULL;

        STRV_FOREACH(volume, info->volumes) {
                _cleanup_free_ char *path = NULL;
                int r = path_normalize(*volume, &path);

                if (r == -EINVAL || (r == 0 && string_equal(path, "/"))) {
                        _cleanup_free_ char *printable = string_printable(*volume);

                        return error_say(error, EINVAL,
                                         "the image %s declares the volume \"%s\", which is not an "
                                         "absolute path below \"/\" without \"..\"",
                                         info->id, printable ? printable : "");
                }
                if (r == 0 && !is_covered(machine, path) && !strv_contains(volumes, path)) {
                        r = strv_take(&volumes, TAKE_PTR(path));
                }
                if (r < 0) {
                        return error_oom(error);
                }
        }
        strv_sort(volumes);
        strv_free(machine->root.volumes);
        machine->root.volumes = TAKE_PTR(volumes);
        return 0;
}

static int append_all(char ***strings, char *const *more)
{
        STRV_FOREACH(string, more) {
                if (strv_append(strings, *string) < 0) {
                        return -ENOMEM;
                }
        }
        return 0;
}

/* The definition's command replaces the image's entrypoint and command; its arguments replace only
 * the image's command. This is done only once, not again at a restart. */
static int set_command(struct machine_process *process, const struct image_info *info)
{
        _cleanup_strv_ char **command = NULL;
        int r;

        if (process->boot) {
                return 0;
        }
        r = append_all(&command, process->command ? process->command : info->entrypoint);
        if (r == 0 && (process->arguments || !process->command)) {
                r = append_all(&command, process->arguments ? process->arguments : info->command);
        }
        if (r < 0) {
                return r;
        }
        if (!command) {
                return -ENOEXEC;
        }
        strv_free(process->command);
        process->command = TAKE_PTR(command);
        strv_free(process->arguments);
        process->arguments = NULL;
        return 0;
}

/* The image's variables come first, so that the definition's override them. */
static int set_environment(struct machine_process *process, const struct image_info *info)
{
        _cleanup_strv_ char **environment = NULL;

        STRV_FOREACH(variable, info->environment) {
                if (!strv_contains(process->environment, *variable) &&
                    strv_append(&environment, *variable) < 0) {
                        return -ENOMEM;
                }
        }
        if (append_all(&environment, process->environment) < 0) {
                return -ENOMEM;
        }
        strv_free(process->environment);
        process->environment = TAKE_PTR(environment);
        return 0;
}

/* Docker treats "bob:" with an empty group as "bob", so images that contain it must work here. */
static int set_user(struct machine_process *process, const char *user)
{
        size_t length = strlen(user);

        if (length > 1 && user[length - 1] == ':') {
                length--;
        }
        process->user = strndup(user, length);
        return process->user ? 0 : -ENOMEM;
}

static int set_defaults(struct machine *machine, const struct image_info *info,
                        struct machine_error *error)
{
        struct machine_process *process = &machine->process;
        int r = set_layers(machine, info);

        if (r == 0) {
                r = set_command(process, info);
        }
        if (r == 0) {
                r = set_environment(process, info);
        }
        if (r == 0 && !process->user && info->user && !process->boot) {
                r = set_user(process, info->user);
        }
        /* Without a working directory in the image the default is "/", not the user's home, which
         * may not even exist. */
        if (r == 0 && !process->working_directory && !process->boot) {
                r = string_replace(&process->working_directory,
                                   info->working_directory ? info->working_directory : "/");
        }
        if (r == -ENOEXEC) {
                error_say(error, r, "neither the image nor the definition has a command");
                error_hint(error, "set command in the machine's definition");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        if (r < 0) {
                return error_oom(error);
        }
        if (info->stop_signal && !process->boot && !machine_origin_of(machine, "stop.signal")) {
                int signal = signal_parse(info->stop_signal);

                if (signal > 0) {
                        machine->life.stop_signal = signal;
                }
        }
        return 0;
}

static int pin(const char *directory, const struct image_info *info, struct machine_error *error)
{
        int r = directory_make(directory, 0700);

        return r < 0 ? error_set(error, r, "cannot create the state directory \"%s\"", directory)
                     : image_pin(directory, info, error);
}

/* Records the image for status and show. */
static int note(struct machine_record *record, struct image_info *info, struct machine_error *error)
{
        strv_free(record->exposed_ports);
        record->exposed_ports = TAKE_PTR(info->ports);
        return string_replace(&record->image, info->reference ? info->reference : info->id) < 0 ||
                               string_replace(&record->image_id, info->id) < 0
                       ? error_oom(error)
                       : 0;
}

int launch_set_up_image(struct launch *launch, struct machine_error *error)
{
        _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;
        _cleanup_free_ char *directory = string_format(
                "%s/machines/%s", launch->options.directories.state, launch->machine->name);
        int r = directory ? resolve(launch, directory, &info, error) : error_oom(error);

        if (r == 0 && keeps_writes(launch)) {
                r = pin(directory, &info, error);
        }
        launch->image_directory = !launch->machine->process.working_directory;
        if (r == 0) {
                r = set_defaults(launch->machine, &info, error);
        }
        if (r == 0) {
                r = set_volumes(launch->machine, &info, error);
        }
        if (r == 0) {
                r = note(&launch->record, &info, error);
        }
        if (r == 0) {
                launch->image_lock = TAKE_FD(info.lock);
        }
        return r;
}

int launch_tear_down_image(struct launch *launch, struct machine_error *error)
{
        launch->image_lock = fd_close(launch->image_lock);
        return 0;
}
