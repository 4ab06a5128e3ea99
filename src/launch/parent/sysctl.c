/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kernel parameters of the machine's own namespaces. */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "launch/context.h"

/* Parameters that the kernel keeps per namespace; all others are the host's. A name that ends with
 * "." stands for all parameters below it. */
static const struct {
        const char *name;
        enum machine_namespace kind;
} namespaced[] = {
        { "net.", MACHINE_NAMESPACE_NETWORK },
        { "fs.mqueue.", MACHINE_NAMESPACE_IPC },
        { "kernel.auto_msgmni", MACHINE_NAMESPACE_IPC },
        { "kernel.msg_next_id", MACHINE_NAMESPACE_IPC },
        { "kernel.msgmax", MACHINE_NAMESPACE_IPC },
        { "kernel.msgmnb", MACHINE_NAMESPACE_IPC },
        { "kernel.msgmni", MACHINE_NAMESPACE_IPC },
        { "kernel.sem", MACHINE_NAMESPACE_IPC },
        { "kernel.sem_next_id", MACHINE_NAMESPACE_IPC },
        { "kernel.shm_next_id", MACHINE_NAMESPACE_IPC },
        { "kernel.shm_rmid_forced", MACHINE_NAMESPACE_IPC },
        { "kernel.shmall", MACHINE_NAMESPACE_IPC },
        { "kernel.shmmax", MACHINE_NAMESPACE_IPC },
        { "kernel.shmmni", MACHINE_NAMESPACE_IPC },
        /* A bare machine's alone: others have keys for them. */
        { "kernel.domainname", MACHINE_NAMESPACE_UTS },
        { "kernel.hostname", MACHINE_NAMESPACE_UTS },
};

static const char *const namespace_names[MACHINE_NAMESPACES] = {
        [MACHINE_NAMESPACE_NETWORK] = "network",
        [MACHINE_NAMESPACE_IPC] = "ipc",
        [MACHINE_NAMESPACE_UTS] = "uts",
};

/* A joined namespace may be the host's, whatever its path. */
static bool is_of_host(const char *path, const char *own)
{
        struct stat joined, host;

        return stat(path, &joined) < 0 || stat(own, &host) < 0 ||
               (joined.st_ino == host.st_ino && joined.st_dev == host.st_dev);
}

static bool has_own(const struct machine *machine, enum machine_namespace kind)
{
        static const char *const files[MACHINE_NAMESPACES] = {
                [MACHINE_NAMESPACE_NETWORK] = "/proc/self/ns/net",
                [MACHINE_NAMESPACE_IPC] = "/proc/self/ns/ipc",
                [MACHINE_NAMESPACE_UTS] = "/proc/self/ns/uts",
        };
        const struct machine_namespace_choice *given = &machine->namespaces.given[kind];

        if (machine->bare) {
                return given->set == MACHINE_NAMESPACE_NEW ||
                       (given->set == MACHINE_NAMESPACE_JOINED &&
                        !is_of_host(given->path, files[kind]));
        }
        switch (kind) {
        case MACHINE_NAMESPACE_NETWORK:
                return machine->network.mode != MACHINE_NETWORK_HOST;
        case MACHINE_NAMESPACE_IPC:
                return machine->namespaces.ipc;
        default:
                return false;
        }
}

/* Splits "key=value" and turns the key into the path below /proc/sys. As in sysctl(8), if the first
 * separator is a slash, slashes separate and dots are part of names (interfaces). */
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

/* Letters, digits and the punctuation of the kernel's names: nothing that could lead elsewhere
 * (CVE-2022-0811). */
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
                enum machine_namespace kind = namespaced[i].kind;

                if (!rest || (*rest && !string_ends_with(name, ".")) ||
                    (kind == MACHINE_NAMESPACE_UTS && !machine->bare)) {
                        continue;
                }
                if (has_own(machine, kind)) {
                        return 0;
                }
                error_say(error, EPERM,
                          "sysctl \"%s\" would change the host: the machine shares "
                          "the host's %s namespace",
                          key, namespace_names[kind]);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        error_say(error, EPERM,
                  "sysctl \"%s\" is not specific to a namespace: it would change the host", key);
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
                        error_say(error, EINVAL, "invalid sysctl name \"%s\"", key);
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

/* The file must belong to procfs itself, whatever is mounted inside it (CVE-2025-52881). */
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

int launch_write_sysctls(const struct machine *machine, int proc_fd, bool rehearsal,
                         struct machine_error *error)
{
        STRV_FOREACH(entry, machine->sysctl) {
                _cleanup_free_ char *key = NULL, *path = NULL;
                const char *value;
                int r = split(*entry, &key, &path, &value, error);

                if (r < 0) {
                        return r;
                }
                r = write_one(proc_fd, path, value);
                if (r == -ENOENT && rehearsal && string_after(key, "net.")) {
                        continue;
                }
                if (r < 0) {
                        return error_set(error, r, "cannot set the sysctl \"%s\" to \"%s\"", key,
                                         value);
                }
        }
        return 0;
}
