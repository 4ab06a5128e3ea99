/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/metrics.h"

#include <errno.h>
#include <inttypes.h>

#include <machine/machine.h>

#include "base/strings.h"
#include "exporter/families.h"
#include "machinectl-lite-settings.h"

const char *const metrics_media_types[] = {
        [METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
        [METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

struct output {
        FILE *stream;
        enum metrics_format format;
        bool failed; /* out of memory */
};

static const char *suffix_of(enum family_kind kind)
{
        static const char *const suffixes[] = {
                [FAMILY_GAUGE] = "",
                [FAMILY_COUNTER] = "_total",
                [FAMILY_INFO] = "_info",
        };

        return suffixes[kind];
}

/* OpenMetrics describes a family by its name, the older format by that of its samples. */
static void write_head(const struct output *output, const struct family *family)
{
        static const char *const types[] = {
                [FAMILY_GAUGE] = "gauge",
                [FAMILY_COUNTER] = "counter",
                [FAMILY_INFO] = "info",
        };
        bool open = output->format == METRICS_OPENMETRICS;
        const char *suffix = open ? "" : suffix_of(family->kind);
        const char *type = !open && family->kind == FAMILY_INFO ? "gauge" : types[family->kind];

        fprintf(output->stream, "# TYPE %s%s %s\n", family->name, suffix, type);
        if (family->unit) {
                fprintf(output->stream, "# UNIT %s%s %s\n", family->name, suffix, family->unit);
        }
        fprintf(output->stream, "# HELP %s%s %s\n", family->name, suffix, family->help);
}

/* Whatever is in it, the value is UTF-8 and ends at its quote. */
static void write_label(struct output *output, const char *separator, const char *name,
                        const char *value)
{
        _cleanup_free_ char *printable = string_printable(value ? value : "");

        if (!printable) {
                output->failed = true;
                return;
        }
        fprintf(output->stream, "%s%s=\"", separator, name);
        for (const char *c = printable; *c; c++) {
                if (*c == '"' || *c == '\\') {
                        fputc('\\', output->stream);
                }
                fputc(*c, output->stream);
        }
        fputc('"', output->stream);
}

static void write_number(const struct output *output, uint64_t value, unsigned int scale)
{
        if (scale > 1) {
                int digits = snprintf(NULL, 0, "%u", scale) - 1;

                fprintf(output->stream, " %" PRIu64 ".%0*" PRIu64 "\n", value / scale, digits,
                        value % scale);
        } else {
                fprintf(output->stream, " %" PRIu64 "\n", value);
        }
}

static uint64_t value_of(const struct family *family, const struct survey_machine *machine)
{
        if (family->labels) {
                return 1;
        }
        if (family->value) {
                return family->value(machine);
        }
        return *(const uint64_t *)((const char *)&machine->usage + family->offset);
}

static void write_sample(struct output *output, const struct family *family,
                         const struct survey_machine *machine)
{
        const char *values[FAMILY_LABELS] = { 0 };
        uint64_t value = value_of(family, machine);

        if (!survey_is_number(value) || (family->labels && !family->labels(machine, values))) {
                return;
        }
        fprintf(output->stream, "%s%s", family->name, suffix_of(family->kind));
        write_label(output, "{", "name", machine->record.name);
        for (size_t i = 0; i < FAMILY_LABELS && family->label_names[i]; i++) {
                write_label(output, ",", family->label_names[i], values[i]);
        }
        fputc('}', output->stream);
        write_number(output, value, family->scale);
}

/* ---- of all machines ---- */

static void write_states(struct output *output, const struct survey *survey)
{
        static const struct family family = {
                "machinectl_lite_machines",
                NULL,
                FAMILY_GAUGE,
                "Machines that have a record, by their state.",
        };

        write_head(output, &family);
        for (int state = MACHINE_STATE_CREATED; state <= MACHINE_STATE_FAILED; state++) {
                uint64_t count = 0;

                for (size_t i = 0; i < survey->count; i++) {
                        count += survey->machines[i].record.state == (enum machine_state)state;
                }
                fputs(family.name, output->stream);
                write_label(output, "{", "state", machine_state_name((enum machine_state)state));
                fputc('}', output->stream);
                write_number(output, count, 1);
        }
}

static void write_single(const struct output *output, const struct family *family, uint64_t value)
{
        write_head(output, family);
        fprintf(output->stream, "%s%s", family->name, suffix_of(family->kind));
        write_number(output, value, family->scale);
}

static void write_exporter(const struct output *output, const struct figures *figures)
{
        static const struct family build = {
                "machinectl_lite_build",
                NULL,
                FAMILY_INFO,
                "The version of the exporter.",
        };
        static const struct family unreadable = {
                "machinectl_lite_unreadable_records",
                NULL,
                FAMILY_GAUGE,
                "Records that are damaged, or of a newer version.",
        };
        static const struct family duration = {
                "machinectl_lite_exporter_duration_seconds", "seconds",        FAMILY_GAUGE,
                "How long it took to read the figures.",     .scale = 1000000,
        };

        write_head(output, &build);
        fprintf(output->stream, "%s_info{version=\"%s\"} 1\n", build.name, MACHINECTL_LITE_VERSION);
        write_single(output, &unreadable, figures->survey.unreadable);
        write_single(output, &duration, figures->took);
}

int metrics_write(FILE *out, const struct figures *figures, enum metrics_format format)
{
        struct output output = { out, format, false };
        const struct survey *survey = &figures->survey;

        write_exporter(&output, figures);
        write_states(&output, survey);
        for (const struct family *family = machine_families; family->name; family++) {
                write_head(&output, family);
                for (size_t i = 0; i < survey->count; i++) {
                        write_sample(&output, family, &survey->machines[i]);
                }
        }
        if (format == METRICS_OPENMETRICS) {
                fputs("# EOF\n", out);
        }
        return output.failed ? -ENOMEM : 0;
}
