"""The indexed loop with its network through `torch.compile`, as it comes."""

from __future__ import annotations

from benchmarks.peers.job import Job, Member
from benchmarks.peers.torch_indexed import Indexed


def learner(job: Job, member: Member) -> Indexed:
    return Indexed(job, member, compiled=True)
