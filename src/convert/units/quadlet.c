/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/units/quadlet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "base/strings.h"
#include "base/tree/directory.h"

/* Quadlets by their suffixes: podman-systemd.unit(5). */

struct kind {
        const char *suffix;
        int (*convert)(struct unit *unit, const struct node *root, struct machine_error *error);
        const char *refused;
};

/* In the order in which a directory is converted: what others refer to comes first. */
static const struct kind kinds[] = {
        { ".network", quadlet_convert_network, NULL },
        { ".volume", quadlet_convert_volume, NULL },
        { ".image", quadlet_convert_image, NULL },
        { ".pod", quadlet_convert_pod, NULL },
        { ".container", quadlet_convert_container, NULL },
        { ".kube", NULL,
          "a Kubernetes file is not a Quadlet of machines; convert what it runs one by one" },
        { ".build", NULL, "images are not built here; \"load\" loads what another tool has built" },
};

static const struct kind *find_kind(const char *path)
{
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                if (string_ends_with(path, kinds[i].suffix)) {
                        return &kinds[i];
                }
        }
        return NULL;
}

bool quadlet_is_file(const char *path)
{
        return find_kind(path) != NULL;
}

static char *name_of(const char *path, const struct kind *kind)
{
        const char *slash = strrchr(path, '/');
        const char *base = slash ? slash + 1 : path;

        return strndup(base, strlen(base) - strlen(kind->suffix));
}

static int convert_file(struct conversion *conversion, const struct convert_source *source,
                        const char *path, const char *shown, struct machine_error *error)
{
        const struct kind *kind = find_kind(path);
        _cleanup_free_ char *text = NULL, *name = name_of(path, kind);
        _cleanup_node_ struct node *root = NULL;
        struct unit unit = { .conversion = conversion, .source = source, .file = shown };
        int r;

        if (kind->refused) {
                error_say(error, ENOTSUP, "%s cannot be converted: %s", shown, kind->refused);
                return error_kind(error, MACHINE_ERROR_DEFINITION);
        }
        r = document_read(path, &text, NULL, error);
        r = r < 0 ? r : document_parse_unit(shown, text, &root, error);
        if (r < 0 || !name) {
                return r < 0 ? r : error_oom(error);
        }
        unit.name = source->name ? source->name : name;
        unit.template = string_ends_with(name, "@");
        unit.path = path;
        unit.container = (struct container){
                .conversion = conversion,
                .directory = source->directory,
        };
        r = kind->convert(&unit, root, error);
        container_clear(&unit.container);
        return r;
}

int quadlet_convert(struct conversion *conversion, const struct convert_source *source,
                    struct machine_error *error)
{
        return convert_file(conversion, source, source->path, source->shown, error);
}

/* .kube and .build next to others are lost, and do not stop the rest. */
static int convert_member(struct conversion *conversion, const struct convert_source *source,
                          const char *name, struct machine_error *error)
{
        _cleanup_free_ char *path = string_format("%s/%s", source->directory, name);
        _cleanup_free_ char *shown = string_format("%s/%s", source->shown, name);
        const struct kind *kind = find_kind(name);

        if (!path || !shown) {
                return error_oom(error);
        }
        conversion->file = NULL;
        if (kind->refused) {
                convert_begin(conversion, shown, 0, "%s", name);
                convert_lost(conversion, "%s", kind->refused);
                return 0;
        }
        return convert_file(conversion, source, path, shown, error);
}

int quadlet_convert_directory(struct conversion *conversion, const struct convert_source *source,
                              struct machine_error *error)
{
        _cleanup_strv_ char **names = NULL;
        int r = directory_list(AT_FDCWD, source->directory, "", &names);

        if (r < 0) {
                return error_set(error, r, "cannot read %s", source->shown);
        }
        for (size_t i = 0; i < ELEMENTS_OF(kinds); i++) {
                STRV_FOREACH(name, names) {
                        if (find_kind(*name) == &kinds[i] && r == 0) {
                                r = convert_member(conversion, source, *name, error);
                        }
                }
        }
        return r;
}
