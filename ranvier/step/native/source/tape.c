#include "tape.h"

#include <math.h>
#include <stddef.h>

#include "elements.h"
#include "kernels.h"
#include "losses.h"
#include "optimizers.h"
#include "random.h"
#include "reductions.h"
#include "threads.h"
#include "vector.h"

RV_INLINE double rv_real(int64_t word) {
    double value;
    memcpy(&value, &word, sizeof value);
    return value;
}

#define RV_ADDRESS(type, word) ((type *)(intptr_t)(word))

static int rv_do_elements(const int64_t *w) {
    rv_elements(w);
    return RV_DONE;
}

static int rv_do_reduce(const int64_t *w) {
    rv_reduce(w);
    return RV_DONE;
}

/* result, how many, then address and size of each tensor. */
static int rv_do_norms(const int64_t *w) {
    float *result = RV_ADDRESS(float, w[0]);
    for (long i = 0; i < w[1]; i++)
        result[i] = rv_norm(RV_ADDRESS(const float, w[2 + 2 * i]), w[3 + 2 * i]);
    return RV_DONE;
}

typedef struct {
    int trans_a, trans_b, threads, is_half;
    long m, n, k, lda, ldb, ldc, batches, step_a, step_b, step_c, workspace_of_one;
    float alpha, beta;
    const float *a, *b, *bias;
    float *c, *workspace;
    rv_epilogue epilogue;
} rv_products;

static void rv_multiply(const rv_products *p, long batch, int threads, float *workspace) {
    const __typeof__(&rv_gemm_bf16) gemm = p->is_half ? rv_gemm_bf16 : rv_gemm_epilogue;
    gemm(p->trans_a, p->trans_b, p->m, p->n, p->k, p->alpha, p->a + batch * p->step_a, p->lda,
         p->b + batch * p->step_b, p->ldb, p->beta, p->c + batch * p->step_c, p->ldc, p->bias,
         p->epilogue, threads, workspace);
}

static void rv_multiply_share(void *context, int share, int shares) {
    const rv_products *p = context;
    long from, to;
    rv_part(p->batches, 1, share, shares, &from, &to);
    for (long i = from; i < to; i++)
        rv_multiply(p, i, 1, p->workspace + share * p->workspace_of_one);
}

static int rv_do_product(const int64_t *w) {
    rv_products p = {
        .trans_a = (int)w[0], .trans_b = (int)w[1], .m = w[2], .n = w[3], .k = w[4],
        .alpha = (float)rv_real(w[5]), .a = RV_ADDRESS(const float, w[6]), .lda = w[7],
        .b = RV_ADDRESS(const float, w[8]), .ldb = w[9], .beta = (float)rv_real(w[10]),
        .c = RV_ADDRESS(float, w[11]), .ldc = w[12], .bias = RV_ADDRESS(const float, w[13]),
        .epilogue = (rv_epilogue)w[14], .threads = (int)w[15],
        .workspace = RV_ADDRESS(float, w[16]), .batches = w[17], .step_a = w[18],
        .step_b = w[19], .step_c = w[20], .workspace_of_one = w[21],
        .is_half = (int)w[22],
    };
    if (p.batches == 1)
        rv_multiply(&p, 0, p.threads, p.workspace);
    else if (p.threads > 1)
        rv_parallel(p.threads, rv_multiply_share, &p);
    else
        rv_multiply_share(&p, 0, 1);
    return RV_DONE;
}

static int rv_do_softmax(const int64_t *w) {
    rv_softmax(w[0], w[1], RV_ADDRESS(const float, w[2]), RV_ADDRESS(float, w[3]), (int)w[4],
               (int)w[5]);
    return RV_DONE;
}

static int rv_do_softmax_backward(const int64_t *w) {
    rv_softmax_backward(w[0], w[1], RV_ADDRESS(const float, w[2]), RV_ADDRESS(const float, w[3]),
                        RV_ADDRESS(float, w[4]), (int)w[5], (int)w[6]);
    return RV_DONE;
}

static int rv_do_nll(const int64_t *w) {
    return rv_nll(w[0], w[1], RV_ADDRESS(const float, w[2]), RV_ADDRESS(const int64_t, w[3]),
                  RV_ADDRESS(const float, w[4]), (int)w[5], w[6], RV_ADDRESS(float, w[7]),
                  RV_ADDRESS(float, w[8]))
               ? RV_TARGET_IS_NO_CLASS
               : RV_DONE;
}

static int rv_do_nll_backward(const int64_t *w) {
    rv_nll_backward(w[0], w[1], RV_ADDRESS(const float, w[2]), RV_ADDRESS(const int64_t, w[3]),
                    RV_ADDRESS(const float, w[4]), (int)w[5], w[6], RV_ADDRESS(const float, w[7]),
                    RV_ADDRESS(float, w[8]));
    return RV_DONE;
}

