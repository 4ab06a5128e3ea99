/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

/**
 * A machine as a plain struct: its definition with all defaults filled in, independent of the
 * syntax. Front ends fill it in, everything below them reads it.
 *
 * The struct owns its strings and arrays, and machine_free() frees them. An array of strings ends
 * with NULL; a NULL array is empty. Sizes are in bytes, times in microseconds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

MACHINE_BEGIN_DECLARATIONS;

/** A number that the definition does not set. */
#define MACHINE_UNSET UINT64_MAX
/** A limit set to "max" (or "unlimited", "infinity"): no limit. */
#define MACHINE_UNLIMITED (UINT64_MAX - 1)

/** A setting that is on, off, or automatic. */
enum machine_choice {
        MACHINE_CHOICE_AUTO,
        MACHINE_CHOICE_NO,
        MACHINE_CHOICE_YES,
};

/* ---- Root ---- */

/** The source of the root; a definition has exactly one of the three. */
enum machine_root_source {
        MACHINE_ROOT_DIRECTORY, /* `rootfs` */
        MACHINE_ROOT_OVERLAY,   /* `overlay` */
        MACHINE_ROOT_IMAGE,     /* `image` */
};

/** Where writes to the root go. */
enum machine_upper {
        MACHINE_UPPER_IN_PLACE,   /* to `rootfs` itself: only with `rootfs` and without `upper` */
        MACHINE_UPPER_PERSISTENT, /* below the state directory, until the machine is deleted */
        MACHINE_UPPER_VOLATILE,   /* to a tmpfs, removed when the machine stops */
        MACHINE_UPPER_NONE,       /* the root is read-only */
        MACHINE_UPPER_DIRECTORY,  /* to a directory of the user's, in upper_directory */
};

/** When a start pulls the image. */
/** Whether a timer follows the name of the image. */
enum machine_update {
        MACHINE_UPDATE_NO,
        MACHINE_UPDATE_AUTO,
};

enum machine_pull {
        MACHINE_PULL_MISSING,
        MACHINE_PULL_ALWAYS,
        MACHINE_PULL_NEVER,
};

/** How mounts made in the machine's root and on the host's side of it are seen on the other. */
enum machine_propagation {
        MACHINE_PROPAGATION_NONE, /* not set: private */
        MACHINE_PROPAGATION_PRIVATE,
        MACHINE_PROPAGATION_SLAVE,
        MACHINE_PROPAGATION_SHARED,
        MACHINE_PROPAGATION_UNBINDABLE,
};

/** What the kernel does when a block of a verified image differs from its hash. */
enum machine_corruption {
        MACHINE_CORRUPTION_IO_ERROR, /* an error for who reads it */
        MACHINE_CORRUPTION_RESTART,  /* the host restarts */
        MACHINE_CORRUPTION_PANIC,    /* the host's kernel panics */
};

/** How a disk image is verified (dm-verity). */
struct machine_verity {
        char *root_hash; /* hexadecimal digits, or NULL: it is found with the image */
        uint64_t offset; /* of the hash tree in the image; 0: a partition, or beside the image */
        bool required;   /* nothing else is mounted */
        char *signature; /* absolute path of the root hash's signature, or NULL */
        enum machine_corruption on_corruption;
};

struct machine_root {
        enum machine_root_source source;
        char *directory; /* absolute path of `rootfs` */
        char **layers;   /* absolute paths of `overlay` (or of the image's layers), top first */
        char *image;     /* reference of `image` */
        enum machine_pull pull;
        enum machine_update update;
        enum machine_upper upper;
        char *upper_directory; /* absolute path; contains `upper` and `work` */
        bool read_only;
        uint64_t size; /* to which a disk image grows, in bytes, or MACHINE_UNSET */
        struct machine_verity verity;
        char **volumes; /* of the image, set by the start: absolute paths in the machine, sorted */
        enum machine_propagation propagation; /* of a bare machine */
        bool propagation_recursive;           /* .. and of all mounts below */
};

/* ---- What runs ---- */

