/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "security/label.h"

#define APPARMOR_ENABLED  "/sys/module/apparmor/parameters/enabled"
#define APPARMOR_PROFILES "/sys/kernel/security/apparmor/profiles"
#define SELINUX_CONTEXT   "/sys/fs/selinux/context"

/* More than any host's list of loaded profiles. */
#define PROFILES_MAXIMUM (4 << 20)

/* Lines of the list have the form "NAME (MODE)". */
static bool profile_is_listed(const char *list, const char *name)
{
        size_t length = strlen(name);

        for (const char *line = list; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, name, length) == 0 && string_after(line + length, " (")) {
                        return true;
                }
        }
        return false;
}

static int check_profile(const char *name, struct machine_error *error)
{
        _cleanup_free_ char *enabled = NULL, *profiles = NULL;
        int r;

        if (file_read(AT_FDCWD, APPARMOR_ENABLED, 16, &enabled, NULL) < 0 || enabled[0] != 'Y') {
                error_say(error, EOPNOTSUPP,
                          "the machine requests the AppArmor profile \"%s\", but this kernel runs "
                          "without AppArmor",
                          name);
                error_hint(error, "boot with apparmor=1 security=apparmor if the kernel supports "
                                  "it, or remove \"apparmor\" from the definition");
                return -EOPNOTSUPP;
        }
        /* Namespaces (":NS:PROFILE") and stacks ("A//&B") are left to the kernel, as is everything
         * if the list cannot be read. */
        if (strpbrk(name, ":&") || strcmp(name, "unconfined") == 0) {
                return 0;
        }
        r = file_read(AT_FDCWD, APPARMOR_PROFILES, PROFILES_MAXIMUM, &profiles, NULL);
        if (r < 0 || profile_is_listed(profiles, name)) {
                return 0;
        }
        error_say(error, ENOENT, "the AppArmor profile \"%s\" is not loaded", name);
        error_hint(error,
                   "load it first: apparmor_parser -r FILE; aa-status lists the loaded ones");
        return -ENOENT;
}

static int check_context(const char *context, struct machine_error *error)
{
        _cleanup_close_ int fd = open(SELINUX_CONTEXT, O_RDWR | O_CLOEXEC | O_NOCTTY);

        if (fd < 0) {
                error_say(error, EOPNOTSUPP,
                          "the machine requests the SELinux context \"%s\", but this kernel runs "
                          "without SELinux",
                          context);
                error_hint(error, "boot with selinux=1 security=selinux if the kernel and a policy "
                                  "support it, or remove \"selinux\" from the definition");
                return -EOPNOTSUPP;
        }
        /* The kernel reports whether the loaded policy has the context. */
        if (write(fd, context, strlen(context) + 1) < 0) {
                error_set(error, errno, "the loaded SELinux policy has no context \"%s\"", context);
                error_hint(error, "a context is USER:ROLE:TYPE:LEVEL; seinfo -t lists the types");
                return -EINVAL;
        }
        return 0;
}

int security_label_check(const struct security_label *label, struct machine_error *error)
{
        int r = 0;

        if (label->apparmor && *label->apparmor) {
                r = check_profile(label->apparmor, error);
        }
        if (r == 0 && label->selinux && *label->selinux) {
                r = check_context(label->selinux, error);
        }
        return r;
}
