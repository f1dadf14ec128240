"""Many models trained as one program: what differs between them, how one update serves all."""

from ranvier.step.population.member import Member, vary
from ranvier.step.population.population import Population

__all__ = ["Member", "Population", "vary"]
