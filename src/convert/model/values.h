/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_MODEL_VALUES_H
#define CONVERT_MODEL_VALUES_H

#include <stdint.h>

#include "convert/model/model.h"

/** Values of other formats in the notation of this one. A value that cannot be understood is a lost
 * setting. */

/** Bytes from "512m", "1.5GiB", "1024", "1 GB". 0 or -EINVAL. */
int value_parse_bytes(const char *text, uint64_t *ret);

/** Microseconds from "1m30s", "1min 30s", "500ms"; a bare number is seconds. 0 or -EINVAL. */
int value_parse_time(const char *text, uint64_t *ret);

/** true, yes, on, 1. */
bool value_is_true(const char *text);

/** Sets a key to a size; "-1", "unlimited", "infinity" are "max". */
void convert_size(struct conversion *conversion, const char *key, const char *text);
void convert_bytes(struct conversion *conversion, const char *key, uint64_t bytes);
void convert_time(struct conversion *conversion, const char *key, const char *text);
/** Sets a key to a whole number; -1 and 0 stay as they are. */
void convert_integer(struct conversion *conversion, const char *key, const char *text);
/** Adds a word to a list; a list that the whole text is empty for stays as it is. */
void convert_add_words(struct conversion *conversion, const char *key, char *const *words);
/** Sets a key to an array of strings. */
void convert_strings(struct conversion *conversion, const char *key, char *const *strings);

/** Sets limits.cpu from a number of CPUs ("1.5"), or in microseconds. */
void convert_cpus(struct conversion *conversion, const char *text);
void convert_cpu_quota(struct conversion *conversion, uint64_t quota, uint64_t period);

/** A weight of 1 to 10000 from another range, in which `usual` is 100. */
void convert_weight(struct conversion *conversion, const char *key, const char *text,
                    uint64_t usual, uint64_t maximum);

/** Adds a capability with its full name; "ALL" is "all". */
void convert_capability(struct conversion *conversion, const char *key, const char *name);

/** Sets a limit of processes by its name as in ulimit options ("nofile") with "SOFT:HARD" or one
 * number. */
void convert_ulimit(struct conversion *conversion, const char *name, const char *value);

/** A path of the host: "~" is the home directory, others are relative to a directory. NULL if
 * memory is short. */
char *value_host_path(const char *directory, const char *path);

/** A size in the notation of this format, or the text itself if it is not one. NULL if memory is
 * short. */
char *value_size_text(const char *text);

/** Sets a limit of a block device; limits of the same device are one element. Takes the value. */
void convert_io_limit(struct conversion *conversion, const char *device, const char *key,
                      json_t *value);

/** Adds a mount; options may be NULL. */
void convert_mount(struct conversion *conversion, const char *type, const char *source,
                   const char *target, bool read_only, json_t *options);

#endif
