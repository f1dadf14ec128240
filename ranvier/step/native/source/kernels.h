/* The heavy kernels: matrix products, convolution, pooling and normalisation in float32.
 *
 * Matrices are row-major and `ld` is the distance from one row to the next in floats. Every kernel
 * gives the same bits for the same sizes and number of threads. No sum of more than a few hundred
 * terms runs through one accumulator. Workspaces are in floats, from the function beside. */
#ifndef RV_KERNELS_H
#define RV_KERNELS_H

typedef enum { RV_PLAIN = 0, RV_BIAS = 1, RV_BIAS_RELU = 2 } rv_epilogue;

/* C = alpha op(A) op(B) + beta C, where op(A) is [m, k] and op(B) is [k, n].
 *
 * With beta = 0, C is not read; a zero in A or B hides no NaN of the other. C overlaps neither. */
void rv_gemm(int trans_a, int trans_b, long m, long n, long k, float alpha, const float *a, long lda,
             const float *b, long ldb, float beta, float *c, long ldc, int threads,
             float *workspace);

/* The same, then `bias` [n] added to each row, then relu, as `epilogue` says. */
void rv_gemm_epilogue(int trans_a, int trans_b, long m, long n, long k, float alpha, const float *a,
                      long lda, const float *b, long ldb, float beta, float *c, long ldc,
                      const float *bias, rv_epilogue epilogue, int threads, float *workspace);

long rv_gemm_workspace(long m, long n, long k, int threads);

#endif
