/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNIT_H
#define UNIT_H

/* Included first by every unit test: cmocka requires these headers before its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
