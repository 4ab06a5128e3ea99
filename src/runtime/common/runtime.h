/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef RUNTIME_COMMON_RUNTIME_H
#define RUNTIME_COMMON_RUNTIME_H

#include <stdbool.h>

#include "base/log.h"
#include "runtime/common/arguments.h"

enum cgroup_manager {
        MANAGER_CGROUPFS,
        MANAGER_SYSTEMD,
        MANAGER_DISABLED,
};

/** What the options before the verb come to. */
struct runtime {
        struct log log;
        char *root; /* directory of all containers' records; NULL: none is known */
        const char *log_file;
        bool log_json;
        enum cgroup_manager manager;
        bool by_root;  /* the caller is root of the host */
        bool rootless; /* the caller is a user, or wants what users get */
};

struct verb {
        const char *name;
        const char *arguments; /* what follows the options, for the help */
        const char *summary;
        uint64_t options;
        size_t minimum; /* of arguments */
        size_t maximum;
        bool stop;      /* all that follows the first argument belongs to it */
        bool any;       /* whatever options it has */
        bool stateless; /* it concerns no container */
        /** The exit status, or -errno with error set. */
        int (*run)(const struct runtime *runtime, const struct arguments *arguments,
                   struct machine_error *error);
};

extern const struct verb verb_checkpoint, verb_create, verb_delete, verb_events, verb_exec,
        verb_features, verb_kill, verb_list, verb_pause, verb_ps, verb_restore, verb_resume,
        verb_run, verb_spec, verb_start, verb_state, verb_update;

/** Reports an error on standard error, and in the log file as its format wants it. */
void runtime_report(const struct runtime *runtime, const struct machine_error *error);

/** Reports what is no failure: with --debug on standard error, else in the log file alone. */
void runtime_warn(const struct runtime *runtime, const char *message);

#endif
