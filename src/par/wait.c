/* The register of waits; see wait.h. */
#include "par/wait.h"

#include "base/clock.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

typedef struct held_row {
    const void *_Atomic object;
    const char *_Atomic name;
    _Atomic int rank;
    _Atomic uint64_t since_ns;
} held_row;

/* One thread; written by it alone but for is_used. */
typedef struct thread_row {
    _Alignas(TAL_LINE_BYTES) _Atomic int is_used;
    _Atomic uint64_t name[TAL_WAIT_NAME_BYTES / sizeof(uint64_t)];
    _Atomic uint64_t turn; /* odd: waiting */
    _Atomic int kind;
    const char *_Atomic wait_name;
    const void *_Atomic object;
    _Atomic uint64_t since_ns;
    _Atomic uint64_t progress_count;
    held_row held[TAL_WAIT_HELD_MAX];
    _Atomic int held_count;
} thread_row;

/* One use of a lock. `ticket` is odd while it is written, 2 * (place + 1) when complete. */
typedef struct log_row {
    _Atomic uint64_t ticket, time_ns;
    _Atomic int idx, access;
    const char *_Atomic name;
    const void *_Atomic object;
} log_row;

_Atomic int tal_wait_track_count;

static struct {
    thread_row rows[TAL_WAIT_THREADS_MAX];
    _Atomic int row_end; /* rows ever used */
    pthread_once_t once;
    pthread_key_t key; /* its destructor frees the row of a thread that ends */
    log_row log[TAL_WAIT_LOG_MAX];
    _Atomic uint64_t log_count;
    pthread_mutex_t lost_lock;
    tal_wait_lost lost;
} sink = {.once = PTHREAD_ONCE_INIT, .lost_lock = PTHREAD_MUTEX_INITIALIZER};

enum { NO_ROW = -1, ROW_UNKNOWN = 0 };

/* This thread's row + 1, or one of the above. */
static _Thread_local int own_row = ROW_UNKNOWN;

const char *tal_wait_kind_text(tal_wait_kind kind)
{
    static const char *const texts[TAL_WAIT_KIND_COUNT] = {
        [TAL_WAIT_LOCK] = "the lock",
        [TAL_WAIT_ITEM] = "an item of the queue",
        [TAL_WAIT_ROOM] = "room in the queue",
        [TAL_WAIT_THREAD] = "the end of the thread",
        [TAL_WAIT_RANKS] = "the other ranks in",
        [TAL_WAIT_INPUT] = "data of the input",
        [TAL_WAIT_WORK] = "work of the team",
    };
    return texts[kind];
}

static void free_row(void *row)
{
    thread_row *own = row;
    uint64_t turn = atomic_load_explicit(&own->turn, memory_order_relaxed);
    atomic_store_explicit(&own->held_count, 0, memory_order_release);
    atomic_store_explicit(&own->turn, (turn | 1) + 1, memory_order_release);
    own_row = NO_ROW;
    atomic_store_explicit(&own->is_used, 0, memory_order_release);
}

static void make_key(void)
{
    (void)pthread_key_create(&sink.key, free_row); /* Without one, rows are not used again. */
}

