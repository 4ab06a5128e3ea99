/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MACHINE_DECLARATIONS_H
#define MACHINE_DECLARATIONS_H

/* Around the declarations of the public headers: exported from the library, and C also in C++. The
 * struct has no definition; it only makes the semicolon after the macro part of a declaration. */
#ifdef __cplusplus
#        define MACHINE_BEGIN_DECLARATIONS                         \
                _Pragma("GCC visibility push(default)") extern "C" \
                {                                                  \
                        struct machine_declarations
#        define MACHINE_END_DECLARATIONS \
                }                        \
                _Pragma("GCC visibility pop") struct machine_declarations
#else
#        define MACHINE_BEGIN_DECLARATIONS \
                _Pragma("GCC visibility push(default)") struct machine_declarations
#        define MACHINE_END_DECLARATIONS _Pragma("GCC visibility pop") struct machine_declarations
#endif

#endif
