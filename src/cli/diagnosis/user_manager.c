/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks of a user's own service manager. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "cgroup/tree/controllers.h"
#include "cgroup/tree/mount.h"
#include "cli/diagnosis/diagnosis.h"
#include "systemd/manager.h"

int examine_own_manager(const struct cli *cli, struct diagnosis *ret)
{
        if (!systemd_is_booted()) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "your service manager (systemd --user) does not run: machines do not "
                              "start by themselves");
                return diagnosis_way_out(ret, "log in with a session of logind, or have root "
                                              "enable lingering: loginctl enable-linger USER");
        }
        if (!systemd_has_machine_unit()) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "container@.service is not installed for users: machines do not "
                              "start by themselves");
                return diagnosis_way_out(ret, "install the units of machinectl-lite");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD,
                             "your service manager runs, and container@.service is installed");
}

int examine_linger(const struct cli *cli, struct diagnosis *ret)
{
        if (systemd_is_booted() && !systemd_lingers()) {
                diagnosis_say(ret, DIAGNOSIS_WARNING, "machines end with your last session");
                return diagnosis_way_out(ret, "to keep them: loginctl enable-linger");
        }
        return diagnosis_say(ret, DIAGNOSIS_GOOD,
                             systemd_is_booted() ? "machines stay when you log out (lingering)"
                                                 : "no service manager ends machines at logout");
}

static int explain(const char *missing, struct diagnosis *ret)
{
        if (diagnosis_say(ret, DIAGNOSIS_WARNING,
                          "limits that need these controllers are refused, which are not delegated "
                          "to you: %s",
                          missing) < 0) {
                return -ENOMEM;
        }
        return diagnosis_way_out(ret, CGROUP_DELEGATION);
}

static int name_missing(unsigned int present, char **ret)
{
        _cleanup_strv_ char **names = NULL;

        for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
                enum cgroup_controller controller = (enum cgroup_controller)(1 << i);

                /* Pages of fixed sizes are rarely delegated, and rarely used. */
                if (!(present & (1u << i)) &&
                    !string_equal(cgroup_controller_name(controller), "hugetlb") &&
                    strv_append(&names, cgroup_controller_name(controller)) < 0) {
                        return -ENOMEM;
                }
        }
        *ret = names ? strv_join(names, ", ") : NULL;
        return names && !*ret ? -ENOMEM : 0;
}

int examine_delegation(const struct cli *cli, struct diagnosis *ret)
{
        _cleanup_free_ char *mount = NULL, *path = NULL, *missing = NULL;
        _cleanup_close_ int directory = -EBADF;
        unsigned int present = 0;

        if (cgroup_find_mount(&mount, NULL) == 0) {
                path = string_format("%s/user.slice/user-%u.slice/user@%u.service", mount,
                                     geteuid(), geteuid());
                directory = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        }
        if (directory < 0 ||
            cgroup_read_controllers(directory, "cgroup.controllers", &present) < 0) {
                diagnosis_say(ret, DIAGNOSIS_WARNING,
                              "no control group is delegated to you: machines have no limits and "
                              "no statistics");
                return diagnosis_way_out(ret, "log in with a session of logind, on a host with "
                                              "systemd and cgroup v2");
        }
        if (name_missing(present, &missing) < 0) {
                return -ENOMEM;
        }
        return missing ? explain(missing, ret)
                       : diagnosis_say(ret, DIAGNOSIS_GOOD, "all controllers are delegated to you");
}
