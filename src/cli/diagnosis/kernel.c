/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of the kernel, its control groups and namespaces, and systemd. */

#include "cli/diagnosis/diagnosis.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/tree/mount_table.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/mount.h"
#include "security/ids/id_map.h"
#include "systemd/manager.h"

#define MOUNTINFO_MAXIMUM (1u << 20)

static int examine_ids_of_kernel(struct diagnosis *ret)
{
        /* Any range of the size used for machines. */
        static const struct id_range range = { ID_RANGE_AUTO_FIRST, ID_RANGE_AUTO_COUNT };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_close_ int namespace_fd = -EBADF;

        if (user_namespace_create(&range, &namespace_fd, &error) < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "user namespaces with 65536 ids can be created");
}

int examine_kernel(const struct cli *cli, struct diagnosis *ret)
{
        struct utsname name;
        unsigned int major = 0, minor = 0;

        if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2) {
                diagnosis_say(ret, DIAGNOSIS_BAD, "cannot determine the kernel version");
                return diagnosis_way_out(ret, "boot Linux 6.1 or newer");
        }
        if (major < 6 || (major == 6 && minor < 1)) {
                diagnosis_say(ret, DIAGNOSIS_BAD, "Linux %s is too old", name.release);
                return diagnosis_way_out(ret, "boot Linux 6.1 or newer");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "Linux %s", name.release);
}

int examine_cgroups(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *mount = NULL;

        if (cgroup_find_mount(&mount, &error) < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_BAD, &error);
        }
        if (access(mount, W_OK) < 0 && errno == EROFS) {
                diagnosis_say(ret, DIAGNOSIS_BAD, "cgroup v2 at %s is mounted read-only", mount);
                return diagnosis_way_out(ret, "mount -o remount,rw %s", mount);
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "cgroup v2 is mounted at %s", mount);
}

/* A limit that needs each controller, for messages; no definition needs the others. */
static const char *const limits_of_controllers[] = {
        "limits.cpu",    "limits.cpus",  "limits.io",
        "limits.memory", "limits.tasks", "limits.hugepages",
};

static int explain_missing(unsigned int missing, struct diagnosis *ret)
{
        _cleanup_free_ char *mountinfo = NULL, *cgroups = NULL;
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *joined = NULL;
        int first = __builtin_ctz(missing);

        for (size_t i = 0; i < ELEMENTS_OF(limits_of_controllers); i++) {
                enum cgroup_controller controller = (enum cgroup_controller)(1 << i);

                if ((missing & (1u << i)) &&
                    strv_append(&names, cgroup_controller_name(controller)) < 0) {
                        return -ENOMEM;
                }
        }
        joined = strv_join(names, ", ");
        if (!joined || diagnosis_say(ret, DIAGNOSIS_WARNING, "cgroup v2 lacks %s", joined) < 0) {
                return -ENOMEM;
        }
        (void)mount_table_read(&mountinfo);
        (void)file_read(AT_FDCWD, "/proc/cgroups", MOUNTINFO_MAXIMUM, &cgroups, NULL);
        cgroup_explain_absence((enum cgroup_controller)(1 << first), limits_of_controllers[first],
                               mountinfo, cgroups, &error);
        return diagnosis_way_out(ret, "%s%s%s", error.message ? error.message : "",
                                 error.hint ? ": " : "", error.hint ? error.hint : "");
}

int examine_controllers(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        _cleanup_free_ char *mount = NULL;
        _cleanup_close_ int directory = -EBADF;
        unsigned int controllers = 0, all = (1u << ELEMENTS_OF(limits_of_controllers)) - 1;
        int r = cgroup_find_mount(&mount, &error);

        if (r < 0) {
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        directory = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = directory < 0 ? -errno
                          : cgroup_read_controllers(directory, "cgroup.controllers", &controllers);
        if (r < 0) {
                error_set(&error, r, "cannot read %s/cgroup.controllers", mount);
                return diagnosis_of_error(ret, DIAGNOSIS_WARNING, &error);
        }
        if ((controllers & all) != all) {
                return explain_missing(all & ~controllers, ret);
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "all controllers are available");
}

int examine_namespaces(const struct cli *cli, struct diagnosis *ret)
{
        static const char *const kinds[] = {
                "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts",
        };
        _cleanup_strv_ char **missing = NULL;
        _cleanup_free_ char *joined = NULL;

        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                char path[40];

                snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
                if (access(path, F_OK) < 0 && strv_append(&missing, kinds[i]) < 0) {
                        return -ENOMEM;
                }
        }
        if (!missing) {
                return diagnosis_say(ret, DIAGNOSIS_GOOD, "the kernel supports all namespaces");
        }
        joined = strv_join(missing, ", ");
        if (!joined || diagnosis_say(ret, DIAGNOSIS_BAD, "the kernel lacks %s", joined) < 0) {
                return -ENOMEM;
        }
        return diagnosis_way_out(ret, "boot a kernel built with all namespaces");
}

int examine_user_namespaces(const struct cli *cli, struct diagnosis *ret)
{
        if (geteuid() != 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "only root can check this");
                return diagnosis_way_out(ret, "run machinectl-lite doctor as root");
        }
        return examine_ids_of_kernel(ret);
}

#define APPARMOR_SETTING "kernel.apparmor_restrict_unprivileged_userns"

int examine_apparmor(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(AT_FDCWD, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 64,
                          &text, NULL);

        if (r < 0 || text[0] != '1') {
                return diagnosis_say(ret, DIAGNOSIS_GOOD, "user namespaces are not restricted");
        }
        diagnosis_say(ret, DIAGNOSIS_WARNING,
                      "programs in machines lose their capabilities in user namespaces that they "
                      "create");
        return diagnosis_way_out(ret, "for machines that need them: sysctl " APPARMOR_SETTING "=0");
}

int examine_systemd(const struct cli *cli, struct diagnosis *ret)
{
        if (!systemd_is_booted()) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "not running on this host: machines do not start at boot");
                return diagnosis_way_out(
                        ret, "run machinectl-lite start from the init system of the host");
        }
        if (!systemd_has_machine_unit()) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "container@.service is not installed: machines do not start at boot");
                return diagnosis_way_out(ret, "install the units of machinectl-lite");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD, "running, and container@.service is installed");
}
