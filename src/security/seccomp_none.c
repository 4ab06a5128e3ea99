#include "security/seccomp.h"
int seccomp_program_load(const struct machine *m, const struct capability_sets *c, const char *d,
                         struct seccomp_program *ret, struct machine_error *e)
{
        *ret = (struct seccomp_program)SECCOMP_PROGRAM_INIT;
        return 0;
}
void seccomp_program_free(struct seccomp_program *p)
{
}
