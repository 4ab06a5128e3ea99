/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/oci/oci.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/strings.h"
#include "convert/model/values.h"

static const char *text_of(const struct node *node)
{
        return node && node->type == NODE_SCALAR && !node->null ? node->text : "";
}

/* ---- Plain ---- */

static OCI_TAKE(text)
{
        convert_text(oci->conversion, row->key, text_of(node));
}

static OCI_TAKE(integer)
{
        convert_integer(oci->conversion, row->key, text_of(node));
}

/* A limit that is not there is -1 or 0. */
static OCI_TAKE(limit)
{
        if (strcmp(text_of(node), "0") != 0) {
                convert_size(oci->conversion, row->key, text_of(node));
        }
}

static OCI_TAKE(tasks)
{
        if (text_of(node)[0] == '-' || strcmp(text_of(node), "0") == 0) {
                convert_text(oci->conversion, row->key, "max");
        } else {
                convert_integer(oci->conversion, row->key, text_of(node));
        }
}

static OCI_TAKE(boolean)
{
        convert_boolean(oci->conversion, row->key, node_is_true(node));
}

static OCI_TAKE(strings)
{
        convert_unset(oci->conversion, row->key);
        for (size_t i = 0; i < node->count; i++) {
                convert_add(oci->conversion, row->key, text_of(node->children[i]));
        }
}

/* A map of names to values. */
static OCI_TAKE(pairs)
{
        for (size_t i = 0; i < node->count; i++) {
                convert_add_value(
                        oci->conversion, row->key,
                        json_sprintf("%s=%s", node->children[i]->key, text_of(node->children[i])));
        }
}

static OCI_TAKE(lost)
{
        convert_lost(oci->conversion, "%s", row->text);
}

static OCI_TAKE(no_effect)
{
}

/* Mounts in a machine are its own, as with "private". */
static OCI_TAKE(propagation)
{
        const char *text = text_of(node);

        if (*text && strcmp(text, "private") != 0 && strcmp(text, "rprivate") != 0) {
                convert_lost(oci->conversion, "mounts in the machine are its own");
        }
}

/* ---- The process ---- */

static OCI_TAKE(root)
{
        _cleanup_free_ char *path = value_host_path(oci->directory, text_of(node));

        convert_text(oci->conversion, row->key, path ? path : "");
}

static OCI_TAKE(user)
{
        const char *uid = node_text(node, "uid"), *gid = node_text(node, "gid");
        const struct node *groups = node_find(node, "additionalGids");

        convert_value(oci->conversion, row->key,
                      json_sprintf("%s:%s", uid ? uid : "0", gid ? gid : "0"));
        for (size_t i = 0; groups && i < groups->count; i++) {
                /* The user's own group is listed as well. */
                if (!string_equal(groups->children[i]->text, gid ? gid : "0")) {
                        convert_add(oci->conversion, "groups", text_of(groups->children[i]));
                }
        }
        if (node_text(node, "umask") && strcmp(node_text(node, "umask"), "18") != 0) {
                convert_lost(oci->conversion, "a machine starts with the umask 0022");
        }
}

/* The bounding set is what a machine can have; ambient ones are kept by other users. */
static OCI_TAKE(capabilities)
{
        const struct node *ambient = node_find(node, "ambient");
        const struct node *bounding = node_find(node, "bounding");

        convert_add(oci->conversion, "capabilities.drop", "all");
        for (size_t i = 0; bounding && i < bounding->count; i++) {
                convert_capability(oci->conversion, "capabilities.add",
                                   text_of(bounding->children[i]));
        }
        for (size_t i = 0; ambient && i < ambient->count; i++) {
                convert_capability(oci->conversion, "capabilities.ambient",
                                   text_of(ambient->children[i]));
        }
}

static OCI_TAKE(resources)
{
        for (size_t i = 0; i < node->count; i++) {
                const char *type = node_text(node->children[i], "type");
                const char *soft = node_text(node->children[i], "soft");
                const char *hard = node_text(node->children[i], "hard");
                const char *name = type ? string_after(type, "RLIMIT_") : NULL;
                _cleanup_free_ char *both =
                        string_format("%s:%s", soft ? soft : "0", hard ? hard : "0");

                convert_ulimit(oci->conversion, name ? name : "", both ? both : "");
        }
}

/* The filter goes to a file of its own, in the same format. */
static OCI_TAKE(seccomp)
{
        struct conversion *conversion = oci->conversion;
        struct convert_file *machine = conversion->file;
        const json_t *filter = json_object_get(json_object_get(oci->document, "linux"), "seccomp");
        struct convert_file *file =
                convert_open(conversion, machine->name, ".seccomp.json", machine->origin);

        conversion->file = machine;
        if (file) {
                file->content = json_dumps(filter, JSON_INDENT(8));
                convert_value(conversion, row->key, json_sprintf("%s.seccomp.json", file->name));
        }
        if (!file || !file->content) {
                conversion->failed = -ENOMEM;
        }
}

