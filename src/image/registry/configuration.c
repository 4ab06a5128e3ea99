/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/registry/configuration.h"

#include <string.h>
#include <unistd.h>

#include <libconfig.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

#define FILE_SIZE_MAX (1U << 20)

void registry_settings_clear(struct registry_settings *settings)
{
        strv_free(settings->mirrors);
        *settings = (struct registry_settings){ 0 };
}

static int wrong(const config_setting_t *setting, const char *path, const char *text,
                 struct machine_error *error)
{
        error_say(error, EINVAL, "%s:%u: %s", path, config_setting_source_line(setting), text);
        return error_kind(error, MACHINE_ERROR_DEFINITION);
}

static int read_mirrors(const config_setting_t *list, const char *path,
                        struct registry_settings *settings, struct machine_error *error)
{
        for (int i = 0; i < config_setting_length(list); i++) {
                const char *mirror = config_setting_get_string_elem(list, i);

                if (!mirror || !*mirror) {
                        return wrong(list, path, "\"mirrors\" must be an array of hosts or URLs",
                                     error);
                }
                if (strv_append(&settings->mirrors, mirror) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

static int read_registry(const config_setting_t *group, const char *path, const char *domain,
                         struct registry_settings *settings, struct machine_error *error)
{
        const char *name = NULL;

        if (config_setting_lookup_string(group, "name", &name) != CONFIG_TRUE) {
                return wrong(group, path, "a registry lacks its \"name\"", error);
        }
        for (int i = 0; i < config_setting_length(group); i++) {
                const config_setting_t *member = config_setting_get_elem(group, (unsigned int)i);
                const char *key = config_setting_name(member);
                int r = 0;

                if (strcmp(key, "insecure") == 0) {
                        if (config_setting_type(member) != CONFIG_TYPE_BOOL) {
                                return wrong(member, path, "\"insecure\" must be true or false",
                                             error);
                        }
                        if (strcmp(name, domain) == 0) {
                                settings->insecure = config_setting_get_bool(member);
                        }
                } else if (strcmp(key, "mirrors") == 0) {
                        r = strcmp(name, domain) == 0 ? read_mirrors(member, path, settings, error)
                                                      : 0;
                } else if (strcmp(key, "name") != 0) {
                        r = wrong(member, path,
                                  "unknown key: the keys of a registry are name, insecure and "
                                  "mirrors",
                                  error);
                }
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

static int read_file(config_t *file, const char *path, const char *domain,
                     struct registry_settings *settings, struct machine_error *error)
{
        _cleanup_free_ char *text = NULL;
        const config_setting_t *list;
        size_t length;
        int r = file_read_text(path, FILE_SIZE_MAX, &text, &length);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", path);
        }
        if (strlen(text) != length) {
                error_say(error, EINVAL, "%s contains a NUL byte", path);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        if (config_read_string(file, text) != CONFIG_TRUE) {
                error_say(error, EINVAL, "%s:%d: %s", path, config_error_line(file),
                          config_error_text(file));
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        list = config_lookup(file, "registries");
        for (int i = 0; list && i < config_setting_length(list); i++) {
                r = read_registry(config_setting_get_elem(list, (unsigned int)i), path, domain,
                                  settings, error);
                if (r < 0) {
                        return r;
                }
        }
        return 0;
}

int registries_read(const char *path, const char *domain, struct registry_settings *ret,
                    struct machine_error *error)
{
        _cleanup_registry_settings_ struct registry_settings settings = { 0 };
        config_t file;
        int r = 0;

        if (path || access(REGISTRIES_FILE, F_OK) == 0) {
                config_init(&file);
                r = read_file(&file, path ? path : REGISTRIES_FILE, domain, &settings, error);
                config_destroy(&file);
        }
        if (r == 0) {
                *ret = settings;
                settings = (struct registry_settings){ 0 };
        }
        return r;
}
