/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/store/verify.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/walk.h"
#include "image/common/entries.h"
#include "image/layout.h"

struct verifier {
        const char *diff_id;
        int tree_fd;
        verify_report report;
        void *data;
        uint64_t lines;
        uint64_t files;
        uint64_t faults;
};

static void fault(struct verifier *verifier, const char *path, const char *text)
{
        verifier->faults++;
        verifier->report(verifier->diff_id, path, text, verifier->data);
}

static bool same_link(struct verifier *verifier, const struct layer_entry *wanted)
{
        _cleanup_close_ int first =
                path_open_in_root(verifier->tree_fd, wanted->path, O_PATH | O_NOFOLLOW, 0);
        _cleanup_close_ int second =
                path_open_in_root(verifier->tree_fd, wanted->target, O_PATH | O_NOFOLLOW, 0);
        struct stat a, b;

        return first >= 0 && second >= 0 && fstat(first, &a) == 0 && fstat(second, &b) == 0 &&
               a.st_ino == b.st_ino;
}

static const char *difference(const struct layer_entry *wanted, const struct layer_entry *found)
{
        const char wanted_type = wanted->type, found_type = found->type;

        return wanted_type != found_type                                ? "has a different type"
               : wanted->mode != found->mode                            ? "has a different mode"
               : wanted->uid != found->uid || wanted->gid != found->gid ? "has a different owner"
               : wanted->size != found->size                            ? "has a different size"
               : wanted->content != found->content                      ? "has different content"
               : wanted->device != found->device                        ? "is a different device"
               : wanted->attributes != found->attributes      ? "has different extended attributes"
               : !string_equal(wanted->target, found->target) ? "has a different target"
               : wanted->mtime.tv_sec != found->mtime.tv_sec ||
                               wanted->mtime.tv_nsec != found->mtime.tv_nsec
                       ? "has a different time"
                       : NULL;
}

static void check_line(struct verifier *verifier, const struct layer_entry *wanted)
{
        const char *name = "", *text;
        char target[PATH_MAX];
        struct layer_entry found;
        _cleanup_close_ int parent = -EBADF;
        int r;

        if (wanted->type == 'h') {
                if (!same_link(verifier, wanted)) {
                        fault(verifier, wanted->path, "is no longer the same hard link");
                }
                return;
        }
        parent = *wanted->path ? path_open_parent_in_root(verifier->tree_fd, wanted->path, &name)
                               : openat(verifier->tree_fd, ".", O_RDONLY | O_CLOEXEC);
        r = parent < 0 ? parent : entry_describe(parent, name, true, &found, target);
        if (r == -ENOENT) {
                fault(verifier, wanted->path, "is missing");
                return;
        }
        if (r < 0) {
                fault(verifier, wanted->path, "cannot be read");
                return;
        }
        text = difference(wanted, &found);
        if (text) {
                fault(verifier, wanted->path, text);
        }
}

static int check_list(struct verifier *verifier, FILE *file)
{
        _cleanup_free_ char *line = NULL;
        size_t room = 0;
        ssize_t length;

        while ((length = getline(&line, &room, file)) > 0) {
                struct layer_entry wanted;

                line[length - 1] = '\0';
                if (entry_parse(line, &wanted) < 0) {
                        return -EINVAL;
                }
                verifier->lines++;
                check_line(verifier, &wanted);
        }
        return 0;
}

static int count_file(int directory_fd, const char *name, const char *path, void *data)
{
        struct verifier *verifier = data;

        verifier->files++;
        return 0;
}

static int check_layer(struct store *store, struct verifier *verifier, struct machine_error *error)
{
        _cleanup_free_ char *list = NULL, *tree = NULL;
        _cleanup_fclose_ FILE *file = NULL;
        struct layer_info info;
        digest_text name;
        int fd, r = store_read_layer(store, verifier->diff_id, &info, error);

        if (r < 0) {
                return r;
        }
        digest_file_name(verifier->diff_id, name);
        list = string_format("%s/" STORE_LAYER_ENTRIES, name);
        tree = string_format("%s/" STORE_LAYER_TREE, name);
        if (!list || !tree) {
                return error_oom(error);
        }
        fd = openat(store->layers_fd, list, O_RDONLY | O_CLOEXEC);
        file = fd < 0 ? NULL : fdopen(fd, "r");
        verifier->tree_fd = openat(store->layers_fd, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!file || verifier->tree_fd < 0) {
                return error_set(error, errno, "cannot read the layer %s", verifier->diff_id);
        }
        r = check_list(verifier, file);
        if (r == 0) {
                r = walk_tree(verifier->tree_fd, false, count_file, verifier, error);
        }
        fd_close(verifier->tree_fd);
        if (r < 0) {
                return error_wrap(error, r, "cannot check the layer %s", verifier->diff_id);
        }
        if (verifier->lines != info.entries) {
                fault(verifier, "", "has an incomplete list");
        }
        if (verifier->files > verifier->lines) {
                fault(verifier, "", "contains files that were not in the layer");
        }
        return 0;
}

int verify_layer(struct store *store, const char *diff_id, verify_report report, void *data,
                 uint64_t *ret_faults, struct machine_error *error)
{
        struct verifier verifier = { .diff_id = diff_id, .report = report, .data = data };
        _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = check_layer(store, &verifier, error);

        /* Describing a file changes the working directory. */
        (void)!fchdir(here);
        if (r == 0) {
                *ret_faults = verifier.faults;
        }
        return r;
}
