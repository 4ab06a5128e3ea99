/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

/**
 * A machine as one plain struct: what a definition says, every default filled in, nothing of the
 * syntax it was written in. The front-ends fill it, everything below them reads it.
 *
 * Strings and arrays are owned by the struct and freed by machine_free(). An array of strings ends
 * with NULL; a NULL array is an empty one. Sizes are bytes, times microseconds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <machine/error.h>

#ifdef __GNUC__
#        pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** A number that the definition does not give. */
#define MACHINE_UNSET UINT64_MAX
/** A limit given as "max" (or "unlimited", "infinity"): no limit at all. */
#define MACHINE_UNLIMITED (UINT64_MAX - 1)

/** A setting that is on, off, or left to circumstances. */
enum machine_choice {
        MACHINE_CHOICE_AUTO,
        MACHINE_CHOICE_NO,
        MACHINE_CHOICE_YES,
};

/* ---- Root ---- */

/** Where the root comes from; a definition has exactly one of the three. */
enum machine_root_source {
        MACHINE_ROOT_DIRECTORY, /* `rootfs` */
        MACHINE_ROOT_OVERLAY,   /* `overlay` */
        MACHINE_ROOT_IMAGE,     /* `image` */
};

/** Where writes into the root go. */
enum machine_upper {
        MACHINE_UPPER_IN_PLACE,   /* into `rootfs` itself: only for it, when `upper` is not given */
        MACHINE_UPPER_PERSISTENT, /* under the state directory, until the machine is deleted */
        MACHINE_UPPER_VOLATILE,   /* a tmpfs, gone when the machine stops */
        MACHINE_UPPER_NONE,       /* nowhere: the root is read-only */
        MACHINE_UPPER_DIRECTORY,  /* a directory of the user's, in upper_directory */
};

/** When a start fetches the image. */
enum machine_pull {
        MACHINE_PULL_MISSING,
        MACHINE_PULL_ALWAYS,
        MACHINE_PULL_NEVER,
};

struct machine_root {
        enum machine_root_source source;
        char *directory; /* absolute path of `rootfs` */
        char **layers;   /* absolute paths of `overlay` (or of the image's layers), top first */
        char *image;     /* reference of `image` */
        enum machine_pull pull;
        enum machine_upper upper;
        char *upper_directory; /* absolute path; holds `upper` and `work` */
        bool read_only;
        char **volumes; /* of the image, filled at the start: absolute paths in the machine, sorted
                         */
};

/* ---- What runs ---- */

struct machine_process {
        char **command;
        char **arguments;         /* appended to an image's entrypoint */
        bool boot;                /* the machine's own init is PID 1 */
        bool init;                /* a stub PID 1 reaps and forwards signals */
        char **environment;       /* "KEY=VALUE", later wins */
        char **environment_files; /* absolute paths, read before `environment` */
        char *working_directory;  /* absolute path in the machine, or NULL: the user's home or / */
        char *user;               /* "name", "uid", "uid:gid", "name:group", or NULL: root */
        enum machine_choice terminal; /* AUTO: when the caller's input and output are terminals */
};

/* ---- Namespaces ---- */

enum machine_user_namespace {
        MACHINE_USER_NAMESPACE_AUTO,  /* a range of its own, chosen at start */
        MACHINE_USER_NAMESPACE_NONE,  /* the host's ids */
        MACHINE_USER_NAMESPACE_RANGE, /* the range given */
};

struct machine_namespaces {
        enum machine_user_namespace user;
        uint32_t user_base;  /* first id of the host; with RANGE */
        uint32_t user_count; /* how many; 65536 with AUTO */
        bool ipc;            /* true: private, false: the host's; likewise below */
        bool uts;
        bool cgroup;
        bool time;
};

/* ---- Limits ---- */

/** Bandwidth and operations per second of one block device; MACHINE_UNSET where not given. */
struct machine_io_limit {
        char *device; /* path, or "major:minor" */
        uint64_t read_bandwidth;
        uint64_t write_bandwidth;
        uint64_t read_iops;
        uint64_t write_iops;
};

/** A resource limit of setrlimit(2), set when `set`; MACHINE_UNLIMITED is RLIM_INFINITY. */
struct machine_resource_limit {
        bool set;
        uint64_t soft;
        uint64_t hard;
};

/** How many resource limits Linux has (RLIMIT_CPU .. RLIMIT_RTTIME); the index is RLIMIT_*. */
#define MACHINE_RESOURCE_LIMITS 16

/** Numbers are MACHINE_UNSET where the definition gives none. */
struct machine_limits {
        uint64_t memory;
        uint64_t memory_high;
        uint64_t memory_low;
        uint64_t swap;
        uint64_t cpu_quota;  /* microseconds of CPU time .. */
        uint64_t cpu_period; /* .. in each period of so many microseconds; set whenever cpu_quota is
                              */
        uint64_t cpu_weight; /* 1..10000 */
        char *cpus;          /* list as in cpuset(7), or NULL */
        char *memory_nodes;  /* likewise */
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
};

/* ---- Network ---- */

enum machine_network_mode {
        MACHINE_NETWORK_BRIDGE,
        MACHINE_NETWORK_HOST,
        MACHINE_NETWORK_NONE,
        MACHINE_NETWORK_MACHINE, /* shares that of the machine `target` */
        MACHINE_NETWORK_PATH,    /* the network namespace at the path `target` */
        MACHINE_NETWORK_MACVLAN, /* on the host's interface `target` */
        MACHINE_NETWORK_IPVLAN,  /* likewise */
};

