/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <machine/machine.h>

#include "config/kinds/kind.h"

/* The keys of list elements. */

static const struct config_choice mount_types[] = {
        { "bind", MACHINE_MOUNT_BIND },       { "tmpfs", MACHINE_MOUNT_TMPFS },
        { "overlay", MACHINE_MOUNT_OVERLAY }, { "mqueue", MACHINE_MOUNT_MQUEUE },
        { "volume", MACHINE_MOUNT_VOLUME },   { NULL, 0 },
};

static const struct config_choice mount_maps[] = {
        { "auto", MACHINE_MOUNT_MAP_AUTO },
        { "host", MACHINE_MOUNT_MAP_HOST },
        { "machine", MACHINE_MOUNT_MAP_MACHINE },
        { NULL, 0 },
};

#define MOUNT(member) .offset = offsetof(struct machine_mount, member)

static const struct machine_mount mount_initial = {
        .type = MACHINE_MOUNT_BIND,
        .size = MACHINE_UNSET,
        .mode = MACHINE_UNSET,
        .create = true,
};
static const struct config_key mount_keys[] = {
        { .name = "type",
          .kind = &config_kind_choice,
          .choices = mount_types,
          MOUNT(type),
          .help = "The type of the mount.",
          .example = "\"tmpfs\"",
          .default_text = "\"bind\"" },
        { .name = "source",
          .kind = &config_kind_mount_source,
          MOUNT(source),
          .help = "The file or directory on the host; for an overlay the directories, topmost "
                  "first, separated by colons; for a volume its name. A volume is made at its "
                  "first use, with the content and the owner that the directory has in the "
                  "machine's root, and is kept until machinectl-lite volume remove. One machine "
                  "can write to it at a time, or any number read it.",
          .example = "\"/srv/data\"" },
        { .name = "target",
          .kind = &config_kind_inside_path,
          MOUNT(target),
          .flags = CONFIG_REQUIRED,
          .help = "The mount point in the machine.",
          .example = "\"/data\"" },
        { .name = "read_only",
          .kind = &config_kind_boolean,
          MOUNT(read_only),
          .help = "Whether to mount read-only.",
          .example = "true",
          .default_text = "false" },
        { .name = "options",
          .kind = &config_kind_mount_options,
          MOUNT(options),
          .help = "Mount options as in mount(8). The defaults are nosuid and nodev.",
          .example = "[ \"noexec\" ]" },
        { .name = "map",
          .kind = &config_kind_choice,
          .choices = mount_maps,
          MOUNT(map),
          .help = "How the owners of files in a bind or an overlay are mapped. \"host\": each id "
                  "in the machine is the same id on the host, 0 is root of the host; \"machine\": "
                  "each id in the machine is the host id that user_namespace maps it to; \"auto\": "
                  "\"host\" if only root of the host can reach the source or the mount is "
                  "read-only, otherwise \"machine\".",
          .example = "\"host\"",
          .default_text = "\"auto\"" },
        { .name = "size",
          .kind = &config_kind_size,
          MOUNT(size),
          .minimum = 4096,
          .help = "The maximum size of a tmpfs.",
          .example = "\"64M\"" },
        { .name = "mode",
          .kind = &config_kind_mode,
          MOUNT(mode),
          .help = "The mode of the root directory of a tmpfs.",
          .example = "\"1777\"",
          .default_text = "\"0755\"" },
        { .name = "create",
          .kind = &config_kind_boolean,
          MOUNT(create),
          .help = "Whether to create a missing target.",
          .example = "false",
          .default_text = "true" },
};
const struct config_table config_mount_table = {
        .name = "mounts",
        .keys = mount_keys,
        .count = ELEMENTS_OF(mount_keys),
        .size = sizeof(struct machine_mount),
        .initial = &mount_initial,
};

#define FURTHER(member) .offset = offsetof(struct machine_further_network, member)

