"""The workloads' networks as functions of JAX arrays."""