/** Ids that are not looked up in the root. */
struct machine_identity {
        bool set; /* instead of `user` */
        uint32_t uid;
        uint32_t gid;
        uint32_t *groups; /* supplementary */
        size_t group_count;
        bool keep_groups; /* the caller's, instead of these */
};

struct machine_process {
        char **command;
        char **arguments;         /* appended to an image's entrypoint */
        bool boot;                /* the machine's own init is PID 1 */
        bool init;                /* a stub as PID 1 reaps processes and forwards signals */
        char **environment;       /* "KEY=VALUE", the last one wins */
        char **environment_files; /* absolute paths, read before `environment` */
        char *working_directory;  /* absolute path in the machine, or NULL: the user's home or / */
        char *user;               /* "name", "uid", "uid:gid", "name:group", or NULL: root */
        char **groups;            /* supplementary: names and numbers, beside those of `user` */
        struct machine_identity identity;
        enum machine_choice terminal; /* AUTO: if the caller's input and output are terminals */
        uint16_t terminal_rows;       /* initial size of the terminal, 0: the kernel's */
        uint16_t terminal_columns;
        bool umask_set;
        uint32_t umask;
        /* CPUs of programs that join the machine, lists as in cpuset(7) or NULL: before they enter
         * its control group, and afterwards. */
        char *exec_cpus_before;
        char *exec_cpus;
};

/* ---- Namespaces ---- */

enum machine_user_namespace {
        MACHINE_USER_NAMESPACE_AUTO,  /* an unused range, chosen by the start */
        MACHINE_USER_NAMESPACE_NONE,  /* the host's ids */
        MACHINE_USER_NAMESPACE_RANGE, /* the configured range */
        MACHINE_USER_NAMESPACE_SELF,  /* the id of the user who starts it, alone */
        MACHINE_USER_NAMESPACE_MAPS,  /* uid_map and gid_map; of a joined one, what it has */
};

/** A line of an id map: ids [host, host + count) are [machine, machine + count) in the machine. */
struct machine_id_map {
        uint32_t machine;
        uint32_t host;
        uint32_t count;
};

struct machine_id_maps {
        struct machine_id_map *uids;
        size_t uid_count;
        struct machine_id_map *gids;
        size_t gid_count;
};

/** The offset of a clock in a time namespace (time_namespaces(7)). */
struct machine_time_offset {
        bool set;
        int64_t seconds;
        uint32_t nanoseconds;
};

enum machine_namespace {
        MACHINE_NAMESPACE_PID,
        MACHINE_NAMESPACE_NETWORK,
        MACHINE_NAMESPACE_MOUNT,
        MACHINE_NAMESPACE_IPC,
        MACHINE_NAMESPACE_UTS,
        MACHINE_NAMESPACE_CGROUP,
        MACHINE_NAMESPACE_TIME,
        MACHINE_NAMESPACE_USER,
        MACHINE_NAMESPACES,
};

/** Where a namespace of a bare machine comes from. */
struct machine_namespace_choice {
        enum {
                MACHINE_NAMESPACE_HOST, /* the caller's */
                MACHINE_NAMESPACE_NEW,
                MACHINE_NAMESPACE_JOINED, /* the one at `path` */
        } set;
        char *path; /* absolute path on the host */
};

struct machine_namespaces {
        /* Of a bare machine; the settings below and network.mode agree with it: */
        struct machine_namespace_choice given[MACHINE_NAMESPACES];
        struct machine_id_maps maps;          /* with MAPS */
        struct machine_time_offset monotonic; /* of the new time namespace */
        struct machine_time_offset boottime;
        /* Of any machine: */
        enum machine_user_namespace user;
        uint32_t user_base;  /* first id on the host; with RANGE */
        uint32_t user_count; /* number of ids; 65536 with AUTO */
        bool ipc;            /* true: private, false: the host's; the same below */
        bool uts;
        bool cgroup;
        bool time;
};

/* ---- Limits ---- */