/* rows, width in bytes, number of rows to choose from, table, index, result. */
static int rv_do_take_rows(const int64_t *w) {
    const int64_t *index = RV_ADDRESS(const int64_t, w[4]);
    const char *table = RV_ADDRESS(const char, w[3]);
    char *result = RV_ADDRESS(char, w[5]);
    for (long r = 0; r < w[0]; r++) {
        if (index[r] < 0 || index[r] >= w[2]) return RV_INDEX_OUT_OF_RANGE;
        memcpy(result + r * w[1], table + index[r] * w[1], (size_t)w[1]);
    }
    return RV_DONE;
}

/* rows, width, number of rows of the table, skipped index, rows' address, index, table: the table
 * is set to zero, then each row added where its index says. */
static int rv_do_add_rows(const int64_t *w) {
    const int64_t *index = RV_ADDRESS(const int64_t, w[5]);
    const float *rows = RV_ADDRESS(const float, w[4]);
    float *table = RV_ADDRESS(float, w[6]);
    const long width = w[1];
    memset(table, 0, (size_t)(w[2] * width) * sizeof(float));
    for (long r = 0; r < w[0]; r++) {
        if (index[r] == w[3]) continue;
        if (index[r] < 0 || index[r] >= w[2]) return RV_INDEX_OUT_OF_RANGE;
        float *to = table + index[r] * width;
        for (long j = 0; j < width; j++) to[j] += rows[r * width + j];
    }
    return RV_DONE;
}

/* is_decoupled, beta1, beta2, weight_decay, epsilon, learning rate, threads, how many, then per
 * tensor: count, parameter, gradient, mean, mean square, largest or 0, step. */
static int rv_do_adam(const int64_t *w) {
    rv_adam_settings settings = {
        .is_decoupled = (int)w[0], .beta1 = rv_real(w[1]), .beta2 = rv_real(w[2]),
        .weight_decay = rv_real(w[3]), .epsilon = rv_real(w[4]),
        .learning_rate = *RV_ADDRESS(const double, w[5])};
    const int64_t *t = w + 8;
    double counted = 0;
    for (long i = 0; i < w[7]; i++, t += 7) {
        const double step = *RV_ADDRESS(const float, t[6]);
        if (step != counted) {
            settings.correction1 = 1 - pow(settings.beta1, step);
            settings.correction2 = 1 - pow(settings.beta2, step);
            counted = step;
        }
        rv_adam(t[0], RV_ADDRESS(float, t[1]), RV_ADDRESS(const float, t[2]),
                RV_ADDRESS(float, t[3]), RV_ADDRESS(float, t[4]), RV_ADDRESS(float, t[5]),
                &settings, t[0] >= 65536 ? (int)w[6] : 1);
    }
    return RV_DONE;
}

/* weight_decay, momentum, dampening, nesterov, learning rate, threads, how many, then per tensor:
 * count, parameter, gradient, velocity or 0. */
static int rv_do_sgd(const int64_t *w) {
    const rv_sgd_settings settings = {
        .learning_rate = (float)*RV_ADDRESS(const double, w[4]),
        .weight_decay = (float)rv_real(w[0]), .momentum = (float)rv_real(w[1]),
        .one_less_dampening = (float)(1 - rv_real(w[2])), .nesterov = (int)w[3]};
    const int64_t *t = w + 7;
    for (long i = 0; i < w[6]; i++, t += 4)
        rv_sgd(t[0], RV_ADDRESS(float, t[1]), RV_ADDRESS(const float, t[2]),
               RV_ADDRESS(float, t[3]), &settings, t[0] >= 65536 ? (int)w[5] : 1);
    return RV_DONE;
}

/* generator, method, count, probability, result. */
static int rv_do_bernoulli(const int64_t *w) {
    rv_bernoulli(RV_ADDRESS(rv_generator, w[0]), (int)w[1], w[2], rv_real(w[3]),
                 RV_ADDRESS(float, w[4]));
    return RV_DONE;
}

#define RV_F(i) RV_ADDRESS(float, w[i])
#define RV_CF(i) RV_ADDRESS(const float, w[i])

static int rv_do_batch_norm(const int64_t *w) {
    rv_batch_norm_forward(RV_CF(0), w[1], w[2], RV_CF(3), RV_CF(4), (float)rv_real(w[5]),
                          (float)rv_real(w[6]), RV_F(7), RV_F(8), RV_F(9), RV_F(10), RV_F(11),
                          (int)w[12], RV_F(13));
    return RV_DONE;
}

static int rv_do_batch_norm_backward(const int64_t *w) {
    rv_batch_norm_backward(RV_CF(0), RV_CF(1), w[2], w[3], RV_CF(4), RV_CF(5), RV_CF(6), RV_F(7),
                           RV_F(8), RV_F(9), (int)w[10], RV_F(11));
    return RV_DONE;
}

