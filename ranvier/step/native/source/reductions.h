/* Sums, extremes and norms over some axes of a tensor. */
#ifndef RV_REDUCTIONS_H
#define RV_REDUCTIONS_H

#include <stdint.h>

enum { RV_SUM, RV_SUM_OF_SQUARES, RV_SUM_OF_SIZES, RV_LARGEST, RV_SMALLEST };

/* words: way, threads, result, input, scale (a double), root,
 *        K, then size, stride of the input, stride of the result of each kept axis,
 *        R, then size, stride of the input of each axis reduced; the last is the fastest.
 * The result is scale times what came out, and its square root where `root`. */
void rv_reduce(const int64_t *words);

/* The Euclidean norm of `count` floats side by side. */
float rv_norm(const float *x, long count);

#endif
