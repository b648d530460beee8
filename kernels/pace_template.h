/* Independent operations of one instruction set; see pace.h. Included by pace_ISA.c after a
 * vec_*.h; defines the functions pace_*. */

/* The value may have changed and is needed: nothing before is dropped, merged or moved. */
#define PACE_KEEP(value) __asm__ volatile("" : "+v"(value))
/* A step of one of the runs that do not wait for each other. */
#define PACE_STEP(operation, value)    \
    do {                               \
        value = operation(value, one); \
        PACE_KEEP(value);              \
    } while (0)

#define PACE_CELL(width)                                 \
    static void pace_cell_##width(uint64_t rounds)       \
    {                                                    \
        vec one = vec##width##_set1(1);                  \
        PACE_KEEP(one);                                  \
        vec a = one, b = one, c = one, d = one;          \
        vec e = one, f = one, g = one, h = one, i = one; \
        for (; rounds > 0; rounds--) {                   \
            PACE_STEP(vec##width##_add, a);              \
            PACE_STEP(vec##width##_max, b);              \
            PACE_STEP(vec##width##_max, c);              \
            PACE_STEP(vec##width##_sub, d);              \
            PACE_STEP(vec##width##_max, e);              \
            PACE_STEP(vec##width##_sub, f);              \
            PACE_STEP(vec##width##_max, g);              \
            PACE_STEP(vec##width##_sub, h);              \
            PACE_STEP(vec##width##_max, i);              \
        }                                                \
    }

PACE_CELL(8)
PACE_CELL(16)
PACE_CELL(32)

static void pace_diagonal(uint64_t rounds)
{
    vec one = vec8_set1(1);
    PACE_KEEP(one);
    vec a = one, b = one, c = one, d = one, e = one, f = one;
    for (; rounds > 0; rounds--) {
        PACE_STEP(vec8_add, a);
        PACE_STEP(vec8_add, b);
        PACE_STEP(vec8_max, c);
        PACE_STEP(vec8_add, d);
        PACE_STEP(vec8_add, e);
        PACE_STEP(vec8_max, f);
    }
}

static void pace_load(uint64_t rounds)
{
    vec from[TAL_PACE_LOADS];
    for (int i = 0; i < TAL_PACE_LOADS; i++)
        from[i] = vec8_set1(0);
    const vec *place = from;
    for (; rounds > 0; rounds--) {
        __asm__ volatile("" : "+r"(place) : : "memory");
#pragma GCC unroll 8
        for (int i = 0; i < TAL_PACE_LOADS; i++) {
            vec value = vec_load(place + i);
            PACE_KEEP(value);
        }
    }
}

static void pace_register(tal_pace *pace)
{
    pace->cell[TAL_WIDTH_8] = pace_cell_8;
    pace->cell[TAL_WIDTH_16] = pace_cell_16;
    pace->cell[TAL_WIDTH_32] = pace_cell_32;
    pace->diagonal = pace_diagonal;
    pace->load = pace_load;
}
