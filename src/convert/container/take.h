/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_CONTAINER_TAKE_H
#define CONVERT_CONTAINER_TAKE_H

#include "convert/container/container.h"

/* What options do. */

#define TAKE(name)                                              \
        void container_take_##name(struct container *container, \
                                   const struct container_option *option, const char *value)

/* Plain values of the option's key. */
TAKE(text);
TAKE(element);
TAKE(size);
TAKE(time);
TAKE(integer);
TAKE(boolean);
TAKE(inverse); /* a flag that is false here */
TAKE(host_path);
TAKE(lost);
TAKE(no_effect); /* has no meaning for a definition */
TAKE(differs);   /* the same, but the user should know */

TAKE(alias);
TAKE(blkio_weight);
TAKE(capability);
TAKE(cgroup_limit_io);
TAKE(cpu_period);
TAKE(cpu_quota);
TAKE(cpu_shares);
TAKE(cpus);
TAKE(device);
TAKE(dns);
TAKE(entrypoint);
TAKE(environment);
TAKE(health_command);
TAKE(health_failure);
TAKE(health_none);
TAKE(group);
TAKE(host);
TAKE(init);
TAKE(label);
TAKE(link);
TAKE(log_driver);
TAKE(log_option);
TAKE(memory);
TAKE(memory_swap);
TAKE(mount);
TAKE(namespace);
TAKE(network);
TAKE(pids_limit);
TAKE(privileged);
TAKE(publish);
TAKE(pull);
TAKE(read_only_tmpfs);
TAKE(remove);
TAKE(restart);
TAKE(sdnotify);
TAKE(security);
TAKE(shm_size);
TAKE(stop_timeout);
TAKE(systemd);
TAKE(tmpfs);
TAKE(ulimit);
TAKE(user_namespace);
TAKE(volume);

/** Notes an alias in the first network, or in all. */
void container_alias(struct container *container, const char *value, bool of_first);

#endif
