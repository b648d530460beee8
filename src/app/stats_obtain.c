/* Published, kept or computed statistics; see stats_obtain.h.
 *
 * A kept file is lines "name value" in the order of `fields`, between a line that says what it is
 * of and one with the hash of all before. Its numbers have five digits, so that they come back as
 * they were computed.
 */
#include "app/stats_obtain.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/environment.h"
#include "score/gumbel.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    METHOD_VERSION = 1, /* another one whenever tal_gumbel_find would give other numbers */
    FILE_BYTES_MAX = 4096,
};

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"lambda_ungapped", offsetof(tal_stats, lambda_ungapped)},
    {"k_ungapped", offsetof(tal_stats, k_ungapped)},
    {"lambda", offsetof(tal_stats, lambda)},
    {"k", offsetof(tal_stats, k)},
    {"h", offsetof(tal_stats, h)},
    {"alpha_a", offsetof(tal_stats, alpha_a)},
    {"beta_b", offsetof(tal_stats, beta_b)},
    {"a", offsetof(tal_stats, a)},
    {"b", offsetof(tal_stats, b)},
    {"alpha", offsetof(tal_stats, alpha)},
    {"beta", offsetof(tal_stats, beta)},
    {"sigma", offsetof(tal_stats, sigma)},
    {"tau", offsetof(tal_stats, tau)},
    {"lambda_error", offsetof(tal_stats, lambda_error)},
    {"k_error", offsetof(tal_stats, k_error)},
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* The folder; false: none is known. */
static bool find_folder(char *out_path, size_t bytes)
{
    const char *own = tal_variable_find(TAL_VARIABLE_CACHE);
    const char *general = tal_variable_find(TAL_VARIABLE_XDG_CACHE_HOME);
    const char *home = tal_variable_find(TAL_VARIABLE_HOME);
    int count = own != NULL       ? snprintf(out_path, bytes, "%s", own)
                : general != NULL ? snprintf(out_path, bytes, "%s/talaria", general)
                : home != NULL    ? snprintf(out_path, bytes, "%s/.cache/talaria", home)
                                  : -1;
    return count > 0 && (size_t)count < bytes;
}

/* Make a folder and those above it; what fails shows when a file is made there. */
static void make_folders(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++)
        if (*at == '/') {
            *at = '\0';
            (void)mkdir(path, 0777); /* May be there. */
            *at = '/';
        }
    (void)mkdir(path, 0777); /* Likewise. */
}

/* What a file is of; also its first line. */
static tal_status describe(const tal_matrix *matrix, tal_gaps gaps, tal_buffer *out_text)
{
    return tal_buffer_printf(out_text, "talaria-statistics-%d %016" PRIx64 " %d %d\n",
                             METHOD_VERSION, tal_matrix_hash(matrix), gaps.open, gaps.extend);
}

static bool find_path(const tal_matrix *matrix, tal_gaps gaps, char *out_path, size_t bytes)
{
    char folder[PATH_MAX];
    if (!find_folder(folder, sizeof(folder)))
        return false;
    int count = snprintf(out_path, bytes, "%s/statistics-%d-%016" PRIx64 "-%d-%d.txt", folder,
                         METHOD_VERSION, tal_matrix_hash(matrix), gaps.open, gaps.extend);
    return count > 0 && (size_t)count < bytes;
}

/* The numbers of a file's text that begins with `first_line`; false when anything is not as it was
 * written. */
static bool parse(const char *text, const char *first_line, tal_stats *out_stats)
{
    tal_stats stats = {.is_known = true, .is_computed = true, .has_gumbel = true};
    size_t first_bytes = strlen(first_line);
    if (strncmp(text, first_line, first_bytes) != 0)
        return false;
    const char *at = text + first_bytes;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t name_bytes = strlen(fields[i].name);
        if (strncmp(at, fields[i].name, name_bytes) != 0 || at[name_bytes] != ' ')
            return false;
        char *end;
        double value = strtod(at + name_bytes, &end);
        if (*end != '\n')
            return false;
        memcpy((char *)&stats + fields[i].offset, &value, sizeof(value));
        at = end + 1;
    }
    char last_line[32];
    (void)snprintf(last_line, sizeof(last_line), "hash %016" PRIx64 "\n",
                   (uint64_t)XXH3_64bits(text, (size_t)(at - text)));
    if (strcmp(at, last_line) != 0)
        return false;
    *out_stats = stats;
    return true;
}

