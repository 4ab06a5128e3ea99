/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_ROOTFS_H
#define ROOTFS_ROOTFS_H

#include <stdbool.h>
#include <sys/types.h>

#include <machine/machine.h>

#include "base/cleanup.h"

/**
 * The file systems of a machine. The parent, host root in a mount namespace of its own, opens all
 * that needs the host's privileges and stages it on a scratch tmpfs. The child, the machine's root
 * in its new namespaces, has a copy of that tree, puts the pieces in place and pivots.
 *
 * Why the child does not get detached mounts by descriptor instead: only mounts that are copied
 * into a less privileged mount namespace have their flags locked (mount_namespaces(7)), and only a
 * locked read-only, nosuid or nodev cannot be remounted away by a machine with CAP_SYS_ADMIN.
 */
struct rootfs;

struct rootfs_parameters {
        const struct machine *machine;
        /* The machine's own directory for what is kept, made (0700) where the upper is persistent:
         * holds `upper` and `work`. */
        const char *state_directory;
        /* A directory of this program's where the scratch tmpfs is mounted; made (0700) where
         * missing, nothing in it is seen in the caller's namespace. One may serve all machines.
         * (Not "/": a process whose root is covered counts as chrooted and may not make a user
         * namespace, user_namespaces(7).) */
        const char *scratch_directory;
        /* The user namespace with the machine's id map (a descriptor of its ns/user), or -EBADF
         * where the machine uses the host's ids. */
        int user_namespace_fd;
        uid_t root_uid; /* the host's ids of the machine's root; 0 without a user namespace */
        gid_t root_gid;
        bool ephemeral; /* writes go to a tmpfs, whatever the definition says */
        /* A detached mount of one file that the caller executes from, or -EBADF. It is attached
         * beside the rest: to close the last descriptor of a detached mount waits for a grace
         * period of RCU of its own. */
        int program_mount_fd;
        /* The network namespace that the machine joins (modes "machine:" and "path:"), or -EBADF
         * where it has its own or the host's. */
        int network_namespace_fd;
        /* A file of the host, rewritten in place while the machine runs, that is its /etc/hosts;
         * NULL: hosts_text is, and where that is NULL too the root's own. */
        const char *hosts_path;
        const char *hosts_text;
        /* 32 hexadecimal digits for /etc/machine-id, or NULL: the root keeps its own. */
        const char *machine_id;
        /* Told what was left out and why, where that is no failure; may be NULL. Called in the
         * parent and in the child. */
        void (*note)(void *data, const char *message);
        void *note_data;
};

/* ---- Parent ---- */

/**
 * Opens the layers, mounts the overlay, stages binds, devices and files. The caller is host root in
 * an unshared mount namespace that is a slave of the host's, and leaves it when the child has its
 * copy (after clone3): with the namespace goes what is mounted here, also on failure. The working
 * directory is the scratch afterwards: the child inherits it. 0 or a negative errno with the error
 * filled. The caller frees *ret with rootfs_free().
 */
int rootfs_build(const struct rootfs_parameters *parameters, struct rootfs **ret,
                 struct machine_error *error);

/** A directory (borrowed descriptor) that is /run/host in the machine: the parent may make sockets
 *  and files in it, the machine itself has it read-only. */
int rootfs_host_directory(const struct rootfs *rootfs);

/** Unmounts what was staged, for a parent that cannot leave the namespace. NULL is allowed. */
void rootfs_detach(struct rootfs *rootfs);

/** Closes and frees; the lock on a persistent upper is held until then. NULL is allowed. */
void rootfs_free(struct rootfs *rootfs);

DEFINE_CLEANUP(struct rootfs *, rootfs_free, cleanup_rootfs)
#define _cleanup_rootfs_ _cleanup_(cleanup_rootfs)

/* ---- Child ----
 *
 * Called in this order in the new namespaces as uid and gid 0 of the machine, with all capabilities
 * of its user namespace. The cgroup namespace is already the machine's own when rootfs_sys() runs.
 * Each returns 0 or a negative errno with the error filled. */

/** Attaches the machine's root, which is not "/" yet. The working directory is as the parent's was
 *  after rootfs_build(). */
int rootfs_enter(struct rootfs *rootfs, struct machine_error *error);

/** The volumes of the machine's image, before anything else is mounted in the root. */
int rootfs_volumes(struct rootfs *rootfs, struct machine_error *error);

/** /proc of the machine's own pid namespace. */
int rootfs_proc(struct rootfs *rootfs, struct machine_error *error);

/** /sys and, with a cgroup namespace of its own, /sys/fs/cgroup. */
int rootfs_sys(struct rootfs *rootfs, struct machine_error *error);

/** /dev with its nodes, /dev/pts, /dev/shm, /dev/mqueue, and `devices`. */
int rootfs_dev(struct rootfs *rootfs, struct machine_error *error);

/**
 * A new terminal of the machine's own /dev/pts, bound to /dev/console. Only where the machine has
 * one; after rootfs_dev(). The slave is not the controlling terminal of anyone yet. The caller
 * closes both descriptors.
 */
int rootfs_terminal(struct rootfs *rootfs, int *ret_master, int *ret_slave,
                    struct machine_error *error);

/** A tmpfs each on /run and /tmp, for a machine that boots. */
int rootfs_boot(struct rootfs *rootfs, struct machine_error *error);

/** `mounts`, in their order. */
int rootfs_mounts(struct rootfs *rootfs, struct machine_error *error);

/** /run/host; after `mounts`, one of which may cover /run. */
int rootfs_host(struct rootfs *rootfs, struct machine_error *error);

/** `credentials`, readable by the ids given (of the machine) alone. */
int rootfs_credentials(struct rootfs *rootfs, uid_t uid, gid_t gid, struct machine_error *error);

/** /etc/hosts, hostname, resolv.conf, localtime and machine-id. */
int rootfs_files(struct rootfs *rootfs, struct machine_error *error);

/** Masked and read-only paths. Sysctls are read-only from here on: write them before. */
int rootfs_protect(struct rootfs *rootfs, struct machine_error *error);

/** Makes the root "/", lets go of the host's file systems, makes the root read-only where it is
 *  to be. The working directory is "/" afterwards. */
int rootfs_pivot(struct rootfs *rootfs, struct machine_error *error);

/** The machine's root directory (borrowed), in the child after rootfs_enter(). For looking up
 *  users and programs through base/path.h. */
int rootfs_root(const struct rootfs *rootfs);

/** The machine's procfs (borrowed), in the child after rootfs_proc(): not a path that a mount of
 *  the user's could have covered. */
int rootfs_procfs(const struct rootfs *rootfs);

#endif
