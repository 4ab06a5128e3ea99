/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OCI_BUNDLE_BUNDLE_H
#define OCI_BUNDLE_BUNDLE_H

#include <machine/machine.h>

#include "base/cleanup.h"

/** A program that runs at a moment of a container's life (runtime specification, "Hooks"). */
struct oci_hook {
        char *path;
        char **args; /* NULL: the path alone */
        char **env;
        uint64_t timeout; /* microseconds; 0: none */
};

enum oci_hook_kind {
        OCI_HOOK_PRESTART,
        OCI_HOOK_CREATE_RUNTIME,
        OCI_HOOK_CREATE_CONTAINER,
        OCI_HOOK_START_CONTAINER,
        OCI_HOOK_POSTSTART,
        OCI_HOOK_POSTSTOP,
        OCI_HOOK_KINDS,
};

struct oci_hooks {
        struct {
                struct oci_hook *items;
                size_t count;
        } lists[OCI_HOOK_KINDS];
};

/** A bundle: its config.json as a machine, and what a machine does not have. */
struct oci_bundle {
        char *directory;         /* absolute */
        char *version;           /* ociVersion */
        struct machine *machine; /* without a command if there is no `process` */
        struct oci_hooks hooks;
        char **annotations; /* "KEY=VALUE" */
        char *cgroups_path; /* or NULL */
        bool owns_cgroup;   /* the container's root may create groups below its own */
        char **warnings;
        char **unknown; /* paths of members that the specification does not have: ignored */
        char *json;     /* the text of config.json */
        size_t json_length;
};

/** Loads the config.json of a bundle's directory. 0, or -errno with an error that names the value
 * by its JSON path and line. The caller clears *ret. */
int oci_bundle_load(const char *directory, struct oci_bundle *ret, struct machine_error *error);

/** The same from the text of a config.json, whose name is for messages. directory is absolute. */
int oci_bundle_parse(const char *directory, const char *name, const char *text, size_t length,
                     struct oci_bundle *ret, struct machine_error *error);

/** Reads the text of a config.json that was loaded before; the bundle itself is not looked at. */
int oci_bundle_read(const char *text, size_t length, const char *directory, struct oci_bundle *ret,
                    struct machine_error *error);

/** Whether the text of a config.json that was loaded before may have hooks of a kind: a look for
 * the word, which costs less than reading the document. */
bool oci_bundle_may_have_hooks(const char *text, enum oci_hook_kind kind);

void oci_bundle_clear(struct oci_bundle *bundle);

#define _cleanup_oci_bundle_ _cleanup_(oci_bundle_clear)

/**
 * Replaces what a machine says of its process with that of a process.json, for a program that joins
 * it. Members that it lacks are not inherited. Warnings are appended to *warnings. 0 or -errno with
 * an error as above; the machine is then half changed.
 */
int oci_process_load(const char *path, struct machine *machine, char ***warnings,
                     struct machine_error *error);

/**
 * Reads the text of a JSON document of resources, "linux.resources" of a config.json, into the
 * limits of a new machine. What it does not set stays MACHINE_UNSET. 0 or -errno with an error as
 * above, in which the document is called `name`; the caller frees *ret with machine_free().
 */
int oci_resources_parse(const char *text, size_t length, const char *name, struct machine **ret,
                        struct machine_error *error);

/** The versions of the runtime specification whose documents are understood. */
#define OCI_VERSION_MINIMUM "1.0.0"
#define OCI_VERSION_MAXIMUM "1.3.0"

/** What the caller knows of the rooms below and `features` lists; NULL-terminated. */
struct oci_feature_lists {
        char *const *capabilities;
        char *const *seccomp_actions;
        char *const *seccomp_operators;
        char *const *seccomp_architectures;
        char *const *seccomp_flags;
};

/** The document of `features`: what this runtime does, whatever the host can. NULL if out of
 * memory; the caller frees it. */
char *oci_features(const struct oci_feature_lists *lists);

/** A config.json to begin with, for `spec`. With `rootless` it maps the caller's ids. NULL if out
 * of memory; the caller frees it. */
char *oci_spec(bool rootless);

#endif
