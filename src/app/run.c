/* What a command gets: its options, the configuration, threads and instruction set; see command.h.
 *
 * Rank 0 reads the configuration file and hands its text to the others, so that thousands of ranks
 * do not open one small file, and all see the same bytes.
 */
#include "app/run.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "conf/environment.h"
#include "conf/text.h"
#include "par/team.h"
#include "par/topology.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char THREADS_KEY[] = "parallel.threadpool.num_threads";

struct tal_run {
    tal_comm *comm;
    const tal_options *options;
    const char *command_line;
    tal_conf *conf;
    int thread_count;
    int sharer_rank, sharer_count; /* among the ranks on the same CPUs */
    tal_isa isa;
};

/* Broadcast a buffer from rank 0. Collective; agreed status. */
static tal_status share_buffer(tal_comm *comm, tal_buffer *buffer)
{
    uint64_t bytes = buffer->bytes;
    tal_comm_broadcast(comm, &bytes, sizeof(bytes), 0);
    tal_status status = TAL_OK;
    if (tal_comm_rank(comm) != 0)
        status = tal_buffer_reserve(buffer, (size_t)bytes);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        return status;
    tal_comm_broadcast(comm, buffer->data, bytes, 0);
    buffer->bytes = (size_t)bytes;
    return TAL_OK;
}

/* Rank 0's idea of which file, with its text; an empty name: none. Collective; agreed status. */
static tal_status read_conf_file(tal_run *run)
{
    tal_buffer name = {0};
    tal_buffer text = {0};
    tal_status status = TAL_OK;
    if (tal_comm_rank(run->comm) == 0) {
        const char *path = tal_run_text(run, "config");
        if (path == NULL)
            path = tal_variable_find(TAL_VARIABLE_CONFIG);
        status =
            tal_buffer_append(&name, path == NULL ? "" : path, path == NULL ? 1 : strlen(path) + 1);
        if (status == TAL_OK && path != NULL)
            status = tal_conf_load(path, &text);
    }
    status = tal_comm_agree(run->comm, status);
    if (status == TAL_OK)
        status = share_buffer(run->comm, &name);
    if (status == TAL_OK)
        status = share_buffer(run->comm, &text);
    if (status == TAL_OK && name.data[0] != '\0')
        status = tal_conf_read_text(run->conf, (const char *)name.data, (const char *)text.data,
                                    text.bytes);
    tal_buffer_deinit(&text);
    tal_buffer_deinit(&name);
    return tal_comm_agree(run->comm, status);
}

/* Options that stand for configuration keys. */
static tal_status apply_options(tal_run *run)
{
    tal_status status = TAL_OK;
    for (int i = 0; i < run->options->use_count && status == TAL_OK; i++) {
        const tal_option_use *use = &run->options->uses[i];
        if (use->row->conf_key == NULL)
            continue;
        char name[64];
        (void)snprintf(name, sizeof(name), "--%s", use->row->name);
        const char *text = use->row->kind == TAL_VALUE_FLAG ? "true" : use->text;
        status = tal_conf_set(run->conf, use->row->conf_key, text, TAL_ORIGIN_COMMAND_LINE, name);
    }
    return status;
}

/* --isa, else TALARIA_ISA, else the best; more than the CPU has is refused. */
static tal_status settle_isa(tal_run *run)
{
    const tal_option *row = tal_options_find_row(run->options->command, "isa");
    const char *name = tal_options_find_text(run->options, row);
    const char *asker = "--isa";
    tal_status blame = TAL_ERR_USAGE;
    if (name == NULL) {
        name = tal_variable_find(TAL_VARIABLE_ISA);
        asker = tal_variable_name(TAL_VARIABLE_ISA);
        blame = TAL_ERR_CONFIG;
    }
    tal_isa best = tal_cpu_isa_best();
    run->isa = best;
    if (name == NULL || strcmp(name, "best") == 0)
        return TAL_OK;
    tal_isa isa = tal_isa_find(name);
    if (isa == TAL_ISA_COUNT) {
        char allowed[128];
        tal_option_describe(row, allowed, sizeof(allowed));
        return tal_fail(blame, "%s must be %s, not '%.80s'", asker, allowed, name);
    }
    if (isa > best)
        return tal_fail(blame, "%s %s: this CPU has %s at most; leave it out or choose less", asker,
                        name, tal_isa_name(best));
    run->isa = isa;
    return TAL_OK;
}

