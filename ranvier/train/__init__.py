"""Training: the loop around the step, evaluation, early stopping, checkpoints and resume."""