/** Bandwidth and operations per second of one block device; MACHINE_UNSET if not set. */
struct machine_io_limit {
        char *device; /* path, or "major:minor" */
        uint64_t read_bandwidth;
        uint64_t write_bandwidth;
        uint64_t read_iops;
        uint64_t write_iops;
};

/** A resource limit of setrlimit(2), in effect if `set`; MACHINE_UNLIMITED is RLIM_INFINITY. */
struct machine_resource_limit {
        bool set;
        uint64_t soft;
        uint64_t hard;
};

/** The number of Linux's resource limits (RLIMIT_CPU .. RLIMIT_RTTIME); the index is RLIMIT_*. */
#define MACHINE_RESOURCE_LIMITS 16

/** The weight of the machine at one block device. */
struct machine_io_weight {
        char *device;    /* "major:minor" */
        uint64_t weight; /* 1..1000: of the BFQ scheduler */
};

/** Allows or denies access to devices; of several rules for one kind of access the last decides. */
struct machine_device_rule {
        bool allow;
        char type;      /* 'c', 'b', or 'a': both */
        uint64_t major; /* MACHINE_UNSET: any */
        uint64_t minor; /* the same */
        char access[4]; /* some of "rwm" */
};

/** The scheduling of the payload, as sched_setattr(2). */
struct machine_scheduler {
        bool set;
        uint32_t policy; /* SCHED_* */
        uint64_t flags;  /* SCHED_FLAG_* */
        int32_t nice;
        uint32_t priority;
        uint64_t runtime; /* of SCHED_DEADLINE, in nanoseconds; the same below */
        uint64_t deadline;
        uint64_t period;
};

/** The I/O priority of the payload, as ioprio_set(2). */
struct machine_io_priority {
        bool set;
        int kind;  /* 1: real-time, 2: best-effort, 3: idle */
        int level; /* 0 (highest) .. 7 */
};

/** Where the payload's memory is allocated, as set_mempolicy(2). */
struct machine_memory_policy {
        bool set;
        int mode;    /* MPOL_* .. */
        int flags;   /* .. and MPOL_F_*, of linux/mempolicy.h */
        char *nodes; /* list as in cpuset(7), or NULL */
};

/** Numbers are MACHINE_UNSET unless the definition sets them. */
struct machine_limits {
        uint64_t memory;
        uint64_t memory_high;
        uint64_t memory_low;
        uint64_t swap;
        uint64_t cpu_quota;  /* microseconds of CPU time .. */
        uint64_t cpu_period; /* .. in each period of this many microseconds; set whenever cpu_quota
                                is */
        uint64_t cpu_weight; /* 1..10000 */
        char *cpus;          /* list as in cpuset(7), or NULL */
        char *memory_nodes;  /* list as in cpuset(7), or NULL */
        uint64_t tasks;
        uint64_t io_weight; /* 1..10000 */
        struct machine_io_limit *io;
        size_t io_count;
        char **hugepages; /* "SIZE=LIMIT", for example "2M=512M" */
        struct machine_resource_limit resources[MACHINE_RESOURCE_LIMITS];
        bool oom_score_adjust_set;
        int oom_score_adjust; /* -1000..1000 */
        bool nice_set;
        int nice; /* -20..19 */
        /* Of a bare machine: no defaults, and messages name the members of a bundle. */
        bool bare;
        uint64_t cpu_burst; /* microseconds */
        uint64_t cpu_idle;  /* 1: SCHED_IDLE for the whole group, 0: not */
        struct machine_io_weight *io_weights;
        size_t io_weight_count;
        char **rdma;    /* "DEVICE hca_handle=N hca_object=N", lines of rdma.max */
        char **unified; /* "FILE=TEXT", written as they are to files of the control group */
        struct machine_device_rule *device_rules; /* after a first one that denies everything */
        size_t device_rule_count;
        struct machine_scheduler scheduler;
        struct machine_io_priority io_priority;
        struct machine_memory_policy memory_policy;
        bool personality_set;
        uint32_t personality; /* PER_* of personality(2) */
};

/* ---- Network ---- */

