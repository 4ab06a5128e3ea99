/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAUNCH_CONTEXT_H
#define LAUNCH_CONTEXT_H

#include <signal.h>

#include "cgroup/tree/tree.h"
#include "criu/criu.h"
#include "launch/launch.h"
#include "network/network.h"
#include "rootfs/rootfs.h"
#include "security/capabilities/capabilities.h"
#include "security/ids/id_map.h"
#include "security/ids/users.h"
#include "security/seccomp/seccomp.h"

/* Where the parent was before it entered the staging namespace: descriptors, -EBADF while it is
 * still there. */
struct host_place {
        int mounts; /* the mount namespace */
        int root;
        int directory; /* the working directory */
};

#define HOST_PLACE_INIT                                               \
        {                                                             \
                .mounts = -EBADF, .root = -EBADF, .directory = -EBADF \
        }

/* The stack of the maker and, from the clone on, of the first process until machine-init. */
#define MAKER_STACK_SIZE (256 * 1024)

/* Where the maker failed. */
enum maker_step {
        MAKER_WAS_KILLED, /* before it could report a failure */
        MAKER_NAMESPACES,
        MAKER_CLOCKS,
        MAKER_LOOPBACK,
        MAKER_CLONE,
};

/* The process that creates the machine's namespaces: launch/clone.c. */
struct maker {
        /* Filled before it starts. */
        char *stack; /* owned by the caller, for the duration of the start */
        pid_t parent;
        char clocks[128];   /* offsets of the new time namespace's clocks, for timens_offsets */
        int flags;          /* CLONE_NEW* that it unshares .. */
        int late_flags;     /* .. and those that the first process gets by its clone */
        sigset_t signals;   /* the first process' mask */
        int user_namespace; /* to join, or -EBADF: a new one by the flags, or none */
        int ipc;            /* of a pod: to join in that user namespace, or -EBADF */
        int uts;            /* the same */
        int network;        /* a user's: to join before the user namespace, or -EBADF */
        bool unshares_user; /* .. which it then makes */
        bool opens_network; /* for the parent: network_namespace */
        pid_t pid;          /* 0 once it is reaped */

        /* Filled before go. */
        int directory;     /* the first process' working directory */
        uint32_t go;       /* futex */
        int pid_namespace; /* to join, or -EBADF */

        /* Filled by it before it ends. */
        uint32_t joined;       /* futex: it is in `network` */
        int network_namespace; /* of a user's machine, or -EBADF */
        pid_t child;           /* 0: none, for .. */
        enum maker_step failed;
        int number; /* .. of this errno */
        int pidfd;
};

/** The namespaces of a pod that a member joins; -EBADF: its own. */
struct pod_namespaces {
        int user;
        int ipc;
        int uts;
        char *group; /* the control group of all members, or NULL */
};

#define POD_NAMESPACES_INIT                  \
        {                                    \
                -EBADF, -EBADF, -EBADF, NULL \
        }

/** What a restore has before the machine's processes run: launch/checkpoint. */
struct restored {
        char **points; /* the mount points that CRIU is given */
        struct criu criu;
};

/* The state that the steps of a start share. Both sides of the clone have it; each fills its own
 * part. */
struct launch {
        struct machine *machine;
        struct launch_options options;
        const struct launch_step *steps; /* of the parent */
        bool by_user; /* the parent is a user, uid 0 of a user namespace: base/rights/caller.h */
        bool image_directory; /* the working directory is the image's */

        /* Filled by the parent's steps before the clone. */
        struct state_store store;
        int lock;
        int runtime_lock;       /* of a user's runtime directory */
        int trees;              /* the locks on the directories of the root: state/trees.h */
        int image_lock;         /* keeps the image in the store */
        struct volume *volumes; /* those of `mounts`, each once: state/volumes.h */
        size_t volume_count;
        struct rootfs_volume *mounted_volumes; /* for each mount, what the root needs; or NULL */
        struct machine_record record;
        struct id_lease ids;
        gid_t *kept_groups; /* of the user, for devices: the same numbers in the machine */
        size_t kept_group_count;
        struct pod_namespaces pod;
        int user_namespace;
        struct capability_sets capabilities;
        struct seccomp_program filter;
        char **environment; /* of environment_files and the definition */
        char *machine_id;
        struct host_place host;
        struct maker maker;
        struct network *network;
        struct rootfs *rootfs;
        struct cgroup cgroup;
        int init_program;         /* machine-init through a read-only mount */
        int sockets[2];           /* of launch/init/message.h */
        int time_namespace;       /* that the first process joins, or -EBADF */
        int own_namespaces[4];    /* the caller's, while it has joined others */
        int agent;                /* the connection to the agent of the filter, or -EBADF */
        int agent_text;           /* what it is sent: a memfd, filled after the clone */
        struct restored restored; /* of a start that restores */
        int waiting; /* of a container: where its first process waits, a socket that listens */

