/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROOTFS_ROOTFS_H
#define ROOTFS_ROOTFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/volume.h>

#include "base/cleanup.h"

/**
 * The file systems of a machine. The parent, root of the host in a separate mount namespace, opens
 * everything that needs the host's privileges and stages it on a scratch tmpfs. The child, root of
 * the machine in its new namespaces, gets a copy of that tree, moves the parts into place and
 * pivots.
 *
 * Detached mounts passed as descriptors would not be enough: only mounts that are copied into a
 * less privileged mount namespace have their flags locked (mount_namespaces(7)), and without that a
 * machine with CAP_SYS_ADMIN could remount them without read-only, nosuid or nodev.
 */
struct rootfs;

/** Which name servers a machine can reach. */
struct rootfs_reach {
        bool host;    /* it shares the host's network: all of the host's */
        bool ipv4;    /* it has an address */
        bool ipv6;    /* likewise */
        bool outside; /* servers beyond its network */
        /* An address at which the host's own name servers are asked for it, or NULL. Borrowed. */
        const char *forwarder;
};

/** The host's list of name servers, and the upstream servers of systemd-resolved, which itself only
 * listens on loopback. */
#define ROOTFS_RESOLVER         "/etc/resolv.conf"
#define ROOTFS_RESOLVED_SERVERS "/run/systemd/resolve/resolv.conf"

/** What a mount of type VOLUME shows. */
struct rootfs_volume {
        char *path;                 /* the volume's directory on the host: base/volume.h */
        struct machine_owner owner; /* of its top directory when it is made */
};

struct rootfs_parameters {
        const struct machine *machine;
        /* As many as the machine has mounts; NULL if none of them is a volume. Borrowed until
         * rootfs_free(). */
        const struct rootfs_volume *volumes;
        /* The machine's persistent directory, which contains `upper` and `work`. Created (0700) if
         * the upper is persistent. */
        const char *state_directory;
        /* A file of this program, made if it is missing: which images have loop devices. All
         * machines share it. */
        const char *loops;
        /* A directory of this program to mount the scratch tmpfs on; created (0700) if missing, and
         * always empty in the caller's namespace. All machines can share one. (Not "/": a process
         * whose root is covered counts as chrooted and may not make a user namespace,
         * user_namespaces(7).) */
        const char *scratch_directory;
        /* The user namespace with the machine's id map (a descriptor of its ns/user), or -EBADF if
         * the machine uses the host's ids. */
        int user_namespace_fd;
        uid_t root_uid; /* the host's ids of the machine's root; 0 without a user namespace */
        gid_t root_gid;
        uint32_t id_count; /* how many ids the machine has; 0: the host's */
        /* The caller is a user, uid 0 of a user namespace: device nodes are bound from the host,
         * and files on disk have the ids of that namespace. */
        bool by_user;
        bool ungrouped; /* it has no control group of its own: the host's are not shown to it */
        bool ephemeral; /* writes go to a tmpfs, whatever the definition says */
        bool rehearsal; /* .. for this start only: the definition's setting is checked as well */
        bool storage;   /* no process will run in it: root, volumes and `mounts` alone */
        /* A detached mount of one file that the caller executes from, or -EBADF. It is attached
         * with the rest, because closing the last descriptor of a detached mount waits for another
         * RCU grace period. */
        int program_mount_fd;
        /* The network namespace that the machine joins (modes "machine:" and "path:"), or -EBADF if
         * it has its own or the host's. */
        int network_namespace_fd;
        /* Of a bare machine: */
        int host_mounts_fd; /* the host's mount namespace, or -EBADF: shared mounts stay here */
        const int *map_fds; /* for each of its mounts, a user namespace with its own maps */
        const char *cgroup_directory; /* on the host: its group, or all */
        /* A file of the host that becomes the machine's /etc/hosts and is rewritten in place while
         * the machine runs; NULL: hosts_text, and if that is NULL too, the root's own file. */
        const char *hosts_path;
        const char *hosts_text;
        struct rootfs_reach reach;
        /* 32 hexadecimal digits for /etc/machine-id, or NULL: the root keeps its own. */
        const char *machine_id;
        /* Reports what was left out and why, if that is not a failure; may be NULL. Called in the
         * parent and in the child. */
        void (*note)(void *data, const char *message);
        /* Warns the user although the start continues; may be NULL. Called in the parent. */
        void (*warn)(void *data, const char *message);
        void *note_data; /* of both */
};

/**
 * Opens the source of a bind as a start does, as a detached mount with its options. It is only for
 * machines without CAP_SYS_ADMIN, because its flags are not locked. Returns a descriptor, or -errno
 * with error set.
 */
