/* The updates of the usual optimisers, as torch's fused kernels define them. */
#ifndef RV_OPTIMIZERS_H
#define RV_OPTIMIZERS_H

typedef struct {
    double learning_rate, beta1, beta2, weight_decay, epsilon;
    int is_decoupled;                /* AdamW */
    double correction1, correction2; /* 1 - beta^t */
} rv_adam_settings;

/* `largest` is NULL but for AMSGrad. */
void rv_adam(long count, float *parameter, const float *gradient, float *mean, float *mean_square,
             float *largest, const rv_adam_settings *settings, int threads);

typedef struct {
    float learning_rate, weight_decay, momentum, one_less_dampening;
    int nesterov;
} rv_sgd_settings;

/* `velocity` is NULL where there is no momentum. */
void rv_sgd(long count, float *parameter, const float *gradient, float *velocity,
            const rv_sgd_settings *settings, int threads);

#endif
