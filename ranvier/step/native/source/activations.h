/* Exponentials of whole vectors in single precision, to a few units in the last place. */
#ifndef RV_ACTIVATIONS_H
#define RV_ACTIVATIONS_H

#include "vector.h"

/* The smaller and the larger; a NaN of x stays one. */
RV_INLINE rv_vector rv_vector_min(rv_vector x, float most) {
#if defined(__AVX512F__)
    return (rv_vector)_mm512_min_ps(_mm512_set1_ps(most), (__m512)x);
#else
    return rv_select(x > rv_splat(most), rv_splat(most), x);
#endif
}

RV_INLINE rv_vector rv_vector_max(rv_vector x, float least) {
#if defined(__AVX512F__)
    return (rv_vector)_mm512_max_ps(_mm512_set1_ps(least), (__m512)x);
#else
    return rv_select(x < rv_splat(least), rv_splat(least), x);
#endif
}

/* 1 / x for a normal x above 0, to about one unit in the last place: Newton's step from 14 bits is
 * faster than a division. */
RV_INLINE rv_vector rv_vector_inverse(rv_vector x) {
#if defined(__AVX512F__)
    const rv_vector y = (rv_vector)_mm512_rcp14_ps((__m512)x);
    return y + y * (1.0f - x * y);
#else
    return 1.0f / x;
#endif
}

/* e^x = 2^k e^r with |r| <= log(2) / 2; a NaN passes both comparisons and stays one. */
RV_INLINE rv_vector rv_vector_exp(rv_vector x) {
    const rv_vector shift = rv_splat(0x1.8p23f);
    const rv_vector y = rv_vector_max(rv_vector_min(x, 88.0f), -87.0f);
    const rv_vector moved = y * 0x1.715476p0f + shift;
    const rv_vector k = moved - shift;
    const rv_vector r = (y - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f;
    rv_vector p = rv_splat(1.0f / 720);
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* The low bits of `moved` are the integer k; 127 is the bias of a float's exponent. */
    return p * (rv_vector)(((rv_lanes)moved + 127) << 23);
}

RV_INLINE rv_vector rv_vector_sigmoid(rv_vector x) {
    return rv_vector_inverse(1.0f + rv_vector_exp(-x));
}

/* Near zero a series, as 1 - 2 / (e^2x + 1) would leave few digits of so small a number. */
RV_INLINE rv_vector rv_vector_tanh(rv_vector x) {
    const rv_vector square = x * x;
    rv_vector near = rv_splat(62.0f / 2835);
    near = near * square - 17.0f / 315;
    near = near * square + 2.0f / 15;
    near = near * square - 1.0f / 3;
    near = near * square * x + x;
    const rv_vector far = 1.0f - 2.0f * rv_vector_inverse(rv_vector_exp(x + x) + 1.0f);
    return rv_select(square < rv_splat(0.0625f), near, far);
}

#endif
