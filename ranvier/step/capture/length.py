"""How long a captured update may be: a loop over places is captured turn by turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from ranvier.step.capture.guard import CaptureError

# Tracing and lowering take about 0.4 ms an operation and spare a microsecond of it in every step,
# on a core of an AMD Zen 5: a longer capture than this would hold training up for several seconds.
MOST_OPERATIONS = 10_000


class Counted(TorchDispatchMode):
    """Counts the operations of an update as it is traced.

    Raises:
        CaptureError: at the first one too many.
    """

    def __init__(self, most: int = MOST_OPERATIONS) -> None:
        super().__init__()
        self.most = most
        self.count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.count += 1
        if self.count > self.most:
            raise CaptureError(
                f"it is more than {self.most:,} operations, which take longer to capture than "
                "replaying them repays; a loop over the places of a long sequence is one for each"
            )
        return function(*args, **(kwargs or {}))
