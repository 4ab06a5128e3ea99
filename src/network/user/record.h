/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETWORK_USER_RECORD_H
#define NETWORK_USER_RECORD_H

#include "base/error.h"
#include "base/process/process.h"
#include "network/netlink/address.h"

/** A supervisor that keeps a user's network namespace by a descriptor. */
struct user_member {
        struct process_identity process;
        int descriptor;
        uint64_t namespace; /* its inode */
};

/** A network program: the way out of a user's network namespace. */
struct user_program {
        char *name;
        struct process_identity process;
        uint64_t namespace;
        uint64_t started;      /* CLOCK_MONOTONIC, microseconds */
        unsigned int failures; /* starts since one is known to have served, with this one */
};

/**
 * What a user's supervisors share, besides the networks' states: the file "@user" of the network
 * directory, guarded by the lock of its session. There is one namespace, unless machines without
 * subordinate ids, which have a user namespace of their own, run beside others.
 */
struct user_record {
        struct user_member *members;
        size_t member_count;
        struct user_program *programs;
        size_t program_count;
        struct network_address address, address6; /* of the host, as machines reach it */
};

/** Loads the record without dead members; an empty one if there is no file. Returns 0 or -errno
 * with error set. The caller clears it. */
int user_record_load(int directory_fd, struct user_record *ret, struct machine_error *error);

/** Saves it, or removes the file of an empty one. Returns 0 or -errno with error set. */
int user_record_save(int directory_fd, const struct user_record *record,
                     struct machine_error *error);

void user_record_clear(struct user_record *record);

#define _cleanup_user_record_ _cleanup_(user_record_clear)

/** Adds a member, and forgets what this process was before. Returns 0 or -ENOMEM. */
int user_record_join(struct user_record *record, const struct user_member *member);

/** Removes this process, if it is a member. */
void user_record_leave(struct user_record *record, const struct process_identity *process);

/** Whether a namespace has a member. */
bool user_record_has_members(const struct user_record *record, uint64_t namespace);

/** The program of a namespace, or NULL. */
struct user_program *user_record_program(const struct user_record *record, uint64_t namespace);

/** Replaces the program of a namespace; an empty name removes it. Returns 0 or -ENOMEM. */
int user_record_set_program(struct user_record *record, const struct user_program *program);

#endif