int tal_threads_automatic(int cpu_count, int sharer_count)
{
    TAL_ASSERT(sharer_count >= 1);
    int share = cpu_count / sharer_count;
    if (share > TAL_CONF_THREADS_MAX)
        return TAL_CONF_THREADS_MAX;
    return share < 1 ? 1 : share;
}

/* FNV-1a (Fowler, Noll, Vo): enough to tell a few thousand texts apart. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    return hash;
}

/* How many ranks (this one included) run on the same CPUs of the same host, and this one's place
 * among them. Collective; agreed status. */
static tal_status count_sharers(tal_comm *comm, int *out_rank, int *out_count)
{
    char place[TAL_CPUSET_BYTES + 256] = "";
    if (gethostname(place, 255) != 0)
        place[0] = '\0'; /* Then only the CPUs tell ranks apart. */
    size_t used = strlen(place);
    tal_topology_cpuset(place + used, sizeof(place) - used);
    uint64_t mine = hash_text(place);

    size_t size = (size_t)tal_comm_size(comm);
    uint64_t *places = tal_alloc_array(size, sizeof(*places));
    tal_status status = tal_comm_agree(comm, places == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK) {
        tal_comm_gather_u64(comm, mine, places);
        int count = 0;
        for (size_t rank = 0; rank < size; rank++) {
            if (rank == (size_t)tal_comm_rank(comm))
                *out_rank = count;
            count += places[rank] == mine ? 1 : 0;
        }
        *out_count = count;
    }
    tal_free(places);
    return status;
}

static tal_status settle_threads(tal_run *run)
{
    tal_status status = count_sharers(run->comm, &run->sharer_rank, &run->sharer_count);
    int64_t wanted = tal_conf_int(run->conf, THREADS_KEY);
    run->thread_count = (int)wanted;
    if (status == TAL_OK && wanted == 0)
        run->thread_count = tal_threads_automatic(tal_team_cpu_count(), run->sharer_count);
    return status;
}

tal_status tal_run_create(tal_comm *comm, const tal_options *options, const char *command_line,
                          tal_run **out_run)
{
    tal_run *run = tal_alloc_zero(sizeof(*run));
    tal_status status = TAL_ERR_MEMORY;
    if (run != NULL) {
        *run = (tal_run){.comm = comm, .options = options, .command_line = command_line};
        status = tal_conf_create(&run->conf);
    }
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    status = read_conf_file(run);
    if (status != TAL_OK)
        goto done;
    status = apply_options(run);
    if (status == TAL_OK)
        status = tal_conf_read_environment(run->conf);
    if (status == TAL_OK)
        status = tal_conf_check(run->conf);
    if (status == TAL_OK)
        status = settle_isa(run);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    status = settle_threads(run);
    if (status != TAL_OK)
        goto done;

    tal_log_level level = tal_run_is_quiet(run) ? TAL_LOG_WARN : TAL_LOG_INFO;
    if (tal_run_flag(run, "verbose"))
        level = TAL_LOG_DEBUG;
    tal_log_configure(level, tal_comm_rank(comm), false);
    *out_run = run;
    run = NULL; /* Now the caller's. */
done:
    tal_run_destroy(run);
    return status;
}

void tal_run_destroy(tal_run *run)
{
    if (run == NULL)
        return;
    tal_conf_destroy(run->conf);
    tal_free(run);
}

tal_comm *tal_run_comm(const tal_run *run)
{
    return run->comm;
}

const tal_conf *tal_run_conf(const tal_run *run)
{
    return run->conf;
}

int tal_run_argument_count(const tal_run *run)
{
    return run->options->argument_count;
}

const char *tal_run_argument(const tal_run *run, int idx)
{
    TAL_ASSERT(idx >= 0);
    TAL_ASSERT(idx < run->options->argument_count);
    return run->options->arguments[idx];
}

static const tal_option *get_row(const tal_run *run, const char *name)
{
    const tal_option *row = tal_options_find_row(run->options->command, name);
    TAL_ASSERT(row != NULL);
    return row;
}