static int rv_do_layer_norm(const int64_t *w) {
    rv_layer_norm_forward(RV_CF(0), w[1], w[2], RV_CF(3), RV_CF(4), (float)rv_real(w[5]), RV_F(6),
                          RV_F(7), RV_F(8), (int)w[9]);
    return RV_DONE;
}

static int rv_do_layer_norm_backward(const int64_t *w) {
    rv_layer_norm_backward(RV_CF(0), RV_CF(1), w[2], w[3], RV_CF(4), RV_CF(5), RV_CF(6), RV_F(7),
                           RV_F(8), RV_F(9), (int)w[10], RV_F(11));
    return RV_DONE;
}

/* An rv_convolution is nothing but integers of the size of a word, in this order. */
#define RV_GEOMETRY (sizeof(rv_convolution) / sizeof(int64_t))
_Static_assert(sizeof(long) == sizeof(int64_t), "a tape's words are as long as a long");

static int rv_do_convolution(const int64_t *words) {
    const int64_t *w = words + RV_GEOMETRY;
    rv_conv_forward((const rv_convolution *)words, RV_CF(0), RV_CF(1), RV_CF(2), (rv_epilogue)w[3],
                    RV_F(4), (int)w[5], RV_F(6), (int)w[7]);
    return RV_DONE;
}

static int rv_do_convolution_input_gradient(const int64_t *words) {
    const int64_t *w = words + RV_GEOMETRY;
    rv_conv_input_gradient((const rv_convolution *)words, RV_CF(0), RV_CF(1), RV_F(2), (int)w[3],
                           RV_F(4), (int)w[5]);
    return RV_DONE;
}

static int rv_do_convolution_weight_gradient(const int64_t *words) {
    const int64_t *w = words + RV_GEOMETRY;
    rv_conv_weight_gradient((const rv_convolution *)words, RV_CF(0), RV_CF(1), RV_F(2), RV_F(3),
                            (int)w[4], RV_F(5), (int)w[6]);
    return RV_DONE;
}

#define RV_WINDOWS 16

static rv_pooling rv_windows(const int64_t *w) {
    return (rv_pooling){
        .batch = w[0], .in_height = w[1], .in_width = w[2], .channels = w[3], .out_height = w[4],
        .out_width = w[5], .kernel_height = w[6], .kernel_width = w[7], .stride_height = w[8],
        .stride_width = w[9], .padding_height = w[10], .padding_width = w[11],
        .dilation_height = w[12], .dilation_width = w[13], .counts_padding = (int)w[14],
        .divisor = w[15],
    };
}

static int rv_do_max_pool(const int64_t *words) {
    const int64_t *w = words + RV_WINDOWS;
    const rv_pooling pool = rv_windows(words);
    rv_max_pool_forward(&pool, RV_CF(0), RV_F(1), RV_ADDRESS(int, w[2]), (int)w[3]);
    return RV_DONE;
}

static int rv_do_max_pool_backward(const int64_t *words) {
    const int64_t *w = words + RV_WINDOWS;
    const rv_pooling pool = rv_windows(words);
    rv_max_pool_backward(&pool, RV_CF(0), RV_ADDRESS(const int, w[1]), RV_F(2), (int)w[3]);
    return RV_DONE;
}

static int rv_do_average_pool(const int64_t *words) {
    const int64_t *w = words + RV_WINDOWS;
    const rv_pooling pool = rv_windows(words);
    rv_average_pool_forward(&pool, RV_CF(0), RV_F(1), (int)w[2]);
    return RV_DONE;
}

static int rv_do_average_pool_backward(const int64_t *words) {
    const int64_t *w = words + RV_WINDOWS;
    const rv_pooling pool = rv_windows(words);
    rv_average_pool_backward(&pool, RV_CF(0), RV_F(1), (int)w[2]);
    return RV_DONE;
}

#define RV_OPERATION(name) rv_do_##name,
static const rv_instruction rv_operations[] = {
#include "operations.h"
};
#undef RV_OPERATION

#define RV_OPERATION(name) #name,
static const char *const rv_operation_names[] = {
#include "operations.h"
    NULL};
#undef RV_OPERATION

const char *rv_operation_name(int operation) { return rv_operation_names[operation]; }

int rv_run(int64_t *words, long count, const rv_place *places, long num_places,
           const int64_t *base, const int64_t *stride, long steps) {
    for (long step = 0; step < steps; step++) {
        for (long p = 0; p < num_places; p++)
            words[places[p].word] = base[places[p].stream] + step * stride[places[p].stream] +
                                    places[p].offset;
        for (long at = 0; at < count; at += words[at + 1]) {
            const int failure = rv_operations[words[at]](words + at + 2);
            if (failure) return failure;
        }
    }
    return RV_DONE;
}
