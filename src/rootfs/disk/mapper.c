/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/disk/mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"

#define CONTROL "/dev/mapper/control"

/* The kernel passes names on to udev; this prefix of the UUID keeps other programs away. */
#define UUID_PREFIX "machinectl-lite-"

/* Others may remove a device between its name and its opening. */
#define ATTEMPTS 16

/* An ioctl's header and what follows it. */
struct call {
        struct dm_ioctl header;
        union {
                struct dm_target_spec target;
                char bytes[4096];
        };
};

static void begin(struct call *call, const char *name, uint32_t flags)
{
        memset(call, 0, sizeof *call);
        call->header.version[0] = DM_VERSION_MAJOR;
        call->header.data_size = sizeof *call;
        call->header.data_start = offsetof(struct call, bytes);
        call->header.flags = flags;
        snprintf(call->header.name, sizeof call->header.name, "%s", name);
}

static int run(int control, unsigned long request, struct call *call)
{
        return ioctl(control, request, call) < 0 ? -errno : 0;
}

static int open_control(struct machine_error *error)
{
        int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

        if (fd >= 0) {
                return fd;
        }
        error_set(error, errno, "this kernel has no device mapper, which verified images need: %s",
                  CONTROL);
        error_hint(error, "load its modules: modprobe -a dm-mod dm-verity");
        return -ENODEV;
}

static int load(int control, const struct mapper_device *device)
{
        struct call call;
        size_t length = strlen(device->parameters);

        begin(&call, device->name, DM_READONLY_FLAG);
        if (sizeof call.target + length >= sizeof call.bytes) {
                return -E2BIG;
        }
        call.header.target_count = 1;
        call.target.length = device->sectors;
        snprintf(call.target.target_type, sizeof call.target.target_type, "%s", device->target);
        memcpy(call.bytes + sizeof call.target, device->parameters, length + 1);
        call.target.next = (uint32_t)((sizeof call.target + length + 1 + 7) & ~(size_t)7);
        return run(control, DM_TABLE_LOAD, &call);
}

static int remove_device(int control, const char *name, uint32_t flags)
{
        struct call call;

        begin(&call, name, flags);
        return run(control, DM_DEV_REMOVE, &call);
}

/* Opens the node that the kernel has made, and has it removed at its last close. */
static int open_deferred(int control, const char *name, uint64_t number,
                         char ret_path[DISK_DEVICE_BYTES])
{
        _cleanup_close_ int fd = -EBADF;
        struct stat info;
        int r;

        snprintf(ret_path, DISK_DEVICE_BYTES, "/dev/dm-%u", minor((dev_t)number));
        fd = open(ret_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &info) < 0) {
                return -errno;
        }
        if (info.st_rdev != (dev_t)number) {
                return -ENXIO;
        }
        r = remove_device(control, name, DM_DEFERRED_REMOVE);
        return r < 0 ? r : TAKE_FD(fd);
}

/* The device is opened and deferred before it is active: a process that is killed in between leaves
 * nothing. */
static int make(int control, const struct mapper_device *device, char ret_path[DISK_DEVICE_BYTES])
{
        struct call call;
        int fd, r;

        begin(&call, device->name, 0);
        snprintf(call.header.uuid, sizeof call.header.uuid, UUID_PREFIX "%.100s", device->name);
        r = run(control, DM_DEV_CREATE, &call);
        if (r < 0) {
                return r;
        }
        r = load(control, device);
        fd = r < 0 ? r : open_deferred(control, device->name, call.header.dev, ret_path);
        if (fd < 0) {
                (void)remove_device(control, device->name, 0);
                return fd;
        }
        begin(&call, device->name, DM_READONLY_FLAG);
        r = run(control, DM_DEV_SUSPEND, &call);
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        return fd;
}

static int find(int control, const char *name, char ret_path[DISK_DEVICE_BYTES])
{
        struct call call;
        int fd, r;

        begin(&call, name, 0);
        r = run(control, DM_DEV_STATUS, &call);
        if (r < 0) {
                return r;
        }
        /* One that is being made is active in a moment. */
        if (!(call.header.flags & DM_ACTIVE_PRESENT_FLAG)) {
                return -EAGAIN;
        }
        if (strncmp(call.header.uuid, UUID_PREFIX, strlen(UUID_PREFIX)) != 0) {
                return -EEXIST;
        }
        fd = open_deferred(control, name, call.header.dev, ret_path);
        return fd;
}

int mapper_open(const struct mapper_device *device, char ret_path[DISK_DEVICE_BYTES],
                struct machine_error *error)
{
        _cleanup_close_ int control = open_control(error);
        int r = control;

        for (int attempt = 0; control >= 0 && attempt < ATTEMPTS; attempt++) {
                r = find(control, device->name, ret_path);
                if (r == -ENXIO) {
                        r = make(control, device, ret_path);
                }
                if (r >= 0) {
                        return r;
                }
                /* Another start makes it, or its last user is just leaving. */
                if (r != -EBUSY && r != -EAGAIN && r != -ENXIO && r != -ENOENT) {
                        break;
                }
                (void)usleep(2000);
        }
        if (control >= 0) {
                error_set(error, r, "cannot make a device with the target %s", device->target);
                error_hint(error,
                           "load the kernel's module: modprobe dm-%s; its log (dmesg) has more",
                           device->target);
        }
        return r;
}

static int ask(const char *name, uint32_t flags, char *text, size_t size)
{
        _cleanup_close_ int control = open_control(NULL);
        struct call call;
        int r;

        if (control < 0) {
                return control;
        }
        begin(&call, name, flags);
        r = run(control, DM_TABLE_STATUS, &call);
        if (r == 0) {
                snprintf(text, size, "%.*s", (int)(sizeof call.bytes - sizeof call.target - 1),
                         call.bytes + sizeof call.target);
        }
        return r;
}

int mapper_status(const char *name, char *text, size_t size)
{
        return ask(name, 0, text, size);
}

int mapper_parameters(const char *name, char *text, size_t size)
{
        return ask(name, DM_STATUS_TABLE_FLAG, text, size);
}
