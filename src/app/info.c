/* talaria info: the machine as Talaria sees it, and the configuration it would run with. */
#include "app/build_info.h"
#include "app/command.h"
#include "app/gpu.h"
#include "app/team_setup.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "comm/describe.h"
#include "conf/environment.h"
#include "par/team.h"
#include "par/topology.h"
#include "store/library.h"
#include "store/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LABEL_COLUMNS = 22, KEY_COLUMNS = 44, VALUE_COLUMNS = 12 };

static const tal_option options[] = {
    {.name = "file-format", .help = "print the description of the result file (Markdown) instead"},
    {.name = NULL},
};

static tal_status append_line(tal_buffer *text, const char *label, const char *value)
{
    return tal_buffer_printf(text, "  %-*s%s\n", LABEL_COLUMNS, label, value);
}

/* "1.5 GiB": three digits and a unit. */
static void format_bytes(uint64_t bytes, char *out_text, size_t capacity)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out_text, capacity, value < 1000 ? "%.3g %s" : "%.0f %s", value, units[unit]);
}

static tal_status append_program(tal_buffer *text)
{
    tal_status status = tal_buffer_append_text(text, "Talaria\n");
    if (status == TAL_OK)
        status = append_line(text, "version", TAL_VERSION);
    if (status == TAL_OK)
        status = append_line(text, "compiler", TAL_BUILD_COMPILER);
    if (status == TAL_OK)
        status = append_line(text, "build", TAL_BUILD_OPTIONS);
    return status;
}

static tal_status append_caches(tal_buffer *text, const tal_topology *machine)
{
    tal_status status = TAL_OK;
    for (int i = 0; i < machine->cache_count && status == TAL_OK; i++) {
        const tal_cache *cache = &machine->caches[i];
        char label[32];
        char size[32];
        (void)snprintf(label, sizeof(label), "L%d cache%s", cache->level,
                       cache->kind == 'd'   ? ", data"
                       : cache->kind == 'i' ? ", code"
                                            : "");
        format_bytes(cache->bytes, size, sizeof(size));
        status = tal_buffer_printf(text, "  %-*s%d x %s, each of %d thread%s\n", LABEL_COLUMNS,
                                   label, cache->count, size, cache->sharing_thread_count,
                                   cache->sharing_thread_count == 1 ? "" : "s");
    }
    return status;
}

static tal_status append_machine(tal_buffer *text, const char *host)
{
    tal_topology machine;
    tal_status status = tal_topology_load(NULL, &machine);
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\nMachine of rank 0\n");
    if (status == TAL_OK)
        status = append_line(text, "host", host);
    if (status == TAL_OK)
        status =
            append_line(text, "CPU", machine.cpu_model[0] == '\0' ? "unknown" : machine.cpu_model);
    if (status == TAL_OK)
        status = tal_buffer_printf(text, "  %-*s%d package%s, %d cores, %d threads\n",
                                   LABEL_COLUMNS, "processors", machine.package_count,
                                   machine.package_count == 1 ? "" : "s", machine.core_count,
                                   machine.thread_count);
    if (status == TAL_OK)
        status =
            tal_buffer_printf(text, "  %-*s%d\n", LABEL_COLUMNS, "NUMA nodes", machine.numa_count);
    if (status == TAL_OK)
        status = append_caches(text, &machine);
    char memory[32] = "unknown";
    if (status == TAL_OK && machine.memory_bytes > 0)
        format_bytes(machine.memory_bytes, memory, sizeof(memory));
    return status == TAL_OK ? append_line(text, "memory", memory) : status;
}

static tal_status append_isa(tal_buffer *text, tal_isa used)
{
    tal_status status = tal_buffer_append_text(text, "\nInstruction sets of rank 0\n");
    if (status == TAL_OK)
        status = tal_buffer_printf(text, "  %-*s", LABEL_COLUMNS, "available");
    for (int isa = 0; isa <= (int)tal_cpu_isa_best() && status == TAL_OK; isa++)
        status = tal_buffer_printf(text, "%s%s", isa == 0 ? "" : ", ", tal_isa_name((tal_isa)isa));
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\n");
    return status == TAL_OK ? append_line(text, "in use", tal_isa_name(used)) : status;
}

static tal_status append_libraries(tal_buffer *text)
{
    char mpi[256];
    tal_comm_library_version(mpi, sizeof(mpi));
    tal_status status = tal_buffer_append_text(text, "\nLibraries\n");
    if (status == TAL_OK)
        status = append_line(text, "MPI", mpi);
    if (status == TAL_OK)
        status = append_line(text, "HDF5", tal_store_library_version());
    if (status == TAL_OK)
        status =
            append_line(text, "parallel filters", tal_store_has_parallel_filters() ? "yes" : "no");
    return status;
}

/* `texts`: one line of each rank, each with its NUL. */
static tal_status append_ranks(tal_buffer *text, const tal_buffer *texts, int rank_count)
{
    tal_status status =
        tal_buffer_printf(text, "\nRanks: %d\n  %-7s%-20s%-9s%-12s%-13s%s\n", rank_count, "rank",
                          "host", "threads", "instructions", " CPUs", "workers on");
    const char *line = (const char *)texts->data;
    for (int rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        status = tal_buffer_printf(text, "  %-7d%s\n", rank, line);
        line += strlen(line) + 1;
    }
    return status;
}

