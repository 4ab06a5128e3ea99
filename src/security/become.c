/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "security/become.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

#define CAPABILITY_NUMBERS 64

/* capset(2) without a library: the raw call takes the sets as two halves of 32 bits. */
static int set_capabilities(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct halves[2] = {
                {
                        .effective = (uint32_t)effective,
                        .permitted = (uint32_t)permitted,
                        .inheritable = (uint32_t)inheritable,
                },
                {
                        .effective = (uint32_t)(effective >> 32),
                        .permitted = (uint32_t)(permitted >> 32),
                        .inheritable = (uint32_t)(inheritable >> 32),
                },
        };

        return syscall(SYS_capset, &header, halves) < 0 ? -errno : 0;
}

/* The kernel answers EINVAL for the first number that it does not know: there it ends. */
static int limit_bounding(uint64_t wanted, struct machine_error *error)
{
        for (int number = 0; number < CAPABILITY_NUMBERS; number++) {
                int held = prctl(PR_CAPBSET_READ, number, 0, 0, 0);

                if (held < 0) {
                        break;
                }
                if (wanted & CAPABILITY_BIT(number)) {
                        if (held == 0) {
                                return error_say(error, EPERM,
                                                 "capability %d cannot be given: it is not in the "
                                                 "bounding set of the process that starts the "
                                                 "machine",
                                                 number);
                        }
                } else if (held == 1 && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) {
                        return error_set(error, errno,
                                         "dropping capability %d from the bounding set failed",
                                         number);
                }
        }
        return 0;
}

static int change_group(const struct security_identity *identity, struct machine_error *error)
{
        if (setgroups(identity->group_count, identity->groups) < 0) {
                int number = errno;

                error_set(error, number, "setting %zu supplementary groups failed",
                          identity->group_count);
                if (number == EINVAL) {
                        error_hint(error, "every group has to be mapped in the machine's user "
                                          "namespace");
                }
                return -number;
        }
        if (setresgid(identity->gid, identity->gid, identity->gid) < 0) {
                return errno == EINVAL
                               ? error_say(error, EINVAL,
                                           "group %u is not mapped in the machine's user namespace",
                                           identity->gid)
                               : error_set(error, errno, "becoming group %u failed", identity->gid);
        }
        return 0;
}

static int change_user(const struct security_identity *identity, struct machine_error *error)
{
        /* Leaving uid 0 empties the permitted set, unless this is asked for; execve(2) resets it.
         */
        if (identity->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
                return error_set(error, errno, "PR_SET_KEEPCAPS failed");
        }
        if (setresuid(identity->uid, identity->uid, identity->uid) < 0) {
                return errno == EINVAL
                               ? error_say(error, EINVAL,
                                           "user %u is not mapped in the machine's user namespace",
                                           identity->uid)
                               : error_set(error, errno, "becoming user %u failed", identity->uid);
        }
        return 0;
}

/* What the payload shall hold. Before execve(2) as after it: with no_new_privs the kernel lets no
 * set grow there, without it the excess would be open to whatever runs until then. */
static struct capability_sets sets_of(const struct security_identity *identity)
{
        struct capability_sets sets = identity->capabilities;

        if (identity->uid == 0) {
                /* execve(2) makes a root's permitted set from bounding and inheritable. An ambient
                 * one adds nothing to it and has to be inheritable, which would outlive root. */
                sets.ambient = 0;
                return sets;
        }
        sets.ambient &= sets.permitted;
        sets.permitted = sets.effective = sets.inheritable = sets.ambient;
        return sets;
}

static int change_capabilities(const struct capability_sets *sets, uint64_t kept,
                               struct machine_error *error)
{
        int r = set_capabilities(sets->permitted | kept, sets->effective | kept, sets->inheritable);

        if (r < 0) {
                return error_set(error, r, "setting the capabilities failed");
        }
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
                return error_set(error, errno, "clearing the ambient capabilities failed");
        }
        for (int number = 0; number < CAPABILITY_NUMBERS; number++) {
                if ((sets->ambient & CAPABILITY_BIT(number)) &&
                    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0) {
                        return error_set(error, errno, "raising ambient capability %d failed",
                                         number);
                }
        }
        return 0;
}

/* What is held beyond the payload's sets until the filter is there: without no_new_privs the kernel
 * takes a filter only from a process with CAP_SYS_ADMIN in its user namespace. */
static uint64_t kept_for_filter(const struct security_identity *identity,
                                const struct seccomp_program *program)
{
        return program && program->length > 0 && !identity->no_new_privileges
                       ? CAPABILITY_BIT(CAP_SYS_ADMIN)
                       : 0;
}

/*
 * The order, and the kernel's rule behind each place:
 *
 * 1. Bounding set, while CAP_SETPCAP is effective. It limits what execve(2) can give from now on.
 * 2. Groups, then user: after setresuid(2) to another user CAP_SETGID is no longer effective.
 * 3. Permitted, effective, inheritable, once the change of user has done what it does to them;
 *    then ambient, which must be both permitted and inheritable when it is raised.
 * 4. The parent death signal: every change of credentials above has cleared it (prctl(2)).
 * 5. no_new_privs, which nothing above needs and the filter may.
 * 6. In security_filter() the filter, last, as it may refuse any of the calls above.
 */
int security_become(const struct security_identity *identity, const struct seccomp_program *program,
                    struct machine_error *error)
{
        struct capability_sets sets = sets_of(identity);
        int r = limit_bounding(sets.bounding, error);

        if (r == 0) {
                r = change_group(identity, error);
        }
        if (r == 0) {
                r = change_user(identity, error);
        }
        if (r == 0) {
                r = change_capabilities(&sets, kept_for_filter(identity, program), error);
        }
        if (r < 0) {
                return r;
        }
        if (identity->parent_death_signal &&
            prctl(PR_SET_PDEATHSIG, identity->parent_death_signal, 0, 0, 0) < 0) {
                return error_set(error, errno, "asking for signal %d at the parent's death failed",
                                 identity->parent_death_signal);
        }
        if (identity->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                return error_set(error, errno, "setting no_new_privs failed");
        }
        return 0;
}

int security_filter(const struct security_identity *identity, const struct seccomp_program *program,
                    struct machine_error *error)
{
        struct capability_sets sets = sets_of(identity);
        int r = seccomp_program_install(program, error);

        if (r == 0 && (kept_for_filter(identity, program) & ~sets.permitted)) {
                /* Where the filter refuses it, execve(2) takes the rest: it is neither in the
                 * bounding set nor ambient, and for root nothing else is given. */
                (void)set_capabilities(sets.permitted, sets.effective, sets.inheritable);
        }
        return r;
}

int security_confine(const struct capability_sets *capabilities, struct machine_error *error)
{
        struct capability_sets sets = *capabilities;
        int r = limit_bounding(sets.bounding, error);

        sets.inheritable = sets.ambient = 0;
        return r < 0 ? r : change_capabilities(&sets, 0, error);
}
