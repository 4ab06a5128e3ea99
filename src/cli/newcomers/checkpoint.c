/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/newcomers/checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/newcomers/archive.h"
#include "machinectl-lite-settings.h"

static json_t *streams_of(const struct checkpoint_names *names)
{
        json_t *streams = json_array();

        for (size_t i = 0; streams && i < ELEMENTS_OF(names->streams); i++) {
                (void)json_array_append_new(
                        streams, names->streams[i] ? json_string(names->streams[i]) : json_null());
        }
        return streams;
}

json_t *checkpoint_describe(const struct machine_record *record, const char *criu,
                            const struct checkpoint_given *given,
                            const struct checkpoint_names *names)
{
        _cleanup_json_ json_t *object = json_object();
        struct utsname host;

        if (!object || uname(&host) < 0 ||
            json_set_number(object, "version", CHECKPOINT_VERSION) < 0 ||
            json_set_string(object, "program", MACHINECTL_LITE_VERSION) < 0 ||
            json_set_string(object, "kernel", host.release) < 0 ||
            json_set_string(object, "architecture", host.machine) < 0 ||
            json_set_string(object, "criu", criu) < 0 ||
            json_set_number(object, "taken_usec", clock_realtime()) < 0 ||
            json_set_string(object, "address", record->address) < 0 ||
            json_set_string(object, "address6", record->address6) < 0 ||
            json_set_value(object, "streams", streams_of(names)) < 0 ||
            json_set_string(object, "init", names->program) < 0 ||
            json_set_number(object, "init_mode", names->mode) < 0 ||
            json_set_strings(object, "nulls", names->nulls) < 0 ||
            json_set_boolean(object, "tcp_established", given->tcp_established) < 0 ||
            json_set_boolean(object, "tcp_close", given->tcp_close) < 0 ||
            json_set_boolean(object, "file_locks", given->file_locks) < 0 ||
            json_set_boolean(object, "ext_unix", given->external_sockets) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

/* ---- reading: an archive may come from anybody ---- */

/* "pipe:[123]" or "file[1a:2b]". */
static bool is_name(const json_t *value, const char *prefix, const char *characters)
{
        const char *rest =
                json_is_string(value) ? string_after(json_string_value(value), prefix) : NULL;
        size_t length = rest ? strspn(rest, characters) : 0;

        return length > 0 && length < 64 && strcmp(rest + length, "]") == 0;
}

static bool is_pipe(const json_t *value)
{
        return is_name(value, "pipe:[", "0123456789");
}

static bool is_file(const json_t *value)
{
        return is_name(value, "file[", "0123456789abcdef:");
}

static bool take_names(const json_t *object, struct launch_restore *ret)
{
        const json_t *streams = json_object_get(object, "streams");
        const json_t *init = json_object_get(object, "init");
        const json_t *nulls = json_object_get(object, "nulls"), *null;
        uint64_t mode = 0;
        char **list = NULL;
        size_t index;

        for (size_t i = 0; i < ELEMENTS_OF(ret->streams); i++) {
                const json_t *stream = json_array_get(streams, i);

                if (!json_is_null(stream) && !is_pipe(stream)) {
                        return false;
                }
                ret->streams[i] = json_string_value(stream);
        }
        if ((!json_is_null(init) && !is_file(init)) ||
            json_get_number(object, "init_mode", &mode) < 0 || mode > 0777) {
                return false;
        }
        ret->mode = (mode_t)mode;
        ret->program = json_string_value(init);
        json_array_foreach(nulls, index, null)
        {
                if (!is_file(null) || strv_append(&list, json_string_value(null)) < 0) {
                        strv_free(list);
                        return false;
                }
        }
        ret->nulls = list;
        return true;
}

static int refuse_architecture(const char *architecture, struct machine_error *error)
{
        struct utsname host;

        if (!architecture || uname(&host) < 0 || strcmp(architecture, host.machine) == 0) {
                return 0;
        }
        return error_say(error, EOPNOTSUPP,
                         "the checkpoint has processes of %s, and this host is %s", architecture,
                         host.machine);
}

/* CRIU reads what earlier versions have written. */
static int refuse_version(const char *written, const char *own, struct machine_error *error)
{
        if (!written || strverscmp(written, own) <= 0) {
                return 0;
        }
        error_say(error, EOPNOTSUPP, "the checkpoint was taken with CRIU %s, and here is %s",
                  written, own);
        error_hint(error, "install version %s or later", written);
        return -EOPNOTSUPP;
}

int checkpoint_read(const json_t *record, const char *file, const char *criu,
                    struct launch_restore *ret, struct machine_error *error)
{
        const json_t *object = json_object_get(record, ARCHIVE_CHECKPOINT);
        uint64_t version = 0;
        int r;

        if (!object) {
                error_say(error, EINVAL, "%s has no processes", file);
                error_hint(error, "machinectl-lite import makes a machine of it that does not run");
                return -EINVAL;
        }
        (void)json_get_number(object, "version", &version);
        if (version > CHECKPOINT_VERSION) {
                return error_say(error, EPROTO, "%s was written by a newer version of this program",
                                 file);
        }
        r = refuse_architecture(json_get_string(object, "architecture"), error);
        r = r < 0 ? r : refuse_version(json_get_string(object, "criu"), criu, error);
        if (r < 0) {
                return r;
        }
        if (version == 0 || !take_names(object, ret)) {
                return error_say(error, EBADMSG, "%s is damaged: " ARCHIVE_RECORD " is invalid",
                                 file);
        }
        ret->tcp_established = json_is_true(json_object_get(object, "tcp_established"));
        ret->tcp_close = json_is_true(json_object_get(object, "tcp_close"));
        ret->file_locks = json_is_true(json_object_get(object, "file_locks"));
        ret->external_sockets = json_is_true(json_object_get(object, "ext_unix"));
        return 0;
}
