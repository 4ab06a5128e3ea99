/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/lxc/lxc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/path.h"
#include "base/strings.h"
#include "convert/document/node.h"
#include "convert/lxc/take.h"
#include "convert/model/values.h"

/* ---- Names of LXC 1 and 2 ---- */

static const struct {
        const char *old;
        const char *name;
} old_names[] = {
        { "lxc.rootfs", "lxc.rootfs.path" },
        { "lxc.rootfs.backend", "lxc.rootfs.backend" },
        { "lxc.utsname", "lxc.uts.name" },
        { "lxc.mount", "lxc.mount.fstab" },
        { "lxc.pts", "lxc.pty.max" },
        { "lxc.devttydir", "lxc.tty.dir" },
        { "lxc.tty", "lxc.tty.max" },
        { "lxc.aa_profile", "lxc.apparmor.profile" },
        { "lxc.aa_allow_incomplete", "lxc.apparmor.allow_incomplete" },
        { "lxc.se_context", "lxc.selinux.context" },
        { "lxc.id_map", "lxc.idmap" },
        { "lxc.init_cmd", "lxc.init.cmd" },
        { "lxc.init_uid", "lxc.init.uid" },
        { "lxc.init_gid", "lxc.init.gid" },
        { "lxc.haltsignal", "lxc.signal.halt" },
        { "lxc.rebootsignal", "lxc.signal.reboot" },
        { "lxc.stopsignal", "lxc.signal.stop" },
        { "lxc.console", "lxc.console.path" },
        { "lxc.logfile", "lxc.log.file" },
        { "lxc.loglevel", "lxc.log.level" },
        { "lxc.seccomp", "lxc.seccomp.profile" },
        { "lxc.kmsg", "lxc.kmsg" },
};

/* "lxc.network.ipv4" is of the first link, "lxc.net.0.ipv4.address". Others keep their number. */
static char *modern_name(struct lxc *lxc, const char *name)
{
        const char *old = string_after(name, "lxc.network.");
        const char *numbered = string_after(name, "lxc.net.");

        for (size_t i = 0; i < ELEMENTS_OF(old_names); i++) {
                if (strcmp(old_names[i].old, name) == 0) {
                        return strdup(old_names[i].name);
                }
        }
        if (old) {
                bool address = strcmp(old, "ipv4") == 0 || strcmp(old, "ipv6") == 0;

                lxc->old_links += strcmp(old, "type") == 0;
                lxc->link = lxc->old_links > 1 ? lxc->old_links - 1 : 0;
                return string_format("lxc.net.%s%s", old, address ? ".address" : "");
        }
        if (numbered) {
                lxc->link = (size_t)strtoul(numbered, NULL, 10);
                numbered += strspn(numbered, "0123456789");
                return string_format("lxc.net%s", numbered);
        }
        return strdup(name);
}

/* ---- Rows ---- */

/* A row whose name ends with "." is for all settings that begin so; `rest` is what follows. */
static const struct lxc_row *find_row(const char *name, const char **ret_rest)
{
        for (const struct lxc_row *row = lxc_rows; row->name; row++) {
                const char *rest = string_after(name, row->name);

                if (rest && (!*rest || string_ends_with(row->name, "."))) {
                        *ret_rest = rest;
                        return row;
                }
        }
        return NULL;
}

static void take_setting(struct lxc *lxc, const struct node *setting)
{
        _cleanup_free_ char *name = modern_name(lxc, setting->key);
        const char *rest = "";
        const struct lxc_row *row = name ? find_row(name, &rest) : NULL;

        convert_begin(lxc->conversion, lxc->file, setting->line, "%s", setting->key);
        if (!row) {
                convert_lost(lxc->conversion, "it has no equivalent");
        } else if (strncmp(row->name, "lxc.net.", 8) == 0 && lxc->link >= LXC_LINKS_MAXIMUM) {
                convert_lost(lxc->conversion, "more than %d links", LXC_LINKS_MAXIMUM);
        } else {
                row->take(lxc, row, rest, setting->text);
        }
}

