/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int library_load(const char *soname, const struct library_function *functions, size_t count,
                 void *table, struct machine_error *error)
{
        void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);

        if (!library) {
                return error_say(error, ELIBACC, "cannot load %s: %s", soname, dlerror());
        }
        for (size_t i = 0; i < count; i++) {
                void *address = dlsym(library, functions[i].name);

                if (!address) {
                        return error_say(error, ELIBACC, "%s has no function %s", soname,
                                         functions[i].name);
                }
                memcpy((char *)table + functions[i].offset, &address, sizeof address);
        }
        return 0;
}
