#include "optimizers.h"

#include <math.h>
#include <stddef.h>

#include "threads.h"
#include "vector.h"

#define RV_GRAIN 1024

typedef struct {
    long count;
    float *parameter, *mean, *mean_square, *largest;
    const float *gradient;
    float kept, penalty, new1, beta2, new2, step_size, root, epsilon;
} rv_adam_work;

RV_INLINE void rv_adam_part(const rv_adam_work *w, long from, long to, int with_largest) {
    float *restrict p = w->parameter, *restrict m = w->mean, *restrict v = w->mean_square;
    float *restrict most = w->largest;
    const float *restrict g = w->gradient;
    const float kept = w->kept, penalty = w->penalty, beta2 = w->beta2;
    const float new1 = w->new1, new2 = w->new2;
    const float step_size = w->step_size, root = w->root, epsilon = w->epsilon;
    for (long i = from; i < to; i++) {
        const float theta = p[i] * kept, slope = g[i] + penalty * p[i];
        const float mean = m[i] + new1 * (slope - m[i]);
        float square = beta2 * v[i] + new2 * slope * slope;
        m[i] = mean;
        v[i] = square;
        if (with_largest) {
            square = (most[i] > square) | (most[i] != most[i]) ? most[i] : square;
            most[i] = square;
        }
        p[i] = theta - step_size * mean / (sqrtf(square) * root + epsilon);
    }
}

static void rv_adam_share(void *context, int share, int shares) {
    const rv_adam_work *work = context;
    long from, to;
    rv_part(work->count, RV_GRAIN, share, shares, &from, &to);
    if (work->largest)
        rv_adam_part(work, from, to, 1);
    else
        rv_adam_part(work, from, to, 0);
}

void rv_adam(long count, float *parameter, const float *gradient, float *mean, float *mean_square,
             float *largest, const rv_adam_settings *settings, int threads) {
    const double beta1 = settings->beta1, beta2 = settings->beta2;
    const double learning_rate = settings->learning_rate;
    const double decay = settings->weight_decay;
    rv_adam_work work = {
        .count = count, .parameter = parameter, .mean = mean, .mean_square = mean_square,
        .largest = largest, .gradient = gradient,
        .kept = settings->is_decoupled ? (float)(1 - learning_rate * decay) : 1.0f,
        .penalty = settings->is_decoupled ? 0.0f : (float)decay,
        /* 1 - beta in double: of 0.999 in float only five digits would be left. */
        .new1 = (float)(1 - beta1), .beta2 = (float)beta2, .new2 = (float)(1 - beta2),
        .step_size = (float)(learning_rate / settings->correction1),
        .root = (float)(1 / sqrt(settings->correction2)), .epsilon = (float)settings->epsilon,
    };
    if (threads > 1)
        rv_parallel(threads, rv_adam_share, &work);
    else
        rv_adam_share(&work, 0, 1);
}

typedef struct {
    long count;
    float *parameter, *velocity;
    const float *gradient;
    const rv_sgd_settings *settings;
} rv_sgd_work;

static void rv_sgd_share(void *context, int share, int shares) {
    const rv_sgd_work *work = context;
    const rv_sgd_settings s = *work->settings;
    float *restrict p = work->parameter, *restrict velocity = work->velocity;
    const float *restrict g = work->gradient;
    long from, to;
    rv_part(work->count, RV_GRAIN, share, shares, &from, &to);
    if (!velocity) {
        for (long i = from; i < to; i++) p[i] -= s.learning_rate * (g[i] + s.weight_decay * p[i]);
        return;
    }
    for (long i = from; i < to; i++) {
        const float slope = g[i] + s.weight_decay * p[i];
        const float speed = s.momentum * velocity[i] + s.one_less_dampening * slope;
        velocity[i] = speed;
        p[i] -= s.learning_rate * (s.nesterov ? slope + s.momentum * speed : speed);
    }
}

void rv_sgd(long count, float *parameter, const float *gradient, float *velocity,
            const rv_sgd_settings *settings, int threads) {
    rv_sgd_work work = {count, parameter, velocity, gradient, settings};
    if (threads > 1)
        rv_parallel(threads, rv_sgd_share, &work);
    else
        rv_sgd_share(&work, 0, 1);
}
