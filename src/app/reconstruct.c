/* talaria reconstruct: files and records out of a reduced set. */
#include "app/command.h"
#include "app/team_setup.h"
#include "base/alloc.h"
#include "comm/file.h"
#include "store/partial.h"
#include "store/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a byte of text takes while it is made, and the least that is made at once. */
enum { MEMORY_SHARE = 6 };
#define PASS_BYTES_MIN ((uint64_t)16 << 20)

/* Lists of records are kept by every rank. */
#define IDS_BYTES_MAX ((size_t)1 << 30)

static const tal_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "where to write; standard output by default"},
    {.name = "ids",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "file with one identifier a line, in addition to those given"},
    {.name = "by-index",
     .kind = TAL_VALUE_FLAG,
     .help = "identifiers are numbers of records in the input, from 0"},
    {.name = "representatives", .kind = TAL_VALUE_FLAG, .help = "the representatives only"},
    {.name = "cluster",
     .kind = TAL_VALUE_TEXT,
     .value_name = "ID",
     .help = "all records of the cluster that this record belongs to"},
    {.name = "input",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .min = 1,
     .max = 1e9,
     .help = "only the N-th of several input files, counted from 1"},
    {.name = "memory",
     .kind = TAL_VALUE_BYTES,
     .value_name = "BYTES",
     .default_text = "2G",
     .min = 1 << 20,
     .max = 1e18,
     .help = "memory each rank may take for text; larger files are made in passes"},
    {.name = "force", .kind = TAL_VALUE_FLAG, .help = "replace FILE when it exists"},
    {0},
};

typedef struct reconstruct_run {
    tal_run *run;
    tal_comm *comm;
    tal_container *container;
    tal_unpacker *unpacker;
    tal_buffer list; /* the file of identifiers */
    tal_buffer ids;  /* const char * */
    tal_buffer gids; /* uint64_t */
    tal_partial *partial;
    tal_file *file;
    uint64_t written;
} reconstruct_run;

static tal_status check_options(const tal_run *run)
{
    const int ways = (tal_run_argument_count(run) > 1 || tal_run_text(run, "ids") != NULL) +
                     (tal_run_flag(run, "representatives") ? 1 : 0) +
                     (tal_run_text(run, "cluster") != NULL) +
                     (tal_run_is_given(run, "input") ? 1 : 0);
    if (ways > 1)
        return tal_fail(TAL_ERR_USAGE, "give either identifiers, '--representatives', '--cluster' "
                                       "or '--input', not several of them");
    return TAL_OK;
}