bool tal_run_is_given(const tal_run *run, const char *name)
{
    return tal_options_find_text(run->options, get_row(run, name)) != NULL;
}

bool tal_run_flag(const tal_run *run, const char *name)
{
    const tal_option *row = get_row(run, name);
    TAL_ASSERT(row->kind == TAL_VALUE_FLAG);
    return tal_options_find_text(run->options, row) != NULL;
}

/* The text given, else the configuration's, else the default, else NULL. */
static const char *value_text(const tal_run *run, const tal_option *row)
{
    const char *text = tal_options_find_text(run->options, row);
    if (text == NULL && row->conf_key != NULL)
        text = tal_conf_text(run->conf, row->conf_key);
    return text != NULL ? text : row->default_text;
}

const char *tal_run_text(const tal_run *run, const char *name)
{
    const tal_option *row = get_row(run, name);
    TAL_ASSERT(row->kind != TAL_VALUE_FLAG);
    return value_text(run, row);
}

static tal_option_value get_value(const tal_run *run, const tal_option *row)
{
    const char *text = value_text(run, row);
    TAL_ASSERT(text != NULL); /* Ask tal_run_is_given first where there is no default. */
    tal_option_value value = {0};
    tal_status status = tal_option_parse(row, text, &value);
    TAL_ASSERT(status == TAL_OK); /* Checked when it was read. */
    return value;
}

int64_t tal_run_int(const tal_run *run, const char *name)
{
    const tal_option *row = get_row(run, name);
    TAL_ASSERT(row->kind == TAL_VALUE_INT || row->kind == TAL_VALUE_BYTES);
    return get_value(run, row).integer;
}

double tal_run_real(const tal_run *run, const char *name)
{
    const tal_option *row = get_row(run, name);
    TAL_ASSERT(row->kind == TAL_VALUE_REAL);
    return get_value(run, row).real;
}

int tal_run_choice(const tal_run *run, const char *name)
{
    const tal_option *row = get_row(run, name);
    TAL_ASSERT(row->kind == TAL_VALUE_CHOICE);
    return get_value(run, row).choice;
}

int tal_run_text_count(const tal_run *run, const char *name)
{
    const tal_option *row = get_row(run, name);
    int count = 0;
    for (int i = 0; i < run->options->use_count; i++)
        count += run->options->uses[i].row == row ? 1 : 0;
    return count;
}

const char *tal_run_text_at(const tal_run *run, const char *name, int idx)
{
    TAL_ASSERT(idx >= 0);
    TAL_ASSERT(idx < tal_run_text_count(run, name));
    const tal_option *row = get_row(run, name);
    const tal_option_use *use = run->options->uses;
    while (use->row != row || idx-- > 0)
        use++;
    return use->text;
}

int tal_run_thread_count(const tal_run *run)
{
    return run->thread_count;
}

int tal_run_sharer_rank(const tal_run *run)
{
    return run->sharer_rank;
}

int tal_run_sharer_count(const tal_run *run)
{
    return run->sharer_count;
}

tal_isa tal_run_isa(const tal_run *run)
{
    return run->isa;
}

bool tal_run_is_quiet(const tal_run *run)
{
    return tal_run_flag(run, "quiet");
}

const char *tal_run_command_line(const tal_run *run)
{
    return run->command_line;
}

tal_status tal_command_line_append(int word_count, char *const *words, tal_buffer *line)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./=:,+@%^";
    tal_status status = TAL_OK;
    for (int i = 0; i < word_count && status == TAL_OK; i++) {
        const char *word = words[i];
        if (i > 0)
            status = tal_buffer_append_text(line, " ");
        if (status == TAL_OK && word[0] != '\0' && word[strspn(word, plain)] == '\0') {
            status = tal_buffer_append_text(line, word);
            continue;
        }
        if (status == TAL_OK)
            status = tal_buffer_append_text(line, "'");
        for (; *word != '\0' && status == TAL_OK; word++)
            status = *word == '\'' ? tal_buffer_append_text(line, "'\\''")
                                   : tal_buffer_append(line, word, 1);
        if (status == TAL_OK)
            status = tal_buffer_append_text(line, "'");
    }
    return status;
}
