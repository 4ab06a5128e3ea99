/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/rights/caller.h"
#include "base/rights/places.h"
#include "base/strings.h"
#include "exporter/metrics.h"
#include "exporter/server.h"
#include "machinectl-lite-settings.h"

enum {
        STATUS_FAILED = 1,
        STATUS_USAGE = 64,
};

#define DEFAULT_PLACE "127.0.0.1:9749"

struct settings {
        char *runtime;
        const char *textfile; /* or NULL */
        uint64_t idle;
        struct listeners listeners;
};

static int usage(struct machine_error *error)
{
        error_hint(error, "machinectl-lite-exporter --help shows the usage");
        return error_kind(error, MACHINE_ERROR_USAGE);
}

static void print_help(void)
{
        printf("machinectl-lite-exporter [OPTIONS]\n"
               "Serves the figures of machines for Prometheus, at /metrics, and for people, at /.\n"
               "It listens on the sockets that systemd passes, or on those of --listen.\n\n"
               "Options:\n"
               "      --listen=ADDRESS:PORT   listen there; may be repeated\n"
               "      --exit-idle-time=TIME   end after this time without a request\n"
               "      --textfile=FILE         write the metrics to a file once, and end; -: to\n"
               "                              standard output\n"
               "      --runtime-dir=DIR       directory of runtime state\n"
               "  -h, --help                  show this help\n"
               "      --version               show the version\n");
}

/* The machines of the system, or those of the user who runs this. */
static int default_runtime(char **ret, struct machine_error *error)
{
        const char *given = getenv("MACHINECTL_LITE_RUNTIME_DIR");
        _cleanup_free_ char *session = NULL;
        int r;

        if (given && *given) {
                return string_replace(ret, given) < 0 ? error_oom(error) : 0;
        }
        if (caller_is_root()) {
                return string_replace(ret, "/run/machinectl-lite") < 0 ? error_oom(error) : 0;
        }
        r = places_runtime(&session, error);
        if (r < 0) {
                return r;
        }
        if (!session) {
                error_say(error, ENOENT, "this user has no session, and so no runtime directory");
                error_hint(error, "--runtime-dir=/run/machinectl-lite has the system's machines");
                return -ENOENT;
        }
        *ret = path_join(session, "machinectl-lite");
        return *ret ? 0 : error_oom(error);
}

/* ---- options ---- */

enum {
        OPTION_LISTEN = 256,
        OPTION_IDLE,
        OPTION_TEXTFILE,
        OPTION_RUNTIME,
        OPTION_VERSION,
};

static const struct option options[] = {
        { "listen", required_argument, NULL, OPTION_LISTEN },
        { "exit-idle-time", required_argument, NULL, OPTION_IDLE },
        { "textfile", required_argument, NULL, OPTION_TEXTFILE },
        { "runtime-dir", required_argument, NULL, OPTION_RUNTIME },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, OPTION_VERSION },
        { 0 },
};

static int take_idle(struct settings *settings, struct machine_error *error)
{
        if (quantity_parse_time(optarg, &settings->idle) == 0 && settings->idle > 0) {
                return 0;
        }
        error_say(error, EINVAL, "--exit-idle-time=%s: expected a time, such as 5min", optarg);
        return usage(error);
}

static int take_runtime(struct settings *settings, struct machine_error *error)
{
        if (optarg[0] == '/') {
                return string_replace(&settings->runtime, optarg) < 0 ? error_oom(error) : 0;
        }
        error_say(error, EINVAL, "--runtime-dir=%s: not an absolute path", optarg);
        return usage(error);
}

/* node_exporter reads no other files. */
static int take_textfile(struct settings *settings, struct machine_error *error)
{
        settings->textfile = optarg;
        if (strcmp(optarg, "-") == 0 || string_ends_with(optarg, ".prom")) {
                return 0;
        }
        error_say(error, EINVAL,
                  "--textfile=%s: the textfile collector only reads files whose names end in .prom",
                  optarg);
        return usage(error);
}

