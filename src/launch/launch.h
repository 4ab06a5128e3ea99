/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_LAUNCH_H
#define LAUNCH_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/machine.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/process/process.h"
#include "cgroup/tree/tree.h"
#include "state/store.h"

/**
 * Starts a machine and undoes the start. A start is a table of named steps, run in order and undone
 * in reverse: by the same process if a step fails or the machine has stopped, otherwise by the next
 * start or collection, from the list in the state file.
 */

/** The directories of machines' data. A launch borrows it for its lifetime. */
struct launch_directories {
        const char *runtime; /* for this boot: state, locks, leases */
        const char *state;   /* persistent: writable layers, images, filters */
        char *const *config; /* directories of definitions, for networks */
};

/** Calls back in the process that a moment of the start belongs to. 0 or -errno with error set. */
typedef int (*launch_moment)(void *data, pid_t pid, struct machine_error *error);

/**
 * A start for the caller of an OCI runtime: nothing of this program stays with the container. Its
 * first process waits for launch_begin(), and neither it nor its payload dies with the process that
 * started it. All is borrowed.
 */
struct launch_container {
        /* The place of its control group below the mount of cgroup2, "/a/b", which may not exist
         * yet; NULL: see enter_scope. */
        const char *cgroup;
        /* Puts a process into a group that something else manages; *ret is its absolute path. NULL,
         * without `cgroup`: the container stays in the caller's group. */
        int (*enter_scope)(void *data, pid_t pid, char **ret, struct machine_error *error);
        bool starts;        /* launch_release() starts it as well */
        bool limited;       /* its limits apply, or are an error, without a group as well */
        bool owns_cgroup;   /* its root may create groups below its own */
        bool keeps_keyring; /* .. and it has the caller's session keyring */
        bool notifies;      /* it gets a socket for readiness, see launch_listen_for_readiness() */
        unsigned int preserved;      /* how many descriptors from 3 on go to the payload */
        unsigned int listening;      /* of these the first, which are for socket activation .. */
        const char *listening_names; /* .. with names (sd_listen_fds(3)), or NULL */
        launch_moment created; /* parent: the namespaces exist, the root is still the host's; NULL:
                                  nothing to do */
        launch_moment inside;  /* first process: its mounts are made, "/" is still the host's; NULL:
                                  the same */
        /* Takes warnings: standard error is the container's. */
        void (*warn)(void *data, const char *message);
        void *data; /* of the functions */
        /* What machine-init runs before the payload: see launch/init/plan.h. */
        char *const *start_hooks;
        const char *start_state;
        /* What the agent of the filter is sent, up to the pid in its state; NULL: the bundle has no
         * agent. */
        const char *agent_state;
};

struct launch_restore;

struct launch_options {
        struct launch_directories directories;
        const struct log *log;
        bool ephemeral; /* discard writes into the root when the machine stops, whatever `upper` is
                         */
        bool terminal;  /* the payload gets a pseudo-terminal instead of the streams */
        int streams[3]; /* the payload's descriptors 0, 1 and 2; -EBADF: the caller's. Borrowed
                         */
        bool notify;    /* the payload gets a socket for readiness (sd_notify(3)) */
        const char *unit;      /* the unit whose main process is the caller, or NULL. Borrowed */
        bool background;       /* the caller keeps a log and stops the machine in order */
        bool awaits_readiness; /* .. and reports when the machine is ready */
        bool rehearsal;        /* launch_rehearse() sets it */
        bool creation;         /* launch_create() sets it: the start is no event */
        bool current_image;    /* the writable layer moves to the image that is named now */
        bool keep_record;      /* keep the machine's record when it has stopped */
        uint64_t restarts, out_of_memory_kills; /* of earlier runs, for the record */
        /* The definition without the image's defaults, kept next to the record, and its digest
         * (config/snapshot.h); NULL: not kept. Borrowed */
        const char *snapshot;
        const char *digest;
        const struct launch_restore *restore;     /* processes to make again, or NULL. Borrowed */
        const struct launch_container *container; /* NULL: a machine, with a supervisor. Borrowed */
        /* The caller's command line, for its copy that becomes machine-init; without it
         * machine-init is executed. Borrowed */
        struct process_title title;
};

