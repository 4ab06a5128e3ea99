/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/plan/slice.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/process/process.h"
#include "base/strings.h"

/* Fewer machines take less time than another process. */
#define SLICE_MINIMUM  64
#define SLICES_MAXIMUM 16

/* A part of the machines, and the process that decides about them. */
struct slice {
        const struct plan_request *request;
        const struct owners *owners;
        struct plan_item *items; /* of all machines */
        size_t first, end;
        char **clashes;
        pid_t process; /* 0: this one */
        int results;   /* a file that the process writes to, or -EBADF */
};

/* ---- Deciding ---- */

static int decide(struct slice *slice, size_t i, struct machine_error *error)
{
        const struct plan_request *request = slice->request;
        const struct machine *machine = request->view->definitions[i]->machine;
        _cleanup_record_ struct machine_record record = { 0 };
        struct plan_item *item = &slice->items[i];
        int r = state_query(request->machines, machine->name, &record, error);
        bool known = r == 0;

        if (r < 0 && r != -ENOENT) {
                return r;
        }
        item->machine = machine;
        item->live = known && machine_state_is_live(record.state);
        if (owners_check(slice->owners, request, machine->name, item->live ? &record : NULL,
                         &slice->clashes) < 0) {
                return error_oom(error);
        }
        return plan_decide(request, known ? &record : NULL, item, error);
}

static int decide_slice(struct slice *slice, struct machine_error *error)
{
        int r = 0;

        for (size_t i = slice->first; r == 0 && i < slice->end; i++) {
                r = decide(slice, i, error);
        }
        return r;
}

/* ---- Between processes ---- */

static void write_string(FILE *file, const char *string)
{
        uint32_t size = string ? (uint32_t)strlen(string) + 1 : 0;

        (void)fwrite(&size, sizeof size, 1, file);
        if (string) {
                (void)fwrite(string, 1, size, file);
        }
}

static void write_strings(FILE *file, char *const *strings)
{
        STRV_FOREACH(string, strings) {
                write_string(file, *string);
        }
        write_string(file, NULL);
}

static int read_string(FILE *file, char **ret)
{
        _cleanup_free_ char *string = NULL;
        uint32_t size;

        *ret = NULL;
        if (fread(&size, sizeof size, 1, file) != 1) {
                return -EIO;
        }
        if (size == 0) {
                return 0;
        }
        string = malloc(size);
        if (!string) {
                return -ENOMEM;
        }
        if (fread(string, 1, size, file) != size) {
                return -EIO;
        }
        *ret = TAKE_PTR(string);
        return 0;
}

static int read_strings(FILE *file, char ***ret)
{
        for (;;) {
                char *string;
                int r = read_string(file, &string);

                if (r < 0 || !string) {
                        return r;
                }
                r = strv_take(ret, string);
                if (r < 0) {
                        return r;
                }
        }
}

/* The struct as it is: the reader is a process of the same program. */
static void write_item(FILE *file, const struct plan_item *item)
{
        (void)fwrite(item, sizeof *item, 1, file);
        write_string(file, item->name);
        write_string(file, item->reason);
        write_string(file, item->revision);
        write_string(file, item->image);
        write_strings(file, item->limits);
        write_strings(file, item->mounts);
}

static int read_item(FILE *file, struct plan_item *ret)
{
        int r;

        if (fread(ret, sizeof *ret, 1, file) != 1) {
                *ret = (struct plan_item){ 0 };
                return -EIO;
        }
        ret->name = ret->reason = ret->revision = ret->image = NULL;
        ret->limits = ret->mounts = NULL;
        r = read_string(file, &ret->name);
        r = r < 0 ? r : read_string(file, &ret->reason);
        r = r < 0 ? r : read_string(file, &ret->revision);
        r = r < 0 ? r : read_string(file, &ret->image);
        r = r < 0 ? r : read_strings(file, &ret->limits);
        return r < 0 ? r : read_strings(file, &ret->mounts);
}

static int write_results(const struct slice *slice)
{
        FILE *file = fdopen(slice->results, "w");

        for (size_t i = slice->first; file && i < slice->end; i++) {
                write_item(file, &slice->items[i]);
        }
        if (file) {
                write_strings(file, slice->clashes);
        }
        return file && !ferror(file) && fclose(file) == 0 ? 0 : -EIO;
}

static int read_results(struct slice *slice)
{
        FILE *file = lseek(slice->results, 0, SEEK_SET) == 0 ? fdopen(slice->results, "r") : NULL;
        int r = 0;

        if (!file) {
                return -EIO;
        }
        slice->results = -EBADF;
        for (size_t i = slice->first; r == 0 && i < slice->end; i++) {
                r = read_item(file, &slice->items[i]);
        }
        r = r < 0 ? r : read_strings(file, &slice->clashes);
        (void)fclose(file);
        return r;
}

/* ---- Processes ---- */

/* Without another process, this one decides. */
static void begin(struct slice *slice)
{
        slice->results = memfd_create("plan", MFD_CLOEXEC);
        if (slice->results < 0) {
                return;
        }
        slice->process = process_fork(0, NULL);
        if (slice->process == 0) {
                _exit(decide_slice(slice, NULL) < 0 || write_results(slice) < 0 ? EXIT_FAILURE
                                                                                : EXIT_SUCCESS);
        }
        slice->process = slice->process < 0 ? 0 : slice->process;
}

/* A process that fails leaves its part, and what there is to say about it, to this one. */
static int end(struct slice *slice, struct machine_error *error)
{
        bool done = slice->process > 0 && process_wait(slice->process) == 0;

        slice->process = 0;
        if (done && read_results(slice) == 0) {
                return 0;
        }
        for (size_t i = slice->first; i < slice->end; i++) {
                plan_item_clear(&slice->items[i]);
        }
        strv_free(TAKE_PTR(slice->clashes));
        return decide_slice(slice, error);
}

static size_t count_slices(size_t machines)
{
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        size_t count = machines / SLICE_MINIMUM;

        count = processors > 0 && count > (size_t)processors ? (size_t)processors : count;
        return count < 1 ? 1 : count > SLICES_MAXIMUM ? SLICES_MAXIMUM : count;
}

static int take_clashes(struct slice *slice, char ***clashes)
{
        int r = 0;

        STRV_FOREACH(clash, slice->clashes) {
                r = r < 0 ? r : strv_append(clashes, *clash);
        }
        strv_free(TAKE_PTR(slice->clashes));
        return r;
}

int plan_decide_all(const struct plan_request *request, const struct owners *owners,
                    struct plan_item *items, char ***clashes, struct machine_error *error)
{
        size_t machines = request->view->count, count = count_slices(machines);
        struct slice slices[SLICES_MAXIMUM];
        int r = 0;

        for (size_t i = 0; i < count; i++) {
                slices[i] = (struct slice){ .request = request,
                                            .owners = owners,
                                            .items = items,
                                            .first = machines * i / count,
                                            .end = machines * (i + 1) / count,
                                            .results = -EBADF };
                if (i > 0) {
                        begin(&slices[i]);
                }
        }
        for (size_t i = 0; i < count; i++) {
                int ended = end(&slices[i], r < 0 ? NULL : error);

                r = r < 0 ? r : ended;
                r = r < 0 || take_clashes(&slices[i], clashes) == 0 ? r : error_oom(error);
                fd_close(slices[i].results);
        }
        return r;
}
