/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_VOLUMES_H
#define STATE_VOLUMES_H

#include <stdbool.h>

#include <machine/volume.h>

#include "base/volume.h"
#include "state/store.h"

/*
 * Volumes: STATE/volumes/NAME, whose layout base/volume.h describes. A volume has one writer or any
 * number of readers, by locks on that directory (state/trees.h); who makes, replaces or removes its
 * content is a writer.
 */

/** What is on record of a volume. */
struct volume_record {
        char **labels;
        char *machine;         /* whose start made it, or NULL: it was imported */
        uint64_t size;         /* its limit in bytes, or MACHINE_UNSET */
        uint64_t project;      /* its project id on the file system; 0: none */
        uint64_t created_usec; /* CLOCK_REALTIME */
};

void volume_record_clear(struct volume_record *record);
#define _cleanup_volume_record_ _cleanup_(volume_record_clear)

/** A volume that the caller has locked. */
struct volume {
        char *name;
        char *path; /* of its directory */
        int fd;     /* of its directory */
        bool write; /* locked for writing */
};

void volume_clear(struct volume *volume);
#define _cleanup_volume_ _cleanup_(volume_clear)

#define VOLUME_INIT          \
        {                    \
                .fd = -EBADF \
        }

/** Who wants a volume, and how. All members are borrowed. */
struct volume_claim {
        const char *state_directory;
        const struct state_store *store;
        int trees;                     /* of trees_open(): holds the lock */
        struct machine_record *record; /* of the machine; the lock is added to it */
        bool make;                     /* a missing volume is made, without content */
        bool write;                    /* without content, a volume is locked for writing anyway */
};

/** The path of a volume's directory. NULL if out of memory. */
char *volume_path(const char *state_directory, const char *name);

/** Lists the names of all volumes, sorted. Returns 0 or -errno with error set; the caller frees
 * *ret. */
int volume_list(const char *state_directory, char ***ret, struct machine_error *error);

/** Loads the record of a volume. Returns 0, -ENOENT with an error (kind NO_INPUT) if there is no
 * such volume, or another -errno with error set. */
int volume_load(const char *state_directory, const char *name, struct volume_record *ret,
                struct machine_error *error);

/** Whether a volume has its content. */
bool volume_is_complete(const struct volume *volume);

/** Locks a volume, and as a writer removes what was left of making its content. Returns 0, -ENOENT
 * as volume_load(), -EBUSY with an error that names the machine that uses it, or another -errno
 * with error set. The caller clears *ret. */
int volume_claim(const struct volume_claim *claim, const char *name, struct volume *ret,
                 struct machine_error *error);

/** A volume that was locked for writing only to get its content is read from now on. 0 or -errno
 * with error set. */
int volume_share(const struct volume_claim *claim, struct volume *volume,
                 struct machine_error *error);

/**
 * Puts a volume that is locked for writing on record as its definition describes it, and limits its
 * size. machine is the one that makes it, or NULL. Returns 0, or -errno with error set: -EOPNOTSUPP
 * if the size cannot be limited.
 */
int volume_describe(const struct volume *volume, const struct volume_definition *definition,
                    const char *machine, struct machine_error *error);

/** Makes a finished directory below the volume's its content; one that it had is removed. Returns 0
 * or -errno with error set; on failure the old content is still in place. */
int volume_publish(const struct volume *volume, const char *finished, struct machine_error *error);

/** Removes a volume that is locked for writing: from here on it does not exist. Returns 0 or -errno
 * with error set. */
int volume_remove(const struct volume *volume, struct machine_error *error);

/** Removes a volume that is locked for writing if it has no content. */
void volume_abandon(const struct volume *volume);

/** Removes what interrupted removals left. */
void volume_collect(const char *state_directory);

#endif
