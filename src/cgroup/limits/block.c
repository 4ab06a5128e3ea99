/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup/limits/block.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

#define NUMBER_MAXIMUM 64

/* Parses "8:16", with or without a newline. */
static int read_device_number(const char *text, dev_t *ret)
{
        unsigned int device_major, device_minor;
        int length = 0;

        if (sscanf(text, "%u:%u%n", &device_major, &device_minor, &length) != 2 || length == 0 ||
            (text[length] && strcmp(text + length, "\n") != 0)) {
                return -EINVAL;
        }
        *ret = makedev(device_major, device_minor);
        return 0;
}

static int find_device(const char *device, const char *key, dev_t *ret, struct machine_error *error)
{
        struct stat status;

        if (device[0] != '/') {
                if (read_device_number(device, ret) == 0) {
                        return 0;
                }
                error_say(error, EINVAL, "%s: \"%s\" is neither an absolute path nor major:minor",
                          key, device);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        if (stat(device, &status) < 0) {
                return error_set(error, errno, "%s: cannot find the device %s", key, device);
        }
        if (!S_ISBLK(status.st_mode)) {
                error_say(error, ENOTBLK, "%s: %s is not a block device", key, device);
                error_hint(error,
                           "findmnt -o SOURCE --target %s shows the device below a directory",
                           device);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        *ret = status.st_rdev;
        return 0;
}

int block_find_disk(const char *device, const char *key, dev_t *ret, char ***warnings,
                    struct machine_error *error)
{
        _cleanup_free_ char *disk_number = NULL;
        char path[96];
        dev_t number, disk;
        int r = find_device(device, key, &number, error);

        if (r < 0) {
                return r;
        }
        snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(number), minor(number));
        if (access(path, F_OK) < 0) {
                return error_say(error, ENODEV, "%s: this host has no block device %u:%u", key,
                                 major(number), minor(number));
        }
        snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(number), minor(number));
        if (access(path, F_OK) < 0) {
                *ret = number;
                return 0;
        }
        snprintf(path, sizeof path, "/sys/dev/block/%u:%u/../dev", major(number), minor(number));
        r = file_read(AT_FDCWD, path, NUMBER_MAXIMUM, &disk_number, NULL);
        if (r == 0) {
                r = read_device_number(disk_number, &disk);
        }
        if (r < 0) {
                return error_set(error, r, "%s: cannot determine the disk of %s", key, device);
        }
        if (warnings &&
            strv_take(warnings, string_format("%s: %s is a partition; the kernel only limits whole "
                                              "disks, so the limit applies to the disk %u:%u",
                                              key, device, major(disk), minor(disk))) < 0) {
                return error_oom(error);
        }
        *ret = disk;
        return 0;
}
