/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/host.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/file.h"
#include "base/strings.h"
#include "config/read/stored.h"

#define LABELS_MAXIMUM (64 * 1024)

void config_host_clear(struct config_host *host)
{
        free(host->name);
        strv_free(host->labels);
        *host = (struct config_host){ 0 };
}

static int take_lines(const char *text, const char *path, char ***ret, struct machine_error *error)
{
        _cleanup_strv_ char **lines = NULL;

        if (strv_split(text, '\n', &lines) < 0) {
                return error_oom(error);
        }
        STRV_FOREACH(line, lines) {
                char *start = *line + strspn(*line, " \t");
                size_t length = strlen(start);

                while (length > 0 && strchr(" \t\r", start[length - 1])) {
                        start[--length] = '\0';
                }
                if (length == 0 || *start == '#') {
                        continue;
                }
                if (!strchr(start, '=') || *start == '=') {
                        return error_say(error, EINVAL, "%s: \"%s\" is not NAME=VALUE", path,
                                         start);
                }
                if (strv_append(ret, start) < 0) {
                        return error_oom(error);
                }
        }
        return 0;
}

int config_host_read(const char *name, const char *labels, struct config_host *ret,
                     struct machine_error *error)
{
        _cleanup_config_host_ struct config_host host = { 0 };
        _cleanup_free_ char *text = NULL;
        int r = file_read_text(labels, LABELS_MAXIMUM, &text, NULL);

        host.name = name ? strdup(name) : config_host_name();
        if (!host.name) {
                return error_oom(error);
        }
        if (r < 0 && r != -ENOENT && r != -ENOTDIR) {
                return file_explain(r, "the labels of the host", labels, error);
        }
        r = text ? take_lines(text, labels, &host.labels, error) : 0;
        if (r < 0) {
                return r;
        }
        *ret = host;
        host = (struct config_host){ 0 };
        return 0;
}

bool config_host_is_among(const struct config_host *host, char *const *hosts)
{
        STRV_FOREACH(choice, hosts) {
                if (strchr(*choice, '=') ? strv_contains(host->labels, *choice)
                                         : fnmatch(*choice, host->name, 0) == 0) {
                        return true;
                }
        }
        return !hosts;
}
