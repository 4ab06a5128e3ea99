/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STATE_RECORD_H
#define STATE_RECORD_H

#include <stdint.h>

#include <machine/error.h>

#include "base/json.h"
#include "base/process/process.h"

/** The state of a machine. Whether it is alive depends on its supervisor, see state_query(). */
enum machine_state {
        MACHINE_STATE_CREATED,
        MACHINE_STATE_STARTING,
        MACHINE_STATE_RUNNING,
        MACHINE_STATE_PAUSED,
        MACHINE_STATE_STOPPING,
        MACHINE_STATE_STOPPED,
        MACHINE_STATE_FAILED,
};

/** The reason of a stop that the user asked for. */
#define MACHINE_STOPPED_ON_REQUEST "stopped on request"

/** The persistent state of a machine, stored as JSON. */
struct machine_record {
        char *name;
        char *definition; /* absolute path, or NULL */
        char *digest;     /* of the definition at the start, or NULL */
        enum machine_state state;
        char *reason;                       /* why it stopped or failed, or NULL */
        struct process_identity supervisor; /* pid 0: none */
        struct process_identity init;       /* PID 1 of the machine; pid 0: none */
        char **steps;                       /* set up and not yet torn down, in order */
        char *image;                        /* reference or id of its image, or NULL */
        char *image_id;                     /* of the image that runs, or NULL */
        char *unit;                         /* the unit of the supervisor, or NULL */
        char *kept;         /* the user's directory that contains its writable layer, or NULL */
        char *cgroup;       /* absolute path of its control group, or NULL */
        uint32_t user_base; /* its id range; count 0: the ids of the host */
        uint32_t user_count;
        char *network_of; /* the machine whose network it shares, or NULL */
        char *address;
        char *address6;
        char **ports;          /* in the syntax of definitions */
        char **networks;       /* of eth0, eth1, ..: "NAME ADDRESS ADDRESS6", "-": none */
        char **labels;         /* "NAME=VALUE" */
        char **requires;       /* names of machines */
        char **verified;       /* "PATH: root hash .., signature ..": its verified disk images */
        char **trees;          /* directories it has locked: state/trees.h */
        char **exposed_ports;  /* declared by the image, "80/tcp", published or not */
        uint64_t started_usec; /* CLOCK_REALTIME, 0: never */
        uint64_t stopped_usec;
        uint64_t restored_usec; /* 0: this run is no restored one */
        int exit_status;        /* -1: none yet */
        uint64_t restarts;
        uint64_t out_of_memory_kills;
        uint64_t background;       /* 1: started in the background, with a log */
        uint64_t awaits_readiness; /* 1: running, but not ready as defined by `ready` */
};

/** Initializes a record with copies of the name and the path (may be NULL). Returns 0 or -ENOMEM.
 */
int machine_record_init(struct machine_record *record, const char *name, const char *definition);

/** Frees and empties a record. */
void machine_record_clear(struct machine_record *record);

#define _cleanup_record_ _cleanup_(machine_record_clear)

/** Whether it is a pod's. */
bool machine_record_is_pod(const struct machine_record *record);

/** The control group whose limits the definition sets: of a pod, that of all members, which exists
 * if it has limits. NULL if there is none; the caller frees it. */
char *machine_record_limited_group(const struct machine_record *record);

/** Returns the name of a state, such as "running". */
const char *machine_state_name(enum machine_state state);

/** Writes a record as one line of JSON. Returns 0 or -ENOMEM; the caller frees *ret. */
int machine_record_write(const struct machine_record *record, char **ret);

/**
 * Reads the JSON of machine_record_write(). path is used in messages. Returns 0, or -EBADMSG with
 * an error that names the file if it is damaged, or was written by a newer version, which the error
 * names as well.
 */
int machine_record_read(const char *text, const char *path, struct machine_record *ret,
                        struct machine_error *error);

/** The same for JSON that was parsed. */
int machine_record_take(const json_t *object, const char *path, struct machine_record *ret,
                        struct machine_error *error);

#endif
