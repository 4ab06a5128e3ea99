/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rootfs/common/identity.h"

#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/error.h"

int identity_assume(struct identity *identity, struct machine_error *error)
{
        identity->mask = umask(0);
        identity->assumed = true;
        if (!identity->mapped) {
                return 0;
        }
        identity->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
        identity->secure_bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
        if (identity->secure_bits < 0 ||
            prctl(PR_SET_SECUREBITS, identity->secure_bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0) {
                int r = error_set(error, errno, "cannot keep capabilities while creating files");

                umask(identity->mask);
                identity->assumed = false;
                error_hint(error, "this needs CAP_SETPCAP: run it as root of the host");
                return r;
        }
        /* Neither call reports failures. With CAP_SETUID and CAP_SETGID there are none; a second
         * call returns the current id. */
        setfsgid(identity->gid);
        setfsuid(identity->uid);
        if ((uid_t)setfsuid((uid_t)-1) != identity->uid ||
            (gid_t)setfsgid((gid_t)-1) != identity->gid) {
                identity_restore(identity);
                return error_say(error, EPERM,
                                 "cannot create files as the machine's root (id %u): setfsuid was "
                                 "not permitted",
                                 identity->uid);
        }
        return 0;
}

void identity_restore(struct identity *identity)
{
        if (!identity->assumed) {
                return;
        }
        identity->assumed = false;
        umask(identity->mask);
        if (!identity->mapped) {
                return;
        }
        setfsuid(0);
        setfsgid(0);
        prctl(PR_SET_SECUREBITS, identity->secure_bits, 0, 0, 0);
        /* Changing ids makes a process undumpable (prctl(2)); restore the previous setting. 2 can
         * be read but not set. */
        if (identity->dumpable == 1) {
                prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        }
}
