/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oci/state/state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/strings.h"

static const char *const names[] = {
        [OCI_CREATING] = "creating", [OCI_CREATED] = "created", [OCI_RUNNING] = "running",
        [OCI_PAUSED] = "paused",     [OCI_STOPPED] = "stopped",
};

const char *oci_status_name(enum oci_status status)
{
        return names[status];
}

void oci_time_write(uint64_t usec, char ret[static 40])
{
        time_t seconds = (time_t)(usec / 1000000);
        struct tm parts;
        size_t length;

        (void)gmtime_r(&seconds, &parts);
        length = strftime(ret, 40, "%Y-%m-%dT%H:%M:%S", &parts);
        (void)snprintf(ret + length, 40 - length, ".%06uZ", (unsigned int)(usec % 1000000));
}

static int set_optional(json_t *object, const char *key, const char *value)
{
        return value ? json_set_string(object, key, value) : 0;
}

static int set_annotations(json_t *object, char *const *annotations)
{
        json_t *values = json_object();

        STRV_FOREACH(entry, annotations) {
                const char *equals = strchr(*entry, '=');
                _cleanup_free_ char *key =
                        equals ? strndup(*entry, (size_t)(equals - *entry)) : NULL;

                if (!key || json_set_string(values, key, equals + 1) < 0) {
                        json_decref(values);
                        return -1;
                }
        }
        return json_set_value(object, "annotations", values);
}

/* Everything but the pid. */
static json_t *describe(const struct oci_state *state)
{
        json_t *object = json_object();
        char created[40];
        int r = object ? json_set_string(object, "ociVersion", state->version) : -1;

        if (r == 0) {
                r = json_set_string(object, "id", state->id);
        }
        if (r == 0) {
                r = json_set_string(object, "status", oci_status_name(state->status));
        }
        if (r == 0) {
                r = json_set_string(object, "bundle", state->bundle);
        }
        if (r == 0) {
                r = set_optional(object, "rootfs", state->root);
        }
        if (r == 0 && state->created) {
                oci_time_write(state->created, created);
                r = json_set_string(object, "created", created);
        }
        if (r == 0 && state->annotations) {
                r = set_annotations(object, state->annotations);
        }
        if (r == 0) {
                r = set_optional(object, "owner", state->owner);
        }
        if (r < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

char *oci_state_write(const struct oci_state *state, int indent)
{
        _cleanup_json_ json_t *object = describe(state);

        if (!object || json_set_number(object, "pid", (uint64_t)state->pid) < 0) {
                return NULL;
        }
        return json_dumps(object, indent ? JSON_INDENT((size_t)indent) : JSON_COMPACT);
}

char *oci_state_begin(const struct oci_state *state)
{
        _cleanup_json_ json_t *object = describe(state);
        _cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

        if (!text) {
                return NULL;
        }
        text[strlen(text) - 1] = '\0';
        return string_format("%s,\"pid\":", text);
}

char *oci_agent_state_begin(const struct oci_state *state, const char *metadata)
{
        _cleanup_free_ char *own = oci_state_begin(state);
        _cleanup_json_ json_t *object =
                json_pack("{s:s, s:[s], s:s*}", "ociVersion", state->version, "fds", "seccompFd",
                          "metadata", metadata);
        _cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

        if (!own || !text) {
                return NULL;
        }
        text[strlen(text) - 1] = '\0';
        return string_format("%s,\"state\":%s", text, own);
}
