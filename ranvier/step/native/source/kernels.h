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

/* The same with A and B rounded to bfloat16, their products added in float32. Where the processor
 * has no instruction for it (rv_has_bf16 is 0), nothing is rounded. */
void rv_gemm_bf16(int trans_a, int trans_b, long m, long n, long k, float alpha, const float *a,
                  long lda, const float *b, long ldb, float beta, float *c, long ldc,
                  const float *bias, rv_epilogue epilogue, int threads, float *workspace);

int rv_has_bf16(void);

/* Enough for any of these products, and for smaller ones. */
long rv_gemm_workspace(long m, long n, long k, int threads);

/* sums[j] = x[0, j] + x[1, j] + ... for x [rows, columns]: the gradient of a bias. */
void rv_sum_rows(const float *x, long rows, long columns, long ld, float *sums, int threads,
                 float *workspace);

long rv_sum_rows_workspace(long columns, int threads);

/* A convolution of images [batch, height, width, channels] with a weight that lies anywhere in
 * memory: its element (output channel, input channel, row, column) is the dot product of these
 * with weight_stride, in floats. Padding is the same on opposite sides. */
typedef struct {
    long batch, in_height, in_width, in_channels;
    long out_height, out_width, out_channels;
    long kernel_height, kernel_width;
    long stride_height, stride_width;
    long padding_height, padding_width;
    long dilation_height, dilation_width;
    long groups;
    long weight_stride[4];
} rv_convolution;

/* y = x * weight, then bias [out channels] and relu as `epilogue` says.
 *
 * With `is_half`, here and in the gradients, what is multiplied is rounded to bfloat16 as by
 * rv_gemm_bf16. Left in float32 are channels on their own, and a product of neighbouring channels
 * (in the forward pass of the input's, in dx of the output's) if a group has an odd number. */
void rv_conv_forward(const rv_convolution *conv, const float *x, const float *weight,
                     const float *bias, rv_epilogue epilogue, float *y, int threads,
                     float *workspace, int is_half);

/* dx from dy. */
void rv_conv_input_gradient(const rv_convolution *conv, const float *dy, const float *weight,
                            float *dx, int threads, float *workspace, int is_half);

/* dweight (strides as the weight's) and, where not NULL, dbias from x and dy. */
void rv_conv_weight_gradient(const rv_convolution *conv, const float *x, const float *dy,
                             float *dweight, float *dbias, int threads, float *workspace,
                             int is_half);

/* Enough for any of the three. */
long rv_conv_workspace(const rv_convolution *conv, int threads);

/* Windows over images [batch, height, width, channels], clipped where they reach into padding. */
typedef struct {
    long batch, in_height, in_width, channels;
    long out_height, out_width;
    long kernel_height, kernel_width;
    long stride_height, stride_width;
    long padding_height, padding_width;
    long dilation_height, dilation_width; /* of the maximum only */
    int counts_padding;                   /* of the average: padding counts as zeros */
    long divisor;                         /* of the average: instead of the count, if not 0 */
} rv_pooling;

/* The largest of each window, a NaN being larger than all, and which pixel of the picture it is:
 * index = row * in_width + column, the first of equals. */
void rv_max_pool_forward(const rv_pooling *pool, const float *x, float *y, int *index, int threads);

void rv_max_pool_backward(const rv_pooling *pool, const float *dy, const int *index, float *dx,
                          int threads);

void rv_average_pool_forward(const rv_pooling *pool, const float *x, float *y, int threads);

void rv_average_pool_backward(const rv_pooling *pool, const float *dy, float *dx, int threads);

/* Each channel of x [rows, channels] brought to mean 0 and variance 1, then scaled and shifted:
 * y = (x - mean) inverse_deviation weight + bias, where inverse_deviation = 1 / sqrt(variance +
 * epsilon) over the rows. Weight and bias may be NULL. Running statistics, where not NULL, move by
 * `momentum` towards the mean and the unbiased variance of these rows, as torch's do. */
void rv_batch_norm_forward(const float *x, long rows, long channels, const float *weight,
                           const float *bias, float epsilon, float momentum, float *running_mean,
                           float *running_variance, float *mean, float *inverse_deviation, float *y,
                           int threads, float *workspace);

/* dx, and where not NULL dweight and dbias, from what the forward pass left. */
void rv_batch_norm_backward(const float *x, const float *dy, long rows, long channels,
                            const float *weight, const float *mean, const float *inverse_deviation,
                            float *dx, float *dweight, float *dbias, int threads, float *workspace);

/* Each row of x [rows, width] brought to mean 0 and variance 1, then scaled and shifted by column;
 * mean and inverse_deviation are [rows]. */
void rv_layer_norm_forward(const float *x, long rows, long width, const float *weight,
                           const float *bias, float epsilon, float *mean, float *inverse_deviation,
                           float *y, int threads);

void rv_layer_norm_backward(const float *x, const float *dy, long rows, long width,
                            const float *weight, const float *mean, const float *inverse_deviation,
                            float *dx, float *dweight, float *dbias, int threads, float *workspace);

/* Enough for batch norm or layer norm, forward or backward. */
long rv_norm_workspace(long width, int threads);

#endif
