/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CONTEXT_H
#define LAUNCH_CONTEXT_H

#include <signal.h>

#include "cgroup/tree.h"
#include "launch/launch.h"
#include "network/network.h"
#include "rootfs/rootfs.h"
#include "security/capabilities.h"
#include "security/id_map.h"
#include "security/seccomp.h"
#include "security/users.h"

/* Where the parent stood before it went to stage a machine: descriptors, -EBADF while it is there.
 */
struct host_place {
        int mounts; /* the mount namespace */
        int root;
        int directory; /* the working directory */
};

#define HOST_PLACE_INIT                                               \
        {                                                             \
                .mounts = -EBADF, .root = -EBADF, .directory = -EBADF \
        }

/* The stack of the maker, and from the clone on of the first process up to machine-init. */
#define MAKER_STACK_SIZE (256 * 1024)

/* Where the maker failed. */
enum maker_step {
        MAKER_WAS_KILLED, /* it did not get to say */
        MAKER_NAMESPACES,
        MAKER_LOOPBACK,
        MAKER_CLONE,
};

/* The process that makes the machine's namespaces: launch/clone.c. */
struct maker {
        /* Filled before it starts. */
        char *stack; /* of the caller's, for as long as the start takes */
        pid_t parent;
        int flags;        /* CLONE_NEW* that it unshares */
        sigset_t signals; /* the first process' mask */
        pid_t pid;        /* 0 when it is reaped */

        /* Filled before go. */
        int directory; /* the first process' working directory */
        uint32_t go;   /* futex */

        /* Filled by it before it ends. */
        pid_t child; /* 0: none, for .. */
        enum maker_step failed;
        int number; /* .. of this errno */
        int pidfd;
};

/* What the steps of a start share. Both sides of the clone have it; each fills its own part. */
struct launch {
        struct machine *machine;
        struct launch_options options;

        /* Filled by the parent's steps before the clone. */
        struct state_store store;
        int lock;
        int image_lock; /* keeps the image in the store */
        struct machine_record record;
        struct id_lease ids;
        int user_namespace;
        struct capability_sets capabilities;
        struct seccomp_program filter;
        char **environment; /* of environment_files and the definition */
        char *machine_id;
        int init_program; /* machine-init through a read-only mount */
        struct host_place host;
        struct maker maker;
        struct network *network;
        struct rootfs *rootfs;
        struct cgroup cgroup;
        int sockets[2]; /* of launch/message.h */

        /* Filled by the clone and what follows. */
        pid_t pid;
        int pidfd;
        int network_namespace; /* until the network is attached */
        bool reaped;
        bool reboot;
        int exit_status;
        int terminal; /* master side */
        int notify_socket;

        /* Filled by the child. */
        struct machine_user user;
        int terminal_slave;

        size_t steps_done;
};

/** One step of a start. */
struct launch_step {
        const char *name;
        /** Whether this machine needs the step; NULL: each does. */
        bool (*wanted)(const struct launch *launch);
        int (*set_up)(struct launch *launch, struct machine_error *error);
        /** NULL: nothing to undo, or it goes with the processes. */
        int (*tear_down)(struct launch *launch, struct machine_error *error);
        /** Whether the step leaves something for collect() to undo; NULL: with collect it does. */
        bool (*leaves)(const struct launch *launch);
        /**
         * Undoes the step for a supervisor that is gone, by what its record says; also one that
         * was never set up: the steps that have it are written to the record before the first.
         */
        int (*collect)(const struct launch_directories *directories,
                       const struct machine_record *record, struct machine_error *error);
};

/** The steps of the two sides, each ending with one without a name. */
extern const struct launch_step launch_parent_steps[];
extern const struct launch_step launch_child_steps[];

/** Whether a machine needs a step. */
static inline bool launch_step_wanted(const struct launch_step *step, const struct launch *launch)
{
        return !step->wanted || step->wanted(launch);
}

/** Whether the machine has ids of its own. */
static inline bool launch_has_user_namespace(const struct launch *launch)
{
        return launch->machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE;
}

