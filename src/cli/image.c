/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs about images: each becomes the image executable, which has the libraries for it. */

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines.h"
#include "cli/verbs.h"
#include "image/execute.h"

/* Hands an option on as it is. */
static int take(const struct cli_option *option, const char *value, void *data,
                struct machine_error *error)
{
        char ***arguments = data;

        return strv_take(arguments, string_format("--%s%s%s", option->name, value ? "=" : "",
                                                  value ? value : "")) < 0
                       ? error_oom(error)
                       : 0;
}

/* What the image executable has to know of the program's own options. */
static int program_arguments(const struct cli *cli, char ***ret)
{
        static const char *const json[] = {
                [CLI_JSON_OFF] = "off", [CLI_JSON_SHORT] = "short", [CLI_JSON_PRETTY] = "pretty"
        };
        int r = strv_take(ret, string_format("--state-dir=%s", cli->directories.state));

        if (r == 0) {
                r = strv_take(ret, string_format("--json=%s", json[cli->json]));
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_ERROR) {
                r = strv_append(ret, "--quiet");
        }
        if (r == 0 && cli->log.level == LOG_LEVEL_DEBUG) {
                r = strv_append(ret, "--debug");
        }
        if (r == 0 && !cli->legend) {
                r = strv_append(ret, "--no-legend");
        }
        if (r == 0 && cli->log.colour) {
                r = strv_append(ret, "--colour");
        }
        return r;
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_strv_ char **given = NULL, **arguments = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        r = program_arguments(cli, &arguments);
        if (r == 0) {
                r = strv_append(&arguments, verb->name);
        }
        STRV_FOREACH(option, given) {
                if (r == 0) {
                        r = strv_append(&arguments, *option);
                }
        }
        if (r == 0) {
                r = strv_append(&arguments, "--");
        }
        for (int i = 0; r == 0 && i < argc; i++) {
                r = strv_append(&arguments, argv[i]);
        }
        return r < 0 ? error_oom(error) : image_execute(arguments, error);
}

/* What runs changes its layer while it is read. */
static int check_stopped(const struct cli *cli, const char *name, struct machine_error *error)
{
        _cleanup_state_store_ struct state_store store = STATE_STORE_INIT;
        _cleanup_record_ struct machine_record record = { 0 };
        int r = cli_open_store(cli, &store, error);

        if (r == 0) {
                r = state_load(&store, name, &record, error);
        }
        if (r == -ENOENT) {
                machine_error_clear(error);
                return 0;
        }
        if (r == 0 && machine_state_is_live(record.state) && process_is_alive(&record.supervisor)) {
                error_say(error, EBUSY, "machine \"%s\" is running", name);
                error_hint(error, "stop it first: machinectl-lite stop %s", name);
                return -EBUSY;
        }
        return r;
}

static int run_commit(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        int r = argc > 1 && argv[1][0] != '-' ? check_stopped(cli, argv[1], error) : 0;

        return r < 0 ? r : run(cli, verb, argc, argv, error);
}

static const struct cli_option pull_options[] = {
        { 0, "platform", "PLATFORM", "another than this host's: linux/arm64/v8", take },
        { 0, "insecure", NULL, "speak plain http with this registry", take },
        { 0, "registries", "FILE", "settings of registries, mirrors among them", take },
        CLI_OPTIONS_END,
};

static const struct cli_option load_options[] = {
        { 0, "name", "REFERENCE", "the name that the image gets", take },
        { 0, "reference", "NAME", "which of several images of the archive", take },
        { 0, "platform", "PLATFORM", "another than this host's: linux/arm64/v8", take },
        CLI_OPTIONS_END,
};

static const struct cli_option save_options[] = {
        { 0, "format", "FORMAT", "oci, docker, or oci-directory", take },
        CLI_OPTIONS_END,
};

static const struct cli_option push_options[] = {
        { 0, "insecure", NULL, "speak plain http with this registry", take },
        { 0, "registries", "FILE", "settings of registries", take },
        CLI_OPTIONS_END,
};

static const struct cli_option status_options[] = {
        { 0, "verify", NULL, "compare every file with what was unpacked", take },
        CLI_OPTIONS_END,
};

static const struct cli_option remove_options[] = {
        { 0, "force", NULL, "also an image that a machine uses", take },
        CLI_OPTIONS_END,
};

static const struct cli_option prune_options[] = {
        { 0, "all", NULL, "also images with a name, if no machine uses them", take },
        CLI_OPTIONS_END,
};

const struct verb verb_pull = {
        .name = "pull",
        .arguments = "REFERENCE",
        .summary = "fetch an image from a registry",
        .options = pull_options,
        .run = run,
};

const struct verb verb_load = {
        .name = "load",
        .arguments = "FILE|DIRECTORY|-",
        .summary = "read images from an archive or an OCI layout",
        .options = load_options,
        .run = run,
};

const struct verb verb_save = {
        .name = "save",
        .arguments = "IMAGE FILE|DIRECTORY|-",
        .summary = "write an image: an OCI layout or docker archive",
        .options = save_options,
        .run = run,
};

const struct verb verb_commit = {
        .name = "commit",
        .arguments = "M NAME",
        .summary = "make an image of a machine's writable layer",
        .run = run_commit,
};

const struct verb verb_push = {
        .name = "push",
        .arguments = "IMAGE [REFERENCE]",
        .summary = "send an image to a registry",
        .options = push_options,
        .run = run,
};

const struct verb verb_list_images = {
        .name = "list-images",
        .arguments = "[PATTERN]",
        .summary = "list images",
        .run = run,
};

const struct verb verb_image_status = {
        .name = "image-status",
        .arguments = "IMAGE",
        .summary = "show an image, and find out whether it is whole",
        .options = status_options,
        .run = run,
};

const struct verb verb_remove_image = {
        .name = "remove-image",
        .arguments = "IMAGE..",
        .summary = "remove images, and layers that no other has",
        .options = remove_options,
        .run = run,
};

const struct verb verb_prune = {
        .name = "prune",
        .summary = "remove what no image and no machine uses",
        .options = prune_options,
        .run = run,
};
