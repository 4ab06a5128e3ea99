/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kernel parameters of the machine's own namespaces. */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/context.h"

/* The parameters that the kernel keeps per namespace; every other one is the host's. A name that
 * ends with "." stands for all below it. */
static const struct {
        const char *name;
        bool network; /* of the network namespace, else of the ipc namespace */
} namespaced[] = {
        { "net.", true },
        { "fs.mqueue.", false },
        { "kernel.auto_msgmni", false },
        { "kernel.msg_next_id", false },
        { "kernel.msgmax", false },
        { "kernel.msgmnb", false },
        { "kernel.msgmni", false },
        { "kernel.sem", false },
        { "kernel.sem_next_id", false },
        { "kernel.shm_next_id", false },
        { "kernel.shm_rmid_forced", false },
        { "kernel.shmall", false },
        { "kernel.shmmax", false },
        { "kernel.shmmni", false },
};

/* Splits "key=value" and turns the key into the path below /proc/sys. As in sysctl(8), when the
 * first separator is a slash, slashes separate and dots are part of names (interfaces). */
static int split(const char *entry, char **ret_key, char **ret_path, const char **ret_value,
                 struct machine_error *error)
{
        const char *equals = strchr(entry, '=');
        _cleanup_free_ char *key = equals ? strndup(entry, (size_t)(equals - entry)) : NULL;
        _cleanup_free_ char *path = NULL;

        if (!equals) {
                return error_say(error, EINVAL, "sysctl \"%s\" is not KEY=VALUE", entry);
        }
        path = key ? string_format("sys/%s", key) : NULL;
        if (!path) {
                return error_oom(error);
        }
        if (key[strcspn(key, "./")] == '.') {
                for (char *c = path + strlen("sys/"); *c; c++) {
                        *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
                }
        } else {
                for (char *c = key; *c; c++) {
                        *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
                }
        }
        *ret_key = TAKE_PTR(key);
        *ret_path = TAKE_PTR(path);
        *ret_value = equals + 1;
        return 0;
}

/* Letters, digits and what kernel names hold: nothing that could lead elsewhere (CVE-2022-0811). */
static bool is_plain(const char *path)
{
        return path[strspn(
                       path,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@:")] ==
                       '\0' &&
               !strstr(path, "..") && !strstr(path, "//");
}

static int check_one(const struct machine *machine, const char *key, struct machine_error *error)
{
        for (size_t i = 0; i < ELEMENTS_OF(namespaced); i++) {
                const char *name = namespaced[i].name;
                const char *rest = string_after(key, name);
                bool own = namespaced[i].network ? machine->network.mode != MACHINE_NETWORK_HOST
                                                 : machine->namespaces.ipc;

                if (!rest || (*rest && !string_ends_with(name, "."))) {
                        continue;
                }
                if (own) {
                        return 0;
                }
                error_say(error, EPERM,
                          "sysctl \"%s\" would change the host: the machine shares "
                          "the host's %s namespace",
                          key, namespaced[i].network ? "network" : "ipc");
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        error_say(error, EPERM,
                  "sysctl \"%s\" is not one that a namespace keeps for itself: it "
                  "would change the host",
                  key);
        error_hint(error,
                   strcmp(key, "kernel.hostname") == 0 || strcmp(key, "kernel.domainname") == 0
                           ? "use the keys hostname and domainname"
                           : "net.*, fs.mqueue.*, kernel.msg*, kernel.sem* and kernel.shm* "
                             "can be set; set others on the host");
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

int launch_check_sysctls(const struct machine *machine, struct machine_error *error)
{
        STRV_FOREACH(entry, machine->sysctl) {
                _cleanup_free_ char *key = NULL, *path = NULL;
                const char *value;
                int r = split(*entry, &key, &path, &value, error);

                if (r == 0 && !is_plain(path)) {
                        error_say(error, EINVAL, "sysctl \"%s\" is not the name of one", key);
                        r = error_kind(error, MACHINE_ERROR_DEFINITION);
                }
                if (r == 0) {
                        r = check_one(machine, key, error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

/* The file must be procfs' own, whatever is mounted inside it (CVE-2025-52881). */
static int write_one(int proc_fd, const char *path, const char *value)
{
        _cleanup_close_ int fd = path_open_no_links(proc_fd, path, O_WRONLY, 0);
        struct statfs status;

        if (fd < 0) {
                return fd;
        }
        if (fstatfs(fd, &status) < 0) {
                return -errno;
        }
        if (status.f_type != PROC_SUPER_MAGIC) {
                return -EXDEV;
        }
        return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int launch_write_sysctls(const struct machine *machine, int proc_fd, struct machine_error *error)
{
        STRV_FOREACH(entry, machine->sysctl) {
                _cleanup_free_ char *key = NULL, *path = NULL;
                const char *value;
                int r = split(*entry, &key, &path, &value, error);

                if (r < 0) {
                        return r;
                }
                r = write_one(proc_fd, path, value);
                if (r < 0) {
                        return error_set(error, r, "cannot set the sysctl \"%s\" to \"%s\"", key,
                                         value);
                }
        }
        return 0;
}
