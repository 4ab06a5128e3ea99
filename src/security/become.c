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

/* capset(2) without a library: the raw system call takes the sets as two 32-bit halves. */
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

/* The kernel answers EINVAL for the first number that it does not know. */
static int limit_bounding(uint64_t wanted, bool needed, struct machine_error *error)
{
        for (int number = 0; number < CAPABILITY_NUMBERS; number++) {
                int held = prctl(PR_CAPBSET_READ, number, 0, 0, 0);

                if (held < 0) {
                        break;
                }
                if (wanted & CAPABILITY_BIT(number)) {
                        if (held == 0 && needed) {
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

/* Whether the kernel refuses setgroups(2) to a process with the capability for it: with a map of
 * one group that a user wrote himself it is denied for good (user_namespaces(7)), and a machine
 * sees the groups that he keeps as nogroup. */
static bool is_setgroups_denied(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct halves[2];

        return syscall(SYS_capget, &header, halves) == 0 &&
               (halves[0].effective & CAPABILITY_BIT(CAP_SETGID)) != 0;
}

int security_drop_groups(void)
{
        if (setgroups(0, NULL) == 0 || (errno == EPERM && is_setgroups_denied())) {
                return 0;
        }
        return -errno;
}

static int change_group(const struct security_identity *identity, struct machine_error *error)
{
        int number = identity->keep_groups        ? 0
                     : identity->group_count == 0 ? -security_drop_groups()
                     : setgroups(identity->group_count, identity->groups) < 0 ? errno
                                                                              : 0;

        if (number > 0) {
                error_set(error, number, "setting %zu supplementary groups failed",
                          identity->group_count);
                if (number == EINVAL) {
                        error_hint(error,
                                   "every group must be mapped in the machine's user namespace");
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

static int explain_user(uid_t uid, int number, struct machine_error *error)
{
        return number == EINVAL
                       ? error_say(error, EINVAL,
                                   "user %u is not mapped in the machine's user namespace", uid)
                       : error_set(error, number, "becoming user %u failed", uid);
}

/* Only the effective id changes. A process of the same user outside can still not signal or trace
 * this one, and the permitted set stays. */
static int change_effective_user(const struct security_identity *identity,
                                 struct machine_error *error)
{
        return setresuid((uid_t)-1, identity->uid, (uid_t)-1) < 0
                       ? explain_user(identity->uid, errno, error)
                       : 0;
}

/* Needs no capability afterwards: the effective id is this user's. */
static int change_user(const struct security_identity *identity, struct machine_error *error)
{
        /* Leaving uid 0 clears the permitted set, unless PR_SET_KEEPCAPS is set; execve(2) resets
         * that. */
        if (identity->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) {
                return error_set(error, errno, "PR_SET_KEEPCAPS failed");
        }
        return setresuid(identity->uid, identity->uid, identity->uid) < 0
                       ? explain_user(identity->uid, errno, error)
                       : 0;
}

/* The payload's sets, the same before execve(2) as after it: with no_new_privs the kernel does not
 * let a set grow there, and without it any excess would be available to code that runs before
 * it. */
static struct capability_sets sets_of(const struct security_identity *identity)
{
        struct capability_sets sets = identity->capabilities;

        if (sets.exact) {
                return sets;
        }
        if (identity->uid == 0) {
                /* For root, execve(2) computes the permitted set from the bounding and inheritable
                 * sets. An ambient capability adds nothing, and must be inheritable, which would
                 * outlive root. */
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

uint64_t security_kept_for_filter(const struct security_identity *identity,
                                  const struct seccomp_program *program)
{
        return program && program->length > 0 && !identity->no_new_privileges
                       ? CAPABILITY_BIT(CAP_SYS_ADMIN)
                       : 0;
}

/*
 * The steps in order, and the rules of the kernel behind it:
 *
 * 1. Bounding set, while CAP_SETPCAP is effective. From now on it limits what execve(2) can grant.
 * 2. Groups, then the effective user: afterwards CAP_SETGID is no longer effective.
 * 3. Permitted, effective, inheritable, as changing the user has changed them.
 * 4. no_new_privs, which no step above needs, but the filter may.
 * 5. Undumpable: each change of an effective id resets the flag to fs.suid_dumpable, which may be 1
 *    (commit_creds() in the kernel). No later step changes an effective id or adds a capability, so
 *    it lasts until execve(2).
 *
 * Then, in security_complete():
 *
 * 6. The real and the saved user.
 * 7. The sets again, which step 6 has cleared; then ambient, which must be both permitted and
 *    inheritable when it is raised.
 * 8. The parent death signal, which every change of credentials above clears (prctl(2)).
 * 9. In security_filter() the filter, last, as it may refuse any of the calls above.
 */
int security_begin(const struct security_identity *identity, const struct seccomp_program *program,
                   uint64_t kept, struct machine_error *error)
{
        struct capability_sets sets = sets_of(identity);
        int r = limit_bounding(sets.bounding, true, error);

        kept |= sets.permitted | security_kept_for_filter(identity, program);
        if (r == 0) {
                r = change_group(identity, error);
        }
        if (r == 0) {
                r = change_effective_user(identity, error);
        }
        if (r == 0) {
                r = set_capabilities(kept, kept, sets.inheritable);
                r = r < 0 ? error_set(error, r, "setting the capabilities failed") : 0;
        }
        if (r < 0) {
                return r;
        }
        if (identity->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                return error_set(error, errno, "setting no_new_privs failed");
        }
        return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0
                       ? error_set(error, errno, "making this process untraceable failed")
                       : 0;
}

int security_complete(const struct security_identity *identity,
                      const struct seccomp_program *program, struct machine_error *error)
{
        struct capability_sets sets = sets_of(identity);
        int r = change_user(identity, error);

        if (r == 0) {
                r = change_capabilities(&sets, security_kept_for_filter(identity, program), error);
        }
        if (r < 0) {
                return r;
        }
        if (identity->parent_death_signal &&
            prctl(PR_SET_PDEATHSIG, identity->parent_death_signal, 0, 0, 0) < 0) {
                return error_set(error, errno, "setting signal %d for the parent's death failed",
                                 identity->parent_death_signal);
        }
        return 0;
}

int security_filter(const struct security_identity *identity, const struct seccomp_program *program,
                    int *ret_listener, struct machine_error *error)
{
        struct capability_sets sets = sets_of(identity);
        int r = seccomp_program_install(program, ret_listener, error);

        if (r == 0 && (security_kept_for_filter(identity, program) & ~sets.permitted)) {
                /* If the filter refuses this, execve(2) drops the rest: it is neither in the
                 * bounding set nor ambient, and root is given nothing else. */
                (void)set_capabilities(sets.permitted, sets.effective, sets.inheritable);
        }
        return r;
}

int security_keep(uint64_t kept, struct machine_error *error)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct halves[2];
        struct capability_sets sets = { 0 };

        if (syscall(SYS_capget, &header, halves) < 0) {
                return error_set(error, errno, "reading the capabilities failed");
        }
        sets.permitted = kept & ((uint64_t)halves[1].permitted << 32 | halves[0].permitted);
        sets.effective = sets.permitted;
        return change_capabilities(&sets, 0, error);
}

/* The filter costs the kernel more than everything else here, and only helps against a process that
 * may trace a non-dumpable one. */
static bool may_be_traced(const struct security_identity *payload)
{
        return payload->capabilities.bounding & CAPABILITY_BIT(CAP_SYS_PTRACE);
}

int security_confine(uint64_t kept, const struct security_identity *payload,
                     struct machine_error *error)
{
        const struct capability_sets sets = { .permitted = kept, .effective = kept };
        int r = limit_bounding(kept, false, error);

        if (r == 0) {
                r = change_capabilities(&sets, 0, error);
        }
        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                r = error_set(error, errno, "setting no_new_privs failed");
        }
        return r < 0 || !may_be_traced(payload) ? r : seccomp_install_beside(error);
}
