/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs for images. Each executes the image program, which links the libraries for them. */

#include <errno.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/machines/image_program.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/verbs/image_file.h"
#include "cli/verbs/verbs.h"
#include "image/execute.h"
#include "launch/volumes/uses.h"

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        _cleanup_strv_ char **given = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        return r != 0 ? (r < 0 ? r : 0) : cli_run_image_verb(cli, verb, given, argc, argv, error);
}

static int run_commit(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        _cleanup_strv_ char **given = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        r = argc > 0 ? cli_check_stopped(cli, argv[0], error) : 0;
        return r < 0 ? r : cli_run_image_verb(cli, verb, given, argc, argv, error);
}

struct prune_options {
        char **given; /* first, for cli_pass_option() */
        bool volumes;
};

static int run_prune(struct cli *cli, const struct verb *verb, int argc, char **argv,
                     struct machine_error *error)
{
        struct prune_options options = { 0 };
        int r = cli_parse(cli, verb, &options, &argc, &argv, error);

        if (r == 0 && options.volumes) {
                const struct launch_directories directories = cli_launch_directories(cli);

                r = cli_enter_user(cli, error);
                r = r < 0 ? r : volume_uses_prune(&directories, &cli->log, error);
        }
        if (r == 0) {
                r = cli_run_image_verb(cli, verb, options.given, argc, argv, error);
        }
        strv_free(options.given);
        return r < 0 ? r : 0;
}

static const struct cli_option pull_options[] = {
        { 0, "platform", "PLATFORM", "platform, such as linux/arm64/v8", cli_pass_option },
        { 0, "all-platforms", NULL, "keep the images of all platforms", cli_pass_option },
        { 0, "keep-blobs", NULL, "keep layers as fetched, for push and save", cli_pass_option },
        { 0, "insecure", NULL, "use plain HTTP", cli_pass_option },
        { 0, "registries", "FILE", "registry configuration, including mirrors", cli_pass_option },
        CLI_OPTIONS_END,
};

static const struct cli_option load_options[] = {
        { 0, "name", "REFERENCE", "name of the image", cli_pass_option },
        { 0, "reference", "NAME", "select one of several images", cli_pass_option },
        { 0, "platform", "PLATFORM", "platform, such as linux/arm64/v8", cli_pass_option },
        { 0, "owner", "self", "give all files to root of the machine", cli_pass_option },
        CLI_OPTIONS_END,
};

static const struct cli_option commit_options[] = {
        { 'c', "change", "CHANGE", "change the configuration: CMD, ENV, USER, ..",
          cli_pass_option },
        CLI_OPTIONS_END,
};

static const struct cli_option push_options[] = {
        { 0, "all-platforms", NULL, "push the images of all platforms", cli_pass_option },
        { 0, "insecure", NULL, "use plain HTTP", cli_pass_option },
        { 0, "registries", "FILE", "registry configuration", cli_pass_option },
        CLI_OPTIONS_END,
};

static int run_status(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        _cleanup_strv_ char **given = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1 || !image_file_is_meant(cli, argv[0])) {
                return cli_run_image_verb(cli, verb, given, argc, argv, error);
        }
        if (given) {
                return cli_usage_error(verb, error, "--verify is for images in the store");
        }
        return image_file_status(cli, argv[0], error);
}

static const struct cli_option status_options[] = {
        { 0, "verify", NULL, "compare every file with the original", cli_pass_option },
        CLI_OPTIONS_END,
};

static const struct cli_option remove_options[] = {
        { 0, "force", NULL, "also remove images in use by machines", cli_pass_option },
        CLI_OPTIONS_END,
};

static const struct cli_option prune_options[] = {
        { 0, "all", NULL, "remove all images that no machine uses", cli_pass_option },
        { 0, "volumes", NULL, "also remove volumes that no machine uses",
          CLI_FLAG(struct prune_options, volumes) },
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
        .summary = "load images from an archive or an OCI layout",
        .options = load_options,
        .run = run,
};

const struct verb verb_commit = {
        .name = "commit",
        .arguments = "M NAME",
        .summary = "create an image from a machine's writable layer",
        .options = commit_options,
        .run = run_commit,
};

