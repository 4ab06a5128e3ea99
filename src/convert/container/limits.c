/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "base/strings.h"
#include "convert/container/take.h"
#include "convert/model/values.h"

TAKE(memory)
{
        if (value_parse_bytes(value, &container->memory) < 0) {
                convert_lost(container->conversion, "\"%.80s\" is not a size", value);
        } else if (container->memory > 0) {
                convert_bytes(container->conversion, option->key, container->memory);
        }
}

/* The sum of memory and swap: what it means depends on --memory. */
TAKE(memory_swap)
{
        if (strcmp(value, "-1") == 0) {
                container->swap_unlimited = true;
        } else if (value_parse_bytes(value, &container->memory_and_swap) < 0) {
                convert_lost(container->conversion, "\"%.80s\" is not a size", value);
        }
}

TAKE(cpus)
{
        convert_cpus(container->conversion, value);
}

TAKE(cpu_period)
{
        if (quantity_parse_number(value, &container->cpu_period) < 0) {
                convert_lost(container->conversion, "\"%.80s\" is not a number", value);
        }
}

TAKE(cpu_quota)
{
        if (strcmp(value, "-1") != 0 && quantity_parse_number(value, &container->cpu_quota) < 0) {
                convert_lost(container->conversion, "\"%.80s\" is not a number", value);
        }
}

TAKE(cpu_shares)
{
        convert_weight(container->conversion, option->key, value, 1024, 262144);
}

TAKE(blkio_weight)
{
        convert_weight(container->conversion, option->key, value, 500, 1000);
}

TAKE(pids_limit)
{
        if (strcmp(value, "-1") == 0 || strcmp(value, "0") == 0) {
                convert_text(container->conversion, option->key, "max");
        } else {
                convert_integer(container->conversion, option->key, value);
        }
}

TAKE(shm_size)
{
        uint64_t bytes;
        char text[32];

        if (value_parse_bytes(value, &bytes) < 0) {
                convert_lost(container->conversion, "\"%.80s\" is not a size", value);
                return;
        }
        quantity_format_size_exact(bytes, text);
        convert_add_value(container->conversion, "mounts",
                          json_pack("{s:s, s:s, s:s, s:s}", "type", "tmpfs", "target", "/dev/shm",
                                    "size", text, "mode", "1777"));
}

/* "/dev/sda:1mb". Limits of one device are one element here, but several options there. */
TAKE(cgroup_limit_io)
{
        const char *colon = strrchr(value, ':');
        _cleanup_free_ char *device = colon ? strndup(value, (size_t)(colon - value)) : NULL;
        uint64_t number;

        if (!device || value_parse_bytes(colon + 1, &number) < 0) {
                convert_lost(container->conversion, "\"%.80s\" is not DEVICE:RATE", value);
        } else if (strstr(option->key, "iops")) {
                convert_io_limit(container->conversion, device, option->key,
                                 json_integer((json_int_t)number));
        } else {
                _cleanup_free_ char *text = value_size_text(colon + 1);

                convert_io_limit(container->conversion, device, option->key,
                                 json_string(text ? text : ""));
        }
}
