/* Products of a few rows with one matrix that is packed once, in float32 or bfloat16. */
#ifndef RV_FACTOR_H
#define RV_FACTOR_H

#include "half.h"

/* A matrix [places, columns] in the order in which tiles read it. */
typedef struct {
    long places, columns;
    int is_half;
    const float *packed;
} rv_factor;

/* C = A B + beta C for C [rows, columns] and A [rows, places]; the rows of A are rounded to
 * bfloat16, where that is multiplied, in RV_PAIRS(places) words each. */
typedef struct {
    const float *a;
    long row_a, rows;
    float *c;
    long row_c;
    float beta;
    rv_pair *rounded;
} rv_rows;

/* Packs b[p * place + j * column] into the next floats of a workspace. */
rv_factor rv_factor_pack(const float *b, long place, long column, long places, long columns,
                         int is_half, float **next);

/* So many floats. */
long rv_factor_size(long places, long columns);

void rv_factor_multiply(const rv_factor *factor, const rv_rows *rows);

#endif
