"""What the processor is and can do, as far as a choice depends on it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import lru_cache

# The names that Linux gives to instructions that multiply bfloat16, on x86 and on ARM.
_MULTIPLIES_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


@dataclass(frozen=True)
class Processor:
    """Its name, and its instruction sets as Linux names them; none where it cannot be asked."""

    name: str
    flags: frozenset[str]

    @property
    def multiplies_bfloat16(self) -> bool:
        """Whether it has units for products in bfloat16, without which they are slow."""
        return not self.flags.isdisjoint(_MULTIPLIES_BFLOAT16)


@lru_cache(maxsize=1)
def processor() -> Processor:
    """The processor of this machine."""
    said: dict[str, str] = {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                said.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    name = said.get("model name") or platform.processor() or platform.machine()
    return Processor(name, frozenset((said.get("flags") or said.get("Features") or "").split()))