/* ---- Resources ---- */

static OCI_TAKE(swap)
{
        const struct node *memory = node;
        const char *limit = node_text(memory, "limit"), *swap = node_text(memory, "swap");
        uint64_t bytes, all;

        if (!swap || strcmp(swap, "0") == 0) {
                return;
        }
        if (swap[0] == '-') {
                convert_text(oci->conversion, row->key, "max");
        } else if (limit && value_parse_bytes(limit, &bytes) == 0 &&
                   value_parse_bytes(swap, &all) == 0 && all >= bytes) {
                convert_bytes(oci->conversion, row->key, all - bytes);
        } else {
                convert_lost(oci->conversion, "it is the sum of memory and swap, without memory");
        }
}

static OCI_TAKE(cpu)
{
        const char *quota = node_text(node, "quota"), *period = node_text(node, "period");
        uint64_t number = 0, length = 0;

        if (quota && quota[0] != '-' && value_parse_bytes(quota, &number) == 0 && number > 0) {
                if (period) {
                        (void)value_parse_bytes(period, &length);
                }
                convert_cpu_quota(oci->conversion, number, length);
        }
}

static OCI_TAKE(shares)
{
        convert_weight(oci->conversion, row->key, text_of(node), 1024, 262144);
}

static OCI_TAKE(block_weight)
{
        convert_weight(oci->conversion, row->key, text_of(node), 500, 1000);
}

#define OWN(name, take, key)                     \
        {                                        \
                name, oci_take_##take, key, NULL \
        }
#define LOST(name, reason)                        \
        {                                         \
                name, oci_take_lost, NULL, reason \
        }
#define NO_EFFECT(name)                              \
        {                                            \
                name, oci_take_no_effect, NULL, NULL \
        }

/* A group with a row of its own has rows for its members as well: the row is for the whole. */
static const struct oci_row rows[] = {
        NO_EFFECT("ociVersion"),
        NO_EFFECT("platform"),
        OWN("root.path", root, "rootfs"),
        OWN("root.readonly", boolean, "read_only"),
        OWN("hostname", text, "hostname"),
        OWN("domainname", text, "domainname"),
        OWN("annotations", pairs, "labels"),
        OWN("mounts", mounts, "mounts"),
        LOST("hooks", "no commands of the host run around a start: write a drop-in for the unit "
                      "container@.service of the machine"),

        OWN("process.args", strings, "command"),
        LOST("process.commandLine", "it is for Windows"),
        OWN("process.cwd", text, "working_directory"),
        OWN("process.env", strings, "environment"),
        OWN("process.terminal", boolean, "terminal"),
        NO_EFFECT("process.consoleSize"),
        OWN("process.user", user, "user"),
        OWN("process.capabilities", capabilities, NULL),
        OWN("process.rlimits", resources, NULL),
        OWN("process.noNewPrivileges", boolean, "no_new_privileges"),
        OWN("process.apparmorProfile", text, "apparmor"),
        OWN("process.selinuxLabel", text, "selinux"),
        OWN("process.oomScoreAdj", integer, "limits.oom_score_adjust"),
        LOST("process.scheduler", "see limits.nice"),
        LOST("process.ioPriority", "see limits.io_weight"),
        LOST("process.execCPUAffinity", "see limits.cpus"),

        OWN("linux.namespaces", namespaces, NULL),
        OWN("linux.uidMappings", id_maps, "user_namespace"),
        OWN("linux.gidMappings", id_maps, NULL),
        LOST("linux.timeOffsets", "the clocks of a machine begin at its start"),
        OWN("linux.devices", devices, "devices"),
        LOST("linux.cgroupsPath", "machines are below machinectl-lite's own group"),
        OWN("linux.rootfsPropagation", propagation, NULL),
        OWN("linux.maskedPaths", strings, "masked_paths"),
        OWN("linux.readonlyPaths", strings, "read_only_paths"),
        OWN("linux.seccomp", seccomp, "seccomp.profile"),
        LOST("linux.mountLabel", "see \"selinux\""),
        LOST("linux.personality", "machines have the host's personality"),
        LOST("linux.intelRdt", "it has no equivalent"),
        OWN("linux.sysctl", pairs, "sysctl"),
        OWN("linux.resources.devices", device_rules, "devices"),
        OWN("linux.resources.memory.limit", limit, "limits.memory"),
        OWN("linux.resources.memory.reservation", limit, "limits.memory_low"),
        OWN("linux.resources.memory.swap", no_effect, NULL), /* with the whole */
        LOST("linux.resources.memory", "cgroup v2 has no such setting"),
        OWN("linux.resources.cpu.quota", no_effect, NULL), /* with the whole */
        OWN("linux.resources.cpu.period", no_effect, NULL),
        OWN("linux.resources.cpu.shares", shares, "limits.cpu_weight"),
        OWN("linux.resources.cpu.cpus", text, "limits.cpus"),
        OWN("linux.resources.cpu.mems", text, "limits.memory_nodes"),
        LOST("linux.resources.cpu", "cgroup v2 has no such setting"),
        OWN("linux.resources.pids.limit", tasks, "limits.tasks"),
        OWN("linux.resources.blockIO.weight", block_weight, "limits.io_weight"),
        OWN("linux.resources.blockIO.throttleReadBpsDevice", throttle, "read_bandwidth"),
        OWN("linux.resources.blockIO.throttleWriteBpsDevice", throttle, "write_bandwidth"),
        OWN("linux.resources.blockIO.throttleReadIOPSDevice", throttle, "read_iops"),
        OWN("linux.resources.blockIO.throttleWriteIOPSDevice", throttle, "write_iops"),
        LOST("linux.resources.blockIO", "cgroup v2 has no such setting"),
        OWN("linux.resources.hugepageLimits", hugepages, "limits.hugepages"),
        LOST("linux.resources.network", "it is of cgroup v1"),
        LOST("linux.resources.rdma", "it has no equivalent"),
        LOST("linux.resources.unified", "use a key of \"limits\""),
};