enum machine_protocol {
        MACHINE_PROTOCOL_TCP,
        MACHINE_PROTOCOL_UDP,
        MACHINE_PROTOCOL_SCTP,
};

/** A published port, or a range of as many on both sides. */
struct machine_port {
        char *address; /* the host's address, without brackets, or NULL: all */
        uint16_t host_first;
        uint16_t host_last;
        uint16_t machine_first;
        enum machine_protocol protocol;
};

struct machine_network {
        enum machine_network_mode mode;
        char *target;   /* of the modes that name something, else NULL */
        char *name;     /* of the network, with BRIDGE */
        char *address;  /* IPv4 address asked for, or NULL */
        char *address6; /* IPv6 address asked for, or NULL */
        char *mac;      /* "xx:xx:xx:xx:xx:xx", or NULL: derived */
        uint64_t mtu;   /* or MACHINE_UNSET */
        char **dns;
        char **search;
        char **hosts; /* "NAME:ADDRESS" */
        struct machine_port *ports;
        size_t port_count;
};

/* ---- Files and devices ---- */

enum machine_mount_type {
        MACHINE_MOUNT_BIND,
        MACHINE_MOUNT_TMPFS,
        MACHINE_MOUNT_OVERLAY,
        MACHINE_MOUNT_MQUEUE,
};

struct machine_mount {
        enum machine_mount_type type;
        char *source; /* absolute path on the host; with OVERLAY "TOP:..:BOTTOM"; else NULL */
        char *target; /* absolute path in the machine */
        bool read_only;
        char **options; /* "exec", "noexec", "dev", "suid", .. as in mount(8) */
        uint64_t size;  /* of a tmpfs, or MACHINE_UNSET */
        uint64_t mode;  /* of a tmpfs' root, or MACHINE_UNSET */
        bool create;    /* make the target where it is missing (default true) */
};

struct machine_device {
        char *source;   /* absolute path on the host */
        char *target;   /* absolute path in the machine */
        char access[4]; /* some of "rwm" */
};

/** A secret file in the credentials directory of the payload. Exactly one of path and value. */
struct machine_credential {
        char *name;
        char *path; /* absolute path on the host */
        char *value;
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
};

/** Capability names are upper case with "CAP_", or "all"; checked against the names known. */
struct machine_capabilities {
        enum machine_capability_profile profile;
        char **add;
        char **drop;
        char **ambient;
};

struct machine_seccomp {
        enum machine_seccomp_profile profile;
        char *file;   /* absolute path of an OCI/Docker JSON profile, with FILE */
        char **allow; /* names of system calls, or "@group" */
        char **deny;
        bool log; /* log what is refused */
};

struct machine_security {
        struct machine_capabilities capabilities;
        struct machine_seccomp seccomp;
        bool no_new_privileges;
        char **masked_paths;    /* absolute paths in the machine, beyond the built-in ones */
        char **read_only_paths; /* likewise */
        char *apparmor;
        char *selinux;
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
        MACHINE_LOG_AUTO, /* the journal where systemd runs, else a file */
        MACHINE_LOG_JOURNAL,
        MACHINE_LOG_FILE,
        MACHINE_LOG_NONE,
};

struct machine_life {
        int stop_signal;
        uint64_t stop_timeout;
        enum machine_restart_policy restart;
        uint64_t restart_delay;
        uint64_t restart_limit;  /* restarts allowed .. */
        uint64_t restart_window; /* .. within so much time */
        char **health_command;   /* NULL: no health check */
        uint64_t health_interval;
        uint64_t health_timeout;
        uint64_t health_retries;
        uint64_t health_start_period;
        enum machine_health_action health_action;
        enum machine_ready ready;
        char **requires; /* names of machines */
        char **after;    /* likewise */
        bool autostart;
        enum machine_log_driver log_driver;
        uint64_t log_max_size;
        char **labels; /* "KEY=VALUE" */
};

/** Where in the definition a key stands, for messages. */
struct machine_origin {
        char *key;  /* full name, "limits.memory" */
        char *file; /* as the user gave it or as it was found */
        unsigned int line;
};

struct machine {
        char *name;        /* the file's name without ".machine" */
        bool name_derived; /* .. or one that is made up of its root, where nobody gave it one */
        char *definition;  /* absolute path of the definition, or NULL: made on the command line */
        char *description;
        char *hostname;
        char *domainname;
        char *timezone;   /* "Europe/Berlin", or NULL: as the root has it */
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
        struct machine_credential *credentials;
        size_t credential_count;
        char **sysctl; /* "KEY=VALUE" */
        struct machine_security security;
        struct machine_life life;
        struct machine_origin *origins; /* of the keys that the definition gives */
        size_t origin_count;
};

/**
 * Makes a machine with every default filled in and the name given (copied). Returns NULL when
 * memory is short. The caller frees it with machine_free().
 */
struct machine *machine_new(const char *name);

/** Frees a machine and all it owns. NULL is allowed. */
void machine_free(struct machine *machine);

/**
 * Where the definition gives a key ("limits.memory"), or NULL where a default holds. The answer is
 * owned by the machine.
 */
const struct machine_origin *machine_origin_of(const struct machine *machine, const char *key);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#        pragma GCC visibility pop
#endif

#endif