/* ---- Files ---- */

/* Templates of distributions' configurations, whose settings are this program's defaults. */
static bool is_common(const char *path)
{
        return strstr(path, "/share/lxc/config/") != NULL;
}

static int take_file(struct lxc *lxc, const char *path, const char *shown, unsigned int depth,
                     struct machine_error *error);

static int take_include(struct lxc *lxc, const struct node *setting, unsigned int depth,
                        struct machine_error *error)
{
        _cleanup_free_ char *path = value_host_path(lxc->source->directory, setting->text);
        struct stat status;

        convert_begin(lxc->conversion, lxc->file, setting->line, "%s", setting->key);
        if (!path) {
                return error_oom(error);
        }
        if (is_common(path)) {
                return 0;
        }
        if (depth > 8 || stat(path, &status) < 0 || !S_ISREG(status.st_mode)) {
                convert_lost(lxc->conversion, "%s",
                             depth > 8 ? "the files include each other" : "the file is missing");
                return 0;
        }
        return take_file(lxc, path, path, depth + 1, error);
}

static int take_file(struct lxc *lxc, const char *path, const char *shown, unsigned int depth,
                     struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_node_ struct node *root = NULL;
        const char *outer = lxc->file;
        int r = document_read(path, &text, NULL, error);

        r = r < 0 ? r : document_parse_lines(shown, text, &root, error);
        for (size_t i = 0; r == 0 && i < root->count; i++) {
                lxc->file = shown;
                if (strcmp(root->children[i]->key, "lxc.include") == 0) {
                        r = take_include(lxc, root->children[i], depth, error);
                } else {
                        take_setting(lxc, root->children[i]);
                }
        }
        lxc->file = outer;
        return r;
}

/* ---- The machine ---- */

/* The directory of the configuration is named after the container. */
static const char *machine_name(const struct convert_source *source)
{
        const char *slash = strrchr(source->directory, '/');

        return source->name ? source->name : slash && slash[1] ? slash + 1 : "machine";
}

/* The network has the subnet of the machine's address, and its gateway. */
static void define_subnet(struct lxc *lxc, struct convert_file *network, const char *address,
                          const char *gateway)
{
        struct conversion *conversion = lxc->conversion;
        struct convert_file *machine = conversion->file;
        const char *prefix = address ? strchr(address, '/') : NULL;
        unsigned int length = prefix ? (unsigned int)strtoul(prefix + 1, NULL, 10) : 24;
        unsigned int a, b, c, d;
        uint32_t bits;

        if (!network || !address || length == 0 || length > 30 ||
            sscanf(address, "%3u.%3u.%3u.%3u", &a, &b, &c, &d) != 4) {
                return;
        }
        bits = (a << 24 | b << 16 | c << 8 | d) & (UINT32_MAX << (32 - length));
        conversion->file = network;
        convert_value(conversion, "subnet",
                      json_sprintf("%u.%u.%u.%u/%u", bits >> 24, bits >> 16 & 255, bits >> 8 & 255,
                                   bits & 255, length));
        if (gateway) {
                convert_text(conversion, "gateway", gateway);
        }
        conversion->file = machine;
}

static void finish_network(struct lxc *lxc)
{
        struct conversion *conversion = lxc->conversion;
        const char *name = json_string_value(convert_get(conversion, "network.name"));
        struct convert_file *network = name ? convert_find(conversion, name, ".network") : NULL;

        /* lxc-net's own bridge is what the default network is here. */
        if (!lxc->address && string_equal(name, "lxcbr0") && network) {
                convert_unset(conversion, "network.name");
                convert_close(conversion, network);
                return;
        }
        define_subnet(lxc, network, lxc->address, lxc->gateway);
}

/* ---- Links after the first ---- */

struct lxc_link *lxc_link(struct lxc *lxc)
{
        struct lxc_link *link = &lxc->links[lxc->link];

