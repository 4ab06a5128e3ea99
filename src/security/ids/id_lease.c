/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "security/ids/id_map.h"
#include "security/ids/id_taken.h"

#define AUTO_SLOTS ((ID_RANGE_AUTO_LAST - ID_RANGE_AUTO_FIRST) / ID_RANGE_AUTO_COUNT + 1)

#define LEASE_FILE "id-ranges"

/* The holder of a range, for messages: one record per 64Ki ids in the same file. Only the lock is
 * authoritative. */
struct lease_record {
        uint32_t base;
        uint32_t count;
        char name[NAME_MAX + 1];
};
#define RECORD_SIZE ((off_t)512)
_Static_assert(sizeof(struct lease_record) <= 512, "a record has a fixed size");

static off_t record_offset(uint32_t base)
{
        return (off_t)(base / ID_RANGE_AUTO_COUNT) * RECORD_SIZE;
}

static int open_lease_file(const char *runtime_directory, struct machine_error *error)
{
        _cleanup_free_ char *path = path_join(runtime_directory, LEASE_FILE);
        int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
        int fd;

        if (!path) {
                return error_oom(error);
        }
        fd = open(path, flags, 0600);
        if (fd < 0 && errno == ENOENT) {
                int r = directory_make(runtime_directory, 0755);

                if (r < 0) {
                        return error_set(error, r, "making %s failed", runtime_directory);
                }
                fd = open(path, flags, 0600);
        }
        return fd < 0 ? error_set(error, errno, "opening %s failed", path) : fd;
}

/* The kernel drops an open file description lock (fcntl(2)) with the last descriptor of this open:
 * no dead holder must be detected. The locked bytes are the ids themselves. Returns 0, -errno, or
 * -EBUSY with the conflicting range. */
static int lock_range(int fd, const struct id_range *range, struct id_range *ret_holder)
{
        struct flock lock = {
                .l_type = F_WRLCK,
                .l_whence = SEEK_SET,
                .l_start = range->base,
                .l_len = range->count,
        };

        if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
                return 0;
        }
        if (errno != EAGAIN && errno != EACCES) {
                return -errno;
        }
        if (fcntl(fd, F_OFD_GETLK, &lock) < 0) {
                return -errno;
        }
        if (lock.l_type == F_UNLCK) { /* released in the meantime: answer as before */
                *ret_holder = *range;
        } else {
                *ret_holder = (struct id_range){ (uint32_t)lock.l_start, (uint32_t)lock.l_len };
        }
        return -EBUSY;
}

static void write_record(int fd, const struct id_range *range, const char *name)
{
        struct lease_record record = { .base = range->base, .count = range->count };
        struct rlimit limit;

        /* Beyond RLIMIT_FSIZE a write would kill this process with SIGXFSZ. */
        if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY) {
                return;
        }
        snprintf(record.name, sizeof record.name, "%s", name);
        (void)!pwrite(fd, &record, sizeof record, record_offset(range->base));
}

static int busy(int fd, const struct id_range *range, const struct id_range *holder,
                struct machine_error *error)
{
        struct lease_record record = { 0 };
        bool known =
                pread(fd, &record, sizeof record, record_offset(holder->base)) == sizeof record &&
                record.base == holder->base && record.count == holder->count &&
                memchr(record.name, '\0', sizeof record.name);

        error_say(error, EBUSY,
                  "user_namespace: ids %" PRIu32 ":%" PRIu32 " overlap %" PRIu32 ":%" PRIu32
                  " of %s%s, which runs",
                  range->base, range->count, holder->base, holder->count,
                  known ? "machine " : "another machine", known ? record.name : "");
        error_hint(error, "choose another range, or \"auto\"");
        return -EBUSY;
}

static int lease_given(int fd, const struct machine *machine, const struct id_taken *taken,
                       struct id_range *ret, struct machine_error *error)
{
        struct id_range range = { machine->namespaces.user_base, machine->namespaces.user_count };
        struct id_range holder;
        int r;

