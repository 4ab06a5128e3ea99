/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rights/caller.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

/* The initial user namespace, whose inode is PROC_USER_INIT_INO of the kernel's <linux/proc_ns.h>.
 */
#define INITIAL_USER_NAMESPACE "user:[4026531837]"

/* Without /proc, uid 0 counts as root, to which the stricter rules apply. The text of the link
 * takes the kernel half the time of its inode. */
static bool is_initial_namespace(void)
{
        char text[32];
        ssize_t length = readlink("/proc/self/ns/user", text, sizeof text);

        return length < 0 || ((size_t)length == strlen(INITIAL_USER_NAMESPACE) &&
                              memcmp(text, INITIAL_USER_NAMESPACE, (size_t)length) == 0);
}

bool caller_is_root(void)
{
        return geteuid() == 0 && is_initial_namespace();
}

bool caller_is_inside(void)
{
        return geteuid() == 0 && !is_initial_namespace();
}

/* A security module may set AT_SECURE as well, so that alone proves nothing. */
static bool has_file_capabilities(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

        return getauxval(AT_SECURE) != 0 && geteuid() != 0 &&
               syscall(SYS_capget, &header, data) == 0 && (data[0].permitted | data[1].permitted);
}

int caller_check(struct machine_error *error)
{
        bool changed = getuid() != geteuid() || getgid() != getegid();

        if (!changed && !has_file_capabilities()) {
                return 0;
        }
        error_say(error, EPERM,
                  "this program was executed with more rights than its caller has: "
                  "by %s of its file",
                  changed ? "the set-user-ID or set-group-ID bit" : "the capabilities");
        error_hint(error, "remove them: chmod ug-s FILE, setcap -r FILE; users need no such rights "
                          "to run machines");
        return -EPERM;
}
