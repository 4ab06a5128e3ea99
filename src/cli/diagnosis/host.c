/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of free ids, and of the file systems of the state directory. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/strings.h"
#include "cli/diagnosis/diagnosis.h"
#include "rootfs/mount/idmap.h"
#include "security/ids/id_map.h"
#include "security/ids/id_taken.h"

/* Below these a start fails, or soon will. */
#define SPACE_BAD     (UINT64_C(64) << 20)
#define SPACE_WARNING (UINT64_C(1) << 30)
#define INODES_FEW    UINT64_C(10000)

/* Stop counting here. */
#define RANGES_ENOUGH 1000
#define RANGES_FEW    100

int examine_id_ranges(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_id_taken_ struct id_taken taken = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct id_range range = { ID_RANGE_AUTO_FIRST, ID_RANGE_AUTO_COUNT };
        unsigned int found = 0;
        int r = id_taken_read("/etc", &taken, &error);

        if (r < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        for (; range.base <= ID_RANGE_AUTO_LAST && found < RANGES_ENOUGH;
             range.base += ID_RANGE_AUTO_COUNT) {
                struct id_range other;

                found += !id_taken_find(&taken, &range, &other);
        }
        if (found >= RANGES_FEW) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD, "%s%u ranges of 65536 ids are free",
                                     found == RANGES_ENOUGH ? "at least " : "", found);
        }
        diagnosis_say(ret, found == 0 ? DIAGNOSIS_BAD : DIAGNOSIS_WARNING,
                      "%u ranges of 65536 ids are free", found);
        return diagnosis_way_out(ret,
                                 "free ranges in /etc/subuid and /etc/subgid, or give machines "
                                 "a range with user_namespace");
}

char *diagnosis_existing_part(const char *directory)
{
        char *path = strdup(directory);

        while (path && strcmp(path, "/") != 0 && access(path, F_OK) < 0) {
                char *slash = strrchr(path, '/');

                slash[slash == path] = '\0';
        }
        return path;
}

static int try_mapped_mount(const char *path, struct machine_error *error)
{
        /* Any range will do. */
        static const struct id_range range = { ID_RANGE_AUTO_FIRST, ID_RANGE_AUTO_COUNT };
        _cleanup_close_ int namespace_fd = -EBADF, tree = -EBADF;
        struct tree_attributes attributes = { 0 };
        int r = user_namespace_create(&range, &namespace_fd, error);

        if (r < 0) {
                return r;
        }
        tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (tree < 0) {
                return error_set(error, errno, "cannot create a mount of \"%s\"", path);
        }
        attributes.user_namespace_fd = namespace_fd;
        return tree_set_attributes(tree, &attributes, "directory", path, error);
}

/* Each may be a mount of its own. */
static const char *const state_parts[] = { ".", "machines", "images", "layers" };

int examine_mapped_mounts(const struct cli *cli, struct diagnosis *ret)
{
        dev_t seen[ELEMENTS_OF(state_parts)];
        size_t count = 0;

        if (geteuid() != 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "only root can check this");
                return diagnosis_way_out(ret, "run machinectl-lite doctor as root");
        }
        for (size_t i = 0; i < ELEMENTS_OF(state_parts); i++) {
                _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
                _cleanup_free_ char *part = path_join(cli->directories.state, state_parts[i]);
                _cleanup_free_ char *path = part ? diagnosis_existing_part(part) : NULL;
                struct stat status;
                bool known = false;

                if (!path) {
                        return -ENOMEM;
                }
                if (stat(path, &status) < 0) {
                        error_set(&error, errno, "cannot stat \"%s\"", path);
                        return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
                }
                for (size_t k = 0; k < count; k++) {
                        known = known || seen[k] == status.st_dev;
                }
                if (!known && try_mapped_mount(path, &error) < 0) {
                        return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
                }
                seen[count++] = status.st_dev;
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "the file system of %s supports idmapped mounts",
                             cli->directories.state);
}

int examine_space(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *path = diagnosis_existing_part(cli->directories.state);
        struct statvfs status;
        uint64_t bytes;
        char text[16];

        if (!path) {
                return -ENOMEM;
        }
        if (statvfs(path, &status) < 0) {
                error_set(&error, errno, "cannot determine the free space of \"%s\"", path);
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        bytes = (uint64_t)status.f_bavail * status.f_frsize;
        quantity_format_size(bytes, text);
        if (bytes < SPACE_WARNING) {
                diagnosis_say(ret, bytes < SPACE_BAD ? DIAGNOSIS_BAD : DIAGNOSIS_WARNING,
                              "only %s free for %s", text, cli->directories.state);
                return diagnosis_way_out(ret, "remove unused images with machinectl-lite prune, or "
                                              "move the directory with --state-dir");
        }
        /* File systems that allocate inodes dynamically report 0 (statvfs(3)). */
        if (status.f_files > 0 && status.f_favail < INODES_FEW) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "only %llu inodes free for %s",
                              (unsigned long long)status.f_favail, cli->directories.state);
                return diagnosis_way_out(ret, "remove unused images with machinectl-lite prune, or "
                                              "move the directory with --state-dir");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "%s free for %s", text, cli->directories.state);
}
