/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Documents as a whole: config.json, process.json, resources. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "oci/bundle/bundle.h"
#include "oci/bundle/config.h"
#include "oci/bundle/fields.h"

#define DOCUMENT_MAXIMUM ((size_t)16 << 20)

/* A machine that gets nothing but what the document says. */
static struct machine *new_machine(void)
{
        struct machine *machine = machine_new("bundle");

        if (machine) {
                machine->bare = true;
                machine->limits.bare = true;
                machine->process.init = false;
                machine->process.terminal = MACHINE_CHOICE_NO;
                machine->process.identity.set = true;
                machine->security.no_new_privileges = false;
                machine->security.seccomp.profile = MACHINE_SECCOMP_OFF;
                machine->namespaces.user = MACHINE_USER_NAMESPACE_NONE;
                free(TAKE_PTR(machine->hostname));
                free(TAKE_PTR(machine->network.name));
        }
        return machine;
}

/* Parses the text of the reader and reads it along a table. */
static int read_document(struct oci_reader *reader, const struct oci_field *fields)
{
        _cleanup_json_ json_t *document = NULL;
        json_error_t reason;

        document = json_parse(reader->text, reader->length, &reason);
        if (!document) {
                _cleanup_free_ char *printable = string_printable(reason.text);

                error_say(reader->error, EINVAL, "%s:%d: %s", reader->file, reason.line,
                          printable ? printable : "");
                return error_kind(reader->error, MACHINE_ERROR_DEFINITION);
        }
        return json_is_object(document) ? oci_read_fields(reader, document, fields)
                                        : oci_wrong(reader, "the document is not an object");
}

static int fill(struct oci_reader *reader)
{
        int r = read_document(reader, oci_config_fields);

        return r < 0 ? r : oci_config_settle(reader);
}

int oci_bundle_parse(const char *directory, const char *name, const char *text, size_t length,
                     struct oci_bundle *ret, struct machine_error *error)
{
        struct oci_bundle bundle = {
                .directory = strdup(directory),
                .machine = new_machine(),
                .json = malloc(length + 1),
                .json_length = length,
        };
        struct oci_reader reader = {
                .file = name,
                .text = text,
                .length = length,
                .machine = bundle.machine,
                .bundle = &bundle,
                .warnings = &bundle.warnings,
                .unknown = &bundle.unknown,
                .error = error,
                .directory = directory,
        };
        int r;

        if (!bundle.directory || !bundle.machine || !bundle.json) {
                oci_bundle_clear(&bundle);
                return error_oom(error);
        }
        memcpy(bundle.json, text, length);
        bundle.json[length] = '\0';
        r = fill(&reader);
        if (r < 0) {
                oci_bundle_clear(&bundle);
                return r;
        }
        *ret = bundle;
        return 0;
}

int oci_bundle_read(const char *text, size_t length, const char *directory, struct oci_bundle *ret,
                    struct machine_error *error)
{
        return oci_bundle_parse(directory, "config.json", text, length, ret, error);
}

int oci_bundle_load(const char *directory, struct oci_bundle *ret, struct machine_error *error)
{
        _cleanup_free_ char *absolute = realpath(directory, NULL);
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t length;
        int r;

        if (!absolute) {
                r = error_set(error, errno, "cannot open the bundle \"%s\"", directory);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                return r;
        }
        path = string_format("%s/config.json", absolute);
        r = path ? file_read(AT_FDCWD, path, DOCUMENT_MAXIMUM, &text, &length) : -ENOMEM;
        if (r < 0) {
                r = file_explain(r, "the bundle's configuration", path ? path : "config.json",
                                 error);
                error_kind(error, MACHINE_ERROR_NO_INPUT);
                return r;
        }
        return oci_bundle_parse(absolute, path, text, length, ret, error);
}

/* ---- documents of other verbs ---- */

static void swap_processes(struct machine *a, struct machine *b)
{
        const struct machine_process process = a->process;
        const struct machine_security security = a->security;
        const struct machine_limits limits = a->limits;

        a->process = b->process;
        a->security = b->security;
        a->limits = b->limits;
        b->process = process;
        b->security = security;
        b->limits = limits;
}

/* What belongs to the machine and not to a process. */
static int inherit(struct machine *to, const struct machine *from)
{
        const struct machine_seccomp *filter = &from->security.seccomp;
        struct machine_seccomp *own = &to->security.seccomp;

        if (!to->process.exec_cpus && !to->process.exec_cpus_before &&
            (string_replace(&to->process.exec_cpus, from->process.exec_cpus) < 0 ||
             string_replace(&to->process.exec_cpus_before, from->process.exec_cpus_before) < 0)) {
                return -ENOMEM;
        }
        own->profile = filter->profile;
        to->limits.personality_set = from->limits.personality_set;
        to->limits.personality = from->limits.personality;
        to->limits.memory_policy.set = from->limits.memory_policy.set;
        to->limits.memory_policy.mode = from->limits.memory_policy.mode;
        to->limits.memory_policy.flags = from->limits.memory_policy.flags;
        return string_replace(&own->file, filter->file) < 0 ||
                               string_replace(&own->text, filter->text) < 0 ||
                               string_replace(&own->listener, filter->listener) < 0 ||
                               string_replace(&own->listener_metadata, filter->listener_metadata) <
                                       0 ||
                               string_replace(&to->limits.memory_policy.nodes,
                                              from->limits.memory_policy.nodes) < 0
                       ? -ENOMEM
                       : 0;
}

int oci_process_load(const char *path, struct machine *machine, char ***warnings,
                     struct machine_error *error)
{
        struct machine *own = new_machine();
        _cleanup_free_ char *text = NULL;
        size_t length;
        struct oci_reader reader = {
                .file = path, .machine = own, .warnings = warnings, .error = error
        };
        int r = own ? file_read(AT_FDCWD, path, DOCUMENT_MAXIMUM, &text, &length) : -ENOMEM;

        if (r < 0) {
                machine_free(own);
                return file_explain(r, "the process", path, error);
        }
        reader.text = text;
        reader.length = length;
        r = read_document(&reader, oci_process_fields);
        if (r == 0) {
                r = oci_finish_process(&reader, NULL);
        }
        if (r == 0 && inherit(own, machine) < 0) {
                r = error_oom(error);
        }
        if (r == 0) {
                swap_processes(machine, own);
        }
        machine_free(own);
        return r;
}

int oci_resources_parse(const char *text, size_t length, const char *name, struct machine **ret,
                        struct machine_error *error)
{
        struct machine *machine = new_machine();
        struct oci_reader reader = {
                .file = name, .text = text, .length = length, .machine = machine, .error = error
        };
        int r = machine ? read_document(&reader, oci_resources_fields) : error_oom(error);

        if (r < 0) {
                machine_free(machine);
                return r;
        }
        *ret = machine;
        return 0;
}
