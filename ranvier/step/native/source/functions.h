/* Elementary functions of one float, exact to about one unit in the last place.
 *
 * Each goes by way of double precision, where a short polynomial is far more exact than a float
 * can hold, so that none needs cases for cancellation. There are no branches and no tables: the
 * compiler turns a loop over one of them into vector code on every processor. */
#ifndef RV_FUNCTIONS_H
#define RV_FUNCTIONS_H

#include <math.h>
#include <stdint.h>

#include "vector.h"

RV_INLINE double rv_from_bits(int64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

RV_INLINE int64_t rv_bits(double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* e^x for a double, to 1e-10 relative; x beyond what a float can hold gives its 0 or infinity. */
RV_INLINE double rv_exp_wide(double x) {
    const double shift = 0x1.8p52;
    double y = x < -200.0 ? -200.0 : x;
    y = y > 200.0 ? 200.0 : y;
    const double moved = y * 0x1.71547652b82fep0 + shift;
    const double k = moved - shift;
    const double r = (y - k * 0x1.62e42fefa39efp-1);
    double p = 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    /* The low bits of `moved` are the integer k; 1023 is the bias of a double's exponent. */
    return p * rv_from_bits((int64_t)((uint64_t)(rv_bits(moved) + 1023) << 52));
}

/* log x for a normal double above 0, to 1e-11 relative to the larger of 1 and |log x|. */
RV_INLINE double rv_log_positive(double x) {
    const int64_t bits = rv_bits(x);
    /* The mantissa is taken to between sqrt(1/2) and sqrt(2), so that its logarithm is small. */
    const int64_t moved = bits - 0x3fe6a09e667f3bcd;
    const int64_t k = moved & (int64_t)0xfff0000000000000;
    const double m = rv_from_bits(bits - k);
    /* k >> 52 as a double, by adding it to the bits of a number whose last place is 1. */
    const double exponent =
        rv_from_bits((int64_t)(((uint64_t)k >> 52) ^ 0x800) + 0x4330000000000000) -
        (0x1p52 + 2048.0);
    const double s = (m - 1.0) / (m + 1.0);
    const double t = s * s;
    double p = 2.0 / 15;
    p = p * t + 2.0 / 13;
    p = p * t + 2.0 / 11;
    p = p * t + 2.0 / 9;
    p = p * t + 2.0 / 7;
    p = p * t + 2.0 / 5;
    p = p * t + 2.0 / 3;
    p = p * t + 2.0;
    return exponent * 0x1.62e42fefa39efp-1 + s * p;
}

/* log x for any double: -inf at 0, NaN below it, inf at inf. */
RV_INLINE double rv_log_wide(double x) {
    double y = rv_log_positive(x);
    y = x == 0.0 ? -INFINITY : y;
    y = x < 0.0 ? NAN : y;
    y = x == INFINITY ? x : y;
    return x != x ? x : y;
}

RV_INLINE float rv_exp(float x) { return (float)rv_exp_wide(x); }

RV_INLINE float rv_expm1(float x) {
    const double wide = x, near = wide + 0.5 * wide * wide;
    return (float)(fabs(wide) < 1e-5 ? near : rv_exp_wide(wide) - 1.0);
}

RV_INLINE float rv_log(float x) { return (float)rv_log_wide(x); }

RV_INLINE float rv_log1p(float x) {
    const double wide = x, near = wide - 0.5 * wide * wide;
    return (float)(fabs(wide) < 1e-5 ? near : rv_log_wide(1.0 + wide));
}

RV_INLINE float rv_sigmoid(float x) { return (float)(1.0 / (1.0 + rv_exp_wide(-(double)x))); }

RV_INLINE float rv_tanh(float x) {
    const double wide = x, near = wide - wide * wide * wide * (1.0 / 3);
    const double far = 1.0 - 2.0 / (rv_exp_wide(2.0 * wide) + 1.0);
    return (float)(fabs(wide) < 1e-4 ? near : far);
}

/* erf x: x times a polynomial in x squared up to 1, and 1 - exp(-polynomial) from there to 4.2, where
 * it is 1 to a float. Both polynomials are Chebyshev fits, exact to 1e-12 and 6e-10. */
RV_INLINE float rv_erf(float x) {
    const double wide = x, size = fabs(wide), square = wide * wide;
    double near = 0x1.1c6a2f28e96cep-20;
    near = near * square + -0x1.d2cc99c2a2200p-17;
    near = near * square + 0x1.f582bcd8dca78p-14;
    near = near * square + -0x1.bfe1c88328daap-11;
    near = near * square + 0x1.565891c320abep-8;
    near = near * square + -0x1.b82cbb528d09ep-6;
    near = near * square + 0x1.ce2f20aa9d4f8p-4;
    near = near * square + -0x1.812746adee056p-2;
    near = near * square + 0x1.20dd750428d0dp+0;
    const double far_size = size > 4.2 ? 4.2 : size;
    const double k = (far_size - 2.6) / 1.6;
    double p = 0x1.9332ba5ce3267p-19;
    p = p * k + 0x1.9aabfacb76e5dp-18;
    p = p * k + -0x1.3252b2b3816cdp-14;
    p = p * k + 0x1.46befb486a9d1p-12;
    p = p * k + -0x1.2d2d5bc3212a3p-10;
    p = p * k + 0x1.031b0f4a4e678p-8;
    p = p * k + -0x1.a63cafc256709p-7;
    p = p * k + 0x1.50a354db17df5p-5;
    p = p * k + 0x1.36523e428fb18p+1;
    p = p * k + 0x1.1bbd2d2caeec7p+3;
    p = p * k + 0x1.0b3fc1fce53b6p+3;
    const double far = copysign(1.0 - rv_exp_wide(-p), wide);
    const double value = size < 1.0 ? near * wide : far;
    return (float)(wide != wide ? wide : value);
}

#endif
