/* Products in bfloat16 with sums in float32, of operands that lie in float32.
 *
 * Numbers are rounded to nearest even as they are packed, two neighbours along the sum to a word,
 * as the processor multiplies them: only where it can (AVX512_BF16), elsewhere nothing here runs. */
#ifndef RV_HALF_H
#define RV_HALF_H

#include <stdint.h>

#include "vector.h"

typedef uint32_t rv_pair;

#define RV_PAIRS(count) RV_CEIL_DIV(count, 2)

#if defined(__AVX512BF16__) && RV_WIDTH == 16
#define RV_HAS_HALF 1
#else
#define RV_HAS_HALF 0
#endif

int rv_has_half(void);

/* A row of `count` floats as pairs. */
void rv_half_row(const float *from, long count, rv_pair *to);

/* As rv_pack_columns: columns [0, columns) of B, for each pair of places side by side. */
void rv_half_pack_columns(const float *b, long place, long column, long columns, long places,
                          rv_pair *packed);

/* C = A B + beta C for one tile of at most RV_TILE_ROWS rows and RV_TILE_COLUMNS columns. Pair p of
 * A's row i is a[i * row_a + p * place_a], that of B's columns starts at b + p * row_b. */
typedef struct {
    long pairs;
    const rv_pair *a;
    long row_a, place_a;
    const rv_pair *b;
    long row_b;
    float *c;
    long row_c;
    float beta;
    long last; /* columns in use of the last vector */
} rv_half_tile;

void rv_half_tile_run(int rows, int vectors, const rv_half_tile *tile);

/* C [m, n] = A^T B + beta C for A [k, m] and B [k, n]. */
void rv_half_gemm_transposed(long m, long n, long k, const float *a, long lda, const float *b,
                             long ldb, float beta, float *c, long ldc, int threads,
                             float *workspace);

long rv_half_gemm_workspace(long m, long n, int threads);

#endif
