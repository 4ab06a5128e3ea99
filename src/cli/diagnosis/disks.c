/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What disk images need of the kernel. Loading a module would change the host, so what is a module
 * that is not loaded counts as missing. */

#include "cli/diagnosis/diagnosis.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tool/tool.h"

#define MISC_MAXIMUM (64u * 1024)

int examine_disk_images(const struct cli *cli, struct diagnosis *ret)
{
        if (access("/dev/loop-control", F_OK) < 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "there are no loop devices, which disk images need");
                return diagnosis_way_out(ret, "modprobe loop; in a container, pass /dev/loop* on");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "disk images can be mounted");
}

static bool has_certificates(void)
{
        glob_t found = { 0 };
        bool any = glob("/etc/verity.d/*.crt", 0, NULL, &found) == 0 && found.gl_pathc > 0;

        globfree(&found);
        return any;
}

static bool can_check_signatures(void)
{
        static const struct tool openssl = { "openssl", "openssl" };
        _cleanup_free_ char *path = tool_find(&openssl);

        return path != NULL;
}

int examine_verified_images(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *misc = NULL;

        if (file_read(AT_FDCWD, "/proc/misc", MISC_MAXIMUM, &misc, NULL) < 0 ||
            !strstr(misc, "device-mapper")) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "the kernel has no device mapper, which verified images need");
                return diagnosis_way_out(ret, "modprobe -a dm-mod dm-verity");
        }
        if (has_certificates() && !can_check_signatures()) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "openssl, which compares signatures of disk images with the "
                              "certificates in /etc/verity.d, is not installed");
                return diagnosis_way_out(ret, "install the package openssl");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "disk images can be verified by dm-verity");
}
