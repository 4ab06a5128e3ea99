/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "base/rights/caller.h"
#include "base/rights/way.h"
#include "base/strings.h"

/* Directories where a machine writes with the host's ids although users of the host can reach them.
 * Starting the machine fails for some of them; this reports them in advance. A directory that is
 * missing or cannot be examined without root has no finding. */

static int warn(struct config_definition *definition, const char *key, size_t index, char *message,
                char *hint)
{
        struct config_place place = config_definition_place(definition, key, index);

        return config_report(definition->diagnostics, DIAGNOSTIC_WARNING, &place, message, hint);
}

static int check_in_place(struct config_definition *definition)
{
        const struct machine_root *root = &definition->machine->root;
        struct stat judged;

        if (root->source != MACHINE_ROOT_DIRECTORY || root->upper != MACHINE_UPPER_IN_PLACE ||
            root->read_only || !root->directory || way_is_open_to(root->directory, &judged) != 1 ||
            !S_ISDIR(judged.st_mode)) {
                return 0;
        }
        return warn(definition, "rootfs", SIZE_MAX,
                    string_format("users of the host can reach %s, where the machine's root would "
                                  "write as %s: the machine cannot be started",
                                  root->directory, way_owner()),
                    way_closing(root->directory));
}

static int check_upper(struct config_definition *definition)
{
        const char *path = definition->machine->root.upper_directory;
        _cleanup_free_ char *quoted = path ? string_shell_quoted(path) : NULL;
        _cleanup_close_ int fd = -EBADF;

        if (!path) {
                return 0;
        }
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || way_is_open(fd, true) != 1) {
                return 0;
        }
        return warn(definition, "upper", SIZE_MAX,
                    string_format("users of the host can enter %s, where the machine's root would "
                                  "write as %s: the machine cannot be started",
                                  path, way_owner()),
                    string_format("chown %s %s && chmod 0700 %s",
                                  caller_is_root() ? "root:root" : "$USER:", quoted ? quoted : path,
                                  quoted ? quoted : path));
}

static bool has_option(const struct machine_mount *mount, const char *option)
{
        return strv_contains(mount->options, option);
}

static int check_mount(struct config_definition *definition, size_t index)
{
        const struct machine_mount *mount = &definition->machine->mounts[index];
        bool mapped = definition->machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE;
        bool host = mount->map == MACHINE_MOUNT_MAP_HOST || has_option(mount, "idmap") || !mapped;
        struct stat judged;

        if (mount->type != MACHINE_MOUNT_BIND || !mount->source || mount->read_only ||
            has_option(mount, "ro") ||
            (mapped && (mount->map == MACHINE_MOUNT_MAP_MACHINE || has_option(mount, "noidmap"))) ||
            way_is_open_to(mount->source, &judged) != 1) {
                return 0;
        }
        if (!S_ISDIR(judged.st_mode) && !S_ISREG(judged.st_mode)) {
                return 0;
        }
        return warn(definition, "mounts", index,
                    host ? string_format("users of the host can reach %s, where the machine's root "
                                         "writes as root of the host",
                                         mount->source)
                         : string_format(
                                   "users of the host can reach %s, so its files use the machine's "
                                   "ids: the machine's root is not the owner of root's files",
                                   mount->source),
                    host ? way_closing(mount->source)
                         : strdup("write read_only = true; or map = \"machine\"; if that is "
                                  "intended, otherwise deny users access to a parent directory"));
}

int config_check_places(struct config_definition *definition)
{
        int r;

        if (!definition->machine) {
                return 0;
        }
        r = check_in_place(definition);
        r = r < 0 ? r : check_upper(definition);
        /* A user's files have the same ids in his machines. */
        for (size_t i = 0; r == 0 && caller_is_root() && i < definition->machine->mount_count;
             i++) {
                r = check_mount(definition, i);
        }
        return r;
}