static const struct machine_further_network further_network_initial = { .mtu = MACHINE_UNSET };
static const struct config_key further_network_keys[] = {
        { .name = "name",
          .kind = &config_kind_name,
          FURTHER(name),
          .flags = CONFIG_REQUIRED,
          .help = "The network, defined in NAME.network.",
          .example = "\"backend\"" },
        { .name = "address",
          .kind = &config_kind_address,
          FURTHER(address),
          .help = "The IPv4 address.",
          .example = "\"10.89.0.10\"",
          .default_text = "a free one of the network, kept across restarts" },
        { .name = "address6",
          .kind = &config_kind_address6,
          FURTHER(address6),
          .help = "The IPv6 address.",
          .example = "\"fd00:89::10\"",
          .default_text = "a free one of the network, kept across restarts" },
        { .name = "mac",
          .kind = &config_kind_mac,
          FURTHER(mac),
          .help = "The hardware address.",
          .example = "\"02:00:5e:10:00:02\"",
          .default_text = "derived from the names" },
        { .name = "mtu",
          .kind = &config_kind_number,
          FURTHER(mtu),
          .minimum = 68,
          .maximum = 65535,
          .help = "The MTU of the link.",
          .example = "1400",
          .default_text = "the network's" },
        { .name = "aliases",
          .kind = &config_kind_aliases,
          FURTHER(aliases),
          .help = "Further names by which the other machines of this network find the machine.",
          .example = "[ \"db\" ]" },
};
const struct config_table config_further_network_table = {
        .name = "networks",
        .keys = further_network_keys,
        .count = ELEMENTS_OF(further_network_keys),
        .size = sizeof(struct machine_further_network),
        .initial = &further_network_initial,
};

#define CREDENTIAL(member) .offset = offsetof(struct machine_credential, member)

static const struct config_choice decrypts[] = {
        { "no", MACHINE_DECRYPT_NONE },
        { "systemd", MACHINE_DECRYPT_SYSTEMD },
        { "age", MACHINE_DECRYPT_AGE },
        { NULL, 0 },
};
static const struct config_key credential_keys[] = {
        { .name = "name",
          .kind = &config_kind_credential_name,
          CREDENTIAL(name),
          .flags = CONFIG_REQUIRED,
          .help = "The file's name in $CREDENTIALS_DIRECTORY.",
          .example = "\"password\"" },
        { .name = "path",
          .kind = &config_kind_host_path,
          CREDENTIAL(path),
          .help = "The file on the host that contains the secret.",
          .example = "\"/etc/secrets/password\"" },
        { .name = "decrypt",
          .kind = &config_kind_choice,
          .choices = decrypts,
          CREDENTIAL(decrypt),
          .help = "How to decrypt the file: \"systemd\", by systemd-creds(1), with the name of the "
                  "credential; \"age\", by age(1), with the identity in "
                  "/etc/machinectl-lite/age.key or, of a user, "
                  "$XDG_CONFIG_HOME/machinectl-lite/age.key. The plain text is never on disk.",
          .example = "\"age\"",
          .default_text = "\"no\"" },
        { .name = "value",
          .kind = &config_kind_text,
          CREDENTIAL(value),
          .help = "The secret itself.",
          .example = "\"swordfish\"" },
};
const struct config_table config_credential_table = {
        .name = "credentials",
        .keys = credential_keys,
        .count = ELEMENTS_OF(credential_keys),
        .size = sizeof(struct machine_credential),
};

#define IO(member) .offset = offsetof(struct machine_io_limit, member)

static const struct machine_io_limit io_initial = {
        .read_bandwidth = MACHINE_UNSET,
        .write_bandwidth = MACHINE_UNSET,
        .read_iops = MACHINE_UNSET,
        .write_iops = MACHINE_UNSET,
};
static const struct config_key io_keys[] = {
        { .name = "device",
          .kind = &config_kind_block_device,
          IO(device),
          .flags = CONFIG_REQUIRED,
          .help = "The block device: its path or MAJOR:MINOR.",
          .example = "\"/dev/vda\"" },
        { .name = "read_bandwidth",
          .kind = &config_kind_size,
          IO(read_bandwidth),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Bytes read per second.",
          .example = "\"10M\"" },
        { .name = "write_bandwidth",
          .kind = &config_kind_size,
          IO(write_bandwidth),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Bytes written per second.",
          .example = "\"10M\"" },
        { .name = "read_iops",
          .kind = &config_kind_number,
          IO(read_iops),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Read operations per second.",
          .example = "1000" },
        { .name = "write_iops",
          .kind = &config_kind_number,
          IO(write_iops),
          .minimum = 1,
          .flags = CONFIG_UNLIMITED,
          .help = "Write operations per second.",
          .example = "1000" },
};
const struct config_table config_io_table = {
        .name = "limits.io",
        .keys = io_keys,
        .count = ELEMENTS_OF(io_keys),
        .size = sizeof(struct machine_io_limit),
        .initial = &io_initial,
};
