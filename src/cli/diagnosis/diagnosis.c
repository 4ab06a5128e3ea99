/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/diagnosis/diagnosis.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/strings.h"

int diagnosis_say(struct diagnosis *diagnosis, enum diagnosis_result result, const char *format,
                  ...)
{
        free(diagnosis->found);
        diagnosis->result = result;
        diagnosis->found = STRING_OF_ARGUMENTS(format);
        return diagnosis->found ? 0 : -ENOMEM;
}

int diagnosis_way_out(struct diagnosis *diagnosis, const char *format, ...)
{
        free(diagnosis->way_out);
        diagnosis->way_out = STRING_OF_ARGUMENTS(format);
        return diagnosis->way_out ? 0 : -ENOMEM;
}

int diagnosis_of_error(struct diagnosis *diagnosis, enum diagnosis_result result,
                       const struct machine_error *error)
{
        if (!error->message || diagnosis_say(diagnosis, result, "%s", error->message) < 0) {
                return -ENOMEM;
        }
        return diagnosis_way_out(
                diagnosis, "%s",
                error->hint ? error->hint
                            : "check the permissions and the security policy of the host");
}

void diagnosis_clear(struct diagnosis *diagnosis)
{
        free(diagnosis->found);
        free(diagnosis->way_out);
        *diagnosis = (struct diagnosis){ 0 };
}