        /* Filled by the clone and what follows. */
        pid_t pid;
        int pidfd;
        int network_namespace; /* until the network is attached */
        int exit_status;
        int terminal; /* master side */
        int notify_socket;
        int status_event; /* the stub's report of the payload's exit status, or -EBADF */
        bool reaped;
        bool reboot;
        bool inherited; /* the first process is not a child of this one */

        /* Filled by the child. */
        struct machine_user user;
        int terminal_slave;
        pid_t payload; /* the payload's process, until machine-init is called; 0: it is executed */
        int beside;    /* the stub's socket to it */

        size_t steps_done;
};

/** One step of a start. */
struct launch_step {
        const char *name;
        /** Whether this machine needs the step; NULL: always. */
        bool (*wanted)(const struct launch *launch);
        int (*set_up)(struct launch *launch, struct machine_error *error);
        /** NULL: nothing to undo, or it ends with the processes. */
        int (*tear_down)(struct launch *launch, struct machine_error *error);
        /** Whether the step leaves something for collect() to undo; NULL: yes if collect is set. */
        bool (*leaves)(const struct launch *launch);
        /**
         * Undoes the step of a dead supervisor, based on its record. The step may never have been
         * set up: all steps with collect are written to the record before the first one runs.
         */
        int (*collect)(const struct launch_directories *directories,
                       const struct machine_record *record, struct machine_error *error);
        struct launch_words words; /* not of storage steps, which a start has as well */
};

/** The steps of the two sides, each terminated by a step without a name. */
extern const struct launch_step launch_parent_steps[];
extern const struct launch_step launch_child_steps[];

/** The steps to the root of a machine that does not run and is not about to. The record of it, if
 *  there is one, stays as it is. */
extern const struct launch_step launch_storage_steps[];

/** Saves the record with all steps that a successor would have to undo, before anything exists that
 * they make. run_steps() does so before the first of them, unless a step has done it. */
int launch_record_steps(struct launch *launch, struct machine_error *error);

/** Warns the user, or the caller of a container's start. */
void launch_warn(const struct launch *launch, const char *message);

/** Paths of init in a root. */
#define LAUNCH_INIT_PLACES 3
extern const char *const launch_init_places[LAUNCH_INIT_PLACES];

/** Frees a launch without undoing anything. */
void launch_free(struct launch *launch);

/**
 * Runs the steps of a table, up to the one named `end` (NULL: all). stack, of MAKER_STACK_SIZE, is
 * the caller's and outlives the maker. On failure everything is undone. 0 or -errno; *ret is undone
 * with launch_finish().
 */
int launch_run(struct machine *machine, const struct launch_options *options,
               const struct launch_step *steps, const char *end, char *stack, struct launch **ret,
               struct machine_error *error);

/** Whether a machine needs a step. */
static inline bool launch_step_wanted(const struct launch_step *step, const struct launch *launch)
{
        return !step->wanted || step->wanted(launch);
}

/** How a bare machine gets a namespace. */
static inline int launch_given(const struct launch *launch, enum machine_namespace kind)
{
        return launch->machine->namespaces.given[kind].set;
}

/** Whether the start is for an OCI runtime. */
static inline bool launch_is_container(const struct launch *launch)
{
        return launch->options.container != NULL;
}

/** Whether the machine has ids of its own. */
static inline bool launch_has_user_namespace(const struct launch *launch)
{
        if (launch->machine->bare) {
                return launch_given(launch, MACHINE_NAMESPACE_USER) != MACHINE_NAMESPACE_HOST;
        }
        return launch->machine->namespaces.user != MACHINE_USER_NAMESPACE_NONE;
}

