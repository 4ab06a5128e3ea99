/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state/health.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "state/event_log.h"

#define HEALTH_SUFFIX  ".health"
#define HEALTH_MAXIMUM (1u << 20)

static const char *const status_names[] = {
        [HEALTH_STATUS_STARTING] = "starting",
        [HEALTH_STATUS_HEALTHY] = "healthy",
        [HEALTH_STATUS_UNHEALTHY] = "unhealthy",
};

void machine_health_clear(struct machine_health *health)
{
        free(health->reason);
        free(health->output);
        *health = (struct machine_health){ 0 };
}

const char *health_status_name(enum health_status status)
{
        return status_names[status];
}

json_t *machine_health_json(const struct machine_health *health)
{
        _cleanup_json_ json_t *object = json_object();

        if (!object || json_set_string(object, "status", status_names[health->status]) < 0 ||
            json_set_number(object, "since", health->since_usec) < 0 ||
            json_set_number(object, "failures", health->failures) < 0 ||
            json_set_number(object, "checked", health->checked_usec) < 0 ||
            json_set_string(object, "reason", health->reason) < 0 ||
            json_set_string(object, "output", health->output) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

int state_save_health(const struct state_store *store, const char *name,
                      const struct machine_health *health)
{
        _cleanup_free_ char *file = string_format("%s" HEALTH_SUFFIX, name);
        _cleanup_json_ json_t *object = machine_health_json(health);
        _cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

        int r = file && text ? file_replace(store->directory_fd, file, text, strlen(text), 0644)
                             : -ENOMEM;

        if (r == 0 && health->since_usec == health->checked_usec) {
                event_log_health(store->directory_fd, name, text);
        }
        return r;
}

static int read_text(const json_t *object, const char *key, char **place)
{
        const char *text = json_get_string(object, key);

        return text ? string_replace(place, text) : 0;
}

static int read_status(const json_t *object, enum health_status *place)
{
        const char *name = json_get_string(object, "status");

        for (size_t i = 0; i < ELEMENTS_OF(status_names); i++) {
                if (string_equal(name, status_names[i])) {
                        *place = (enum health_status)i;
                        return 0;
                }
        }
        return -EBADMSG;
}

int state_load_health(const struct state_store *store, const char *name, struct machine_health *ret)
{
        _cleanup_health_ struct machine_health health = { 0 };
        _cleanup_free_ char *file = string_format("%s" HEALTH_SUFFIX, name);
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *object = NULL;
        int r = file ? file_read(store->directory_fd, file, HEALTH_MAXIMUM, &text, NULL) : -ENOMEM;

        if (r < 0) {
                return r;
        }
        object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        if (!object || read_status(object, &health.status) < 0 ||
            json_get_number(object, "since", &health.since_usec) < 0 ||
            json_get_number(object, "failures", &health.failures) < 0 ||
            json_get_number(object, "checked", &health.checked_usec) < 0) {
                return -EBADMSG;
        }
        if (read_text(object, "reason", &health.reason) < 0 ||
            read_text(object, "output", &health.output) < 0) {
                return -ENOMEM;
        }
        *ret = health;
        health = (struct machine_health){ 0 };
        return 0;
}

void state_remove_health(const struct state_store *store, const char *name)
{
        _cleanup_free_ char *file = string_format("%s" HEALTH_SUFFIX, name);

        if (file) {
                (void)unlinkat(store->directory_fd, file, 0);
        }
}
