/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/strings.h"
#include "convert/model/values.h"
#include "convert/units/quadlet.h"

/* NAME.pod, NAME.volume, NAME.network and NAME.image. */

/* Networks and volumes exist while machines use them, and images are files: their units have
 * nothing to start. */
static const struct unit_row unit_of_none[] = { { "*", unit_take_no_effect, NULL, NULL } };

static int convert_unit(struct unit *unit, const struct node *root, const char *suffix,
                        const struct unit_section *section, struct machine_error *error)
{
        bool starts = suffix && strcmp(suffix, ".pod") == 0;
        struct unit_section sections[] = {
                *section,
                unit_service_sections[0],
                unit_service_sections[1],
                unit_service_sections[2],
                { NULL, NULL, 0 },
        };
        _cleanup_free_ char *drop_ins = string_format("%s.d", unit->path);

        for (size_t i = 1; !starts && sections[i].name; i++) {
                sections[i].rows = unit_of_none;
                sections[i].count = 1;
        }
        if (!drop_ins ||
            (suffix && !convert_open(unit->conversion, unit->name, suffix, unit->file))) {
                return error_oom(error);
        }
        unit_convert(unit, unit->file, root, sections);
        return unit_convert_drop_ins(unit, drop_ins, sections, error);
}

/* ---- Pods ---- */

static UNIT_TAKE(own_name)
{
        if (strcmp(value, unit->name) != 0) {
                convert_differs(unit->conversion, NULL, "the name is that of the file, \"%s\"",
                                unit->name);
        }
}

static UNIT_TAKE(pod_network)
{
        _cleanup_free_ char *plain = quadlet_plain_name(value, ".network");

        unit_take_option(unit, row, plain ? plain : value);
}

#define OF_MEMBERS "a pod has no such setting: set it in its members"

static const struct unit_row pod_rows[] = {
        { "AddHost", unit_take_option, "add-host", NULL },
        { "ContainersConfModule", unit_take_lost, NULL, "it configures Podman" },
        { "DNS", unit_take_option, "dns", NULL },
        { "DNSOption", unit_take_option, "dns-option", NULL },
        { "DNSSearch", unit_take_option, "dns-search", NULL },
        { "ExitPolicy", unit_take_no_effect, NULL, NULL },
        { "GIDMap", unit_take_option, "gidmap", NULL },
        { "GlobalArgs", unit_take_lost, NULL, "they configure Podman" },
        { "HostName", unit_take_option, "hostname", NULL },
        { "IP", unit_take_option, "ip", NULL },
        { "IP6", unit_take_option, "ip6", NULL },
        { "Label", unit_take_option_words, "label", NULL },
        { "Network", unit_take_pod_network, "network", NULL },
        { "NetworkAlias", unit_take_text, "hostname", NULL },
        { "PodmanArgs", unit_take_lost, NULL, OF_MEMBERS },
        { "PodName", unit_take_own_name, NULL, NULL },
        { "PublishPort", unit_take_option, "publish", NULL },
        { "ServiceName", unit_take_lost, NULL, "the unit of a pod is container@NAME.service" },
        { "ShmSize", unit_take_lost, NULL, OF_MEMBERS },
        { "StopTimeout", unit_take_lost, NULL, OF_MEMBERS },
        { "SubGIDMap", unit_take_option, "subgidname", NULL },
        { "SubUIDMap", unit_take_option, "subuidname", NULL },
        { "UIDMap", unit_take_option, "uidmap", NULL },
        { "UserNS", unit_take_lost, NULL, "a pod has a range of ids of its own" },
        { "Volume", unit_take_lost, NULL, OF_MEMBERS },
};

int quadlet_convert_pod(struct unit *unit, const struct node *root, struct machine_error *error)
{
        const struct unit_section section = { "Pod", pod_rows, ELEMENTS_OF(pod_rows) };

        return convert_unit(unit, root, ".pod", &section, error);
}

/* ---- Volumes ---- */

static UNIT_TAKE(volume_owner)
{
        const char *owner = json_string_value(convert_get(unit->conversion, "owner"));
        bool group = strcmp(row->key, "Group") == 0;
        const char *colon = owner ? strchr(owner, ':') : NULL;
        _cleanup_free_ char *both =
                group ? string_format("%.*s:%s", colon ? (int)(colon - owner) : 1,
                                      colon ? owner : "0", value)
                      : string_format("%s%s", value, colon ? colon : ":0");

        convert_text(unit->conversion, "owner", both ? both : "");
}

static UNIT_TAKE(volume_options)
{
        const char *size = string_after(value, "size=");

        if (size) {
                convert_size(unit->conversion, "size", size);
        } else {
                convert_lost(unit->conversion, "volumes have no mount options; the machines have");
        }
}

static UNIT_TAKE(volume_driver)
{
        if (strcmp(value, "local") != 0) {
                convert_lost(unit->conversion, "volumes are directories of the host");
        }
}

#define MOUNTED "volumes are directories; mount the device on the host, and bind it"

