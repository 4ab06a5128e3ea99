/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/specifier.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process/process.h"
#include "base/strings.h"

#define ID_FILE_MAXIMUM 64

/* One walk over a tree. */
struct expansion {
        const char *name; /* "TEMPLATE@INSTANCE" */
        struct diagnostics *diagnostics;
        struct machine_error *error;
};

static char *instance(const struct expansion *expansion)
{
        return strdup(strchr(expansion->name, '@') + 1);
}

static char *prefix(const struct expansion *expansion)
{
        return strndup(expansion->name, strcspn(expansion->name, "@"));
}

static char *percent(const struct expansion *expansion)
{
        return strdup("%");
}

static char *host_name(const struct expansion *expansion)
{
        struct utsname names;

        return uname(&names) < 0 ? NULL : strdup(names.nodename);
}

static char *short_host_name(const struct expansion *expansion)
{
        char *name = host_name(expansion);

        if (name) {
                name[strcspn(name, ".")] = '\0';
        }
        return name;
}

static char *kernel_release(const struct expansion *expansion)
{
        struct utsname names;

        return uname(&names) < 0 ? NULL : strdup(names.release);
}

/* Only its hexadecimal digits: ids are written with dashes and without. */
static char *plain_id(char *text)
{
        char *out = text;

        for (const char *in = text; *in && *in != '\n'; in++) {
                if (*in != '-') {
                        *out++ = *in;
                }
        }
        *out = '\0';
        return text;
}

static char *unknown_id(const struct expansion *expansion, int number, const char *path)
{
        error_set(expansion->error, number, "cannot read %s, which a specifier stands for", path);
        return NULL;
}

static char *machine_id(const struct expansion *expansion)
{
        static const char path[] = "/etc/machine-id";
        char *text = NULL;
        int r = file_read(AT_FDCWD, path, ID_FILE_MAXIMUM, &text, NULL);

        return r < 0 ? unknown_id(expansion, r, path) : plain_id(text);
}

static char *boot_id(const struct expansion *expansion)
{
        char text[37];
        int r = process_boot_id(text);

        return r < 0 ? unknown_id(expansion, r, "the host's boot id") : strdup(plain_id(text));
}

static const struct {
        char letter;
        char *(*text)(const struct expansion *expansion);
} specifiers[] = {
        { 'i', instance },   { 'p', prefix },  { 'H', host_name },      { 'l', short_host_name },
        { 'm', machine_id }, { 'b', boot_id }, { 'v', kernel_release }, { '%', percent },
};

/* NULL with a finding or an error. */
static char *expand(const struct expansion *expansion, const struct config_node *node, char letter)
{
        _cleanup_free_ char *message = NULL;

        for (size_t i = 0; i < ELEMENTS_OF(specifiers); i++) {
                if (specifiers[i].letter == letter) {
                        return specifiers[i].text(expansion);
                }
        }
        message = letter ? string_format("unknown specifier \"%%%c\"", letter)
                         : strdup("a percent sign at the end of a value");
        (void)config_report(
                expansion->diagnostics, DIAGNOSTIC_ERROR, &node->value, TAKE_PTR(message),
                strdup("in a template, write %% for a percent sign; %i is the instance, "
                       "%p the template"));
        return NULL;
}

/* 0, -EINVAL if a finding was reported, or -errno. */
static int expand_string(const struct expansion *expansion, struct config_node *node)
{
        _cleanup_free_ char *text = strdup("");
        const char *rest = node->string;

        for (const char *at; text && (at = strchr(rest, '%')); rest = at + 2) {
                _cleanup_free_ char *value = expand(expansion, node, at[1]);
                char *longer;

                if (!value) {
                        return -EINVAL;
                }
                longer = string_format("%s%.*s%s", text, (int)(at - rest), rest, value);
                free(text);
                text = longer;
        }
        if (text && rest != node->string) {
                char *whole = string_format("%s%s", text, rest);

                free(node->string);
                node->string = whole;
        }
        return text && node->string ? 0 : -ENOMEM;
}

static int expand_tree(const struct expansion *expansion, struct config_node *node)
{
        int r = 0;

        if (node->type == CONFIG_NODE_STRING && node->value.source &&
            node->value.source->template && strchr(node->string, '%')) {
                r = expand_string(expansion, node);
                if (r == -EINVAL && (!expansion->error || !expansion->error->message)) {
                        node->bad = true;
                        r = 0;
                }
        }
        for (size_t i = 0; i < node->child_count && r == 0; i++) {
                r = expand_tree(expansion, node->children[i]);
        }
        return r;
}

int config_expand_specifiers(struct config_node *tree, struct diagnostics *diagnostics,
                             const char *name, struct machine_error *error)
{
        const struct expansion expansion = { name, diagnostics, error };
        int r = expand_tree(&expansion, tree);

        return r == -ENOMEM ? error_oom(error) : r;
}
