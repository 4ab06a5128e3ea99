/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What must be true of CRIU's files before they are used: they say in which namespaces processes
 * are made, and which ids of the host a user namespace has. A file is a number that tells its kind,
 * preceded by one that is common to most of them, and then messages with their sizes in front.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"
#include "criu/criu.h"
#include "criu/wire.h"

#define IMAGE_MAXIMUM (16U << 20)

#define MAGIC_COMMON    UINT32_C(0x54564319)
#define MAGIC_INVENTORY UINT32_C(0x58313116)
#define MAGIC_TREE      UINT32_C(0x50273030)
#define MAGIC_IDS       UINT32_C(0x54432030)
#define MAGIC_USER      UINT32_C(0x55474906)

#define FIRST_PROCESS 1

enum {
        INVENTORY_IDS = 3, /* of the namespaces that CRIU was in */
        TREE_PID = 1,
        USER_UIDS = 1,
        USER_GIDS = 2,
        EXTENT_FIRST = 1,
        EXTENT_LOWER = 2,
        EXTENT_COUNT = 3,
};

/* The numbers of namespaces among the ids. */
static const struct {
        const char *name;
        uint32_t field;
        bool user;
} namespaces[] = {
        { "pid", 5, false },   { "ipc", 7, false },  { "uts", 8, false },
        { "mount", 9, false }, { "user", 10, true },
};

static int damaged(const char *name, struct machine_error *error)
{
        return error_say(error, EBADMSG, "%s of the checkpoint is damaged", name);
}

static uint32_t word_at(const char *data)
{
        uint32_t word;

        memcpy(&word, data, sizeof word);
        return word;
}

/* Reads the first message of a file. *ret borrows *text. */
static int read_image(int directory, const char *name, uint32_t magic, char **text,
                      struct wire_reader *ret, struct machine_error *error)
{
        _cleanup_close_ int fd = path_open_no_links(directory, name, O_RDONLY | O_NONBLOCK, 0);
        bool common = magic != MAGIC_INVENTORY;
        size_t length = 0, start = common ? 8 : 4;
        struct stat status;
        int r = fd < 0 ? fd : 0;

        if (r == 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
                return damaged(name, error);
        }
        r = r < 0 ? r : file_read_fd(fd, IMAGE_MAXIMUM, text, &length);
        if (r < 0) {
                return error_set(error, r, "cannot read %s of the checkpoint", name);
        }
        if (length < start + 4 || (common && word_at(*text) != MAGIC_COMMON) ||
            word_at(*text + start - 4) != magic || word_at(*text + start) > length - start - 4) {
                return damaged(name, error);
        }
        ret->at = (const uint8_t *)*text + start + 4;
        ret->end = ret->at + word_at(*text + start);
        return 0;
}

/* The number of a namespace, or 0. */
static uint64_t id_of(struct wire_reader ids, uint32_t field)
{
        struct wire_field found;

        return wire_find(ids, field, &found) > 0 ? found.value : 0;
}

static int check_first(int directory, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        struct wire_reader first;
        struct wire_field pid;
        int r = read_image(directory, "pstree.img", MAGIC_TREE, &text, &first, error);

        if (r == 0 && (wire_find(first, TREE_PID, &pid) <= 0 || pid.value != FIRST_PROCESS)) {
                return damaged("pstree.img", error);
        }
        return r;
}

/* CRIU makes a new namespace for the first process where its number differs from that of CRIU
 * itself, and for no other process one that the first has not. */
static int check_namespaces(int directory, bool user, struct machine_error *error)
{
        _cleanup_free_ char *inventory = NULL, *ids = NULL;
        struct wire_reader outer, inside;
        struct wire_field outside = { 0 };
        int r = read_image(directory, "inventory.img", MAGIC_INVENTORY, &inventory, &outer, error);

        r = r < 0 ? r : read_image(directory, "ids-1.img", MAGIC_IDS, &ids, &inside, error);
        if (r < 0) {
                return r;
        }
        if (wire_find(outer, INVENTORY_IDS, &outside) <= 0) {
                return damaged("inventory.img", error);
        }
        for (size_t i = 0; i < ELEMENTS_OF(namespaces); i++) {
                bool own = id_of(inside, namespaces[i].field) !=
                           id_of(outside.nested, namespaces[i].field);

                if (own != (!namespaces[i].user || user)) {
                        return error_say(error, EBADMSG,
                                         "the checkpoint's processes have %s %s namespace of their "
                                         "own, unlike the machine",
                                         own ? "a" : "no", namespaces[i].name);
                }
        }
        return 0;
}

/* ---- the user namespace ---- */

static void add_map(struct wire *entry, uint32_t field, uint32_t base, uint32_t count)
{
        struct wire extent = { 0 };

        wire_add_number(&extent, EXTENT_FIRST, 0);
        wire_add_number(&extent, EXTENT_LOWER, base);
        wire_add_number(&extent, EXTENT_COUNT, count);
        wire_add_message(entry, field, &extent);
        wire_clear(&extent);
}

static int write_maps(int directory, const char *name, uint32_t base, uint32_t count,
                      struct machine_error *error)
{
        struct wire entry = { 0 };
        uint32_t head[3] = { MAGIC_COMMON, MAGIC_USER, 0 };
        _cleanup_free_ char *content = NULL;
        int r;

        add_map(&entry, USER_UIDS, base, count);
        add_map(&entry, USER_GIDS, base, count);
        head[2] = (uint32_t)entry.size;
        content = entry.failed ? NULL : malloc(sizeof head + entry.size);
        if (content) {
                memcpy(content, head, sizeof head);
                memcpy(content + sizeof head, entry.data, entry.size);
        }
        r = content ? file_replace(directory, name, content, sizeof head + entry.size, 0600)
                    : -ENOMEM;
        wire_clear(&entry);
        return r < 0 ? error_set(error, r, "cannot write %s of the checkpoint", name) : 0;
}

static int adopt_user(const char *path, uint32_t base, uint32_t count, struct machine_error *error)
{
        _cleanup_closedir_ DIR *directory = NULL;
        const struct dirent *entry;
        unsigned int found = 0;
        int r = directory_open_at(AT_FDCWD, path, &directory);

        if (r < 0) {
                return error_set(error, r, "cannot open %s", path);
        }
        while (r == 0 && (entry = directory_next(directory))) {
                if (string_after(entry->d_name, "userns-")) {
                        found++;
                        r = write_maps(dirfd(directory), entry->d_name, base, count, error);
                }
        }
        return r == 0 && found != 1
                       ? error_say(error, EBADMSG,
                                   "the checkpoint has %u user namespaces, and machines have one",
                                   found)
                       : r;
}

int criu_adopt_images(const char *directory, uint32_t base, uint32_t count,
                      struct machine_error *error)
{
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        int r = fd < 0 ? error_set(error, errno, "cannot open %s", directory)
                       : check_first(fd, error);

        r = r < 0 ? r : check_namespaces(fd, count > 0, error);
        return r < 0 || count == 0 ? r : adopt_user(directory, base, count, error);
}