/* Returns 1 if everything was said. */
static int take_option(struct settings *settings, int option, struct machine_error *error)
{
        switch (option) {
        case OPTION_LISTEN:
                return listeners_add(&settings->listeners, optarg, error);
        case OPTION_IDLE:
                return take_idle(settings, error);
        case OPTION_TEXTFILE:
                return take_textfile(settings, error);
        case OPTION_RUNTIME:
                return take_runtime(settings, error);
        case OPTION_VERSION:
                printf("machinectl-lite-exporter %s\n", MACHINECTL_LITE_VERSION);
                return 1;
        case 'h':
                print_help();
                return 1;
        default:
                return -EINVAL;
        }
}

static int refuse(int option, char **argv, struct machine_error *error)
{
        error_say(error, EINVAL,
                  option == ':' ? "option %s needs a value" : "unknown option, or value: %s",
                  argv[optind - 1]);
        return usage(error);
}

static int parse(struct settings *settings, int argc, char **argv, struct machine_error *error)
{
        int option, r = 0;

        while (r == 0 && (option = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
                r = option == '?' || option == ':' ? refuse(option, argv, error)
                                                   : take_option(settings, option, error);
        }
        if (r != 0) {
                return r;
        }
        if (optind < argc) {
                error_say(error, EINVAL, "unexpected argument \"%s\"", argv[optind]);
                return usage(error);
        }
        if (settings->textfile && (settings->listeners.count || settings->idle != USEC_INFINITY)) {
                error_say(error, EINVAL, "--textfile excludes --listen and --exit-idle-time");
                return usage(error);
        }
        return settings->runtime ? 0 : default_runtime(&settings->runtime, error);
}

/* ---- what it does ---- */

static int write_file(const struct settings *settings, struct machine_error *error)
{
        _cleanup_figures_ struct figures figures = { 0 };
        _cleanup_free_ char *text = NULL;
        bool to_output = strcmp(settings->textfile, "-") == 0;
        size_t length = 0;
        FILE *out;
        int r = figures_take(settings->runtime, &figures, error);

        if (r < 0) {
                return r;
        }
        out = open_memstream(&text, &length);
        r = out ? metrics_write(out, &figures, METRICS_PROMETHEUS) : -ENOMEM;
        if ((out && fclose(out) != 0) || r < 0) {
                return error_oom(error);
        }
        r = to_output ? file_write_all(STDOUT_FILENO, text, length)
                      : file_check_replaceable_here(settings->textfile, error);
        if (r == 0 && !to_output) {
                r = file_replace(AT_FDCWD, settings->textfile, text, length, 0644);
        }
        return r < 0 && !error_is_set(error)
                       ? error_set(error, r, "cannot write %s",
                                   to_output ? "to standard output" : settings->textfile)
                       : r;
}

static int serve(struct settings *settings, const struct log *log, struct machine_error *error)
{
        const struct server_settings served = { settings->runtime, settings->idle, log };
        int r;

        for (int i = 0; i < settings->listeners.count; i++) {
                _cleanup_free_ char *name = listeners_name(settings->listeners.fds[i]);

                log_notice(log, "listening on http://%s/", name ? name : "?");
        }
        r = settings->listeners.count ? 0 : listeners_take(&settings->listeners, error);
        if (r < 0) {
                return r;
        }
        if (settings->listeners.count == 0) {
                error_say(error, ENOTCONN, "no socket was passed, and none asked for");
                error_hint(error, "systemctl start machinectl-lite-exporter.socket, or "
                                  "--listen=" DEFAULT_PLACE);
                return error_kind(error, MACHINE_ERROR_USAGE);
        }
        return server_run(&served, &settings->listeners, error);
}

int main(int argc, char **argv)
{
        const struct log log = { .fd = STDERR_FILENO,
                                 .level = LOG_LEVEL_NOTICE,
                                 .started = log_now() };
        struct settings settings = { .idle = USEC_INFINITY };
        _cleanup_error_ struct machine_error error = MACHINE_ERROR_INIT;
        int r = parse(&settings, argc, argv, &error);

        if (r == 0) {
                r = settings.textfile ? write_file(&settings, &error)
                                      : serve(&settings, &log, &error);
        }
        if (r >= 0 && fflush(stdout) != 0) {
                r = error_set(&error, errno, "cannot write to standard output");
        }
        listeners_close(&settings.listeners);
        free(settings.runtime);
        if (r >= 0) {
                return 0;
        }
        log_error(&log, &error);
        return error.kind == MACHINE_ERROR_USAGE ? STATUS_USAGE : STATUS_FAILED;
}