static const struct oci_row *find_row(const char *path)
{
        for (size_t i = 0; i < ELEMENTS_OF(rows); i++) {
                if (strcmp(rows[i].name, path) == 0) {
                        return &rows[i];
                }
        }
        return NULL;
}

static bool is_group(const struct node *node, const char *path)
{
        size_t length = strlen(path);

        for (size_t i = 0; node->type == NODE_MAP && i < ELEMENTS_OF(rows); i++) {
                if (strncmp(rows[i].name, path, length) == 0 && rows[i].name[length] == '.') {
                        return true;
                }
        }
        return false;
}

static void take(struct oci *oci, const struct node *node, const char *path)
{
        const struct oci_row *row = find_row(path);

        if (is_group(node, path)) {
                for (size_t i = 0; i < node->count; i++) {
                        _cleanup_free_ char *below =
                                string_format("%s.%s", path, node->children[i]->key);

                        if (below) {
                                take(oci, node->children[i], below);
                        }
                }
                return;
        }
        convert_begin(oci->conversion, oci->source->shown, 0, "%s", path);
        if (row) {
                row->take(oci, row, node);
        } else {
                convert_lost(oci->conversion, "it has no equivalent");
        }
}

/* Values that belong together. */
static void finish(struct oci *oci, const struct node *root)
{
        static const struct oci_row swap = { .key = "limits.swap" };
        const struct node *resources = node_find(node_find(root, "linux"), "resources");

        convert_at(oci->conversion, oci->source->shown, 0, "linux.resources");
        oci_take_swap(oci, &swap, node_find(resources, "memory"));
        oci_take_cpu(oci, &swap, node_find(resources, "cpu"));
        convert_boolean(oci->conversion, "init", false);
        if (oci->namespaces && !oci->user_namespace) {
                convert_text(oci->conversion, "user_namespace", "none");
        }
        if (oci->namespaces && !oci->network_namespace) {
                convert_text(oci->conversion, "network.mode", "host");
        } else if (!convert_get(oci->conversion, "network.mode")) {
                convert_text(oci->conversion, "network.mode", "none");
                convert_differs(oci->conversion, "network.mode",
                                "a bundle's network is set up by its caller; remove this for a "
                                "link to the default network");
        }
}

static int read_bundle(const struct convert_source *source, struct node **ret,
                       json_t **ret_document, struct machine_error *error)
{
        json_error_t reason;
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r = document_read(source->path, &text, &length, error);

        r = r < 0 ? r : document_parse_json(source->shown, text, length, ret, error);
        if (r == 0 && ((*ret)->type != NODE_MAP || !node_find(*ret, "ociVersion"))) {
                node_free(TAKE_PTR(*ret));
                error_say(error, EINVAL,
                          "%s is not the config.json of an OCI bundle: it has no "
                          "\"ociVersion\"",
                          source->shown);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        *ret_document = r == 0 ? json_parse(text, length, &reason) : NULL;
        return r;
}

int oci_convert(struct conversion *conversion, const struct convert_source *source,
                struct machine_error *error)
{
        struct oci oci = { .conversion = conversion,
                           .source = source,
                           .directory = source->directory };
        const char *slash = strrchr(source->directory, '/');
        const char *name = source->name ? source->name : slash && slash[1] ? slash + 1 : "machine";
        _cleanup_node_ struct node *root = NULL;
        _cleanup_json_ json_t *document = NULL;
        int r = read_bundle(source, &root, &document, error);

        if (r < 0) {
                return r;
        }
        if (!convert_open(conversion, name, ".machine", source->shown)) {
                return error_oom(error);
        }
        oci.document = document;
        for (size_t i = 0; i < root->count; i++) {
                take(&oci, root->children[i], root->children[i]->key);
        }
        finish(&oci, root);
        return 0;
}
