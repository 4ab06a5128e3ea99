/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_RECORD_H
#define STATE_RECORD_H

#include <stdint.h>

#include <machine/error.h>

#include "base/process.h"

/** What a machine is doing. Liveness is not among it: that is a question about its supervisor. */
enum machine_state {
        MACHINE_STATE_CREATED,
        MACHINE_STATE_STARTING,
        MACHINE_STATE_RUNNING,
        MACHINE_STATE_PAUSED,
        MACHINE_STATE_STOPPING,
        MACHINE_STATE_STOPPED,
        MACHINE_STATE_FAILED,
};

/** What is known of one machine between the commands that deal with it, as its JSON file has it. */
struct machine_record {
        char *name;
        char *definition; /* absolute path, or NULL */
        char *digest;     /* of what the definition said at the start, or NULL */
        enum machine_state state;
        char *reason;                       /* why it stopped or failed, or NULL */
        struct process_identity supervisor; /* pid 0: none */
        struct process_identity init;       /* PID 1 of the machine; pid 0: none */
        char **steps;                       /* set up and not yet undone, in order */
        char *image;        /* the reference, or the id, of the image that it runs, or NULL */
        char *unit;         /* the unit whose main process the supervisor is, or NULL */
        char *cgroup;       /* absolute path of its group, or NULL */
        uint32_t user_base; /* its range of user ids; count 0: the host's ids */
        uint32_t user_count;
        char *address;
        char *address6;
        char **ports;          /* as a definition spells them */
        char **labels;         /* "NAME=VALUE" */
        char **requires;       /* names of machines */
        char **exposed_ports;  /* that the image says it serves: "80/tcp", published or not */
        uint64_t started_usec; /* CLOCK_REALTIME, 0: never */
        uint64_t stopped_usec;
        int exit_status; /* -1: none yet */
        uint64_t restarts;
        uint64_t out_of_memory_kills;
};

/** Makes a record that owns copies of the name and the path (may be NULL). 0 or -ENOMEM. */
int machine_record_init(struct machine_record *record, const char *name, const char *definition);

/** Frees what a record owns and makes it empty. */
void machine_record_clear(struct machine_record *record);

#define _cleanup_record_ _cleanup_(machine_record_clear)

/** The word for a state, "running". */
const char *machine_state_name(enum machine_state state);

/** The record as JSON text. 0 or -ENOMEM; the caller frees *ret. */
int machine_record_write(const struct machine_record *record, char **ret);

/**
 * Reads JSON text that machine_record_write() wrote. path is for messages. A damaged text or one of
 * another version is -EBADMSG with an error that names the file: never a guess.
 */
int machine_record_read(const char *text, const char *path, struct machine_record *ret,
                        struct machine_error *error);

#endif
