/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/read/append.h"

#include <string.h>

#include "base/strings.h"

/* Also takes out of the group what cannot be appended, so that it replaces nothing. */
static int mark_lists(struct config_node *group, struct diagnostics *diagnostics)
{
        size_t kept = 0;
        int r = 0;

        for (size_t i = 0; i < group->child_count; i++) {
                struct config_node *child = group->children[i];

                if (child->type == CONFIG_NODE_GROUP) {
                        r = r < 0 ? r : mark_lists(child, diagnostics);
                } else if (child->type == CONFIG_NODE_LIST) {
                        child->append = true;
                } else {
                        int reported = config_report(
                                diagnostics, DIAGNOSTIC_ERROR, &child->value,
                                string_format(
                                        "\"append\" adds to arrays and lists, and \"%s\" is %s",
                                        child->name, config_node_type_name(child)),
                                strdup("set it outside of \"append\""));

                        r = r < 0 ? r : reported;
                        config_node_free(child);
                        continue;
                }
                group->children[kept++] = child;
        }
        group->child_count = kept;
        return r;
}

int config_apply_append(struct config_node *root, struct diagnostics *diagnostics)
{
        _cleanup_config_node_ struct config_node *append = config_node_take(root, "append");
        int r;

        if (!append || append->bad) {
                return 0;
        }
        if (append->type != CONFIG_NODE_GROUP) {
                return config_report(diagnostics, DIAGNOSTIC_ERROR, &append->value,
                                     string_format("\"append\" is a group: { .. }, not %s",
                                                   config_node_type_name(append)),
                                     strdup("write append = { environment = [ \"A=1\" ]; };"));
        }
        r = mark_lists(append, diagnostics);
        return r < 0 ? r : config_node_merge(root, TAKE_PTR(append));
}
