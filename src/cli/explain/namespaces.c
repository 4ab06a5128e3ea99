/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/explain/running.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/strings.h"

/* namespaces(7), by the names of /proc/PID/ns. */
static const struct {
        const char *file;
        const char *separates;
} kinds[] = {
        { "user", "user and group ids, capabilities" },
        { "mnt", "mounts" },
        { "pid", "process ids" },
        { "net", "interfaces, addresses, routes, ports, firewall rules" },
        { "ipc", "shared memory, semaphores, message queues" },
        { "uts", "host name and domain name" },
        { "cgroup", "the root that the tree of control groups appears to have" },
        { "time", "the monotonic and the boot-time clock" },
};

/* The number that names a namespace in /proc; 0: the caller may not see it. */
static uint64_t number_of(pid_t pid, const char *file)
{
        _cleanup_free_ char *path = pid > 0 ? string_format("/proc/%d/ns/%s", pid, file)
                                            : string_format("/proc/self/ns/%s", file);
        struct stat status;

        return path && stat(path, &status) == 0 ? status.st_ino : 0;
}

static int append_if_shared(const struct subject *subject, const char *name, const char *file,
                            uint64_t number, json_t *array)
{
        _cleanup_record_ struct machine_record other = { 0 };

        if (string_equal(name, subject->record->name) ||
            state_query(&subject->store, name, &other, NULL) < 0 ||
            !machine_state_is_live(other.state) || other.init.pid <= 0 ||
            number_of(other.init.pid, file) != number) {
                return 0;
        }
        return json_array_append_new(array, json_string(name)) < 0 ? -1 : 0;
}

/* The other machines in a namespace that is not the host's. */
static json_t *sharers(const struct subject *subject, char *const *names, const char *file,
                       uint64_t number)
{
        _cleanup_json_ json_t *array = json_array();

        STRV_FOREACH(name, names) {
                if (!array || append_if_shared(subject, *name, file, number, array) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static json_t *namespace_json(const struct subject *subject, char *const *names, size_t kind)
{
        const char *file = kinds[kind].file;
        uint64_t number = number_of(subject->record->init.pid, file);
        bool of_host = number != 0 && number == number_of(0, file);
        _cleanup_json_ json_t *object = json_object();

        if (json_set_string(object, "kind", file) < 0 ||
            json_set_string(object, "separates", kinds[kind].separates) < 0 ||
            json_set_value(object, "number",
                           number ? json_integer((json_int_t)number) : json_null()) < 0 ||
            json_set_value(object, "of_host", number ? json_boolean(of_host) : json_null()) < 0 ||
            json_set_value(object, "shared_with",
                           number && !of_host ? sharers(subject, names, file, number)
                                              : json_array()) < 0) {
                return NULL;
        }
        return TAKE_PTR(object);
}

json_t *explain_namespaces(const struct subject *subject)
{
        _cleanup_json_ json_t *array = json_array();
        _cleanup_strv_ char **names = NULL;

        if (!array || state_list(&subject->store, &names, NULL) < 0) {
                return NULL;
        }
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                if (json_array_append_new(array, namespace_json(subject, names, i)) < 0) {
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}

static void print_namespace(const json_t *namespace)
{
        const json_t *number = json_object_get(namespace, "number"), *name;
        const char *before = "shared with ";
        size_t i;

        printf("  %-7s", json_get_string(namespace, "kind"));
        if (json_is_null(number)) {
                printf("%-22s", "not shown to you");
        } else if (json_is_true(json_object_get(namespace, "of_host"))) {
                printf("%-22s", "the host's");
        } else {
                printf("its own, %-13lld", (long long)json_integer_value(number));
        }
        printf("%s\n", json_get_string(namespace, "separates"));
        json_array_foreach(json_object_get(namespace, "shared_with"), i, name)
        {
                printf("%s%s", i == 0 ? "         " : ", ", i == 0 ? before : "");
                fputs(json_string_value(name), stdout);
        }
        if (i > 0) {
                putchar('\n');
        }
}

void explain_print_namespaces(const json_t *namespaces)
{
        const json_t *namespace;
        size_t i;

        puts("\nNamespaces: what it has apart from the host (namespaces(7))");
        json_array_foreach(namespaces, i, namespace)
        {
                print_namespace(namespace);
        }
}