#define LAUNCH_OWN_STREAMS             \
        {                              \
                -EBADF, -EBADF, -EBADF \
        }

struct network;

/** A machine that is starting, running or stopping. */
struct launch;

/**
 * Starts a machine and returns once the payload's execve(2) has succeeded. The calling process
 * becomes its supervisor: it gets a mount namespace of its own, and the machine dies with it.
 * machine and options->log must outlive *ret. On failure everything is undone. 0 or -errno; the
 * error contains the step that failed.
 */
int launch_start(struct machine *machine, const struct launch_options *options, struct launch **ret,
                 struct machine_error *error);

/**
 * Ends the caller's part in a container whose first process waits: from here it lives without the
 * caller, who has written down whatever finds it again. One that `starts` goes on to its payload,
 * as by launch_begin(), and is recorded as running from the beginning. Frees the launch. 0 or
 * -errno with error set; the container is then undone as by launch_finish(), or stopped if its
 * start has failed.
 */
int launch_release(struct launch *launch, struct machine_error *error);

/** Whether a container has a program to start. 1, 0, or -errno with error set. */
int launch_has_program(const struct state_store *store, const struct machine_record *record,
                       struct machine_error *error);

/**
 * Lets the first process of a container go on to its payload, and returns once its execve(2) has
 * succeeded. The caller holds the container's lock. 0, or -errno: -ESRCH for one that does not wait
 * (any more).
 */
int launch_begin(const struct state_store *store, const struct machine_record *record,
                 struct machine_error *error);

/** Whether the first process of a container still is machine-init: a starter that was killed has
 * recorded that the container runs, but not called the process. */
bool launch_waits(const struct machine_record *record);

/**
 * Creates the socket on which a container reports its readiness. Whoever does so last gets the
 * reports. The caller closes the descriptor, which does not block. -ENOENT without an error if the
 * container has no place for it, or another -errno with error set.
 */
int launch_listen_for_readiness(const struct state_store *store, const char *name,
                                struct machine_error *error);

/**
 * Prepares a machine without starting it: runs the parent's steps before the clone, which report
 * most errors that a start would, and undoes what is not persistent. The writable layer and a
 * record of state "created" stay. 0 or -errno; -EALREADY for a running machine.
 */
int launch_create(struct machine *machine, const struct launch_options *options,
                  struct machine_error *error);

/**
 * Checks whether a machine could start, even while it is running, by a start that leaves no trace.
 * It includes the payload's execve(2), but none of its instructions run, and everything is undone.
 * It has a separate control group, writes nothing that is kept, has no lock or record, and joins no
 * network: whether the machine could join is only checked. A missing image is pulled. machine is
 * left as after a start and cannot be used for another one. 0 or -errno, with the error as from
 * launch_start().
 */
int launch_rehearse(struct machine *machine, const struct launch_options *options,
                    struct machine_error *error);

/** A descriptor that becomes readable when the machine's first process has ended. Borrowed. */
int launch_pidfd(const struct launch *launch);

/** The master side of the machine's terminal, or -EBADF. Borrowed. */
int launch_terminal(const struct launch *launch);

/** The socket on which the payload reports its readiness, or -EBADF. Borrowed. */
int launch_notify_socket(const struct launch *launch);

/**
 * A descriptor that becomes readable when the stub of a machine in the foreground reports that the
 * payload has ended: before the machine's namespaces have. -EBADF if there is none. Borrowed.
 */
int launch_status_event(const struct launch *launch);

/** The exit status that the stub has reported, or -errno. */
int launch_take_status(struct launch *launch);

/**
 * Prepares a launch for another process, which inherits everything from this one: takes the
 * machine's lock, so that no other command takes the machine for abandoned, leaves the first
 * process to whoever becomes its parent, and ends the thread that forwards published ports, which
 * nobody else could wait for. 0 or -errno.
 */
int launch_bequeath(struct launch *launch, struct machine_error *error);

/** The machine's control group. Borrowed. */
/** Its file systems, or NULL. Borrowed. */
const struct rootfs *launch_root(const struct launch *launch);

const struct cgroup *launch_cgroup(const struct launch *launch);

