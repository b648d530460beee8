/* talaria COMMAND: starts the ranks, reads the command line, runs the command, reports its failure.
 *
 * Every rank reads the same words and comes to the same decision; rank 0 alone speaks. The one
 * message of a failure is printed here and nowhere else.
 */
#include "app/alone.h"
#include "app/commands.h"
#include "app/help.h"
#include "app/options.h"
#include "app/run.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "conf/text.h"

#include <stdio.h>
#include <string.h>

static const tal_command *find_command(const char *name)
{
    for (const tal_command *const *command = tal_commands(); *command != NULL; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

static tal_status refuse_word(const char *word)
{
    if (word[0] == '-')
        return tal_fail(TAL_ERR_USAGE,
                        "'%.80s' stands where a command is expected: talaria COMMAND "
                        "[OPTION]...; see 'talaria --help'",
                        word);
    const char *nearest = NULL;
    int best = 0;
    for (const tal_command *const *command = tal_commands(); *command != NULL; command++) {
        int distance = tal_text_distance(word, (*command)->name);
        if (tal_text_is_near(word, distance) && (nearest == NULL || distance < best)) {
            nearest = (*command)->name;
            best = distance;
        }
    }
    if (nearest != NULL)
        return tal_fail(TAL_ERR_USAGE,
                        "unknown command '%.80s'; did you mean '%s'? See 'talaria --help'", word,
                        nearest);
    return tal_fail(TAL_ERR_USAGE, "unknown command '%.80s'; see 'talaria --help'", word);
}

/* The texts of --help, --version and --man. False: the word asks for none of them. */
static bool append_general_text(const char *word, tal_buffer *text, tal_status *out_status)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        *out_status = tal_help_append(tal_commands(), text);
    else if (strcmp(word, "--version") == 0)
        *out_status = tal_buffer_append_text(text, "talaria " TAL_VERSION "\n");
    else if (strcmp(word, "--man") == 0)
        *out_status = tal_man_append(tal_commands(), text);
    else
        return false;
    return true;
}

/* Ranks that were started with different words would wait for each other for ever. Collective;
 * agreed status. */
static tal_status check_same_words(tal_comm *comm, const tal_buffer *line)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a: Fowler, Noll, Vo. */
    for (size_t i = 0; i < line->bytes; i++)
        sum = (sum ^ line->data[i]) * 0x100000001b3u;
    uint64_t bounds[] = {sum, ~sum}; /* Largest, and complement of the smallest. */
    tal_comm_max_u64(comm, bounds, 2);
    if (bounds[0] != ~bounds[1])
        return tal_fail(TAL_ERR_USAGE, "the ranks were started with different command lines");
    return TAL_OK;
}

static tal_status run_command(tal_comm *comm, const tal_command *command, int word_count,
                              char *const *words, const char *line, tal_buffer *text)
{
    tal_options options = {0};
    tal_run *run = NULL;
    tal_status status = tal_options_parse(command, word_count, words, &options);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    if (options.is_help) {
        status = tal_help_append_command(command, text);
        goto done;
    }
    status = tal_run_create(comm, &options, line, &run);
    if (status == TAL_OK)
        status = command->run(run);
done:
    tal_run_destroy(run);
    tal_options_deinit(&options);
    return status;
}

/* What main does between start and end of the ranks. Collective; agreed status. */
static tal_status run_words(tal_comm *comm, int argc, char **argv)
{
    tal_buffer line = {0};
    tal_buffer text = {0};
    tal_status status = tal_command_line_append(argc, argv, &line);
    if (status == TAL_OK)
        status = tal_buffer_append(&line, "", 1);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    status = check_same_words(comm, &line);
    if (status != TAL_OK)
        goto done;

    if (argc < 2) {
        status = tal_fail(TAL_ERR_USAGE, "a command is missing; see 'talaria --help'");
    } else if (!append_general_text(argv[1], &text, &status)) {
        const tal_command *command = find_command(argv[1]);
        status = command == NULL ? refuse_word(argv[1])
                                 : run_command(comm, command, argc - 2, argv + 2,
                                               (const char *)line.data, &text);
    }
    if (status == TAL_OK && tal_comm_rank(comm) == 0) {
        (void)fwrite(text.data == NULL ? (const uint8_t *)"" : text.data, 1, text.bytes, stdout);
        if (fflush(stdout) != 0 || ferror(stdout) != 0)
            status = tal_fail(TAL_ERR_IO, "cannot write to standard output");
    }
    status = tal_comm_agree(comm, status);
done:
    tal_buffer_deinit(&text);
    tal_buffer_deinit(&line);
    return status;
}

int main(int argc, char **argv)
{
    tal_comm *comm = NULL;
    tal_alone_begin();
    tal_status status = tal_comm_create(&argc, &argv, &comm);
    bool speaks = true;
    if (status == TAL_OK) {
        status = run_words(comm, argc, argv);
        speaks = tal_comm_rank(comm) == 0;
    }
    if (status != TAL_OK && speaks) {
        (void)fflush(stdout); /* What was printed before the failure comes first. */
        (void)fprintf(stderr, "talaria: error: %s\n", tal_status_message());
    }
    tal_comm_destroy(comm);
    tal_alone_end();
    return tal_status_exit_code(status);
}
