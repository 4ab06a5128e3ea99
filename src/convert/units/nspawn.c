/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "convert/document/words.h"
#include "convert/model/values.h"
#include "convert/units/unit.h"

/* NAME.nspawn, as systemd-nspawn@NAME.service runs it: systemd.nspawn(5). */

/* ---- [Exec] ---- */

static UNIT_TAKE(boot)
{
        unit->process = !value_is_true(value);
}

static UNIT_TAKE(process_two)
{
        unit->process = value_is_true(value);
        unit->container.init = unit->process;
}

static UNIT_TAKE(parameters)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        strv_free(unit->container.arguments);
        unit->container.arguments = TAKE_PTR(words);
}

static UNIT_TAKE(capabilities)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(word, words) {
                _cleanup_strv_ char **names = NULL;

                if (strv_split(*word, ',', &names) < 0) {
                        unit->conversion->failed = -ENOMEM;
                }
                STRV_FOREACH(name, names) {
                        convert_capability(unit->conversion, row->target, *name);
                }
        }
}

static UNIT_TAKE(private_users)
{
        bool none = strcmp(value, "no") == 0 || strcmp(value, "false") == 0 ||
                    strcmp(value, "off") == 0 || strcmp(value, "0") == 0 ||
                    strcmp(value, "identity") == 0;
        bool range = strspn(value, "0123456789") > 1;

        if (range) {
                convert_value(unit->conversion, "user_namespace",
                              json_sprintf("%s%s", value, strchr(value, ':') ? "" : ":65536"));
        } else {
                convert_text(unit->conversion, "user_namespace", none ? "none" : "auto");
        }
}

