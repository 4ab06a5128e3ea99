/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_COMPOSE_COMPOSE_H
#define CONVERT_COMPOSE_COMPOSE_H

#include "convert/container/container.h"
#include "convert/document/node.h"
#include "convert/source.h"

/** Compose files, as compose-spec.io describes them. */

struct compose {
        struct conversion *conversion;
        const struct convert_source *source;
        const char *file; /* for messages */
        struct node *root;
        char **variables; /* "NAME=VALUE", of .env and --env-file */
        char *project;
};

/** One service that is being converted. */
struct compose_service {
        struct compose *compose;
        const struct node *node;
        struct container container;
        bool networked; /* it says which networks it is on, or none */
};

/** The names that a compose file has in a directory, NULL-terminated. */
extern const char *const compose_names[];

int compose_convert(struct conversion *conversion, const struct convert_source *source,
                    struct machine_error *error);

/* ---- Variables ---- */

/** Reads .env, or the files of --env-file. */
int compose_read_variables(struct compose *compose, struct machine_error *error);

/** The value of a variable: of the caller's environment, or of the files. NULL: none. */
const char *compose_variable(const struct compose *compose, const char *name);

/** Replaces the variables in all values of a tree. 0 or -ENOMEM. */
int compose_interpolate(struct compose *compose, struct node *node);

/* ---- Services ---- */

/** Merges what the services extend into them. */
int compose_extend(struct compose *compose, struct machine_error *error);

/** Converts one service to a machine. */
int compose_convert_service(struct compose *compose, const struct node *node,
                            struct machine_error *error);

/** Applies the settings of a service: those of the table, by their dotted names. */
void compose_take(struct compose_service *service, const struct node *node, const char *path);

/* ---- Networks, volumes, secrets ---- */

/** Makes the .network and .volume files. */
void compose_convert_networks(struct compose *compose);
void compose_convert_volumes(struct compose *compose);

/** The definition of a network, volume, secret or config: a map, or NULL. */
const struct node *compose_definition(const struct compose *compose, const char *section,
                                      const char *name);

/** The name of a network or a volume outside the file: its `name`, or as it is called. */
const char *compose_outer_name(const struct compose *compose, const char *section,
                               const char *name);

/** Whether it is not made by the compose file. */
bool compose_is_external(const struct node *definition);

#endif
