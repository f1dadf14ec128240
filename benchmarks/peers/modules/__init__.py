"""The workloads' networks as plain PyTorch modules, written as a person writes them."""

from benchmarks.peers.modules.registry import criterion_of, module_of, tensors_of

__all__ = ["criterion_of", "module_of", "tensors_of"]