enum machine_network_mode {
        MACHINE_NETWORK_BRIDGE,
        MACHINE_NETWORK_HOST,
        MACHINE_NETWORK_NONE,
        MACHINE_NETWORK_MACHINE, /* the network of the machine `target` */
        MACHINE_NETWORK_PATH,    /* the network namespace at the path `target` */
        MACHINE_NETWORK_MACVLAN, /* on the host's interface `target` */
        MACHINE_NETWORK_IPVLAN,  /* the same */
};

enum machine_protocol {
        MACHINE_PROTOCOL_TCP,
        MACHINE_PROTOCOL_UDP,
        MACHINE_PROTOCOL_SCTP,
};

/** A published port, or a range of equal length on both sides. */
struct machine_port {
        char *address; /* address of the host, without brackets, or NULL: all */
        uint16_t host_first;
        uint16_t host_last;
        uint16_t machine_first;
        enum machine_protocol protocol;
};

/** An interface of the host that the machine gets. */
struct machine_network_device {
        char *host;
        char *name; /* in the machine; may contain "%d"; NULL: the same */
};

/** The characters that all aliases of a machine in a network have, with one between two of them. */
#define MACHINE_ALIASES_MAXIMUM 400
/** The number of networks that a machine joins besides the first one. */
#define MACHINE_FURTHER_NETWORKS_MAXIMUM 31

/** A network that a machine joins besides the first one. */
struct machine_further_network {
        char *name;
        char *address;  /* requested IPv4 address, or NULL */
        char *address6; /* requested IPv6 address, or NULL */
        char *mac;      /* "xx:xx:xx:xx:xx:xx", or NULL: derived */
        uint64_t mtu;   /* or MACHINE_UNSET */
        char **aliases; /* further names of the machine in this network */
};

struct machine_network {
        enum machine_network_mode mode;
        char *target;   /* the object of modes that have one, else NULL */
        char *name;     /* of the network, with BRIDGE */
        char *address;  /* requested IPv4 address, or NULL */
        char *address6; /* requested IPv6 address, or NULL */
        char *mac;      /* "xx:xx:xx:xx:xx:xx", or NULL: derived */
        uint64_t mtu;   /* or MACHINE_UNSET */
        char **dns;
        char **search;
        char **hosts;   /* "NAME:ADDRESS" */
        char **aliases; /* further names of the machine in this network */
        struct machine_port *ports;
        size_t port_count;
        struct machine_further_network *further; /* eth1, eth2, .. */
        size_t further_count;
        struct machine_network_device *devices; /* of a bare machine */
        size_t device_count;
};

/* ---- Files and devices ---- */

enum machine_mount_type {
        MACHINE_MOUNT_BIND,
        MACHINE_MOUNT_TMPFS,
        MACHINE_MOUNT_OVERLAY,
        MACHINE_MOUNT_MQUEUE,
        MACHINE_MOUNT_VOLUME,
        MACHINE_MOUNT_FILE_SYSTEM, /* of a bare machine: any, `file_system` and `options` say what
                                    */
};

/** Which of the host's ids own the files of a mount. */
enum machine_mount_map {
        MACHINE_MOUNT_MAP_AUTO,    /* HOST if only root can reach it or nothing is written, else
                                      MACHINE */
        MACHINE_MOUNT_MAP_HOST,    /* the same ids as in the machine: 0 is root of the host */
        MACHINE_MOUNT_MAP_MACHINE, /* those of the machine's user namespace */
};

struct machine_mount {
        enum machine_mount_type type;
        char *file_system; /* with FILE_SYSTEM the type of mount(2), or NULL */
        char *source; /* absolute path on the host; with OVERLAY "TOP:..:BOTTOM", with VOLUME its
                           name; else NULL */
        char *target; /* absolute path in the machine */
        bool read_only;
        char **options;              /* "exec", "noexec", "dev", "suid", .. as in mount(8) */
        enum machine_mount_map map;  /* of a bind or an overlay */
        uint64_t size;               /* of a tmpfs, or MACHINE_UNSET */
        uint64_t mode;               /* of a tmpfs' root, or MACHINE_UNSET */
        bool create;                 /* create the target if it is missing (default true) */
        struct machine_id_maps maps; /* of a bare machine, with the option "idmap" or "ridmap" */
};