static tal_status append_limits(tal_buffer *text)
{
    char open_files[32] = "unlimited";
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        (void)snprintf(open_files, sizeof(open_files), "%ju", (uintmax_t)limit.rlim_cur);
    tal_status status = tal_buffer_append_text(text, "\nLimits\n");
    if (status == TAL_OK)
        status = tal_buffer_printf(text,
                                   "  %-*s%d residues\n"
                                   "  %-*s%u sequences\n"
                                   "  %-*s%d\n"
                                   "  %-*s%d bytes, lines of %d\n",
                                   LABEL_COLUMNS, "sequence", INT32_MAX, LABEL_COLUMNS, "rank",
                                   UINT32_MAX - 1, LABEL_COLUMNS, "threads of a rank",
                                   TAL_CONF_THREADS_MAX, LABEL_COLUMNS, "configuration file",
                                   TAL_CONF_FILE_BYTES_MAX, TAL_CONF_LINE_BYTES_MAX);
    return status == TAL_OK ? append_line(text, "open files (system)", open_files) : status;
}

static tal_status append_conf(tal_buffer *text, const tal_conf *conf)
{
    tal_status status = tal_buffer_printf(text, "\nConfiguration of rank 0\n  %-*s%-*s%s\n",
                                          KEY_COLUMNS, "key", VALUE_COLUMNS, "value", "origin");
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL && status == TAL_OK; row++)
        status =
            tal_buffer_printf(text, "  %-*s%-*s%s\n", KEY_COLUMNS, row->key, VALUE_COLUMNS,
                              tal_conf_text(conf, row->key), tal_conf_origin_text(conf, row->key));
    return status;
}

/* The CPUs of a rank's workers in order: "0-3", or that nobody binds them. */
static void describe_places(const tal_run *run, char *out_text, size_t bytes)
{
    tal_cpu *places = NULL;
    if (!tal_conf_bool(tal_run_conf(run), "parallel.threadpool.pin_threads")) {
        (void)snprintf(out_text, bytes, "any, not pinned");
    } else if (tal_team_setup_places(run, tal_run_thread_count(run), &places) != TAL_OK) {
        tal_status_clear(); /* The report says it. */
        (void)snprintf(out_text, bytes, "unknown");
    } else {
        tal_team_setup_describe(places, tal_run_thread_count(run), out_text, bytes);
    }
    tal_free(places);
}

static void describe_rank(const tal_run *run, const char *host, char *out_line, size_t bytes)
{
    char cpus[TAL_CPUSET_BYTES];
    char places[TAL_CPUSET_BYTES];
    tal_topology_cpuset(cpus, sizeof(cpus));
    describe_places(run, places, sizeof(places));
    (void)snprintf(out_line, bytes, "%-19s %-9d%-12s %-12s%s", host, tal_run_thread_count(run),
                   tal_isa_name(tal_run_isa(run)), cpus, places);
}

/* All sections, on rank 0. */
static tal_status append_report(tal_buffer *text, const tal_run *run, const char *host,
                                const tal_buffer *rank_lines)
{
    tal_status status = append_program(text);
    if (status == TAL_OK)
        status = append_machine(text, host);
    if (status == TAL_OK)
        status = append_isa(text, tal_run_isa(run));
    if (status == TAL_OK)
        status = append_libraries(text);
    if (status == TAL_OK)
        status = tal_gpu_append_report(run, text);
    if (status == TAL_OK)
        status = append_ranks(text, rank_lines, tal_comm_size(tal_run_comm(run)));
    if (status == TAL_OK)
        status = append_limits(text);
    return status == TAL_OK ? append_conf(text, tal_run_conf(run)) : status;
}

/* The schema of result files, as docs/file-format.md has it. */
static tal_status run_info(tal_run *run)
{
    tal_comm *comm = tal_run_comm(run);
    bool is_root = tal_comm_rank(comm) == 0;
    tal_buffer text = {0};
    tal_buffer rank_lines = {0};
    tal_status status;
    if (tal_run_flag(run, "file-format")) {
        status = tal_schema_write_markdown(&text);
    } else {
        char host[256] = "";
        if (gethostname(host, sizeof(host) - 1) != 0)
            (void)snprintf(host, sizeof(host), "unknown");
        char line[2 * TAL_CPUSET_BYTES + 512];
        describe_rank(run, host, line, sizeof(line));
        status = tal_comm_gather_text(comm, line, &rank_lines);
        if (status == TAL_OK && is_root)
            status = append_report(&text, run, host, &rank_lines);
    }
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK && is_root)
        (void)fwrite(text.data, 1, text.bytes, stdout); /* main checks when it flushes. */
    tal_buffer_deinit(&rank_lines);
    tal_buffer_deinit(&text);
    return status;
}

const tal_command tal_command_info = {
    .name = "info",
    .arguments = "",
    .argument_min = 0,
    .argument_max = 0,
    .summary = "show the machine, the ranks and the configuration as Talaria sees them",
    .description =
        "Show the machine as Talaria sees it: processors, caches, memory, instruction sets, MPI "
        "and HDF5 libraries, every rank with its host, threads and CPUs, the limits, and each "
        "value of the configuration with where it came from. Started by mpirun or srun with the "
        "options of a planned search, it shows what that search would run with.",
    .examples = "talaria info\n"
                "mpirun -n 4 talaria info --threads 2\n"
                "talaria info --config cluster.toml",
    .options = options,
    .run = run_info,
};