int rootfs_open_bind(const struct machine_mount *mount, int user_namespace_fd,
                     struct machine_error *error);

/* ---- Parent ---- */

/**
 * Opens the layers, mounts the overlay, stages binds, devices and files. The caller is root of the
 * host in an unshared mount namespace that is a slave of the host's, and leaves it when the child
 * has its copy (after clone3): the mounts made here disappear with the namespace, even on failure.
 * The working directory is then the scratch: the child inherits it. 0 or -errno with error set. The
 * caller frees *ret with rootfs_free().
 */
int rootfs_build(const struct rootfs_parameters *parameters, struct rootfs **ret,
                 struct machine_error *error);

/** The directory (borrowed descriptor) that is /run/host in the machine: the parent can create
 * sockets and files in it, for the machine it is read-only. */
int rootfs_host_directory(const struct rootfs *rootfs);

/** Whether the machine's /etc/resolv.conf is made from the host's and follows it. */
bool rootfs_follows_resolver(const struct rootfs *rootfs);

/**
 * Rewrites the machine's /etc/resolv.conf in place if the host's has changed. A file that the
 * machine has modified is left alone. 1 if it was written, 0 or -errno.
 */
int rootfs_update_resolver(struct rootfs *rootfs);

/** A disk image of the root whose blocks the kernel verifies. */
struct rootfs_verified {
        const char *path;
        const char *root_hash;
        const char *signer; /* "the kernel" or "certificate PATH"; NULL: its signature was not
                             * checked */
};

/** Tells of the first, second, .. of them. Returns false behind the last. ret borrows. */
bool rootfs_verified(const struct rootfs *rootfs, size_t index, struct rootfs_verified *ret);

/** The block device with its data, "MAJOR:MINOR", as the kernel's log names it; *ret_corrupt (may
 * be NULL) is whether the kernel has found a block that was changed. 0 or -errno. */
int rootfs_verified_device(const struct rootfs *rootfs, size_t index, char *ret, size_t size,
                           bool *ret_corrupt);

/** Unmounts the staged mounts, for a parent that cannot leave the namespace. NULL is allowed. */
void rootfs_detach(struct rootfs *rootfs);

/** Closes and frees; the lock on a persistent upper is held until then. NULL is allowed. */
void rootfs_free(struct rootfs *rootfs);

DEFINE_CLEANUP(struct rootfs *, rootfs_free, cleanup_rootfs)
#define _cleanup_rootfs_ _cleanup_(cleanup_rootfs)

/* ---- Child ----
 *
 * Called in this order in the new namespaces as uid and gid 0 of the machine, with all capabilities
 * of its user namespace. The cgroup namespace is already the machine's own when rootfs_sys() runs.
 * Each returns 0 or -errno with error set. */

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
 * Opens a new terminal in the machine's /dev/pts and binds it to /dev/console. Only for a machine
 * with a terminal, after rootfs_dev(). The slave is not a controlling terminal yet. The caller
 * closes both descriptors.
 */
int rootfs_terminal(struct rootfs *rootfs, int *ret_master, int *ret_slave,
                    struct machine_error *error);

/** A tmpfs on /run and one on /tmp, for a machine that boots. */
int rootfs_boot(struct rootfs *rootfs, struct machine_error *error);

/** `mounts`, in their order. */
int rootfs_mounts(struct rootfs *rootfs, struct machine_error *error);

/** /run/host; after `mounts`, one of which may cover /run. */
int rootfs_host(struct rootfs *rootfs, struct machine_error *error);

/** `credentials`, readable only for the given ids (of the machine). */
int rootfs_credentials(struct rootfs *rootfs, uid_t uid, gid_t gid, struct machine_error *error);

/** /etc/hosts, hostname, resolv.conf, localtime and machine-id. */
int rootfs_files(struct rootfs *rootfs, struct machine_error *error);

/** Masked and read-only paths. Sysctls are read-only from here on: write them before. */
int rootfs_protect(struct rootfs *rootfs, struct machine_error *error);

/** Makes the root "/", unmounts the host's file systems, and makes the root read-only if requested.
 * The working directory is "/" afterwards. */
int rootfs_pivot(struct rootfs *rootfs, struct machine_error *error);

/** The machine's root directory (borrowed), in the child after rootfs_enter(). For looking up
 *  users and programs through base/path.h. */
int rootfs_root(const struct rootfs *rootfs);

/** The machine's procfs (borrowed), in the child after rootfs_proc(): not a path, which a mount of
 * the user could have covered. */
int rootfs_procfs(const struct rootfs *rootfs);

#endif
