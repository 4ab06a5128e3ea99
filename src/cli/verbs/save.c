/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saving an image as an archive, or an image or a machine as a root in one file. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/disk/disk.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cli/machines/definition.h"
#include "cli/machines/image_program.h"
#include "cli/machines/machines.h"
#include "cli/machines/user.h"
#include "cli/verbs/verbs.h"
#include "config/read/name.h"
#include "image/execute.h"
#include "image/format.h"
#include "image/image.h"
#include "launch/enter/root.h"

struct save_options {
        char **given; /* first, for cli_pass_option() */
        const char *format;
        bool all_platforms;
        bool verity;
};

/* A root in one file that is to be made. */
struct saving {
        const struct cli *cli;
        const struct save_options *options;
        enum image_format format;
        char *path; /* absolute */
        const char *architecture;
};

/* ---- before anything starts ---- */

/* A tree or a root hash that is there already belongs to the image that is replaced, and would be
 * taken for that of the new one. */
static int check_beside(const struct saving *saving, const char *suffix, bool made, int root_fd,
                        struct machine_error *error)
{
        _cleanup_free_ char *path = disk_beside(saving->path, suffix);

        if (!path) {
                return error_oom(error);
        }
        if (made || access(path, F_OK) < 0) {
                return made ? file_check_replaceable(root_fd, path, error) : 0;
        }
        error_say(error, EEXIST, "%s is of an earlier image, and would be taken for that of %s",
                  path, saving->path);
        error_hint(error, "remove it, or write to another file");
        return -EEXIST;
}

static int check_output(const struct saving *saving, struct machine_error *error)
{
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        bool verity = saving->options->verity;
        int r = root < 0 ? error_set(error, errno, "cannot open \"/\"")
                         : file_check_replaceable(root, saving->path, error);

        if (r == 0) {
                r = check_beside(saving, ".roothash", verity, root, error);
        }
        if (r == 0) {
                r = check_beside(saving, ".verity", verity && saving->format != IMAGE_FORMAT_RAW,
                                 root, error);
        }
        return r;
}

static int prepare(struct saving *saving, const char *path, struct machine_error *error)
{
        _cleanup_free_ char *here = path[0] == '/' ? NULL : get_current_dir_name();
        int r;

        if (path[0] != '/' && !here) {
                return error_set(error, errno, "cannot open \"%s\"", path);
        }
        saving->path = path_join(here ? here : "/", path);
        if (!saving->path) {
                return error_oom(error);
        }
        r = image_format_check(saving->format, saving->options->verity, error);
        return r < 0 ? r : check_output(saving, error);
}

/* ---- making it ---- */

/* In a process of its own. The program that makes the file finds the root as its directory. */
static int make_file(int root_fd, void *data, struct machine_error *error)
{
        const struct saving *saving = data;
        _cleanup_strv_ char **arguments = NULL;
        int r = cli_image_arguments(saving->cli, &arguments);

        if (r == 0) {
                r = strv_append(&arguments, "make-disk");
        }
        STRV_FOREACH(option, saving->options->given) {
                if (r == 0) {
                        r = strv_append(&arguments, *option);
                }
        }
        if (r == 0) {
                r = strv_take(&arguments, string_format("--architecture=%s", saving->architecture));
        }
        if (r == 0) {
                r = strv_append(&arguments, "--");
        }
        if (r == 0) {
                r = strv_append(&arguments, saving->path);
        }
        if (r < 0) {
                return error_oom(error);
        }
        return fchdir(root_fd) < 0 ? error_set(error, errno, "cannot change to the root")
                                   : image_execute(arguments, error);
}

static int save_root(struct cli *cli, struct saving *saving, struct machine *machine,
                     struct machine_error *error)
{
        const struct launch_options options = {
                .directories = cli_launch_directories(cli),
                .log = &cli->log,
        };

        return launch_read_root(machine, &options, make_file, saving, error);
}

static int save_machine(struct cli *cli, struct saving *saving, const char *argument,
                        struct machine_error *error)
{
        static const struct cli_settings none = { 0 };
        _cleanup_free_ char *name = NULL;
        struct machine *machine = NULL;
        int r = cli_machine_name(cli, &verb_save, argument, &name, error);

        if (r == 0) {
                r = cli_check_stopped(cli, name, error);
        }
        if (r == 0) {
                r = cli_load_to_start(cli, argument, &none, &machine, error);
        }
        if (r == 0) {
                r = cli_enter_user_for(cli, machine, error);
        }
        if (r == 0) {
                saving->architecture = disk_own_architecture();
                r = save_root(cli, saving, machine, error);
        }
        machine_free(machine);
        return r;
}

static int check_architecture(struct saving *saving, const struct image_info *info,
                              struct machine_error *error)
{
        saving->architecture = image_format_architecture(info->architecture);
        if (saving->architecture) {
                return 0;
        }
        error_say(error, ENOTSUP,
                  "the image is for the architecture \"%s\", for which there is no type of "
                  "partition",
                  info->architecture ? info->architecture : "");
        error_hint(error, "save it without a partition table: --format=erofs");
        return -ENOTSUP;
}

