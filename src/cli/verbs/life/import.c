/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/machines/user.h"
#include "cli/newcomers/importing.h"
#include "cli/verbs/verbs.h"

struct import_options {
        const char *name;
        const char *image;
        bool keep_volumes;
};

static int take_image(const struct cli_option *option, const char *value, void *data,
                      struct machine_error *error)
{
        ((struct import_options *)data)->image = value;
        return 0;
}

static int take_name(const struct cli_option *option, const char *value, void *data,
                     struct machine_error *error)
{
        ((struct import_options *)data)->name = value;
        return 0;
}

static const struct cli_option options[] = {
        { 0, "name", "NAME", "a name other than that in the archive", take_name },
        { 0, "image", "REF", "the image below its layer, with the same content", take_image },
        { 0, "keep-volumes", NULL, "use volumes that exist, not the archive's",
          CLI_FLAG(struct import_options, keep_volumes) },
        CLI_OPTIONS_END,
};

static int run(struct cli *cli, const struct verb *verb, int argc, char **argv,
               struct machine_error *error)
{
        struct importing importing = IMPORTING_INIT;
        struct import_options given = { 0 };
        int r = cli_parse(cli, verb, &given, &argc, &argv, error);

        if (r != 0) {
                return r < 0 ? r : 0;
        }
        if (argc != 1) {
                return cli_usage_error(verb, error, "expected one archive, or \"-\"");
        }
        importing.cli = cli;
        importing.name = given.name;
        importing.image = given.image;
        importing.keep_volumes = given.keep_volumes;
        r = cli_enter_user(cli, error);
        r = r < 0 ? r : importing_unpack(&importing, argv[0], error);
        r = r < 0 ? r : importing_make(&importing, error);
        importing_clear(&importing);
        return r;
}

const struct verb verb_import = {
        .name = "import",
        .arguments = "FILE|-",
        .summary = "make the machine of an archive",
        .options = options,
        .run = run,
};
