/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef APPLY_PLAN_ITEM_H
#define APPLY_PLAN_ITEM_H

#include "apply/plan/request.h"
#include "state/record.h"

enum plan_word {
        PLAN_UNCHANGED,
        PLAN_LIVE,    /* limits and settings of a running machine are changed */
        PLAN_RELOAD,  /* mounted files are replaced and the command is asked to read them */
        PLAN_RESTART, /* stopped and started with the new definition */
        PLAN_START,
        PLAN_STOP,   /* gone from the tree, with --prune */
        PLAN_KEEP,   /* gone from the tree, without it */
        PLAN_MANUAL, /* the user restarts it */
};

/** Returns the name of a word, such as "restart". */
const char *plan_word_name(enum plan_word word);

/** What happens to one machine. */
struct plan_item {
        char *name;
        enum plan_word word;
        char *reason;
        const struct machine *machine; /* of the view; NULL if it is gone */
        char **limits;                 /* keys of changed limits */
        char **mounts;                 /* targets of mounts with changed content */
        char *revision;                /* that it runs, or last ran well; NULL: none */
        char *image;                   /* the id of its image then, or NULL */
        uint64_t started_usec;         /* of its last run, which identifies it; 0: none */
        bool live;                     /* it is running */
        bool image_changed;            /* a writable layer moves to another image */
        bool network_changed;          /* all machines of the network have to stop first */
        bool joins_anew;               /* with addresses or ports that others may have now */
        bool withheld;                 /* its version has failed before and is not tried again */
};

/** Returns whether something happens to a machine. */
bool plan_acts(const struct plan_item *item);

/** Decides what happens to item->machine, whose record is NULL if it has none. */
int plan_decide(const struct plan_request *request, const struct machine_record *record,
                struct plan_item *item, struct machine_error *error);

/** The same for a machine that the source owns and the tree no longer has. */
int plan_decide_gone(const struct plan_request *request, const struct machine_record *record,
                     const char *name, struct plan_item *item, struct machine_error *error);

void plan_item_clear(struct plan_item *item);

#endif