/** The host's ids of the machine's root. */
static inline uid_t launch_root_uid(const struct launch *launch)
{
        const struct machine_id_maps *maps = &launch->machine->namespaces.maps;
        uint32_t id = launch->ids.range.base;

        (void)id_map_translate(maps->uids, maps->uid_count, 0, &id);
        return id;
}

static inline gid_t launch_root_gid(const struct launch *launch)
{
        const struct machine_id_maps *maps = &launch->machine->namespaces.maps;
        uint32_t id = launch->ids.range.base;

        (void)id_map_translate(maps->gids, maps->gid_count, 0, &id);
        return id;
}

/** The descriptor to use as the payload's 0, 1 or 2. */
static inline int launch_stream(const struct launch *launch, int number)
{
        int given = launch->options.streams[number];

        return given >= 0 ? given : number;
}

/** In the first process of a restore, in place of becoming machine-init: see
 * launch/checkpoint/mold.h. Does not return; or -errno with error set. */
int launch_give_mold(struct launch *launch, struct machine_error *error);

/** Lets the first process of a restore go on, and takes the tree of its mounts. 0 or -errno with
 * error set. */
int launch_await_mold(struct launch *launch, int *ret_tree, struct machine_error *error);

/** Lets the first process go on, and returns once its payload runs, or waits. */
int launch_set_up_payload(struct launch *launch, struct machine_error *error);

/* Steps of a container's start: launch/container.c, launch/notify.c. */
int launch_set_up_container(struct launch *launch, struct machine_error *error);
int launch_tear_down_container(struct launch *launch, struct machine_error *error);
bool launch_wants_group(const struct launch *launch);
int launch_set_up_group(struct launch *launch, struct machine_error *error);
int launch_collect_group(const struct launch_directories *directories,
                         const struct machine_record *record, struct machine_error *error);
bool launch_wants_scope(const struct launch *launch);
int launch_set_up_scope(struct launch *launch, struct machine_error *error);
bool launch_wants_notify_directory(const struct launch *launch);
int launch_set_up_notify_directory(struct launch *launch, struct machine_error *error);
bool launch_wants_created(const struct launch *launch);
int launch_set_up_created(struct launch *launch, struct machine_error *error);
int launch_set_up_waiting(struct launch *launch, struct machine_error *error);

/* The agent of a container's filter: launch/agent.c. */
bool launch_wants_agent(const struct launch *launch);
int launch_set_up_agent(struct launch *launch, struct machine_error *error);
int launch_set_up_agent_text(struct launch *launch, struct machine_error *error);

/** Reads what the parent has written, in the first process. The caller frees *ret. */
int launch_read_agent_text(const struct launch *launch, char **ret, struct machine_error *error);

/** Joins the namespaces that a bare machine shares, apart from those that the maker joins, so that
 * the maker starts in them. */
int launch_join_namespaces(struct launch *launch, struct machine_error *error);

/** The first process joins the time namespace that is to be shared, if there is one. */
int launch_join_time(const struct launch *launch, struct machine_error *error);

/** Returns to the caller's own. */
int launch_leave_namespaces(struct launch *launch, struct machine_error *error);

/**
 * If the child failed while the parent was running a step, the child's error replaces the current
 * one, which it may have caused.
 */
void launch_prefer_error_of_child(struct launch *launch, struct machine_error *error);

/** Locks the directories of the machine's root, exclusively those that it writes to. 0, or -EBUSY
 * with an error that names one. */
int launch_set_up_trees(struct launch *launch, struct machine_error *error);

/** Locks the directories that staging the root has created as well. */
int launch_take_new_trees(struct launch *launch, struct machine_error *error);

int launch_tear_down_trees(struct launch *launch, struct machine_error *error);

/* The namespaces of a pod: launch/pod/pod.c. */
bool launch_holds_pod(const struct launch *launch);
int launch_set_up_pod(struct launch *launch, struct machine_error *error);
bool launch_joins_pod(const struct launch *launch);
int launch_join_pod(struct launch *launch, struct machine_error *error);
int launch_leave_pod(struct launch *launch, struct machine_error *error);

/* The control group of all members: launch/pod/group.c. */
bool launch_limits_members(const struct launch *launch);
int launch_set_up_members_group(struct launch *launch, struct machine_error *error);
int launch_tear_down_members_group(struct launch *launch, struct machine_error *error);
int launch_collect_members_group(const struct launch_directories *directories,
                                 const struct machine_record *record, struct machine_error *error);

