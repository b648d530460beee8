/* The logistic scale; see mixing.h. */
#include "reduce/mixing.h"

/* squash(x) = 4096 / (1 + e^(-x / 256)), by the table of lpaq, and its inverse. */
void tal_mixing_init(tal_mixing *mixing)
{
    static const int knots[33] = {1,    2,    3,    6,    10,   16,   27,   45,   73,   120,  194,
                                  310,  488,  747,  1101, 1546, 2047, 2549, 2994, 3348, 3607, 3785,
                                  3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094};
    int filled = 0;
    for (int x = -2048; x < 2048; x++) {
        const int place = (x + 2048) / 128, part = (x + 2048) % 128;
        const int value = (knots[place] * (128 - part) + knots[place + 1] * part + 64) / 128;
        mixing->squash[x + 2048] = (int16_t)value;
        for (; filled <= value; filled++)
            mixing->stretch[filled] = (int16_t)(x < -TAL_STRETCH_MAX ? -TAL_STRETCH_MAX : x);
    }
    for (; filled < 4096; filled++)
        mixing->stretch[filled] = TAL_STRETCH_MAX;
    for (int count = 0; count <= TAL_CHANCE_COUNT_MAX; count++)
        mixing->reciprocal[count] = (uint16_t)(65536 * 2 / (2 * count + 3));
}