static void name_row(thread_row *row)
{
    char name[TAL_WAIT_NAME_BYTES] = "";
    if (gettid() == getpid())
        strcpy(name, "main");
    else if (pthread_getname_np(pthread_self(), name, sizeof(name)) != 0)
        strcpy(name, "?");
    uint64_t words[TAL_WAIT_NAME_BYTES / sizeof(uint64_t)];
    memcpy(words, name, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        atomic_store_explicit(&row->name[i], words[i], memory_order_relaxed);
}

/* This thread's row; NULL when the table is full or the thread is ending. */
static thread_row *get_row(void)
{
    if (own_row > 0)
        return &sink.rows[own_row - 1];
    if (own_row == NO_ROW)
        return NULL;
    (void)pthread_once(&sink.once, make_key);
    own_row = NO_ROW;
    for (int i = 0; i < TAL_WAIT_THREADS_MAX; i++) {
        int expected = 0;
        thread_row *row = &sink.rows[i];
        if (atomic_load_explicit(&row->is_used, memory_order_relaxed) != 0 ||
            !atomic_compare_exchange_strong(&row->is_used, &expected, -1))
            continue;
        name_row(row);
        int end = atomic_load_explicit(&sink.row_end, memory_order_relaxed);
        while (end < i + 1 && !atomic_compare_exchange_weak(&sink.row_end, &end, i + 1)) {
        }
        /* Release: whoever sees 1 sees the name. */
        atomic_store_explicit(&row->is_used, 1, memory_order_release);
        own_row = i + 1;
        (void)pthread_setspecific(sink.key, row);
        return row;
    }
    return NULL;
}

static int row_index(const thread_row *row)
{
    return row == NULL ? -1 : (int)(row - sink.rows);
}

void tal_wait_track_begin(void)
{
    atomic_fetch_add_explicit(&tal_wait_track_count, 1, memory_order_relaxed);
}

void tal_wait_track_end(void)
{
    atomic_fetch_sub_explicit(&tal_wait_track_count, 1, memory_order_relaxed);
}

static void set_wait(thread_row *row, const tal_wait_for *what, uint64_t since_ns)
{
    atomic_store_explicit(&row->kind, (int)what->kind, memory_order_release);
    atomic_store_explicit(&row->wait_name, what->name, memory_order_release);
    atomic_store_explicit(&row->object, what->object, memory_order_release);
    atomic_store_explicit(&row->since_ns, since_ns, memory_order_release);
}

static void turn(thread_row *row)
{
    uint64_t now = atomic_load_explicit(&row->turn, memory_order_relaxed);
    atomic_store_explicit(&row->turn, now + 1, memory_order_release);
}

/* Claim the next place of the log and fill it. A place overtaken by a whole round may mix two
 * entries; readers then see a ticket that is not its own. */
static void log_access(int idx, const tal_wait_for *lock, tal_wait_access access, uint64_t now)
{
    uint64_t place = atomic_fetch_add_explicit(&sink.log_count, 1, memory_order_relaxed);
    log_row *row = &sink.log[place % TAL_WAIT_LOG_MAX];
    atomic_store_explicit(&row->ticket, 2 * place + 1, memory_order_release);
    atomic_store_explicit(&row->time_ns, now, memory_order_release);
    atomic_store_explicit(&row->idx, idx, memory_order_release);
    atomic_store_explicit(&row->access, (int)access, memory_order_release);
    atomic_store_explicit(&row->name, lock->name, memory_order_release);
    atomic_store_explicit(&row->object, lock->object, memory_order_release);
    atomic_store_explicit(&row->ticket, 2 * (place + 1), memory_order_release);
}

tal_wait_mark tal_wait_begin(const tal_wait_for *what)
{
    tal_wait_mark mark = {0};
    thread_row *row = tal_wait_is_tracked() ? get_row() : NULL;
    if (row == NULL)
        return mark;
    mark.is_noted = true;
    if (atomic_load_explicit(&row->turn, memory_order_relaxed) % 2 != 0) {
        mark.has_outer = true;
        mark.outer = (tal_wait_for){
            .kind = (tal_wait_kind)atomic_load_explicit(&row->kind, memory_order_relaxed),
            .name = atomic_load_explicit(&row->wait_name, memory_order_relaxed),
            .object = atomic_load_explicit(&row->object, memory_order_relaxed)};
        mark.outer_since_ns = atomic_load_explicit(&row->since_ns, memory_order_relaxed);
        turn(row);
    }
    uint64_t now = tal_clock_ns();
    set_wait(row, what, now);
    turn(row);
    if (what->kind == TAL_WAIT_LOCK)
        log_access(row_index(row), what, TAL_WAIT_ASKED, now);
    return mark;
}

void tal_wait_end(tal_wait_mark mark)
{
    if (!mark.is_noted)
        return;
    thread_row *row = get_row();
    turn(row);
    if (mark.has_outer) {
        set_wait(row, &mark.outer, mark.outer_since_ns);
        turn(row);
    }
}

void tal_wait_note_progress(void)
{
    thread_row *row = tal_wait_is_tracked() ? get_row() : NULL;
    if (row == NULL)
        return;
    uint64_t count = atomic_load_explicit(&row->progress_count, memory_order_relaxed);
    atomic_store_explicit(&row->progress_count, count + 1, memory_order_relaxed);
}

void tal_wait_note_held(const tal_wait_for *lock, int rank)
{
    thread_row *row = tal_wait_is_tracked() ? get_row() : NULL;
    if (row == NULL)
        return;
    uint64_t now = tal_clock_ns();
    int count = atomic_load_explicit(&row->held_count, memory_order_relaxed);
    if (count < TAL_WAIT_HELD_MAX) {
        held_row *held = &row->held[count];
        atomic_store_explicit(&held->object, lock->object, memory_order_relaxed);
        atomic_store_explicit(&held->name, lock->name, memory_order_relaxed);
        atomic_store_explicit(&held->rank, rank, memory_order_relaxed);
        atomic_store_explicit(&held->since_ns, now, memory_order_relaxed);
        atomic_store_explicit(&row->held_count, count + 1, memory_order_release);
    }
    log_access(row_index(row), lock, TAL_WAIT_ACQUIRED, now);
}

void tal_wait_note_released(const void *lock)
{
    thread_row *row = tal_wait_is_tracked() ? get_row() : NULL;
    if (row == NULL)
        return;
    int count = atomic_load_explicit(&row->held_count, memory_order_relaxed);
    for (int i = count - 1; i >= 0; i--) {
        held_row *held = &row->held[i];
        if (atomic_load_explicit(&held->object, memory_order_relaxed) != lock)
            continue;
        const char *name = atomic_load_explicit(&held->name, memory_order_relaxed);
        const held_row *last = &row->held[count - 1];
        atomic_store_explicit(&held->object, atomic_load(&last->object), memory_order_relaxed);
        atomic_store_explicit(&held->name, atomic_load(&last->name), memory_order_relaxed);
        atomic_store_explicit(&held->rank, atomic_load(&last->rank), memory_order_relaxed);
        atomic_store_explicit(&held->since_ns, atomic_load(&last->since_ns), memory_order_relaxed);
        atomic_store_explicit(&row->held_count, count - 1, memory_order_release);
        tal_wait_for what = {TAL_WAIT_LOCK, name, lock};
        log_access(row_index(row), &what, TAL_WAIT_RELEASED, tal_clock_ns());
        return;
    }
}

int tal_wait_held_rank(const char **out_name)
{
    int highest = 0;
    *out_name = "";
    thread_row *row = get_row();
    int count = row == NULL ? 0 : atomic_load_explicit(&row->held_count, memory_order_relaxed);
    for (int i = 0; i < count; i++) {
        int rank = atomic_load_explicit(&row->held[i].rank, memory_order_relaxed);
        if (rank > highest) {
            highest = rank;
            *out_name = atomic_load_explicit(&row->held[i].name, memory_order_relaxed);
        }
    }
    return highest;
}

void tal_wait_note_lost(const tal_wait_for *what, uint64_t late_ns)
{
    pthread_mutex_lock(&sink.lost_lock);
    sink.lost = (tal_wait_lost){
        .count = sink.lost.count + 1,
        .what = *what,
        .idx = row_index(get_row()),
        .late_ns = late_ns,
    };
    pthread_mutex_unlock(&sink.lost_lock);
}

tal_wait_lost tal_wait_lost_get(void)
{
    pthread_mutex_lock(&sink.lost_lock);
    tal_wait_lost lost = sink.lost;
    pthread_mutex_unlock(&sink.lost_lock);
    return lost;
}

/* False when the row changed meanwhile. */
static bool copy_row(const thread_row *row, tal_wait_thread *out)
{
    uint64_t turn_before = atomic_load_explicit(&row->turn, memory_order_acquire);
    uint64_t words[TAL_WAIT_NAME_BYTES / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        words[i] = atomic_load_explicit(&row->name[i], memory_order_relaxed);
    *out = (tal_wait_thread){
        .idx = row_index(row),
        .turn = turn_before,
        .is_waiting = turn_before % 2 != 0,
        .what = {.kind = (tal_wait_kind)atomic_load_explicit(&row->kind, memory_order_acquire),
                 .name = atomic_load_explicit(&row->wait_name, memory_order_acquire),
                 .object = atomic_load_explicit(&row->object, memory_order_acquire)},
        .since_ns = atomic_load_explicit(&row->since_ns, memory_order_acquire),
        .progress_count = atomic_load_explicit(&row->progress_count, memory_order_relaxed),
    };
    memcpy(out->name, words, sizeof(out->name));
    out->name[sizeof(out->name) - 1] = '\0';
    int count = atomic_load_explicit(&row->held_count, memory_order_acquire);
    for (int i = 0; i < count; i++) {
        const held_row *held = &row->held[i];
        out->held[out->held_count++] = (tal_wait_held){
            .object = atomic_load_explicit(&held->object, memory_order_acquire),
            .name = atomic_load_explicit(&held->name, memory_order_acquire),
            .since_ns = atomic_load_explicit(&held->since_ns, memory_order_acquire),
        };
    }
    return atomic_load_explicit(&row->turn, memory_order_relaxed) == turn_before;
}

size_t tal_wait_list(tal_wait_thread *out_threads, size_t capacity)
{
    enum { TRIES = 8 };
    size_t count = 0;
    int end = atomic_load_explicit(&sink.row_end, memory_order_acquire);
    for (int i = 0; i < end && count < capacity; i++) {
        const thread_row *row = &sink.rows[i];
        if (atomic_load_explicit(&row->is_used, memory_order_acquire) != 1)
            continue;
        bool is_whole = false;
        for (int try = 0; try < TRIES && !is_whole; try++)
            is_whole = copy_row(row, &out_threads[count]);
        if (!is_whole) /* It moves: what it waits for is of no interest. */
            out_threads[count].is_waiting = false;
        count++;
    }
    return count;
}

size_t tal_wait_log_list(tal_wait_log_entry *out_entries, size_t capacity)
{
    uint64_t end = atomic_load_explicit(&sink.log_count, memory_order_acquire);
    uint64_t most = capacity < TAL_WAIT_LOG_MAX ? capacity : TAL_WAIT_LOG_MAX;
    size_t count = 0;
    for (uint64_t place = end > most ? end - most : 0; place < end; place++) {
        const log_row *row = &sink.log[place % TAL_WAIT_LOG_MAX];
        if (atomic_load_explicit(&row->ticket, memory_order_acquire) != 2 * (place + 1))
            continue;
        out_entries[count] = (tal_wait_log_entry){
            .time_ns = atomic_load_explicit(&row->time_ns, memory_order_acquire),
            .idx = atomic_load_explicit(&row->idx, memory_order_acquire),
            .name = atomic_load_explicit(&row->name, memory_order_acquire),
            .object = atomic_load_explicit(&row->object, memory_order_acquire),
            .access = (tal_wait_access)atomic_load_explicit(&row->access, memory_order_acquire),
        };
        if (atomic_load_explicit(&row->ticket, memory_order_relaxed) == 2 * (place + 1))
            count++;
    }
    return count;
}
