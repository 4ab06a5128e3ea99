/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verbs/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk/disk.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/rights/caller.h"
#include "base/strings.h"
#include "cli/machines/image_root.h"
#include "cli/output/disk_status.h"
#include "cli/output/os_release.h"
#include "image/image.h"

#define ROOT_HASH_MAXIMUM 256

bool image_file_is_path(const char *argument)
{
        return argument[0] == '/' || string_after(argument, "./") || string_after(argument, "../");
}

bool image_file_is_meant(const struct cli *cli, const char *argument)
{
        _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;
        struct stat file;

        return image_file_is_path(argument) ||
               (stat(argument, &file) == 0 && !S_ISDIR(file.st_mode) &&
                image_resolve(cli->directories.state, argument, &info, NULL) < 0);
}

/* What is found out step by step. */
struct looking {
        struct disk_image image;
        struct disk_choice choice;
        struct image_root root;
        char *hash_path, *tree_path, *root_hash;
        json_t *os_release;
        struct machine_error problem;
};

/* The files beside an image without a table: the root hash and the tree. */
static int look_beside(struct looking *looking, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;

        looking->hash_path = disk_beside(looking->image.path, ".roothash");
        looking->tree_path = disk_beside(looking->image.path, ".verity");
        if (!looking->hash_path || !looking->tree_path) {
                return error_oom(error);
        }
        if (access(looking->tree_path, F_OK) < 0) {
                free(TAKE_PTR(looking->tree_path));
        }
        if (file_read(AT_FDCWD, looking->hash_path, ROOT_HASH_MAXIMUM, &text, NULL) == 0) {
                text[strcspn(text, " \t\r\n")] = '\0';
                looking->root_hash = TAKE_PTR(text);
        } else {
                free(TAKE_PTR(looking->hash_path));
        }
        return 0;
}

/* Whether a machine could have it as its root: the problem if not. */
static int judge(struct looking *looking)
{
        const struct disk_image *image = &looking->image;
        int r = image->has_table ? disk_choose(image, NULL, &looking->choice, &looking->problem)
                                 : disk_check_content(image, NULL, &looking->problem);

        for (int role = 0; r == 0 && role < DISK_ROLES; role++) {
                if (looking->choice.data[role]) {
                        r = disk_check_content(image, looking->choice.data[role],
                                               &looking->problem);
                }
        }
        return r;
}

/* Only root can mount it; that is no problem of the image. */
static const char *read_root(struct cli *cli, struct looking *looking)
{
        if (!caller_is_root()) {
                return "not read: only root can mount the image";
        }
        if (cli_read_image_root(cli, looking->image.path, &looking->root, &looking->problem) < 0) {
                return looking->problem.message;
        }
        if (looking->root.os_release) {
                looking->os_release = os_release_read(looking->root.os_release);
        }
        return NULL;
}

static int print(struct cli *cli, struct looking *looking, const char *unread,
                 struct machine_error *error)
{
        const struct disk_status status = {
                .image = &looking->image,
                .choice = looking->image.has_table ? &looking->choice : NULL,
                .problem = looking->problem.message,
                .root_hash = looking->root_hash,
                .root_hash_path = looking->hash_path,
                .hashes = looking->tree_path,
                .os_release = looking->os_release,
                .unread = unread,
                .boots = looking->root.boots,
        };

        return disk_status_print(cli, &status, error);
}

static int look(struct cli *cli, const char *path, struct looking *looking,
                struct machine_error *error)
{
        _cleanup_close_ int fd = disk_open(path, false, error);
        const char *unread;
        int r = fd < 0 ? fd : disk_probe(fd, path, &looking->image, error);

        if (r == 0) {
                r = look_beside(looking, error);
        }
        if (r < 0) {
                return r;
        }
        unread = judge(looking) < 0 ? looking->problem.message : read_root(cli, looking);
        r = print(cli, looking, unread, error);
        if (r == 0 && error_is_set(&looking->problem)) {
                r = looking->problem.number ? -looking->problem.number : -EINVAL;
                error_move(error, &looking->problem);
        }
        return r;
}

int image_file_status(struct cli *cli, const char *path, struct machine_error *error)
{
        struct looking looking = { .problem = MACHINE_ERROR_INIT };
        _cleanup_free_ char *here = path[0] == '/' ? NULL : get_current_dir_name();
        _cleanup_free_ char *absolute = path_join(here ? here : "/", path);
        int r = absolute ? look(cli, absolute, &looking, error) : error_oom(error);

        machine_error_clear(&looking.problem);
        disk_clear(&looking.image);
        free(looking.root.os_release);
        free(looking.hash_path);
        free(looking.tree_path);
        free(looking.root_hash);
        json_decref(looking.os_release);
        return r;
}
