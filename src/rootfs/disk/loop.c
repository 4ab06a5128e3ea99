/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/disk/loop.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

#define LOOP_CONTROL "/dev/loop-control"

/* Other programs take free devices as well. */
#define ATTEMPTS 64

/* Of the table, which has a line for each shared device. */
#define TABLE_MAXIMUM (1u << 20)

static int explain_control(int number, struct machine_error *error)
{
        error_set(error, number, "cannot get a loop device: %s", LOOP_CONTROL);
        error_hint(error, number == ENOENT || number == ENODEV || number == ENXIO
                                  ? "load the kernel's module: modprobe loop; in a container, pass "
                                    "the devices /dev/loop* on"
                                  : "images are mounted by root of the host");
        return -number;
}

static void device_path(int number, char ret_path[DISK_DEVICE_BYTES])
{
        snprintf(ret_path, DISK_DEVICE_BYTES, "/dev/loop%d", number);
}

static int open_device(int number, bool write, char ret_path[DISK_DEVICE_BYTES])
{
        int fd;

        device_path(number, ret_path);
        fd = open(ret_path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static int configure(int device, const struct loop_part *part)
{
        struct loop_config config = {
                .fd = (uint32_t)part->fd,
                .block_size = part->block_size,
                .info = {
                        .lo_offset = part->offset,
                        .lo_sizelimit = part->size,
                        /* The kernel reads through its cache where the file system below cannot
                         * do direct I/O. */
                        .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                                    (part->write ? 0 : LO_FLAGS_READ_ONLY),
                },
        };

        snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s",
                 part->path);
        return ioctl(device, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

/* Returns the number of the device. */
static int make_device(const struct loop_part *part, int *ret_fd, char ret_path[DISK_DEVICE_BYTES],
                       struct machine_error *error)
{
        _cleanup_close_ int control = open(LOOP_CONTROL, O_RDWR | O_CLOEXEC);

        if (control < 0) {
                return explain_control(errno, error);
        }
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                int number = ioctl(control, LOOP_CTL_GET_FREE);
                _cleanup_close_ int fd = -EBADF;
                int r;

                if (number < 0) {
                        return explain_control(errno, error);
                }
                fd = open_device(number, part->write, ret_path);
                if (fd < 0) {
                        error_set(error, fd, "cannot open the loop device %s", ret_path);
                        error_hint(error, "in a container, pass the devices /dev/loop* on");
                        return fd;
                }
                r = configure(fd, part);
                if (r == 0) {
                        *ret_fd = TAKE_FD(fd);
                        return number;
                }
                if (r != -EBUSY) {
                        return error_set(error, r,
                                         "cannot make the loop device %s of the image "
                                         "\"%s\"",
                                         ret_path, part->path);
                }
        }
        return error_say(error, EBUSY,
                         "cannot get a loop device: others took each one that was free");
}

/* ---- Sharing ---- */

/* Whether a device shows this part. It is open, so it stays what it is. */
static bool shows(int device, const struct loop_part *part)
{
        struct loop_info64 info;
        struct stat status;

        return fstat(part->fd, &status) == 0 && ioctl(device, LOOP_GET_STATUS64, &info) == 0 &&
               info.lo_device == status.st_dev && info.lo_inode == status.st_ino &&
               info.lo_offset == part->offset && info.lo_sizelimit == part->size &&
               !(info.lo_flags & LO_FLAGS_READ_ONLY) == part->write;
}

/* The name of a part in the table. */
static char *key_of(const struct loop_part *part)
{
        struct stat status;

        return fstat(part->fd, &status) < 0
                       ? NULL
                       : string_format("%s:%llx:%llx:%llx:%llx ", part->write ? "write" : "read",
                                       (unsigned long long)status.st_dev,
                                       (unsigned long long)status.st_ino,
                                       (unsigned long long)part->offset,
                                       (unsigned long long)part->size);
}

static int find_shared(const struct loop_part *part, char *const *lines, const char *key,
                       char ret_path[DISK_DEVICE_BYTES])
{
        STRV_FOREACH(line, lines) {
                const char *number = string_after(*line, key);
                int fd = number ? open_device(atoi(number), false, ret_path) : -ENOENT;

                if (fd >= 0 && shows(fd, part)) {
                        return fd;
                }
                fd_close(fd);
        }
        return -ENOENT;
}

/* Whether the device of a line still is one: those of files that no machine uses are forgotten. */
static bool is_in_use(const char *line)
{
        const char *number = strchr(line, ' ');
        char path[DISK_DEVICE_BYTES];
        struct loop_info64 info;
        _cleanup_close_ int fd = number ? open_device(atoi(number + 1), false, path) : -ENOENT;

        return fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0;
}

static int write_table(int table, char *const *lines, const char *key, int number)
{
        _cleanup_strv_ char **kept = NULL;
        _cleanup_free_ char *text = NULL;
        int r = strv_take(&kept, string_format("%s%d", key, number));

        STRV_FOREACH(line, lines) {
                if (r == 0 && **line && !string_after(*line, key) && is_in_use(*line)) {
                        r = strv_append(&kept, *line);
                }
        }
        text = r == 0 ? strv_join(kept, "\n") : NULL;
        return text ? file_rewrite(table, text) : -ENOMEM;
}

/* The table, with the lock: two starts at once would make a device each. */
static int open_table(const char *path, char ***ret_lines, struct machine_error *error)
{
        _cleanup_close_ int fd = file_lock(AT_FDCWD, path, LOCK_EX);
        _cleanup_free_ char *text = NULL;
        int r = fd < 0 ? fd : file_read_fd(fd, TABLE_MAXIMUM, &text, NULL);

        if (r == 0) {
                r = strv_split(text, '\n', ret_lines);
        }
        return r < 0 ? error_set(error, r, "cannot read the table of loop devices, \"%s\"", path)
                     : TAKE_FD(fd);
}

static int make_listed(const struct loop_part *part, int table, char *const *lines, const char *key,
                       char ret_path[DISK_DEVICE_BYTES], struct machine_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        int r, number = make_device(part, &fd, ret_path, error);

        if (number < 0) {
                return number;
        }
        r = write_table(table, lines, key, number);
        return r < 0 ? error_set(error, r, "cannot write the table of loop devices") : TAKE_FD(fd);
}

int loop_open(const struct loop_part *part, const char *table, char ret_path[DISK_DEVICE_BYTES],
              struct machine_error *error)
{
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *key = key_of(part);
        _cleanup_close_ int table_fd = open_table(table, &lines, error);
        int fd = -ENOENT;

        if (table_fd < 0) {
                return table_fd;
        }
        if (!key) {
                return error_oom(error);
        }
        if (!part->write) {
                fd = find_shared(part, lines, key, ret_path);
        }
        return fd >= 0 ? fd : make_listed(part, table_fd, lines, key, ret_path, error);
}

int loop_open_written(const struct loop_part *part, const char *table,
                      char ret_path[DISK_DEVICE_BYTES], struct machine_error *error)
{
        struct loop_part written = *part;
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *key = NULL;
        _cleanup_close_ int table_fd = open_table(table, &lines, error);

        if (table_fd < 0) {
                return table_fd;
        }
        written.write = true;
        key = key_of(&written);
        return key ? find_shared(&written, lines, key, ret_path) : error_oom(error);
}
