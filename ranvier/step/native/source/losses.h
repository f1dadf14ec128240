/* Softmax over the last axis and the likelihood of a class, with their gradients. */
#ifndef RV_LOSSES_H
#define RV_LOSSES_H

#include <stdint.h>

/* Rows of `columns` floats side by side; `result` may be the input. */
void rv_softmax(long rows, long columns, const float *x, float *result, int is_log, int threads);
void rv_softmax_backward(long rows, long columns, const float *gradient, const float *result,
                         float *input_gradient, int is_log, int threads);

/* -w[t] x[row, t] of each row, or their mean or sum; `classes` may be NULL for weights of 1.
 *
 * reduction: 0 none, 1 mean, 2 sum. Returns 0, or 1 where a target names no class. */
int rv_nll(long rows, long columns, const float *x, const int64_t *target, const float *classes,
           int reduction, int64_t ignored, float *result, float *total);
void rv_nll_backward(long rows, long columns, const float *gradient, const int64_t *target,
                     const float *classes, int reduction, int64_t ignored, const float *total,
                     float *input_gradient);

#endif
