"""Many models trained as one program: what differs between them, how one update serves all."""

from ranvier.step.population.member import Member, vary
from ranvier.step.population.population import Population
from ranvier.step.population.strains import strains

__all__ = ["Member", "Population", "strains", "vary"]
