/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_COMPOSE_SERVICE_H
#define CONVERT_COMPOSE_SERVICE_H

#include "convert/compose/compose.h"

/** A setting of services by its dotted name, "deploy.resources.limits.cpus". */
struct service_row {
        const char *name;
        void (*take)(struct compose_service *service, const struct service_row *row,
                     const struct node *node, const char *path);
        const char *option; /* of containers */
        const char *text;   /* why it is lost */
};

/* Ways to take a setting. `path` is its name. Lists count each of their elements. */
#define SERVICE_TAKE(take_name)                                                               \
        void service_take_##take_name(struct compose_service *service,                        \
                                      const struct service_row *row, const struct node *node, \
                                      const char *path)
SERVICE_TAKE(block_rates);
SERVICE_TAKE(build);
SERVICE_TAKE(command);
SERVICE_TAKE(configs);
SERVICE_TAKE(container_name);
SERVICE_TAKE(depends_on);
SERVICE_TAKE(devices);
SERVICE_TAKE(each);
SERVICE_TAKE(entrypoint);
SERVICE_TAKE(env_files);
SERVICE_TAKE(environment);
SERVICE_TAKE(health_disable);
SERVICE_TAKE(health_test);
SERVICE_TAKE(image);
SERVICE_TAKE(log_options);
SERVICE_TAKE(lost);
SERVICE_TAKE(network_mode);
SERVICE_TAKE(networks);
SERVICE_TAKE(no_effect);
SERVICE_TAKE(pairs);
SERVICE_TAKE(ports);
SERVICE_TAKE(replicas);
SERVICE_TAKE(restart_condition);
SERVICE_TAKE(restart_number);
SERVICE_TAKE(scalar);
SERVICE_TAKE(secrets);
SERVICE_TAKE(ulimits);
SERVICE_TAKE(volumes);

/** Counts a setting of the service, or one element of it. index SIZE_MAX: the whole. */
void service_begin(struct compose_service *service, const struct node *node, const char *path,
                   size_t index);

/** Applies an option of containers. */
void service_option(struct compose_service *service, const char *option, const char *value);

#endif
