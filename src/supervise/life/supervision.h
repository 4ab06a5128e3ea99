/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SUPERVISE_LIFE_SUPERVISION_H
#define SUPERVISE_LIFE_SUPERVISION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "config/snapshot.h"
#include "launch/launch.h"
#include "supervise/life/options.h"
#include "supervise/life/restart.h"

struct block_watch;
struct event_loop;
struct event_source;
struct health;
struct memory_watch;
struct output;
struct registration;
struct resolver_watch;
struct uplink_watch;

/** A supervisor: what its machine is, how it runs now, and how it ran before. */
struct supervisor {
        struct machine *machine;
        const struct supervisor_options *options;
        struct event_loop *loop;
        struct output *output;
        struct log log;        /* for warnings, if the caller has none: the log of the machine */
        struct launch *launch; /* NULL between two runs */
        struct block_watch *blocks;
        struct memory_watch *memory;
        struct resolver_watch *resolver;
        struct uplink_watch *uplink;
        struct health *health;
        struct registration *registration;
        struct event_source *ended, *notified; /* of the current run */
        struct event_source *start_timer, *stop_timer, *restart_timer, *watchdog;
        struct restart_history history;
        char *snapshot; /* of the definition, and its digest: config/snapshot.h */
        char digest[CONFIG_DIGEST_SIZE];
        uint64_t run_started;
        uint64_t restarts, kills; /* of all runs */
        bool ready;               /* and reported as such */
        bool faulty;              /* unhealthy without health checks */
        bool stopping;
        bool late;       /* stopping because it did not get ready in time */
        bool reboot;     /* the machine is rebooting */
        bool restarting; /* the run ends for a restart */
        char *reason;    /* why this run ends */
        int status;
        int report;
};

/** Writes a line to the log of the machine. */
void supervisor_say(struct supervisor *supervisor, const char *format, ...) _printf_(2, 3);

/** Sets why the run ends. Only the first reason counts: it is the cause of later ones. */
void supervisor_set_reason(struct supervisor *supervisor, const char *reason);

#endif