/** The machine's id, 32 hexadecimal digits. Borrowed. */
const char *launch_machine_id(const struct launch *launch);

/** The machine's attachment to its network, or NULL. Borrowed. */
const struct network *launch_network(const struct launch *launch);

/** Whether the machine's name servers follow the host's. */
bool launch_follows_resolver(const struct launch *launch);

/** Updates the machine's name servers from the host's. 1 if they changed, 0 or -errno. */
int launch_update_resolver(struct launch *launch);

/** The log for messages to the user. Borrowed. */
const struct log *launch_log(const struct launch *launch);

/** Where state, locks and leases of this boot are. Borrowed. */
const char *launch_runtime_directory(const struct launch *launch);

/** The machine's record; launch_save() writes changes to the file. Borrowed. */
struct machine_record *launch_record(struct launch *launch);

/** Saves the record with the given state. 0 or -errno. */
int launch_save(struct launch *launch, enum machine_state state, struct machine_error *error);

/** Sends a signal to the machine's first process; a stub forwards it to the payload. 0 or -errno;
 * -ESRCH once it has exited. */
int launch_signal(struct launch *launch, int signal);

/** Resumes a machine if it is paused. 0 or -errno. */
int launch_thaw(struct launch *launch, struct machine_error *error);

/**
 * Asks a machine to stop and saves the record with the given state: sends the signal and then
 * resumes the machine if it is paused, so that it handles the signal first. This holds the
 * machine's lock: a pause in progress completes first, a later one sees the state. 0 or -errno;
 * everything is tried.
 */
int launch_ask_to_end(struct launch *launch, enum machine_state state, int signal,
                      struct machine_error *error);

/** Kills all processes of the machine through its control group. 0 or -errno. */
int launch_kill(struct launch *launch);

/**
 * Reaps the first process, which has exited. Returns the payload's exit status, 128 + N for signal
 * N; 0 for a booted machine that powered itself off.
 */
int launch_reap(struct launch *launch);

/** Whether a reaped machine is a booted one that requested a reboot. */
bool launch_wants_reboot(const struct launch *launch);

/**
 * Undoes all steps in reverse, kills remaining processes, and frees the launch. Everything is tried
 * even if something fails; the first failure is returned. NULL is allowed.
 */
int launch_finish(struct launch *launch, struct machine_error *error);

/**
 * Cleans up after crashed starts of this machine, based on its record. The record stays, because
 * the lock's file is removed with it: a caller that still needs the lock removes both later with
 * state_remove(). The caller holds the machine's lock. 0 or -errno.
 */
int launch_undo(const struct launch_directories *directories, const struct machine_record *record,
                const struct log *log, struct machine_error *error);

/** Does the same and removes the record with its lock. 0 or -errno. */
int launch_collect(const struct launch_directories *directories, const struct state_store *store,
                   const struct machine_record *record, const struct log *log,
                   struct machine_error *error);

/** A step in words, for those who want to understand it. */
struct launch_words {
        const char *what;  /* it does */
        const char *calls; /* its system calls that matter, separated by blanks; for a machine that
                              needs less the step makes fewer. "": none */
        const char *rule;  /* of the kernel, with the manual page */
        const char *without; /* it, what would happen */
        const char *keys;    /* of definitions, that it follows: names, "limits" for all of a group,
                                separated by blanks. NULL: none */
        const char *places;  /* where it mounts something in the machine, with all below; "/" and
                                what ends with it: without that itself. NULL: none */
};

/** The step that mounts what is at a path in machines, or NULL. */
const char *launch_step_that_mounts(const char *point);

/** A step of a start, as it is told. */
struct launch_told {
        const char *name;
        bool child; /* of the first process */
        const struct launch_words *words;
};

/** Calls back for each step that starting this machine would run, in order. */
void launch_list_steps(const struct machine *machine, const struct launch_options *options,
                       void (*tell)(const struct launch_told *step, void *data), void *data);

/** Injects the fault requested for a step of a start or of an apply: returns its -errno or kills
 * the process. Returns 0 if there is none, and always if built without -Dfault_injection=true. */
int launch_inject_fault(const char *step, struct machine_error *error);

#endif
