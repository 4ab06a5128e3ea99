/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/back/quadlet.h"

/* Limits as options of podman. */

BACK_TAKE(bytes)
{
        back_line(back, "Container", "PodmanArgs", "--%s=%llu", row->name, back_bytes(value));
}

/* There it is the sum of both. */
BACK_TAKE(swap)
{
        _cleanup_json_ json_t *memory = back_get(back, "limits.memory");

        if (back_bytes(value) == 0 && strcmp(json_string_value(value), "0") != 0) {
                back_line(back, "Container", "PodmanArgs", "--memory-swap=-1");
        } else if (memory) {
                back_line(back, "Container", "PodmanArgs", "--memory-swap=%llu",
                          back_bytes(memory) + back_bytes(value));
        } else {
                convert_lost(back->conversion, "swap is limited there together with memory");
        }
}

/* "50%", "2.5", or a quota and its period. */
BACK_TAKE(cpu)
{
        const char *text = json_string_value(value);
        unsigned long long quota, period;
        double number;
        char percent = '\0';

        if (sscanf(text, "%llu %llu", &quota, &period) == 2) {
                back_line(back, "Container", "PodmanArgs", "--cpu-quota=%llu --cpu-period=%llu",
                          quota, period);
        } else if (sscanf(text, "%lf%c", &number, &percent) >= 1) {
                back_line(back, "Container", "PodmanArgs", "--cpus=%g",
                          percent == '%' ? number / 100 : number);
        }
}

BACK_TAKE(cpu_weight)
{
        back_line(back, "Container", "PodmanArgs", "--cpu-shares=%lld",
                  (long long)json_integer_value(value) * 1024 / 100);
}

BACK_TAKE(io_weight)
{
        long long weight = json_integer_value(value) * 5;

        back_line(back, "Container", "PodmanArgs", "--blkio-weight=%lld",
                  weight < 10     ? 10
                  : weight > 1000 ? 1000
                                  : weight);
}

BACK_TAKE(io)
{
        static const struct {
                const char *key;
                const char *option;
        } rates[] = {
                { "read_bandwidth", "device-read-bps" },
                { "write_bandwidth", "device-write-bps" },
                { "read_iops", "device-read-iops" },
                { "write_iops", "device-write-iops" },
        };
        size_t index;
        json_t *limit;

        json_array_foreach(value, index, limit)
        {
                for (size_t i = 0; i < ELEMENTS_OF(rates); i++) {
                        const json_t *rate = json_object_get(limit, rates[i].key);

                        if (rate) {
                                back_line(back, "Container", "PodmanArgs", "--%s=%s:%llu",
                                          rates[i].option, json_get_string(limit, "device"),
                                          back_bytes(rate));
                        }
                }
        }
}