/** The path of machine-init, or NULL with error set. The caller frees it. */
char *launch_find_init_program(struct machine_error *error);

/* The volumes of `mounts`: launch/volumes.c. */
bool launch_has_volumes(const struct launch *launch);
int launch_set_up_volumes(struct launch *launch, struct machine_error *error);
int launch_tear_down_volumes(struct launch *launch, struct machine_error *error);
int launch_share_volumes(struct launch *launch, struct machine_error *error);
void launch_free_volumes(struct launch *launch);

/**
 * Moves the caller to a mount namespace of its own that still receives the host's mounts. 0 or
 * -errno with error set.
 */
int launch_set_up_mount_namespace(struct launch *launch, struct machine_error *error);

/**
 * Returns to the host's mount namespace, and to the root and working directory that the caller had
 * there. The other namespace and its mounts disappear with its last process: the kernel waits for
 * an RCU grace period before this returns. A caller without CAP_SYS_CHROOT stays, and the staged
 * mounts are unmounted. Does nothing in the host's namespace. 0 or -errno with error set.
 */
int launch_leave_mount_namespace(struct launch *launch, struct machine_error *error);

/**
 * Starts the maker, which creates the user namespace before this returns and the others afterwards.
 * 0 or -errno with error set.
 */
int launch_set_up_namespaces(struct launch *launch, struct machine_error *error);

/** Kills the maker if it has not exited. */
int launch_tear_down_namespaces(struct launch *launch, struct machine_error *error);

/** Opens the machine's user namespace and sets its id maps. 0 or -errno with error set. */
int launch_set_up_id_maps(struct launch *launch, struct machine_error *error);

/** Lets the maker create the first process, a copy of the caller that runs launch_child(). 0 or
 * -errno with error set. */
int launch_set_up_clone(struct launch *launch, struct machine_error *error);

/** Kills and reaps the machine. */
int launch_tear_down_clone(struct launch *launch, struct machine_error *error);

/** Whether machine-init is called and not executed, if that is safe. */
bool launch_wants_payload_process(const struct launch *launch);

/** Whether it is safe, too. After the privileges are known. */
bool launch_calls_init(const struct launch *launch);

/** Creates the payload's process, which prepares itself in the meantime; not if machine-init has to
 * be executed. 0 or -errno with error set. */
int launch_begin_payload(struct launch *launch, struct machine_error *error);

/** Becomes machine-init. Returns only on failure, with -errno and error set. */
int launch_become_init(struct launch *launch, struct machine_error *error);

/** Closes the descriptors. */
void launch_forget_host_place(struct host_place *place);

/** The body of the machine's first process up to machine-init. Never returns. */
_Noreturn void launch_child(struct launch *launch);

/**
 * Opens machine-init through a detached, read-only mount of that file, so that a process that
 * executes it cannot be used to reach or write the host's file. Returns the descriptor or -errno.
 */
int launch_open_init_program(struct machine_error *error);

/**
 * The part of the payload's environment that is known before the start: environment files, then the
 * definition's entries, later ones overriding earlier ones. 0 or -errno; the caller frees *ret.
 */
int launch_load_environment(const struct machine *machine, char ***ret,
                            struct machine_error *error);

/**
 * The machine's id, 32 hexadecimal digits: the definition's, or one derived from its name and the
 * host's id, so that it is stable and unique. The caller frees *ret.
 */
int launch_derive_machine_id(const struct machine *machine, char **ret,
                             struct machine_error *error);

/** The complete environment: the defaults for every payload, overridden by `launch->environment`.
 */
int launch_complete_environment(const struct launch *launch, char ***ret,
                                struct machine_error *error);

/** Sets TERM to the caller's for a program on a terminal. 0 or -ENOMEM. */
int launch_describe_terminal(char ***environment);

/** Checks the names of all sysctls. -EPERM, with an error that names it, for one that is not the
 * machine's own. */
int launch_check_sysctls(const struct machine *machine, struct machine_error *error);

/** Writes the sysctls through proc_fd, the machine's procfs. A `rehearsal` skips those that name a
 * network interface, because it has none. */
int launch_write_sysctls(const struct machine *machine, int proc_fd, bool rehearsal,
                         struct machine_error *error);

#endif
