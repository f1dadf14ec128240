/* Copies of operands in the order in which tiles read them. */
#ifndef RV_PACK_H
#define RV_PACK_H

#include "tile.h"

/* Rows [0, rows) of A at places [0, k), `rows` numbers side by side for each place.
 *
 * A sliver is one tile high; a[i * row + p * place], one of the strides being 1. Up to RV_WIDTH
 * floats behind the sliver are overwritten. */
void rv_pack_rows(const float *a, long row, long place, int rows, long k, float *packed);

/* Columns [0, columns) of B at places [0, k), for each place side by side, zeros up to whole
 * vectors: b[p * place + j * column], one of the strides being 1. */
void rv_pack_columns(const float *b, long place, long column, long columns, long k, float *packed);

#endif
