/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bundle's config.json, and the profile of system calls in it. An error has a message with the
 * file's name; what is accepted is consistent. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "oci/bundle/bundle.h"
#include "security/seccomp/profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
        if (!condition) {
                abort();
        }
}

static void parse_profile(const struct machine_seccomp *seccomp)
{
        const struct seccomp_oci_subject subject = { .agent = seccomp->listener != NULL };
        _cleanup_seccomp_policy_ struct seccomp_policy policy = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        uint32_t flags;

        if (seccomp_oci_parse(seccomp->text, strlen(seccomp->text), seccomp->file, &subject,
                              &policy, &flags, &error) < 0) {
                require(error.message != NULL);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_oci_bundle_ struct oci_bundle bundle = { 0 };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        struct machine *limits = NULL;

        if (oci_resources_parse((const char *)data, size, "resources", &limits, NULL) == 0) {
                machine_free(limits);
        }
        if (oci_bundle_parse("/bundle", "config.json", (const char *)data, size, &bundle, &error) <
            0) {
                require(error.message && strncmp(error.message, "config.json:", 12) == 0);
                return 0;
        }
        require(bundle.machine->process.command && bundle.machine->process.command[0] &&
                bundle.machine->root.directory && bundle.version);
        for (size_t i = 0; i < bundle.machine->mount_count; i++) {
                require(bundle.machine->mounts[i].target[0] == '/');
        }
        if (bundle.machine->security.seccomp.profile == MACHINE_SECCOMP_TEXT) {
                parse_profile(&bundle.machine->security.seccomp);
        }
        return 0;
}
