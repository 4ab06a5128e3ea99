/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/document/words.h"
#include "convert/model/values.h"
#include "convert/units/quadlet.h"

/* NAME.container. */

char *quadlet_plain_name(const char *value, const char *suffix)
{
        const char *found = strstr(value, suffix);
        const char *end = found ? found + strlen(suffix) : NULL;

        if (!found || (*end && !strchr(":,", *end))) {
                return strdup(value);
        }
        return string_format("%.*s%s", (int)(found - value), value, end);
}

UNIT_TAKE(named)
{
        _cleanup_free_ char *plain = quadlet_plain_name(value, row->text);

        if (!plain) {
                unit->conversion->failed = -ENOMEM;
                return;
        }
        unit_take_option(unit, row, plain);
}

static UNIT_TAKE(container_network)
{
        _cleanup_free_ char *plain = quadlet_plain_name(value, ".network");
        const char *suffix = plain ? strstr(plain, ".container") : NULL;

        if (!plain) {
                unit->conversion->failed = -ENOMEM;
        } else if (suffix) {
                convert_value(unit->conversion, "network.mode",
                              json_sprintf("machine:%.*s", (int)(suffix - plain), plain));
        } else {
                unit_take_option(unit, row, plain);
        }
}

static UNIT_TAKE(exec)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        strv_free(unit->container.arguments);
        unit->container.arguments = TAKE_PTR(words);
}

static UNIT_TAKE(podman_arguments)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        container_take_options(&unit->container, unit->file, unit->conversion->here.line, words);
}

/* The image that a .image file next to this one names. */
static char *image_of_file(struct unit *unit, const char *name)
{
        _cleanup_free_ char *path = path_join(unit->source->directory, name), *text = NULL;
        _cleanup_node_ struct node *root = NULL;
        _cleanup_error_ struct machine_error reason = MACHINE_ERROR_INIT;
        const char *image = NULL;

        if (path && document_read(path, &text, NULL, &reason) == 0 &&
            document_parse_unit(path, text, &root, &reason) == 0) {
                image = node_text(node_find(root, "Image"), "Image");
        }
        return image ? strdup(image) : NULL;
}

static UNIT_TAKE(image)
{
        bool named = string_ends_with(value, ".image");
        bool built = string_ends_with(value, ".build");
        _cleanup_free_ char *given =
                named   ? image_of_file(unit, value)
                : built ? string_format("localhost/%.*s", (int)strlen(value) - 6, value)
                        : strdup(value);
        _cleanup_free_ char *image = given ? container_image(given) : NULL;

        if (named && !given) {
                convert_lost(unit->conversion, "%s is not next to this file, or names no image",
                             value);
                convert_value(unit->conversion, row->target,
                              json_sprintf("localhost/%.*s", (int)strlen(value) - 6, value));
                return;
        }
        if (built) {
                convert_lost(unit->conversion,
                             "the image is not built here: build it, and \"load\" it as %s",
                             image ? image : value);
        }
        convert_text(unit->conversion, row->target, image ? image : "");
}

static UNIT_TAKE(auto_update)
{
        if (strcmp(value, "registry") == 0) {
                convert_text(unit->conversion, row->target, "auto");
        } else {
                convert_lost(unit->conversion, "images are only updated from their registry");
        }
}

static UNIT_TAKE(flag)
{
        if (value_is_true(value)) {
                unit_take_option(unit, row, NULL);
        }
}

/* "NoNewPrivileges", "SeccompProfile", ..: a value of --security-opt after `text`. */
static UNIT_TAKE(security)
{
        _cleanup_free_ char *option = string_format("%s%s", row->text, value);

        unit_take_option(unit, row, option ? option : "");
}

static UNIT_TAKE(label_disable)
{
        if (value_is_true(value)) {
                unit_take_option(unit, row, "label=disable");
        }
}

/* The machine has the name of the file. */
static UNIT_TAKE(container_name)
{
        if (strcmp(value, unit->name) != 0) {
                unit_take_option(unit, row, value);
        }
}

static UNIT_TAKE(group)
{
        const char *user = json_string_value(convert_get(unit->conversion, "user"));
        _cleanup_free_ char *both = string_format("%s:%s", user ? user : "0", value);

        convert_text(unit->conversion, "user", both ? both : "");
}

/* User= after Group=. */
static UNIT_TAKE(user)
{
        const char *given = json_string_value(convert_get(unit->conversion, "user"));
        const char *group = given ? strchr(given, ':') : NULL;
        _cleanup_free_ char *both =
                string_format("%s%s", value, group && !strchr(value, ':') ? group : "");

        convert_text(unit->conversion, "user", both ? both : "");
}

static UNIT_TAKE(reload)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        convert_strings(unit->conversion, row->target, words);
}

#define OPTION(key, option)                         \
        {                                           \
                key, unit_take_option, option, NULL \
        }
#define OPTION_WORDS(key, option)                         \
        {                                                 \
                key, unit_take_option_words, option, NULL \
        }
#define LOST(key, reason)                         \
        {                                         \
                key, unit_take_lost, NULL, reason \
        }
#define SECURITY(key, prefix)                                   \
        {                                                       \
                key, unit_take_security, "security-opt", prefix \
        }