static const struct unit_row volume_rows[] = {
        { "Copy", unit_take_no_effect, NULL, NULL },
        { "Device", unit_take_lost, NULL, MOUNTED },
        { "Type", unit_take_lost, NULL, MOUNTED },
        { "Driver", unit_take_volume_driver, NULL, NULL },
        { "GlobalArgs", unit_take_lost, NULL, "they configure Podman" },
        { "Group", unit_take_volume_owner, NULL, NULL },
        { "User", unit_take_volume_owner, NULL, NULL },
        { "Image", unit_take_lost, NULL, "a volume has files of its own" },
        { "Label", unit_take_option_words, "label", NULL },
        { "Options", unit_take_volume_options, NULL, NULL },
        { "PodmanArgs", unit_take_lost, NULL, "it has no equivalent" },
        { "ServiceName", unit_take_no_effect, NULL, NULL },
        { "VolumeName", unit_take_own_name, NULL, NULL },
};

int quadlet_convert_volume(struct unit *unit, const struct node *root, struct machine_error *error)
{
        const struct unit_section section = { "Volume", volume_rows, ELEMENTS_OF(volume_rows) };

        return convert_unit(unit, root, ".volume", &section, error);
}

/* ---- Networks ---- */

/* A network has one subnet of each family. */
static UNIT_TAKE(by_family)
{
        bool ipv6 = strchr(value, ':') != NULL;
        _cleanup_free_ char *key = string_format("%s%s", row->target, ipv6 ? "6" : "");

        if (key && convert_get(unit->conversion, key)) {
                convert_lost(unit->conversion, "a network has one subnet of each family");
        } else {
                convert_text(unit->conversion, key ? key : "", value);
        }
}

static UNIT_TAKE(network_driver)
{
        if (strcmp(value, "bridge") != 0) {
                convert_lost(unit->conversion,
                             "set network.mode = \"%s:INTERFACE\" in the machines", value);
        }
}

/* "isolate=true", "mtu=1400", .. */
static UNIT_TAKE(network_options)
{
        const char *mtu = string_after(value, "mtu=");
        const char *name = string_after(value, "com.docker.network.bridge.name=");

        name = name ? name : string_after(value, "interface_name=");
        mtu = mtu ? mtu : string_after(value, "com.docker.network.driver.mtu=");
        if (mtu) {
                convert_integer(unit->conversion, "mtu", mtu);
        } else if (name) {
                convert_text(unit->conversion, "bridge", name);
        } else if (strcmp(value, "isolate=true") == 0) {
                convert_differs(unit->conversion, NULL,
                                "networks are separate from each other in any case");
        } else {
                convert_lost(unit->conversion, "there is no equivalent");
        }
}

static const struct unit_row network_rows[] = {
        { "DisableDNS", unit_take_lost, NULL, "machines find each other by /etc/hosts" },
        { "DNS", unit_take_lost, NULL, "set network.dns in the machines" },
        { "Driver", unit_take_network_driver, NULL, NULL },
        { "Gateway", unit_take_by_family, "gateway", NULL },
        { "GlobalArgs", unit_take_lost, NULL, "they configure Podman" },
        { "InterfaceName", unit_take_text, "bridge", NULL },
        { "Internal", unit_take_boolean, "internal", NULL },
        { "IPAMDriver", unit_take_lost, NULL, "addresses are chosen by the start" },
        { "IPRange", unit_take_lost, NULL, "addresses are chosen from the whole subnet" },
        { "IPv6", unit_take_no_effect, NULL, NULL },
        { "Label", unit_take_lost, NULL, "networks have no labels" },
        { "NetworkName", unit_take_own_name, NULL, NULL },
        { "NetworkDeleteOnStop", unit_take_no_effect, NULL, NULL },
        { "Options", unit_take_network_options, NULL, NULL },
        { "PodmanArgs", unit_take_lost, NULL, "it has no equivalent" },
        { "ServiceName", unit_take_no_effect, NULL, NULL },
        { "Subnet", unit_take_by_family, "subnet", NULL },
};

int quadlet_convert_network(struct unit *unit, const struct node *root, struct machine_error *error)
{
        const struct unit_section section = { "Network", network_rows, ELEMENTS_OF(network_rows) };

        return convert_unit(unit, root, ".network", &section, error);
}

/* ---- Images ---- */

static const struct unit_row image_rows[] = {
        { "Image", unit_take_no_effect, NULL, NULL },
        { "ImageTag", unit_take_lost, NULL, "see \"tag\"" },
        { "TLSVerify", unit_take_lost, NULL, "see containers-registries.conf(5)" },
        { "AuthFile", unit_take_lost, NULL, "see containers-auth.json(5)" },
        { "Policy", unit_take_lost, NULL, "set \"pull\" in the machines" },
};

int quadlet_convert_image(struct unit *unit, const struct node *root, struct machine_error *error)
{
        const struct unit_section section = { "Image", image_rows, ELEMENTS_OF(image_rows) };

        return convert_unit(unit, root, NULL, &section, error);
}
