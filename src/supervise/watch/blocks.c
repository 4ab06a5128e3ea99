/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervise/watch/blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "rootfs/rootfs.h"

#define KERNEL_LOG "/dev/kmsg"

/* Of one record of the kernel's log. */
#define RECORD_BYTES 8192

/* Each block is reported once, and of an image that is wholly damaged only the first. */
#define BLOCKS_MAXIMUM 16

/* What the kernel says of a block. */
struct finding {
        char device[16]; /* "7:0": with the data */
        char kind[16];   /* "data", or "metadata" of the tree */
        uint64_t block;
};

struct block_watch {
        struct launch *launch;
        block_handler handler;
        void *data;
        struct event_source *source;
        int log;
        struct finding found[BLOCKS_MAXIMUM];
        size_t count;
};

void block_watch_free(struct block_watch *watch)
{
        if (!watch) {
                return;
        }
        event_remove(watch->source);
        fd_close(watch->log);
        free(watch);
}

/* "4,1234,5678,-;device-mapper: verity: 7:0: data block 3 is corrupted" */
static bool parse(const char *record, struct finding *ret)
{
        const char *text = strchr(record, ';');
        struct finding finding = { 0 };
        char word[16];

        if (!text ||
            sscanf(text, ";device-mapper: verity: %15[0-9:] %15[a-z] block %" SCNu64 " is %15[a-z]",
                   finding.device, finding.kind, &finding.block, word) != 4 ||
            strcmp(word, "corrupted") != 0) {
                return false;
        }
        /* The colon behind the device. */
        finding.device[strlen(finding.device) - 1] = '\0';
        *ret = finding;
        return true;
}

static bool is_known(const struct block_watch *watch, const struct finding *finding)
{
        for (size_t i = 0; i < watch->count; i++) {
                if (watch->found[i].block == finding->block &&
                    strcmp(watch->found[i].device, finding->device) == 0 &&
                    strcmp(watch->found[i].kind, finding->kind) == 0) {
                        return true;
                }
        }
        return watch->count == BLOCKS_MAXIMUM;
}

static void report(struct block_watch *watch, const struct rootfs_verified *image,
                   const struct finding *finding)
{
        struct machine_record *record = launch_record(watch->launch);
        _cleanup_free_ char *message = NULL;

        if (finding && is_known(watch, finding)) {
                return;
        }
        if (finding) {
                watch->found[watch->count++] = *finding;
                message =
                        string_format("%s block %" PRIu64 " of the image \"%s\" of machine \"%s\" "
                                      "was changed: it is not what the root hash says",
                                      finding->kind, finding->block, image->path, record->name);
        } else {
                message =
                        string_format("a block of the image \"%s\" of machine \"%s\" was changed: "
                                      "it is not what the root hash says",
                                      image->path, record->name);
        }
        if (message) {
                watch->handler(message, watch->data);
        }
}

/* Returns the length of a record, 0 at the end of the log, or -errno. */
static ssize_t read_record(const struct block_watch *watch, char *record)
{
        ssize_t length;

        do {
                length = read(watch->log, record, RECORD_BYTES - 1);
                /* EPIPE: records were overwritten before they were read; the next ones follow. */
        } while (length < 0 && (errno == EINTR || errno == EPIPE));
        if (length < 0) {
                return errno == EAGAIN ? 0 : -errno;
        }
        record[length] = '\0';
        return length;
}

static void take_record(struct block_watch *watch, const char *record)
{
        struct rootfs_verified image;
        struct finding finding;
        char device[16];

        if (!parse(record, &finding)) {
                return;
        }
        for (size_t i = 0; rootfs_verified(launch_root(watch->launch), i, &image); i++) {
                if (rootfs_verified_device(launch_root(watch->launch), i, device, sizeof device,
                                           NULL) == 0 &&
                    strcmp(device, finding.device) == 0) {
                        report(watch, &image, &finding);
                }
        }
}

static int on_log(struct event_source *source, int fd, uint32_t events, void *data)
{
        char record[RECORD_BYTES];

        while (read_record(data, record) > 0) {
                take_record(data, record);
        }
        return 0;
}

/* The last record about a device: earlier ones may be about earlier devices of the same number. */
static bool find_last(const struct block_watch *watch, const char *device, struct finding *ret)
{
        char record[RECORD_BYTES];
        struct finding finding;
        bool found = false;

        (void)lseek(watch->log, 0, SEEK_SET);
        while (read_record(watch, record) > 0) {
                if (parse(record, &finding) && strcmp(finding.device, device) == 0) {
                        *ret = finding;
                        found = true;
                }
        }
        return found;
}

/* What was found before the watch began. */
static void report_earlier(struct block_watch *watch)
{
        const struct rootfs *root = launch_root(watch->launch);
        struct rootfs_verified image;
        struct finding finding;
        char device[16];
        bool corrupt;

        for (size_t i = 0; rootfs_verified(root, i, &image); i++) {
                if (rootfs_verified_device(root, i, device, sizeof device, &corrupt) == 0 &&
                    corrupt) {
                        report(watch, &image, find_last(watch, device, &finding) ? &finding : NULL);
                }
        }
}

int block_watch_start(struct event_loop *loop, struct launch *launch, block_handler handler,
                      void *data, struct block_watch **ret, struct machine_error *error)
{
        _cleanup_block_watch_ struct block_watch *watch = NULL;
        struct rootfs_verified image;
        int r;

        *ret = NULL;
        if (!rootfs_verified(launch_root(launch), 0, &image)) {
                return 0;
        }
        watch = calloc(1, sizeof *watch);
        if (!watch) {
                return error_oom(error);
        }
        watch->launch = launch;
        watch->handler = handler;
        watch->data = data;
        watch->log = open(KERNEL_LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (watch->log < 0) {
                return 0;
        }
        (void)lseek(watch->log, 0, SEEK_END);
        report_earlier(watch);
        r = event_add_fd(loop, watch->log, EPOLLIN, on_log, watch, &watch->source);
        if (r < 0) {
                return error_set(error, r, "cannot watch the kernel's log");
        }
        *ret = TAKE_PTR(watch);
        return 0;
}