struct machine_device {
        char *source;   /* absolute path on the host */
        char *target;   /* absolute path in the machine */
        char access[4]; /* some of "rwm" */
};

/** A node of a bare machine, made rather than found on the host. */
struct machine_node {
        char *path;     /* absolute path in the machine */
        char type;      /* 'c', 'b', or 'p' for a FIFO */
        uint32_t major; /* of a device */
        uint32_t minor;
        uint64_t mode; /* MACHINE_UNSET: 0666 */
        uint32_t uid;  /* in the machine */
        uint32_t gid;
};

/** How the file of a credential is decrypted. */
enum machine_decrypt {
        MACHINE_DECRYPT_NONE,
        MACHINE_DECRYPT_SYSTEMD, /* systemd-creds(1) */
        MACHINE_DECRYPT_AGE,     /* age(1) */
};

/** A secret file in the payload's credentials directory. Exactly one of path and value is set. */
struct machine_credential {
        char *name;
        char *path; /* absolute path on the host */
        char *value;
        enum machine_decrypt decrypt; /* only with path */
};

/* ---- Security ---- */

enum machine_capability_profile {
        MACHINE_CAPABILITIES_MINIMAL,
        MACHINE_CAPABILITIES_SERVICE,
        MACHINE_CAPABILITIES_SYSTEM,
};

enum machine_seccomp_profile {
        MACHINE_SECCOMP_DEFAULT,
        MACHINE_SECCOMP_OFF,
        MACHINE_SECCOMP_FILE,
        MACHINE_SECCOMP_TEXT,
};

/** The capability sets of capabilities(7). */
enum machine_capability_set {
        MACHINE_CAPABILITY_BOUNDING,
        MACHINE_CAPABILITY_EFFECTIVE,
        MACHINE_CAPABILITY_INHERITABLE,
        MACHINE_CAPABILITY_PERMITTED,
        MACHINE_CAPABILITY_AMBIENT,
        MACHINE_CAPABILITY_SETS,
};

/** Capability names are upper case with "CAP_", or "all", and validated. */
struct machine_capabilities {
        enum machine_capability_profile profile;
        char **add;
        char **drop;
        char **ambient;
        /* Of a bare machine, instead of all above: the sets as they are. A name that nobody knows,
         * or that cannot be granted, is a warning. */
        char **sets[MACHINE_CAPABILITY_SETS];
};

struct machine_seccomp {
        enum machine_seccomp_profile profile;
        char *file;     /* absolute path of an OCI/Docker JSON profile, with FILE; with TEXT a name
                           for messages */
        char *text;     /* the JSON profile itself, with TEXT */
        char *listener; /* absolute path of the socket of the agent for SCMP_ACT_NOTIFY, or NULL */
        char *listener_metadata;
        char **allow; /* names of system calls, or "@group" */
        char **deny;
        bool log; /* log refused calls */
};

struct machine_security {
        struct machine_capabilities capabilities;
        struct machine_seccomp seccomp;
        bool no_new_privileges;
        char **masked_paths; /* absolute paths in the machine, in addition to the built-in ones */
        char **read_only_paths; /* the same */
        char *apparmor;
        char *selinux;
        char *mount_label; /* SELinux context of file systems that the start makes */
};

/* ---- Life ---- */

enum machine_restart_policy {
        MACHINE_RESTART_NO,
        MACHINE_RESTART_ON_FAILURE,
        MACHINE_RESTART_ALWAYS,
};

enum machine_health_action {
        MACHINE_HEALTH_NONE,
        MACHINE_HEALTH_RESTART,
        MACHINE_HEALTH_STOP,
};

enum machine_ready {
        MACHINE_READY_EXEC,
        MACHINE_READY_NOTIFY,
        MACHINE_READY_HEALTH,
};

enum machine_log_driver {
        MACHINE_LOG_AUTO, /* the journal if systemd runs, else a file */
        MACHINE_LOG_JOURNAL,
        MACHINE_LOG_FILE,
        MACHINE_LOG_NONE,
};

