/* Floats rounded to bfloat16, in the order in which tiles of pairs read them.
 *
 * Numbers are rounded to nearest even, two neighbours along the sum to a word, as the processor
 * multiplies them: only where it can (RV_TILE_PAIRS), elsewhere nothing here runs. */
#ifndef RV_HALF_H
#define RV_HALF_H

#include <stdint.h>

#include "vector.h"

typedef uint32_t rv_pair;

#define RV_PAIRS(count) RV_CEIL_DIV(count, 2)

/* A row of `count` floats as pairs of neighbours. */
void rv_half_row(const float *from, long count, rv_pair *to);

/* Two rows of `count` floats as pairs of one of each; with NULL for the second, of zeros. */
void rv_half_rows(const float *even, const float *odd, long count, rv_pair *to);

/* As rv_pack_columns: columns [0, columns) of B, for each pair of places side by side. */
void rv_half_pack_columns(const float *b, long place, long column, long columns, long places,
                          rv_pair *packed);

/* As rv_pack_rows: rows [0, rows) of A, for each pair of places side by side. */
void rv_half_pack_rows(const float *a, long row, long place, int rows, long places,
                       rv_pair *packed);

#endif