static tal_status read_list(const char *path, tal_buffer *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    tal_status status = TAL_OK;
    size_t got = 1;
    while (status == TAL_OK && got > 0) {
        status = tal_buffer_reserve(out, 1 << 16);
        if (status != TAL_OK)
            break;
        got = fread(out->data + out->bytes, 1, 1 << 16, file);
        out->bytes += got;
        if (out->bytes > IDS_BYTES_MAX)
            status = tal_fail(TAL_ERR_DATA, "cannot read '%s': more than %zu bytes of identifiers",
                              path, IDS_BYTES_MAX);
    }
    if (status == TAL_OK && ferror(file) != 0)
        status = tal_fail(TAL_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
    (void)fclose(file); /* Opened for reading. */
    return status;
}

static tal_status add_id(reconstruct_run *self, const char *id)
{
    return tal_buffer_append(&self->ids, &id, sizeof(id));
}

/* The identifiers of the command line, or of the cluster, and of the list. Not collective. */
static tal_status collect_ids(reconstruct_run *self)
{
    const char *path = tal_run_text(self->run, "ids");
    const char *cluster = tal_run_text(self->run, "cluster");
    tal_status status = cluster != NULL ? add_id(self, cluster) : TAL_OK;
    for (int i = 1; i < tal_run_argument_count(self->run) && status == TAL_OK; i++)
        status = add_id(self, tal_run_argument(self->run, i));
    if (path == NULL || status != TAL_OK)
        return status;
    status = read_list(path, &self->list);
    if (status == TAL_OK)
        status = tal_buffer_append(&self->list, "\n", 2); /* Ends the last line and the text. */
    if (status != TAL_OK)
        return status;
    char *line = (char *)self->list.data;
    for (char *next; status == TAL_OK && (next = strpbrk(line, "\r\n")) != NULL; line = next + 1) {
        *next = '\0';
        if (line[0] != '\0')
            status = add_id(self, line);
    }
    return status;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Identifiers that are numbers. */
static tal_status parse_numbers(reconstruct_run *self, const char *const *ids, size_t count)
{
    const uint64_t limit = tal_container_count(self->container, TAL_BLOCKS_TEXT);
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        char *end = NULL;
        errno = 0;
        const uint64_t number = strtoull(ids[i], &end, 10);
        if (ids[i][0] < '0' || ids[i][0] > '9' || *end != '\0' || errno != 0 || number >= limit)
            return tal_fail(TAL_ERR_USAGE,
                            "'%s' is no record of '%s': give whole numbers below %" PRIu64, ids[i],
                            tal_container_path(self->container), limit);
        status = tal_buffer_append(&self->gids, &number, sizeof(number));
    }
    return status;
}

static tal_status find_names(reconstruct_run *self, const char *const *ids, size_t count)
{
    bool *found = tal_alloc_zero(count + 1);
    tal_status status = tal_comm_agree(self->comm, found == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        status = tal_unpack_find(self->unpacker, ids, count, &self->gids, found);
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        if (!found[i])
            status = tal_fail(TAL_ERR_USAGE, "'%s' is no record of '%s'", ids[i],
                              tal_container_path(self->container));
    tal_free(found);
    return status;
}

/* Numbers of the records asked for, rising, each once. Collective; agreed status. */
static tal_status find_records(reconstruct_run *self)
{
    tal_status status = tal_comm_agree(self->comm, collect_ids(self));
    if (status != TAL_OK)
        return status;
    const char *const *ids = (const char *const *)(void *)self->ids.data;
    const size_t count = self->ids.bytes / sizeof(*ids);
    if (tal_run_flag(self->run, "by-index"))
        status = tal_comm_agree(self->comm, parse_numbers(self, ids, count));
    else if (count > 0)
        status = find_names(self, ids, count);
    uint64_t *gids = (uint64_t *)(void *)self->gids.data;
    const size_t found = self->gids.bytes / sizeof(*gids);
    if (found > 0)
        qsort(gids, found, sizeof(*gids), compare_numbers);
    size_t kept = 0;
    for (size_t i = 0; i < found; i++)
        if (kept == 0 || gids[kept - 1] != gids[i])
            gids[kept++] = gids[i];
    self->gids.bytes = kept * sizeof(*gids);
    return status;
}

static tal_status open_output(reconstruct_run *self)
{
    const char *path = tal_run_text(self->run, "output");
    if (path == NULL || strcmp(path, "-") == 0)
        return TAL_OK;
    tal_status status = tal_partial_create(self->comm, path, NULL, tal_run_flag(self->run, "force"),
                                           &self->partial);
    return status == TAL_OK
               ? tal_file_open_write(self->comm, tal_partial_temporary(self->partial), &self->file)
               : status;
}

/* Rank 0 writes the text of all ranks to standard output. Collective; agreed status. */
static tal_status print_text(reconstruct_run *self, const tal_buffer *text)
{
    const size_t rank_count = (size_t)tal_comm_size(self->comm);
    tal_buffer all = {0};
    uint64_t *begin = tal_alloc_zero((rank_count + 1) * sizeof(*begin));
    tal_status status = tal_comm_agree(self->comm, begin == NULL ? TAL_ERR_MEMORY : TAL_OK);
    for (size_t rank = 1; status == TAL_OK && rank <= rank_count; rank++)
        begin[rank] = text->bytes;
    if (status == TAL_OK)
        status = tal_comm_exchange(self->comm, text->data, begin, &all, NULL);
    if (status == TAL_OK && tal_comm_rank(self->comm) == 0 &&
        (fwrite(all.data, 1, all.bytes, stdout) != all.bytes || fflush(stdout) != 0))
        status = tal_fail(TAL_ERR_IO, "cannot write standard output: %s", strerror(errno));
    tal_free(begin);
    tal_buffer_deinit(&all);
    return tal_comm_agree(self->comm, status);
}

static tal_status write_text(reconstruct_run *self, const tal_buffer *text)
{
    if (self->file == NULL)
        return print_text(self, text);
    uint64_t total = text->bytes;
    const uint64_t begin = self->written + tal_comm_prefix_u64(self->comm, text->bytes);
    tal_comm_sum_u64(self->comm, &total, 1);
    self->written += total;
    tal_status status = tal_partial_reserve(self->partial, self->written);
    return status == TAL_OK
               ? tal_file_write_at_all(self->comm, self->file, begin, text->data, text->bytes)
               : status;
}

/* Unpack the text blocks [begin, end) in passes. Collective; agreed status. */
static tal_status write_blocks(reconstruct_run *self, size_t begin, size_t end,
                               const tal_unpack_choice *choice)
{
    uint64_t pass_bytes = (uint64_t)tal_run_int(self->run, "memory") / MEMORY_SHARE;
    pass_bytes = pass_bytes < PASS_BYTES_MIN ? PASS_BYTES_MIN : pass_bytes;
    pass_bytes *= (uint64_t)tal_comm_size(self->comm);
    tal_buffer text = {0};
    tal_status status = TAL_OK;
    while (begin < end && status == TAL_OK) {
        const uint64_t first =
            tal_container_block_begin(self->container, TAL_BLOCKS_TEXT, begin).amount;
        size_t stop = begin + 1;
        while (stop < end &&
               tal_container_block_begin(self->container, TAL_BLOCKS_TEXT, stop + 1).amount -
                       first <=
                   pass_bytes)
            stop++;
        tal_buffer_reset(&text);
        status = tal_unpack_text(self->unpacker, begin, stop, choice, &text);
        if (status == TAL_OK)
            status = write_text(self, &text);
        begin = stop;
    }
    tal_buffer_deinit(&text);
    return status;
}

/* The text blocks of an input file, from 0. */
static void find_input(const reconstruct_run *self, size_t input, size_t *out_begin,
                       size_t *out_end)
{
    const tal_container_input row = tal_container_get_input(self->container, input);
    size_t block = 0;
    const size_t count = tal_container_block_count(self->container, TAL_BLOCKS_TEXT);
    while (block < count &&
           tal_container_block_begin(self->container, TAL_BLOCKS_TEXT, block).amount <
               row.text_begin)
        block++;
    *out_begin = block;
    while (block < count &&
           tal_container_block_begin(self->container, TAL_BLOCKS_TEXT, block).amount <
               row.text_begin + row.bytes)
        block++;
    *out_end = block;
}

/* Collective; agreed status. */
static tal_status write_chosen(reconstruct_run *self)
{
    tal_run *run = self->run;
    size_t begin = 0, end = tal_container_block_count(self->container, TAL_BLOCKS_TEXT);
    tal_unpack_choice choice = {.kind = TAL_UNPACK_ALL};
    tal_status status = find_records(self);
    if (status != TAL_OK)
        return status;
    if (tal_run_is_given(run, "input")) {
        const int64_t input = tal_run_int(run, "input");
        const size_t count = tal_container_input_count(self->container);
        if ((uint64_t)input > count)
            return tal_fail(TAL_ERR_USAGE, "--input %" PRId64 ": '%s' holds %zu files", input,
                            tal_container_path(self->container), count);
        find_input(self, (size_t)input - 1, &begin, &end);
    } else if (tal_run_flag(run, "representatives")) {
        choice.kind = TAL_UNPACK_REPRESENTATIVES;
    } else if (tal_run_text(run, "cluster") != NULL) {
        choice.kind = TAL_UNPACK_CLUSTER;
        status = tal_unpack_clusters(self->unpacker, (const uint64_t *)(void *)self->gids.data, 1,
                                     &choice.cluster);
    } else if (self->ids.bytes > 0 || tal_run_text(run, "ids") != NULL) {
        choice.kind = TAL_UNPACK_LIST;
        choice.gids = (const uint64_t *)(void *)self->gids.data;
        choice.gid_count = self->gids.bytes / sizeof(uint64_t);
    }
    if (status == TAL_OK)
        status = open_output(self);
    return status == TAL_OK ? write_blocks(self, begin, end, &choice) : status;
}

static tal_status run_reconstruct(tal_run *run)
{
    reconstruct_run self = {.run = run, .comm = tal_run_comm(run)};
    tal_team *team = NULL;
    tal_status status = tal_comm_agree(self.comm, check_options(run));
    if (status == TAL_OK)
        status = tal_comm_agree(self.comm,
                                tal_container_open(tal_run_argument(run, 0), &self.container));
    if (status == TAL_OK)
        status = tal_team_setup(run, &team);
    if (status == TAL_OK)
        status = tal_unpacker_create(self.comm, team, self.container, &self.unpacker);
    if (status == TAL_OK)
        status = write_chosen(&self);
    if (self.file != NULL) {
        const tal_status closed = tal_file_close(self.comm, self.file);
        status = status == TAL_OK ? closed : status;
    }
    if (self.partial != NULL && status == TAL_OK)
        status = tal_partial_commit(self.partial);
    else
        tal_partial_discard(self.partial);
    tal_unpacker_destroy(self.unpacker);
    tal_team_destroy(team);
    tal_container_close(self.container);
    tal_buffer_deinit(&self.list);
    tal_buffer_deinit(&self.ids);
    tal_buffer_deinit(&self.gids);
    return status;
}

const tal_command tal_command_reconstruct = {
    .name = "reconstruct",
    .arguments = "REDUCED [IDS...]",
    .argument_min = 1,
    .argument_max = -1,
    .summary = "the original files, or some of their records, out of a reduced set",
    .description =
        "Writes what REDUCED, a file made by 'talaria reduce -o', was made from: byte for byte, "
        "with line widths, letter case, comments and all. Several input files come one after the "
        "other. Compressed input comes back uncompressed.\n"
        "\n"
        "With identifiers, the first words of headers, only these records are written, each as it "
        "stood in the file, in the order of the input; where several records have one identifier, "
        "all of them. Only the blocks that hold them are unpacked; to find identifiers all headers "
        "are read, which '--by-index' spares.\n"
        "\n"
        "What is written has been checked against the hashes of its blocks.",
    .examples = "talaria reconstruct reduced.h5 -o references.fasta\n"
                "talaria reconstruct reduced.h5 --representatives -o representatives.fasta\n"
                "talaria reconstruct reduced.h5 P0A7B8 Q9SGU2\n"
                "talaria reconstruct reduced.h5 --by-index 0 17\n"
                "talaria reconstruct reduced.h5 --cluster P0A7B8",
    .options = options,
    .run = run_reconstruct,
};
