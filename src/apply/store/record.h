/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_STORE_RECORD_H
#define APPLY_STORE_RECORD_H

#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

/*
 * What is on record of a source, sources/ID/record.json: where it comes from, the machines that it
 * owns, and what was applied. A machine is owned from before it is started until it is removed.
 *
 *   origin      the directory, the URL, or "-"
 *   machines    { NAME: { revision, image } }: what it last ran well with; null: not yet
 *   failed      { NAME: { revision, reason } }: the version that it was taken back from
 *   rejected    the revision that was rolled back, or null
 *   history     [ { time, ended, revision, from, action, result, machines: { NAME: WORD },
 *                   runs: { NAME: the start of the run that is replaced, in microseconds } } ]
 */
struct source_record {
        json_t *root;
};

/** Reads the record from a source's directory; a missing one is empty. Returns 0, -EBADMSG with an
 * error that names the file, or another -errno with error set. */
int source_record_read(const char *directory, struct source_record *ret,
                       struct machine_error *error);

/** Replaces the file; a power failure leaves the old or the new one. */
int source_record_write(const char *directory, const struct source_record *record,
                        struct machine_error *error);

void source_record_clear(struct source_record *record);
#define _cleanup_source_record_ _cleanup_(source_record_clear)

/** Gets the origin, or NULL. Borrowed. */
const char *source_record_origin(const struct source_record *record);
int source_record_set_origin(struct source_record *record, const char *origin);

/** The object of owned machines; borrowed. */
json_t *source_record_machines(const struct source_record *record);

/** Returns whether the source owns a machine. */
bool source_record_owns(const struct source_record *record, const char *name);

/** Makes the source the owner of a machine that it may own already. 0 or -ENOMEM. */
int source_record_own(struct source_record *record, const char *name);

/** Forgets a machine that is gone. */
void source_record_disown(struct source_record *record, const char *name);

/** The revision and image that a machine last ran well with, or NULL. Borrowed. */
const char *source_record_revision_of(const struct source_record *record, const char *name);
const char *source_record_image_of(const struct source_record *record, const char *name);

/** Notes what a machine runs well with, and forgets an earlier failure. 0 or -ENOMEM. */
int source_record_note_good(struct source_record *record, const char *name, const char *revision,
                            const char *image);

/** The revision whose version of a machine failed, or NULL; *ret_reason (may be NULL) is why.
 * Borrowed. */
const char *source_record_failed(const struct source_record *record, const char *name,
                                 const char **ret_reason);
int source_record_note_failed(struct source_record *record, const char *name, const char *revision,
                              const char *reason);
void source_record_forget_failed(struct source_record *record, const char *name);

/** The revision that was rolled back, or NULL. Borrowed. */
const char *source_record_rejected(const struct source_record *record);
int source_record_reject(struct source_record *record, const char *revision);

/** The history, oldest first. Borrowed. */
json_t *source_record_history(const struct source_record *record);

/** Adds an entry with the result "interrupted", which source_record_conclude() replaces. `machines`
 * and `runs` are taken. 0 or -ENOMEM. */
int source_record_begin(struct source_record *record, const char *action, const char *revision,
                        const char *from, json_t *machines, json_t *runs);
int source_record_conclude(struct source_record *record, const char *result);

#endif
