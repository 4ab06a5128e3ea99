/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_KINDS_KIND_H
#define CONFIG_KINDS_KIND_H

#include "config/kinds/fill.h"

/* The kinds of values. The C type of each is given in brackets. */

/* ---- Plain ---- */
extern const struct config_kind config_kind_group;   /* [no value of its own] */
extern const struct config_kind config_kind_text;    /* any string [char *] */
extern const struct config_kind config_kind_texts;   /* any strings [char **] */
extern const struct config_kind config_kind_boolean; /* [bool] */
extern const struct config_kind
        config_kind_tristate;                        /* true, false, "auto" [enum machine_choice] */
extern const struct config_kind config_kind_choice;  /* one of key->choices [an enum] */
extern const struct config_kind config_kind_private; /* "private" or "host" [bool: private] */

/* ---- Quantities; the uint64_t ones may be MACHINE_UNSET and MACHINE_UNLIMITED ---- */
extern const struct config_kind config_kind_number; /* 12, "12" [uint64_t] */
extern const struct config_kind config_kind_size;   /* "256M" [uint64_t, bytes] */
extern const struct config_kind config_kind_time;   /* "10s" [uint64_t, microseconds] */
extern const struct config_kind config_kind_mode;   /* "0755" [uint64_t] */
extern const struct config_kind config_kind_signed; /* -5 [int, and bool at offset_extra] */
extern const struct config_kind config_kind_signal; /* "SIGTERM" [int] */

/* ---- Paths ---- */
extern const struct config_kind config_kind_host_path;    /* [char *, absolute] */
extern const struct config_kind config_kind_host_paths;   /* [char **, absolute] */
extern const struct config_kind config_kind_inside_path;  /* in the machine [char *, plain] */
extern const struct config_kind config_kind_inside_paths; /* [char **] */
extern const struct config_kind config_kind_mount_source; /* a path, or several with ":" [char *] */
extern const struct config_kind config_kind_root_hash;    /* of dm-verity [char *] */
extern const struct config_kind config_kind_block_device; /* a path or MAJOR:MINOR [char *] */

/* ---- Names ---- */
extern const struct config_kind config_kind_hostname;
extern const struct config_kind config_kind_timezone;
extern const struct config_kind config_kind_machine_id;
extern const struct config_kind config_kind_user;
extern const struct config_kind config_kind_group_names; /* of users [char **] */
extern const struct config_kind config_kind_owner;       /* "UID:GID" [struct machine_owner] */
extern const struct config_kind config_kind_image;
extern const struct config_kind config_kind_name;            /* of a network [char *] */
extern const struct config_kind config_kind_machine_names;   /* [char **] */
extern const struct config_kind config_kind_credential_name; /* [char *] */
extern const struct config_kind config_kind_environment;     /* "K=V" [char **] */
extern const struct config_kind config_kind_labels;          /* "K=V" [char **] */
extern const struct config_kind config_kind_host_choices;    /* "web-*", "K=V" [char **] */
extern const struct config_kind config_kind_sysctl;          /* "a.b=V" [char **] */

/* ---- Kinds with a syntax of their own ---- */
extern const struct config_kind config_kind_upper;          /* [enum, and char * at offset_extra] */
extern const struct config_kind config_kind_user_namespace; /* [struct machine_namespaces] */
extern const struct config_kind config_kind_cpu;            /* [uint64_t quota, uint64_t period] */
extern const struct config_kind config_kind_cpuset;         /* [char *] */
extern const struct config_kind config_kind_hugepages;      /* "2M=512M" [char **] */
extern const struct config_kind config_kind_resource;       /* [struct machine_resource_limit] */
extern const struct config_kind config_kind_resource_size;  /* the same in bytes */

/* ---- Network ---- */
extern const struct config_kind config_kind_network_mode; /* [enum, and char * at offset_extra] */
extern const struct config_kind config_kind_address;      /* IPv4 [char *] */
extern const struct config_kind config_kind_address6;     /* IPv6 [char *] */
extern const struct config_kind config_kind_addresses;    /* either [char **] */
extern const struct config_kind config_kind_subnet;       /* [char *] */
extern const struct config_kind config_kind_subnet6;      /* [char *] */
extern const struct config_kind config_kind_mac;          /* [char *] */
extern const struct config_kind config_kind_interface;    /* [char *] */
extern const struct config_kind config_kind_domains;      /* [char **] */
extern const struct config_kind config_kind_hosts;        /* "NAME:ADDRESS" [char **] */
extern const struct config_kind config_kind_aliases;      /* names of hosts [char **] */
extern const struct config_kind config_kind_ports;        /* [struct machine_port *, count] */

/* ---- Files, devices, security ---- */
extern const struct config_kind config_kind_groups;      /* [array of elements, count] */
extern const struct config_kind config_kind_mounts;      /* [struct machine_mount *, count] */
extern const struct config_kind config_kind_credentials; /* [struct machine_credential *, count] */
extern const struct config_kind config_kind_mount_options; /* [char **] */
extern const struct config_kind config_kind_devices;       /* [struct machine_device *, count] */
extern const struct config_kind config_kind_capabilities;  /* [char **] */
extern const struct config_kind config_kind_syscalls;      /* [char **] */
extern const struct config_kind config_kind_seccomp;       /* [enum, and char * at offset_extra] */

/* ---- For kinds that consist of checked strings ---- */

/** parse: kind->check on the string, kept as char *. */
int config_parse_text(const struct config_value *value);
/** emit of a char *. */
int config_emit_text(const struct config_key *key, const void *base, json_t **ret);
/** parse: kind->check on each string, kept as char **. */
int config_parse_texts(const struct config_value *value);
/** emit of a char **. */
int config_emit_texts(const struct config_key *key, const void *base, json_t **ret);

/** parse of an array of structs: calls add, which reports findings, for each readable node. */
int config_parse_elements(const struct config_value *value,
                          int (*add)(const struct config_value *value,
                                     const struct config_node *node));
/** emit of an array of structs: the value of `emit` for each. */
int config_emit_elements(const struct config_key *key, const void *base, size_t element_size,
                         json_t *(*emit)(const struct config_key *key, const void *element),
                         json_t **ret);

/** Defines a kind that is one checked string. */
#define CONFIG_TEXT_KIND(kind_name, kind_check, kind_pattern, kind_accepted) \
        const struct config_kind kind_name = {                               \
                .shape = CONFIG_SHAPE_STRING,                                \
                .accepted = kind_accepted,                                   \
                .pattern = kind_pattern,                                     \
                .check = kind_check,                                         \
                .parse = config_parse_text,                                  \
                .emit = config_emit_text,                                    \
        }

/** Defines a kind that is an array of checked strings. */
#define CONFIG_TEXTS_KIND(kind_name, kind_check, kind_pattern, kind_accepted) \
        const struct config_kind kind_name = {                                \
                .shape = CONFIG_SHAPE_STRINGS,                                \
                .accepted = kind_accepted,                                    \
                .pattern = kind_pattern,                                      \
                .check = kind_check,                                          \
                .parse = config_parse_texts,                                  \
                .emit = config_emit_texts,                                    \
        }

/** Appends a zeroed element to an array in a struct: key->offset is the pointer, key->offset_extra
 * the count. NULL when memory is short. */
void *config_array_add(const struct config_value *value, size_t element_size);

/** Sets *ret. 0, or -ENOMEM if value is NULL. */
int config_emit_value(json_t *value, json_t **ret);

/** A path on the host as the definition means it: a relative one is relative to its source's
 * directory. NULL when memory is short. */
char *config_host_path(const struct config_node *node, const char *text);

#endif