/* The machine that an image would be started as, of which only the root is made. */
static int save_image(struct cli *cli, struct saving *saving, const char *argument,
                      struct machine_error *error)
{
        _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;
        _cleanup_free_ char *text = NULL, *name = NULL;
        struct machine *machine = NULL;
        int r = cli_enter_user(cli, error);

        if (r == 0) {
                r = image_resolve(cli->directories.state, argument, &info, error);
        }
        if (r == 0 && saving->format == IMAGE_FORMAT_RAW) {
                r = check_architecture(saving, &info, error);
        }
        if (r < 0) {
                return r;
        }
        name = string_format("save-%d", (int)getpid());
        /* A root is only built for a machine that has a command. */
        text = string_format("image = \"%s\"; pull = \"never\"; upper = \"none\"; "
                             "command = [ \"/bin/sh\" ];",
                             info.id);
        r = name && text ? config_load_text(name, text, &machine) : -ENOMEM;
        if (r < 0) {
                return error_set(error, r, "cannot use the image %s as a root", info.id);
        }
        r = save_root(cli, saving, machine, error);
        machine_free(machine);
        return r;
}

/* ---- the verb ---- */

/* Images and machines may have the same name. A definition's path, and an image's with a tag, are
 * only one of them. */
static int is_machine(const struct cli *cli, const char *argument, struct machine_error *error)
{
        _cleanup_image_info_ struct image_info info = IMAGE_INFO_INIT;
        _cleanup_free_ char *definition = NULL;

        if (cli_find_definition(cli, argument, &definition) < 0) {
                return 0;
        }
        if (!config_machine_name_is_valid(argument) ||
            image_resolve(cli->directories.state, argument, &info, NULL) < 0) {
                return 1;
        }
        error_say(error, EEXIST, "\"%s\" is a machine and an image as well", argument);
        error_kind(error, MACHINE_ERROR_USAGE);
        error_hint(error, "for the machine: %s, for the image: %s", definition, info.reference);
        return -EEXIST;
}

static int save_disk(struct cli *cli, const struct verb *verb, struct saving *saving, int argc,
                     char **argv, struct machine_error *error)
{
        int r;

        if (argc != 2) {
                return cli_usage_error(verb, error, "expected an image or a machine, and a file");
        }
        if (strcmp(argv[1], "-") == 0) {
                return cli_usage_error(verb, error,
                                       "%s cannot be written to standard output: give a file",
                                       saving->options->format);
        }
        r = prepare(saving, argv[1], error);
        if (r == 0) {
                r = is_machine(cli, argv[0], error);
        }
        if (r < 0) {
                return r;
        }
        return r > 0 ? save_machine(cli, saving, argv[0], error)
                     : save_image(cli, saving, argv[0], error);
}

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct save_options options = { 0 };
        struct saving saving = { .cli = cli, .options = &options };
        int r = cli_parse(cli, verb, &options, &argc, &argv, error);

        if (r != 0) {
                r = r < 0 ? r : 0;
        } else if (options.format && options.all_platforms &&
                   image_format_find(options.format, &saving.format)) {
                r = cli_usage_error(verb, error,
                                    "--all-platforms is for --format=oci and oci-directory");
        } else if (options.format && image_format_find(options.format, &saving.format)) {
                r = save_disk(cli, verb, &saving, argc, argv, error);
                if (r < 0 && saving.path) {
                        error_prefix(error, "cannot save \"%s\" as %s", argv[0], options.format);
                }
        } else if (options.verity) {
                r = cli_usage_error(verb, error,
                                    "--verity is for --format=erofs, squashfs and raw");
        } else {
                r = cli_run_image_verb(cli, verb, options.given, argc, argv, error);
        }
        free(saving.path);
        strv_free(options.given);
        return r;
}

static int take_format(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        struct save_options *options = data;

        options->format = value;
        return cli_pass_option(option, value, data, error);
}

static int take_verity(const struct cli_option *option, const char *value, void *data,
                       struct machine_error *error)
{
        struct save_options *options = data;

        options->verity = true;
        return cli_pass_option(option, value, data, error);
}

static int take_all_platforms(const struct cli_option *option, const char *value, void *data,
                              struct machine_error *error)
{
        struct save_options *options = data;

        options->all_platforms = true;
        return cli_pass_option(option, value, data, error);
}

static const struct cli_option save_options[] = {
        { 0, "format", "FORMAT", "oci, docker, oci-directory, erofs, squashfs, raw", take_format },
        { 0, "all-platforms", NULL, "save the images of all platforms", take_all_platforms },
        { 0, "verity", NULL, "with a hash tree that verifies each block", take_verity },
        CLI_OPTIONS_END,
};

const struct verb verb_save = {
        .name = "save",
        .arguments = "IMAGE|M FILE|DIRECTORY|-",
        .summary = "save an image, or a root in one file",
        .options = save_options,
        .run = run,
};