static UNIT_TAKE(system_calls)
{
        _cleanup_strv_ char **words = NULL;
        bool deny = false;

        if (words_split_unit(value, &words) < 0) {
                unit->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(word, words) {
                deny |= (*word)[0] == '~';
                convert_add(unit->conversion, deny ? "seccomp.deny" : "seccomp.allow",
                            *word + ((*word)[0] == '~'));
        }
}

/* "0 2-3" and "0,2-3". */
static UNIT_TAKE(cpu_affinity)
{
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *list = NULL;

        if (words_split_unit(value, &words) < 0 || !(list = strv_join(words, ","))) {
                unit->conversion->failed = -ENOMEM;
                return;
        }
        convert_text(unit->conversion, "limits.cpus", list);
}

static UNIT_TAKE(notify)
{
        if (value_is_true(value)) {
                convert_text(unit->conversion, "ready", "notify");
        }
}

static UNIT_TAKE(ephemeral)
{
        if (value_is_true(value)) {
                convert_text(unit->conversion, "upper", "volatile");
                convert_differs(unit->conversion, "upper", "changes to the root are in memory");
        }
}

static UNIT_TAKE(resolv_conf)
{
        if (strcmp(value, "off") == 0 || string_after(value, "bind")) {
                convert_differs(unit->conversion, NULL,
                                "/etc/resolv.conf has the servers of network.dns, or the host's; a "
                                "mount at that path takes precedence");
        }
}

static UNIT_TAKE(timezone)
{
        if (strcmp(value, "off") != 0 && strcmp(value, "auto") != 0 &&
            strcmp(value, "delete") != 0) {
                convert_differs(unit->conversion, NULL,
                                "the time zone is that of the root; set \"timezone\" for another");
        }
}

static UNIT_TAKE(link_journal)
{
        if (strcmp(value, "no") != 0) {
                convert_differs(unit->conversion, NULL,
                                "the journal is in the machine's root: journalctl --root, or "
                                "\"exec\" journalctl");
        }
}

#define LOST(key, reason)                         \
        {                                         \
                key, unit_take_lost, NULL, reason \
        }
#define LIMIT(name)                                        \
        {                                                  \
                "Limit" name, unit_take_ulimit, NULL, NULL \
        }

static const struct unit_row exec_rows[] = {
        { "Boot", unit_take_boot, NULL, NULL },
        { "Ephemeral", unit_take_ephemeral, NULL, NULL },
        { "ProcessTwo", unit_take_process_two, NULL, NULL },
        { "Parameters", unit_take_parameters, NULL, NULL },
        { "Environment", unit_take_words, "environment", NULL },
        { "User", unit_take_text, "user", NULL },
        { "WorkingDirectory", unit_take_text, "working_directory", NULL },
        LOST("PivotRoot", "the root is the machine's own"),
        { "Capability", unit_take_capabilities, "capabilities.add", NULL },
        { "DropCapability", unit_take_capabilities, "capabilities.drop", NULL },
        { "AmbientCapability", unit_take_capabilities, "capabilities.ambient", NULL },
        { "NoNewPrivileges", unit_take_boolean, "no_new_privileges", NULL },
        { "KillSignal", unit_take_text, "stop.signal", NULL },
        LOST("Personality", "machines have the host's personality"),
        { "MachineID", unit_take_text, "machine_id", NULL },
        { "PrivateUsers", unit_take_private_users, NULL, NULL },
        { "NotifyReady", unit_take_notify, NULL, NULL },
        { "SystemCallFilter", unit_take_system_calls, NULL, NULL },
        LIMIT("CPU"),
        LIMIT("FSIZE"),
        LIMIT("DATA"),
        LIMIT("STACK"),
        LIMIT("CORE"),
        LIMIT("RSS"),
        LIMIT("NOFILE"),
        LIMIT("AS"),
        LIMIT("NPROC"),
        LIMIT("MEMLOCK"),
        LIMIT("LOCKS"),
        LIMIT("SIGPENDING"),
        LIMIT("MSGQUEUE"),
        LIMIT("NICE"),
        LIMIT("RTPRIO"),
        LIMIT("RTTIME"),
        { "OOMScoreAdjust", unit_take_integer, "limits.oom_score_adjust", NULL },
        { "CPUAffinity", unit_take_cpu_affinity, NULL, NULL },
        { "Hostname", unit_take_text, "hostname", NULL },
        { "ResolvConf", unit_take_resolv_conf, NULL, NULL },
        { "Timezone", unit_take_timezone, NULL, NULL },
        { "LinkJournal", unit_take_link_journal, NULL, NULL },
        LOST("SuppressSync", "writes are synced"),
};

/* ---- [Files] ---- */

static UNIT_TAKE(volatile)
{
        if (strcmp(value, "overlay") == 0 || value_is_true(value)) {
                convert_text(unit->conversion, "upper", "volatile");
        }
        if (value_is_true(value)) {
                convert_differs(unit->conversion, "upper",
                                "the whole root is kept in memory over what is on disk, not only "
                                "/usr");
        } else if (strcmp(value, "state") == 0) {
                convert_boolean(unit->conversion, "read_only", true);
                convert_mount(unit->conversion, "tmpfs", NULL, "/var", false, NULL);
        }
}

/* "SOURCE[:TARGET[:OPTIONS]]", with "\:" for a colon. */
static UNIT_TAKE(bind)
{
        bool read_only = strcmp(row->key, "BindReadOnly") == 0;
        const char *source = value + (value[0] == '-' || value[0] == '+');
        _cleanup_strv_ char **parts = NULL, **options = NULL;
        json_t *kept = json_array();

        if (strchr(value, '\\') || value[0] == '+') {
                convert_lost(unit->conversion,
                             value[0] == '+' ? "the source is in the machine's root: bind its path "
                                               "on the host"
                                             : "a colon in a path");
                json_decref(kept);
                return;
        }
        if (strv_split(source, ':', &parts) < 0 ||
            (parts[0] && parts[1] && parts[2] && strv_split(parts[2], ',', &options) < 0)) {
                unit->conversion->failed = -ENOMEM;
        }
        STRV_FOREACH(option, options) {
                (void)json_array_append_new(
                        kept, json_string(strcmp(*option, "norbind") == 0 ? "bind" : *option));
        }
        if (value[0] == '-') {
                convert_differs(unit->conversion, "mounts",
                                "%s must exist: there are no optional mounts", source);
        }
        convert_mount(unit->conversion, *source ? "bind" : "tmpfs", *source ? parts[0] : NULL,
                      parts[0] && parts[1] && *parts[1] ? parts[1] : source, read_only, kept);
}

static UNIT_TAKE(temporary)
{
        unit_take_option(unit, &(struct unit_row){ .target = "tmpfs" }, value);
}

/* "LOWER:..:UPPER:TARGET": ours is the other way round, and never written to. */
static UNIT_TAKE(overlay)
{
        _cleanup_strv_ char **parts = NULL;
        _cleanup_free_ char *source = strdup("");
        size_t count;

        if (strv_split(value, ':', &parts) < 0) {
                unit->conversion->failed = -ENOMEM;
                return;
        }
        count = strv_length(parts);
        if (count < 3 || strcmp(row->key, "Overlay") == 0 || strchr(value, '+')) {
                convert_lost(unit->conversion, "an overlay in \"mounts\" is read-only, and of "
                                               "directories of the host");
                return;
        }
        for (size_t i = count - 1; i > 0; i--) {
                char *longer = string_format("%s%s%s", source ? source : "",
                                             i < count - 1 ? ":" : "", parts[i - 1]);

                free(source);
                source = longer;
        }
        convert_mount(unit->conversion, "overlay", source ? source : "", parts[count - 1], true,
                      NULL);
}

static const struct unit_row files_rows[] = {
        { "ReadOnly", unit_take_boolean, "read_only", NULL },
        { "Volatile", unit_take_volatile, NULL, NULL },
        { "Bind", unit_take_bind, NULL, NULL },
        { "BindReadOnly", unit_take_bind, NULL, NULL },
        LOST("BindUser", "users of the host are not known in machines"),
        { "TemporaryFileSystem", unit_take_temporary, NULL, NULL },
        { "Inaccessible", unit_take_words, "masked_paths", NULL },
        { "Overlay", unit_take_overlay, NULL, NULL },
        { "OverlayReadOnly", unit_take_overlay, NULL, NULL },
        { "PrivateUsersOwnership", unit_take_no_effect, NULL, NULL },
        { "PrivateUsersChown", unit_take_no_effect, NULL, NULL },
};

/* ---- [Network] ---- */

static UNIT_TAKE(private)
{
        unit->private_network = value_is_true(value);
        unit->no_link = true;
}

static UNIT_TAKE(link)
{
        unit->no_link = !value_is_true(value);
}

/* "eth0" or "eth0:name". */
static UNIT_TAKE(parent_link)
{
        _cleanup_strv_ char **words = NULL;

        if (words_split_unit(value, &words) < 0 || !words) {
                unit->conversion->failed = -ENOMEM;
                return;
        }
        convert_value(unit->conversion, "network.mode",
                      json_sprintf("%s:%.*s", row->target, (int)strcspn(words[0], ":"), words[0]));
        if (words[1] || strchr(words[0], ':')) {
                convert_lost(unit->conversion, "a machine has one link, whose name is \"host0\"");
        }
}

/* The network has the bridge's name. */
static UNIT_TAKE(bridge)
{
        struct convert_file *file = unit->conversion->file;

        (void)container_join(&unit->container, value, false);
        unit->conversion->file = convert_find(unit->conversion, value, ".network");
        if (strcmp(row->key, "Bridge") == 0) {
                convert_text(unit->conversion, "bridge", value);
        }
        unit->conversion->file = file;
}

/* "tcp:8080:80", "8080:80", "tcp:80". */
static UNIT_TAKE(port)
{
        const char *rest = value + strspn(value, "tcpuds");
        size_t length = (size_t)(rest - value);
        _cleanup_free_ char *port = NULL;
        const char *colon;

        rest += length && *rest == ':';
        colon = strchr(rest, ':');
        port = string_format("%s%s%s%s%.*s", rest, colon ? "" : ":", colon ? "" : rest,
                             length ? "/" : "", (int)length, value);
        convert_add(unit->conversion, "ports", port ? port : "");
}

static const struct unit_row network_rows[] = {
        { "Private", unit_take_private, NULL, NULL },
        { "VirtualEthernet", unit_take_link, NULL, NULL },
        LOST("VirtualEthernetExtra", "a machine has one link"),
        LOST("Interface", "interfaces of the host are not moved; see network.mode"),
        { "MACVLAN", unit_take_parent_link, "macvlan", NULL },
        { "IPVLAN", unit_take_parent_link, "ipvlan", NULL },
        { "Bridge", unit_take_bridge, NULL, NULL },
        { "Zone", unit_take_bridge, NULL, NULL },
        { "Port", unit_take_port, NULL, NULL },
        { "NamespacePath", unit_take_text, "network.mode", NULL },
};

/* ---- The file ---- */

static const struct unit_section sections[] = {
        { "Exec", exec_rows, ELEMENTS_OF(exec_rows) },
        { "Files", files_rows, ELEMENTS_OF(files_rows) },
        { "Network", network_rows, ELEMENTS_OF(network_rows) },
        { NULL, NULL, 0 },
};

/* The unit starts machines with --boot, --private-users=pick and --network-veth. */
static void finish(struct unit *unit)
{
        struct conversion *conversion = unit->conversion;
        bool given =
                convert_get(conversion, "network.mode") || convert_get(conversion, "network.name");

        if (!unit->process) {
                convert_boolean(conversion, "boot", true);
        } else {
                convert_boolean(conversion, "init", unit->container.init);
        }
        if (!unit->process && unit->container.arguments) {
                convert_lost(conversion, "the arguments of the machine's init: set them in its "
                                         "root");
        } else if (unit->container.arguments) {
                convert_strings(conversion, "command", unit->container.arguments);
        } else if (unit->process) {
                const char *const shell[] = { "/bin/sh", NULL };

                convert_strings(conversion, "command", (char *const *)shell);
        }
        if (!given && unit->no_link) {
                convert_text(conversion, "network.mode", unit->private_network ? "none" : "host");
        }
}

/* Next to the file, or in system/ next to the nspawn/ that it is in; for this machine or for all.
 */
static int convert_drop_ins(struct unit *unit, struct machine_error *error)
{
        static const char *const places[] = { "", "/../system" };
        const char *const instances[] = { "", unit->name };
        int r = 0;

        for (size_t i = 0; i < ELEMENTS_OF(places) * ELEMENTS_OF(instances) && r == 0; i++) {
                _cleanup_free_ char *directory =
                        string_format("%s%s/systemd-nspawn@%s.service.d", unit->source->directory,
                                      places[i / 2], instances[i % 2]);

                r = directory ? unit_convert_drop_ins(unit, directory, unit_service_sections, error)
                              : error_oom(error);
        }
        return r;
}

int nspawn_convert(struct conversion *conversion, const struct convert_source *source,
                   struct machine_error *error)
{
        const char *slash = strrchr(source->path, '/');
        const char *base = slash ? slash + 1 : source->path;
        _cleanup_free_ char *name = strndup(base, strcspn(base, "."));
        struct unit unit = { .conversion = conversion,
                             .source = source,
                             .path = source->path,
                             .name = name,
                             .file = source->shown };
        _cleanup_free_ char *text = NULL;
        _cleanup_node_ struct node *root = NULL;
        int r = document_read(source->path, &text, NULL, error);

        r = r < 0 ? r : document_parse_unit(source->shown, text, &root, error);
        if (r < 0 || !name) {
                return r < 0 ? r : error_oom(error);
        }
        unit.container =
                (struct container){ .conversion = conversion, .directory = source->directory };
        if (!convert_open(conversion, source->name ? source->name : name, ".machine",
                          source->shown)) {
                return error_oom(error);
        }
        convert_value(conversion, "rootfs", json_sprintf("/var/lib/machines/%s", name));
        unit.literal = true;
        unit_convert(&unit, source->shown, root, sections);
        unit.literal = false;
        r = convert_drop_ins(&unit, error);
        finish(&unit);
        container_clear(&unit.container);
        return r;
}
