/* One vector of floats, as wide as the processor has them, without a word of its instructions.
 *
 * GCC's and clang's vector types compile to AVX-512, AVX2, NEON or plain code as -march says.
 * Only what they cannot say, a load of the first few lanes, is written with an instruction. */
#ifndef RV_VECTOR_H
#define RV_VECTOR_H

#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define RV_WIDTH 16
#elif defined(__AVX__)
#define RV_WIDTH 8
#else
#define RV_WIDTH 4
#endif

#define RV_INLINE static inline __attribute__((always_inline))
/* Loops whose counts are constants once inlined: unrolled, what they index lives in registers. */
#define RV_UNROLL _Pragma("GCC unroll 16")
#define RV_CEIL_DIV(a, b) (((a) + (b) - 1) / (b))
#define RV_ROUND_UP(a, b) (RV_CEIL_DIV(a, b) * (b))
#define RV_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RV_MAX(a, b) ((a) > (b) ? (a) : (b))

typedef float rv_vector __attribute__((vector_size(RV_WIDTH * 4)));
typedef int rv_lanes __attribute__((vector_size(RV_WIDTH * 4)));
typedef float rv_unaligned __attribute__((vector_size(RV_WIDTH * 4), aligned(4), may_alias));

RV_INLINE rv_vector rv_load(const float *from) { return *(const rv_unaligned *)from; }

RV_INLINE void rv_store(float *to, rv_vector value) { *(rv_unaligned *)to = value; }

/* x - 0 is x for every x, the negative zero included; x + 0 is not. */
RV_INLINE rv_vector rv_splat(float value) { return value - (rv_vector){0}; }

/* The first `count` lanes from memory, zeros in the rest; memory behind them is not touched. */
RV_INLINE rv_vector rv_load_first(const float *from, long count) {
#if defined(__AVX512F__)
    return (rv_vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1u), from);
#else
    if (count >= RV_WIDTH) return rv_load(from);
    rv_vector value = {0};
    memcpy(&value, from, (size_t)count * sizeof(float));
    return value;
#endif
}

RV_INLINE void rv_store_first(float *to, rv_vector value, long count) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1u), (__m512)value);
#else
    if (count >= RV_WIDTH)
        rv_store(to, value);
    else
        memcpy(to, &value, (size_t)count * sizeof(float));
#endif
}

/* mask is all ones or all zeros in each lane, as a comparison of vectors leaves it. */
RV_INLINE rv_vector rv_select(rv_lanes mask, rv_vector yes, rv_vector no) {
    return (rv_vector)((mask & (rv_lanes)yes) | (~mask & (rv_lanes)no));
}

/* A NaN is not below zero, so it stays: as in torch.relu. */
RV_INLINE rv_vector rv_relu(rv_vector x) { return rv_select(x < 0, (rv_vector){0}, x); }

/* Halves added to halves: a sum in log2(width) roundings. */
RV_INLINE float rv_sum(rv_vector x) {
    float lane[RV_WIDTH];
    rv_store(lane, x);
    for (int half = RV_WIDTH / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

#if RV_WIDTH == 16
#define RV_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define RV_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif RV_WIDTH == 8
#define RV_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define RV_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define RV_LOW 0, 4, 1, 5
#define RV_HIGH 2, 6, 3, 7
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define RV_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define RV_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (rv_lanes){__VA_ARGS__})
#endif

/* Transposes a square of vectors: log2(width) rounds that riffle row i with row i + width/2. */
RV_INLINE void rv_transpose(rv_vector row[RV_WIDTH]) {
    rv_vector other[RV_WIDTH];
#pragma GCC unroll 4
    for (int round = 1; round < RV_WIDTH; round *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < RV_WIDTH / 2; i++) {
            other[2 * i] = RV_SHUFFLE(row[i], row[i + RV_WIDTH / 2], RV_LOW);
            other[2 * i + 1] = RV_SHUFFLE(row[i], row[i + RV_WIDTH / 2], RV_HIGH);
        }
#pragma GCC unroll 16
        for (int i = 0; i < RV_WIDTH; i++) row[i] = other[i];
    }
}

#endif