/** The descriptor that is to be the payload's 0, 1 or 2. */
static inline int launch_stream(const struct launch *launch, int number)
{
        int given = launch->options.streams[number];

        return given >= 0 ? given : number;
}

/**
 * Where the child has failed while the parent was at a step of its own, the child's error takes the
 * place of the one that is there, which it may have caused.
 */
void launch_prefer_error_of_child(struct launch *launch, struct machine_error *error);

/**
 * Puts the caller in a mount namespace of its own, to which what the host mounts goes on to come.
 * 0 or -errno with the error filled.
 */
int launch_set_up_mount_namespace(struct launch *launch, struct machine_error *error);

/**
 * Goes back to the host's, to the root and the working directory that the caller had there. With
 * its last process goes the other one, and all that was mounted in it: the kernel waits for a grace
 * period of RCU for that, before this returns. A caller without CAP_SYS_CHROOT stays, and what was
 * staged is unmounted. Does nothing in the host's. 0 or -errno with the error filled.
 */
int launch_leave_mount_namespace(struct launch *launch, struct machine_error *error);

/**
 * Starts the maker, which makes the user namespace before this returns and the others after.
 * 0 or -errno with the error filled.
 */
int launch_set_up_namespaces(struct launch *launch, struct machine_error *error);

/** Ends the maker where it has not ended by itself. */
int launch_tear_down_namespaces(struct launch *launch, struct machine_error *error);

/** Maps the machine's ids into its user namespace, and opens that. 0 or -errno with the error
 *  filled. */
int launch_set_up_id_maps(struct launch *launch, struct machine_error *error);

/** Lets the maker make the first process, a copy of the caller that runs launch_child(). 0 or
 *  -errno with the error filled. */
int launch_set_up_clone(struct launch *launch, struct machine_error *error);

/** Kills and reaps the machine. */
int launch_tear_down_clone(struct launch *launch, struct machine_error *error);

/** Closes the descriptors. */
void launch_forget_host_place(struct host_place *place);

/** The body of the machine's first process up to machine-init. Never returns. */
_Noreturn void launch_child(struct launch *launch);

/**
 * Opens machine-init so that its file on the host can neither be reached nor written through a
 * process that executes it: a detached, read-only mount of that one file. The descriptor or -errno.
 */
int launch_open_init_program(struct machine_error *error);

/**
 * The part of the payload's environment that is known before the start: environment files, then
 * the definition's own entries, later ones winning. 0 or -errno; the caller frees *ret.
 */
int launch_load_environment(const struct machine *machine, char ***ret,
                            struct machine_error *error);

/**
 * The machine's id, 32 hexadecimal digits: the definition's, else one that is derived from its name
 * and the host's own id, so that it stays the same and differs from every other. The caller frees
 * *ret.
 */
int launch_derive_machine_id(const struct machine *machine, char **ret,
                             struct machine_error *error);

/** The whole environment: what every payload gets, overridden by `launch->environment`. */
int launch_complete_environment(const struct launch *launch, char ***ret,
                                struct machine_error *error);

/** Sets "KEY=VALUE" in place of an earlier entry of the same key, and takes the string, also on
 *  failure. 0 or -ENOMEM (also for NULL). */
int launch_set_variable(char ***environment, char *entry);

/** Checks the names of all sysctls: -EPERM, with the name, for one that is not the machine's own.
 */
int launch_check_sysctls(const struct machine *machine, struct machine_error *error);

/** Gives a machine's terminal the window size of the caller's, before anything runs on it. */
void launch_copy_window_size(int terminal);

/** Writes the sysctls through proc_fd, the machine's own procfs. */
int launch_write_sysctls(const struct machine *machine, int proc_fd, struct machine_error *error);

/** Returns -errno of the fault that is asked for at this step, kills the process, or returns 0.
 *  Does nothing in programs that are built without -Dfault_injection=true. */
int launch_inject_fault(const char *step, struct machine_error *error);

#endif