        if (!link->settings) {
                link->settings = json_object();
                link->place = lxc->conversion->here;
                link->place.file = strdup(link->place.file);
                link->place.name = strdup(link->place.name);
        }
        if (!link->settings || !link->place.file || !link->place.name) {
                lxc->conversion->failed = -ENOMEM;
        }
        return link;
}

void lxc_set_link(struct lxc *lxc, const char *key, json_t *value)
{
        (void)json_object_set_new(lxc_link(lxc)->settings, key, value);
}

/* Whether a link before one of the list is in its network. */
static bool is_taken(const struct lxc *lxc, size_t index, const char *name, const char *first)
{
        if (string_equal(name, first)) {
                return true;
        }
        for (size_t i = 1; i < index; i++) {
                if (string_equal(json_get_string(lxc->links[i].settings, "name"), name)) {
                        return true;
                }
        }
        return false;
}

static void finish_links(struct lxc *lxc)
{
        struct conversion *conversion = lxc->conversion;
        const char *first = json_string_value(convert_get(conversion, "network.name"));

        for (size_t i = 1; i < LXC_LINKS_MAXIMUM; i++) {
                struct lxc_link *link = &lxc->links[i];
                const char *name = json_get_string(link->settings, "name");

                if (!link->settings || link->lost) {
                        continue;
                }
                convert_at(conversion, link->place.file, link->place.line, link->place.name);
                conversion->here.number = link->place.number;
                if (!name) {
                        convert_lost(conversion, "the link is not on a bridge");
                } else if (is_taken(lxc, i, name, first)) {
                        convert_lost(conversion,
                                     "a machine has one link in a network, and is in "
                                     "\"%s\" already",
                                     name);
                } else {
                        convert_add_value(conversion, "networks", json_incref(link->settings));
                        define_subnet(lxc, convert_find(conversion, name, ".network"),
                                      link->address, NULL);
                }
        }
}

static void clear_links(struct lxc *lxc)
{
        for (size_t i = 1; i < LXC_LINKS_MAXIMUM; i++) {
                json_decref(lxc->links[i].settings);
                free(lxc->links[i].place.file);
                free(lxc->links[i].place.name);
                free(lxc->links[i].address);
        }
}

static void finish(struct lxc *lxc)
{
        struct conversion *conversion = lxc->conversion;

        if (lxc->command) {
                convert_strings(conversion, "command", lxc->command);
                convert_boolean(conversion, "init", lxc->execute);
        } else {
                convert_boolean(conversion, "boot", true);
        }
        if (lxc->uid || lxc->gid) {
                convert_value(conversion, "user",
                              json_sprintf("%s:%s", lxc->uid ? lxc->uid : "0",
                                           lxc->gid ? lxc->gid : "0"));
        }
        finish_links(lxc);
        finish_network(lxc);
        if (!lxc->networked) {
                convert_text(conversion, "network.mode", "none");
        }
        if (!lxc->mapped && !convert_get(conversion, "user_namespace")) {
                convert_text(conversion, "user_namespace", "auto");
                convert_differs(
                        conversion, "user_namespace",
                        "the container had the host's ids; its root is mapped here, and the "
                        "files of its root with it");
        }
        if (lxc->profile_off) {
                convert_text(conversion, "seccomp.profile", "off");
        }
}

int lxc_convert(struct conversion *conversion, const struct convert_source *source,
                struct machine_error *error)
{
        struct lxc lxc = { .conversion = conversion, .source = source, .file = source->shown };
        int r;

        if (!convert_open(conversion, machine_name(source), ".machine", source->shown)) {
                return error_oom(error);
        }
        convert_value(conversion, "rootfs", json_sprintf("%s/rootfs", source->directory));
        r = take_file(&lxc, source->path, source->shown, 0, error);
        finish(&lxc);
        strv_free(lxc.command);
        clear_links(&lxc);
        free(lxc.address);
        free(lxc.gateway);
        free(lxc.uid);
        free(lxc.gid);
        return r;
}