const struct verb verb_push = {
        .name = "push",
        .arguments = "IMAGE [REFERENCE]",
        .summary = "push an image to a registry",
        .options = push_options,
        .run = run,
};

static const struct cli_option inspect_options[] = {
        { 0, "config", NULL, "print the configuration of the image", cli_pass_option },
        { 0, "insecure", NULL, "use plain HTTP", cli_pass_option },
        { 0, "platform", "PLATFORM", "platform, such as linux/arm64/v8", cli_pass_option },
        { 0, "raw", NULL, "print the document as it is", cli_pass_option },
        { 0, "registries", "FILE", "registry configuration, including mirrors", cli_pass_option },
        CLI_OPTIONS_END,
};

/* As the alias of "show", it has always shown machines. */
static int run_inspect(struct cli *cli, const struct verb *verb, int argc, char **argv,
                       struct machine_error *error)
{
        bool image = cli->help;

        for (int i = 1; i < argc; i++) {
                image = image || string_after(argv[i], "docker://") ||
                        strcmp(argv[i], "--help") == 0;
        }
        return image ? run(cli, verb, argc, argv, error)
                     : verb_show.run(cli, &verb_show, argc, argv, error);
}

const struct verb verb_inspect = {
        .name = "inspect",
        .arguments = "docker://REFERENCE | M..",
        .summary = "show an image in a registry, or machines",
        .options = inspect_options,
        .run = run_inspect,
};

const struct verb verb_list_tags = {
        .name = "list-tags",
        .arguments = "REPOSITORY",
        .summary = "list the tags of a repository in a registry",
        .options = push_options,
        .run = run,
};

const struct verb verb_tag = {
        .name = "tag",
        .arguments = "IMAGE REFERENCE..",
        .summary = "give an image more names",
        .run = run,
};

/* Where systemd and users keep disk images: below the directories of definitions, too. */
static int add_directories(const struct cli *cli, char ***arguments)
{
        int r = strv_append(arguments, "--directory=/var/lib/machines");

        STRV_FOREACH(directory, cli->directories.config_path) {
                if (r == 0) {
                        r = strv_take(arguments,
                                      string_format("--directory=%s/images", *directory));
                }
        }
        return r;
}

static int run_list(struct cli *cli, const struct verb *verb, int argc, char **argv,
                    struct machine_error *error)
{
        _cleanup_strv_ char **given = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        return add_directories(cli, &given) < 0
                       ? error_oom(error)
                       : cli_run_image_verb(cli, verb, given, argc, argv, error);
}

const struct verb verb_list_images = {
        .name = "list-images",
        .arguments = "[PATTERN]",
        .summary = "list images of the store, and disk images",
        .run = run_list,
};

const struct verb verb_image_status = {
        .name = "image-status",
        .arguments = "IMAGE|FILE",
        .summary = "show or verify an image, or show a disk image",
        .options = status_options,
        .run = run_status,
};

/* Only what is in the store is this program's. */
static int run_remove(struct cli *cli, const struct verb *verb, int argc, char **argv,
                      struct machine_error *error)
{
        _cleanup_strv_ char **given = NULL;
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        for (int i = 0; r == 0 && i < argc; i++) {
                if (image_file_is_path(argv[i])) {
                        error_say(error, EINVAL, "\"%s\" is a file, and no image of the store",
                                  argv[i]);
                        error_hint(error, "remove it with rm(1) if no machine needs it");
                        return error_kind(error, MACHINE_ERROR_USAGE);
                }
        }
        return r != 0 ? (r < 0 ? r : 0) : cli_run_image_verb(cli, verb, given, argc, argv, error);
}

const struct verb verb_remove_image = {
        .name = "remove-image",
        .arguments = "IMAGE..",
        .summary = "remove images and unused layers",
        .options = remove_options,
        .run = run_remove,
};

const struct verb verb_prune = {
        .name = "prune",
        .summary = "remove unused images and layers",
        .options = prune_options,
        .run = run_prune,
};
