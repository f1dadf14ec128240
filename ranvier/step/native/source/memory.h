/* Plain work on runs of floats, and the cutting up of a workspace. */
#ifndef RV_MEMORY_H
#define RV_MEMORY_H

#include <stdint.h>
#include <string.h>

#include "vector.h"

#define RV_LINE 16 /* floats to a cache line */

/* Vectors that straddle cache lines cost twice, so what a kernel lays out starts on one. */
static inline float *rv_line_start(float *workspace) {
    const uintptr_t line = RV_LINE * sizeof(float);
    return (float *)(((uintptr_t)workspace + line - 1) & ~(line - 1));
}

/* The next `count` floats of a workspace. */
static inline float *rv_take(float **workspace, long count) {
    float *taken = *workspace;
    *workspace += RV_ROUND_UP(count, RV_LINE);
    return taken;
}

static inline void rv_zero(float *to, long count) {
    memset(to, 0, (size_t)count * sizeof(float));
}

/* memcpy's call costs more than the copy of the few floats that most runs here have. */
RV_INLINE void rv_copy(float *to, const float *from, long count) {
    long i = 0;
    for (; i + RV_WIDTH <= count; i += RV_WIDTH) rv_store(to + i, rv_load(from + i));
    if (i < count) rv_store_first(to + i, rv_load_first(from + i, count - i), count - i);
}

RV_INLINE void rv_add(float *to, const float *from, long count) {
    long i = 0;
    for (; i + RV_WIDTH <= count; i += RV_WIDTH) rv_store(to + i, rv_load(to + i) + rv_load(from + i));
    if (i < count) {
        const rv_vector sum = rv_load_first(to + i, count - i) + rv_load_first(from + i, count - i);
        rv_store_first(to + i, sum, count - i);
    }
}

#endif
