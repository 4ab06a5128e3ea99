/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "config/config.h"

/* Shared by the tests of definitions: a directory with files, and a load with its findings. */

struct setting {
        char directory[64];
        struct diagnostics diagnostics;
        struct machine_error error;
        struct machine *machine;
        char *findings; /* as a user sees them */
};

static inline int set_up(void **state)
{
        struct setting *setting = calloc(1, sizeof *setting);

        assert_non_null(setting);
        strcpy(setting->directory, "/tmp/test-config-XXXXXX");
        assert_non_null(mkdtemp(setting->directory));
        *state = setting;
        return 0;
}

static inline void forget(struct setting *setting)
{
        machine_free(setting->machine);
        setting->machine = NULL;
        machine_error_clear(&setting->error);
        diagnostics_clear(&setting->diagnostics);
        free(setting->findings);
        setting->findings = NULL;
}

/* The loaded machine; fails the test if there is none. */
static inline const struct machine *machine_of(const struct setting *setting)
{
        if (!setting->machine) {
                abort();
        }
        return setting->machine;
}

static inline int tear_down(void **state)
{
        struct setting *setting = *state;
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", setting->directory);
        assert_int_equal(system(command), 0);
        forget(setting);
        free(setting);
        return 0;
}

static inline void write_file(const struct setting *setting, const char *name, const char *text)
{
        char *path = path_join(setting->directory, name);
        char *slash = strrchr(path, '/');
        char command[256];
        FILE *file;

        snprintf(command, sizeof command, "mkdir -p '%.*s'", (int)(slash - path), path);
        assert_int_equal(system(command), 0);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
        free(path);
}

/* Loads a file of the directory, or with NULL only the options. */
static inline int load_with(struct setting *setting, const char *name,
                            const struct config_options *options)
{
        char *path = name ? path_join(setting->directory, name) : NULL;
        int r;

        forget(setting);
        r = config_load(path, options, &setting->diagnostics, &setting->machine, &setting->error);
        setting->findings = diagnostics_format(&setting->diagnostics, false);
        assert_non_null(setting->findings);
        free(path);
        return r;
}

/* Loads a text as the file web.machine. */
static inline int load_text(struct setting *setting, const char *text)
{
        write_file(setting, "web.machine", text);
        return load_with(setting, "web.machine", NULL);
}

/* Loads a text prefixed with a root, on the same line. */
static inline int load_rooted(struct setting *setting, const char *text)
{
        char whole[16384];

        snprintf(whole, sizeof whole, "rootfs = \"/srv/root\"; %s", text);
        return load_text(setting, whole);
}

static inline void assert_finds(const struct setting *setting, const char *text)
{
        if (!strstr(setting->findings, text)) {
                fail_msg("\"%s\" is not in:\n%s", text, setting->findings);
        }
}

#endif