/** What `apply` does when a change takes effect only with a restart. */
enum machine_on_change {
        MACHINE_ON_CHANGE_RESTART,
        MACHINE_ON_CHANGE_RELOAD, /* reloads if only mounted files changed, else restarts */
        MACHINE_ON_CHANGE_MANUAL, /* leaves it to the user */
};

/** Where a machine belongs, and how `apply` changes it. */
struct machine_apply {
        char **hosts; /* patterns of host names, or "KEY=VALUE" labels of hosts; NULL: all hosts */
        enum machine_on_change on_change;
        int reload_signal;     /* sent to the command to reload it, or 0 */
        char **reload_command; /* run in the machine to reload it, or NULL */
};

struct machine_life {
        int stop_signal;
        uint64_t stop_timeout;
        enum machine_restart_policy restart;
        uint64_t restart_delay; /* before the first of consecutive restarts; doubled each time .. */
        uint64_t restart_max_delay; /* .. up to this, or restart_delay if that is longer */
        uint64_t restart_limit;     /* restarts allowed .. */
        uint64_t restart_window;    /* .. within this time */
        char **health_command;      /* NULL: no health check */
        uint64_t health_interval;
        uint64_t health_timeout;
        uint64_t health_retries;
        uint64_t health_start_period;
        enum machine_health_action health_action;
        enum machine_ready ready;
        uint64_t start_timeout; /* until it must be ready, or MACHINE_UNLIMITED */
        uint64_t start_delay;   /* before the first start in the background */
        char **requires;        /* names of machines */
        char **after;           /* the same */
        bool autostart;
        enum machine_log_driver log_driver;
        uint64_t log_max_size;
        char **labels; /* "KEY=VALUE" */
};

/** The position of a key in the definition, for messages. */
struct machine_origin {
        char *key;  /* full name, "limits.memory" */
        char *file; /* as given by the user or found */
        unsigned int line;
};

struct machine {
        /* The definition lists everything, as an OCI bundle does: the machine gets no file systems,
         * devices, files, masks or variables that it does not name. */
        bool bare;
        char *name;             /* the file's name without ".machine" */
        bool name_derived;      /* .. or a name derived from the root, if the user gave none */
        uint32_t trusted_owner; /* the user whose files a start by root trusts in addition to
                                   root's; 0: none */
        char *definition; /* absolute path of the definition, or NULL: from the command line */
        bool holds_pod;   /* defined by a NAME.pod: namespaces for its members, and no payload */
        char *pod;        /* whose namespaces it has, or NULL: its own */
        char *description;
        char *hostname;
        char *domainname;
        char *timezone;   /* "Europe/Berlin", or NULL: the root's own */
        char *machine_id; /* 32 hexadecimal digits, or NULL: derived from the name */
        struct machine_root root;
        struct machine_process process;
        struct machine_namespaces namespaces;
        struct machine_limits limits;
        struct machine_network network;
        struct machine_mount *mounts;
        size_t mount_count;
        struct machine_device *devices;
        size_t device_count;
        struct machine_node *nodes; /* of a bare machine, in addition to the usual ones */
        size_t node_count;
        struct machine_credential *credentials;
        size_t credential_count;
        char **sysctl; /* "KEY=VALUE" */
        struct machine_security security;
        struct machine_life life;
        struct machine_apply apply;
        struct machine_origin *origins; /* of the keys in the definition */
        size_t origin_count;
};

/**
 * Creates a machine with all defaults and a copy of the name. Returns NULL if out of memory. The
 * caller frees it with machine_free().
 */
struct machine *machine_new(const char *name);

/** Frees a machine and everything it owns. NULL is allowed. */
void machine_free(struct machine *machine);

/**
 * Returns the position of a key ("limits.memory") in the definition, or NULL if it has its default.
 * The machine owns the result.
 */
const struct machine_origin *machine_origin_of(const struct machine *machine, const char *key);

MACHINE_END_DECLARATIONS;

#endif