static bool read_kept(const char *path, const tal_matrix *matrix, tal_gaps gaps,
                      tal_stats *out_stats)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    char text[FILE_BYTES_MAX + 1];
    size_t bytes = fread(text, 1, FILE_BYTES_MAX, file);
    (void)fclose(file); /* Only read. */
    text[bytes] = '\0';
    tal_buffer first_line = {0};
    bool is_read = describe(matrix, gaps, &first_line) == TAL_OK &&
                   parse(text, (const char *)first_line.data, out_stats);
    tal_buffer_deinit(&first_line);
    return is_read;
}

static tal_status render(const tal_matrix *matrix, tal_gaps gaps, const tal_stats *stats,
                         tal_buffer *out_text)
{
    tal_status status = describe(matrix, gaps, out_text);
    for (size_t i = 0; i < FIELD_COUNT && status == TAL_OK; i++) {
        double value;
        memcpy(&value, (const char *)stats + fields[i].offset, sizeof(value));
        status = tal_buffer_printf(out_text, "%s %.17g\n", fields[i].name, value);
    }
    return status == TAL_OK
               ? tal_buffer_printf(out_text, "hash %016" PRIx64 "\n",
                                   (uint64_t)XXH3_64bits(out_text->data, out_text->bytes))
               : status;
}

/* Keep what was computed; nothing depends on it, so that failures are only told. */
static void keep(const char *path, const tal_matrix *matrix, tal_gaps gaps, const tal_stats *stats)
{
    char folder[PATH_MAX];
    char temporary[PATH_MAX];
    tal_buffer text = {0};
    int count = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    if (!find_folder(folder, sizeof(folder)) || count < 0 || (size_t)count >= sizeof(temporary) ||
        render(matrix, gaps, stats, &text) != TAL_OK)
        return;
    make_folders(folder);
    int descriptor = mkstemp(temporary);
    bool is_kept =
        descriptor >= 0 && write(descriptor, text.data, text.bytes) == (ssize_t)text.bytes;
    if (descriptor >= 0) {
        is_kept = fchmod(descriptor, 0644) == 0 && is_kept;
        is_kept = close(descriptor) == 0 && is_kept;
        is_kept = is_kept && rename(temporary, path) == 0;
        if (!is_kept)
            (void)unlink(temporary); /* Nothing more can be done. */
    }
    if (!is_kept)
        tal_log(TAL_LOG_DEBUG, "cannot keep statistics in '%s': %s", path, strerror(errno));
    tal_buffer_deinit(&text);
}

static tal_status read_or_compute(tal_team *team, const tal_matrix *matrix, tal_gaps gaps,
                                  tal_stats *out_stats)
{
    char path[PATH_MAX];
    bool has_path = find_path(matrix, gaps, path, sizeof(path));
    bool is_kept = has_path && read_kept(path, matrix, gaps, out_stats);
    uint64_t start = tal_clock_ns();
    tal_gumbel_cost cost;
    tal_status status = TAL_OK;
    if (!is_kept) {
        tal_log(TAL_LOG_INFO,
                "no statistics are published for '%s' with gap open/extend costs %d/%d: computing",
                matrix->name, gaps.open, gaps.extend);
        status = tal_gumbel_find(team, matrix, gaps, out_stats, &cost);
    }
    if (status != TAL_OK)
        return status;
    if (!is_kept && has_path)
        keep(path, matrix, gaps, out_stats);
    char origin[64];
    (void)snprintf(origin, sizeof(origin), is_kept ? "kept from before" : "computed in %.1f s",
                   (double)(tal_clock_ns() - start) * 1e-9);
    tal_log(TAL_LOG_INFO,
            "statistics of '%s' with gap open/extend costs %d/%d: lambda %.4g (standard error "
            "%.1f %%), K %.3g (%.0f %%), %s",
            matrix->name, gaps.open, gaps.extend, out_stats->lambda, 100 * out_stats->lambda_error,
            out_stats->k, 100 * out_stats->k_error, origin);
    return TAL_OK;
}

tal_status tal_stats_obtain(const tal_run *run, tal_team *team, const tal_matrix *matrix,
                            tal_gaps gaps, tal_stats *out_stats)
{
    if (tal_stats_look_up(matrix, gaps, out_stats))
        return TAL_OK;
    tal_comm *comm = tal_run_comm(run);
    tal_status status =
        tal_comm_rank(comm) == 0 ? read_or_compute(team, matrix, gaps, out_stats) : TAL_OK;
    tal_comm_rest(comm);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        tal_comm_broadcast(comm, out_stats, sizeof(*out_stats), 0);
    else
        *out_stats = (tal_stats){.is_known = false};
    return status;
}