static const struct unit_row container_rows[] = {
        OPTION_WORDS("AddCapability", "cap-add"),
        OPTION("AddDevice", "device"),
        OPTION("AddHost", "add-host"),
        OPTION_WORDS("Annotation", "annotation"),
        SECURITY("AppArmor", "apparmor="),
        { "AutoUpdate", unit_take_auto_update, "update", NULL },
        OPTION("CgroupsMode", "cgroups"),
        { "ContainerName", unit_take_container_name, "network-alias", NULL },
        LOST("ContainersConfModule", "it configures Podman"),
        OPTION("DNS", "dns"),
        OPTION("DNSOption", "dns-option"),
        OPTION("DNSSearch", "dns-search"),
        OPTION_WORDS("DropCapability", "cap-drop"),
        OPTION("Entrypoint", "entrypoint"),
        OPTION_WORDS("Environment", "env"),
        OPTION("EnvironmentFile", "env-file"),
        { "EnvironmentHost", unit_take_flag, "env-host", NULL },
        { "Exec", unit_take_exec, NULL, NULL },
        OPTION("ExposeHostPort", "expose"),
        OPTION("GIDMap", "gidmap"),
        LOST("GlobalArgs", "they configure Podman"),
        { "Group", unit_take_group, NULL, NULL },
        OPTION("GroupAdd", "group-add"),
        OPTION("HealthCmd", "health-cmd"),
        OPTION("HealthInterval", "health-interval"),
        OPTION("HealthLogDestination", "health-log-destination"),
        OPTION("HealthMaxLogCount", "health-max-log-count"),
        OPTION("HealthMaxLogSize", "health-max-log-size"),
        OPTION("HealthOnFailure", "health-on-failure"),
        OPTION("HealthRetries", "health-retries"),
        OPTION("HealthStartPeriod", "health-start-period"),
        OPTION("HealthStartupCmd", "health-startup-cmd"),
        OPTION("HealthStartupInterval", "health-startup-interval"),
        OPTION("HealthStartupRetries", "health-startup-retries"),
        OPTION("HealthStartupSuccess", "health-startup-success"),
        OPTION("HealthStartupTimeout", "health-startup-timeout"),
        OPTION("HealthTimeout", "health-timeout"),
        OPTION("HostName", "hostname"),
        OPTION("HttpProxy", "http-proxy"),
        { "Image", unit_take_image, "image", NULL },
        OPTION("IP", "ip"),
        OPTION("IP6", "ip6"),
        OPTION_WORDS("Label", "label"),
        OPTION("LogDriver", "log-driver"),
        OPTION("LogOpt", "log-opt"),
        SECURITY("Mask", "mask="),
        OPTION("Memory", "memory"),
        { "Mount", unit_take_named, "mount", ".volume" },
        { "Network", unit_take_container_network, "network", NULL },
        OPTION("NetworkAlias", "network-alias"),
        SECURITY("NoNewPrivileges", "no-new-privileges="),
        OPTION("Notify", "sdnotify"),
        OPTION("PidsLimit", "pids-limit"),
        { "Pod", unit_take_named, "pod", ".pod" },
        { "PodmanArgs", unit_take_podman_arguments, NULL, NULL },
        OPTION("PublishPort", "publish"),
        OPTION("Pull", "pull"),
        OPTION("ReadOnly", "read-only"),
        OPTION("ReadOnlyTmpfs", "read-only-tmpfs"),
        { "ReloadCmd", unit_take_reload, "reload.command", NULL },
        { "ReloadSignal", unit_take_text, "reload.signal", NULL },
        LOST("Retry", "a pull is tried again by itself"),
        LOST("RetryDelay", "a pull is tried again by itself"),
        { "Rootfs", unit_take_text, "rootfs", NULL },
        OPTION("RunInit", "init"),
        SECURITY("SeccompProfile", "seccomp="),
        OPTION("Secret", "secret"),
        { "SecurityLabelDisable", unit_take_label_disable, "security-opt", NULL },
        SECURITY("SecurityLabelFileType", "label=filetype:"),
        SECURITY("SecurityLabelLevel", "label=level:"),
        { "SecurityLabelNested", unit_take_label_disable, "security-opt", NULL },
        SECURITY("SecurityLabelType", "label=type:"),
        LOST("ServiceName", "the unit of a machine is container@NAME.service"),
        OPTION("ShmSize", "shm-size"),
        { "StartWithPod", unit_take_no_effect, NULL, NULL },
        OPTION("StopSignal", "stop-signal"),
        OPTION("StopTimeout", "stop-timeout"),
        OPTION("SubGIDMap", "subgidname"),
        OPTION("SubUIDMap", "subuidname"),
        OPTION_WORDS("Sysctl", "sysctl"),
        OPTION("Timezone", "tz"),
        OPTION("Tmpfs", "tmpfs"),
        OPTION("UIDMap", "uidmap"),
        OPTION("Ulimit", "ulimit"),
        SECURITY("Unmask", "unmask="),
        { "User", unit_take_user, NULL, NULL },
        OPTION("UserNS", "userns"),
        { "Volume", unit_take_named, "volume", ".volume" },
        OPTION("WorkingDir", "workdir"),
};

static const struct unit_row quadlet_rows[] = {
        { "DefaultDependencies", unit_take_no_effect, NULL, NULL },
};

int quadlet_convert_container(struct unit *unit, const struct node *root,
                              struct machine_error *error)
{
        const struct unit_section sections[] = {
                { "Container", container_rows, ELEMENTS_OF(container_rows) },
                { "Quadlet", quadlet_rows, ELEMENTS_OF(quadlet_rows) },
                unit_service_sections[0],
                unit_service_sections[1],
                unit_service_sections[2],
                { NULL, NULL, 0 },
        };
        _cleanup_free_ char *drop_ins = string_format("%s.d", unit->path);
        int r;

        if (!drop_ins || !convert_open(unit->conversion, unit->name, ".machine", unit->file)) {
                return error_oom(error);
        }
        unit_convert(unit, unit->file, root, sections);
        r = unit_convert_drop_ins(unit, drop_ins, sections, error);
        /* Podman runs them with --rm. */
        if (!convert_get(unit->conversion, "rootfs")) {
                convert_text(unit->conversion, "upper", "volatile");
        }
        container_finish(&unit->container);
        return r;
}