        if (range.count == 0 || range.count > UINT32_MAX - range.base) {
                return error_say(error, EINVAL,
                                 "user_namespace: %" PRIu32 ":%" PRIu32 " is not a range of ids",
                                 range.base, range.count);
        }
        r = id_taken_explain(taken, &range, error);
        if (r < 0) {
                return r;
        }
        r = lock_range(fd, &range, &holder);
        if (r == -EBUSY) {
                return busy(fd, &range, &holder, error);
        }
        if (r < 0) {
                return error_set(error, r, "locking ids %" PRIu32 ":%" PRIu32 " failed", range.base,
                                 range.count);
        }
        *ret = range;
        return 0;
}

/* The first slot after a conflicting range, in whole slots. */
static uint32_t slot_after(const struct id_range *range)
{
        uint64_t end = (uint64_t)range->base + range->count, slot;

        if (end <= ID_RANGE_AUTO_FIRST) {
                return 0;
        }
        slot = ((end - ID_RANGE_AUTO_FIRST) + ID_RANGE_AUTO_COUNT - 1) / ID_RANGE_AUTO_COUNT;
        return (uint32_t)(slot < AUTO_SLOTS ? slot : AUTO_SLOTS);
}

static int lease_auto(int fd, const struct machine *machine, const struct id_taken *taken,
                      struct id_range *ret, struct machine_error *error)
{
        uint64_t hash = string_hash(machine->name, strlen(machine->name));
        uint32_t first = (uint32_t)(hash % AUTO_SLOTS);

        /* Tries every slot once, and skips all slots that a conflicting range covers. */
        for (uint64_t tried = 0; tried < AUTO_SLOTS;) {
                uint32_t slot = (uint32_t)((first + tried) % AUTO_SLOTS), next;
                struct id_range range = { ID_RANGE_AUTO_FIRST + slot * ID_RANGE_AUTO_COUNT,
                                          ID_RANGE_AUTO_COUNT },
                                other;
                int r = 0;

                if (!id_taken_find(taken, &range, &other)) {
                        r = lock_range(fd, &range, &other);
                        if (r == 0) {
                                *ret = range;
                                return 0;
                        }
                }
                if (r < 0 && r != -EBUSY) {
                        return error_set(error, r, "locking ids %" PRIu32 ":%" PRIu32 " failed",
                                         range.base, range.count);
                }
                next = slot_after(&other);
                tried += next > slot ? next - slot : 1;
        }
        error_say(error, EBUSY, "no range of %" PRIu32 " ids is free within %" PRIu32 "..%" PRIu32,
                  ID_RANGE_AUTO_COUNT, ID_RANGE_AUTO_FIRST, ID_RANGE_AUTO_LAST);
        error_hint(error, "see /etc/subuid and /etc/subgid, or set a range with user_namespace");
        return -EBUSY;
}

int id_range_acquire(const char *runtime_directory, const struct machine *machine,
                     struct id_lease *ret, struct machine_error *error)
{
        _cleanup_id_lease_ struct id_lease lease = ID_LEASE_INIT;
        _cleanup_id_taken_ struct id_taken taken = { 0 };
        int r;

        if (machine->namespaces.user == MACHINE_USER_NAMESPACE_NONE) {
                *ret = lease;
                return 0;
        }
        lease.fd = open_lease_file(runtime_directory, error);
        if (lease.fd < 0) {
                return lease.fd;
        }
        r = id_taken_read("/etc", &taken, error);
        if (r < 0) {
                return r;
        }
        r = machine->namespaces.user == MACHINE_USER_NAMESPACE_AUTO
                    ? lease_auto(lease.fd, machine, &taken, &lease.range, error)
                    : lease_given(lease.fd, machine, &taken, &lease.range, error);
        if (r < 0) {
                return r;
        }
        write_record(lease.fd, &lease.range, machine->name);
        *ret = lease;
        lease.fd = -EBADF;
        return 0;
}

void id_lease_release(struct id_lease *lease)
{
        lease->fd = fd_close(lease->fd);
        lease->range = (struct id_range){ 0, 0 };
}
