"""torch.compile with the inductor, autotuned, for fixed shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from peers.torch_eager import TorchEager


class TorchCompile(TorchEager):
    """Programs through `torch.compile`."""

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compiled with the first call, for its shapes."""
        torch.compiler.reset()
        return torch.compile(lambda *tensors: function(*tensors), mode="max-autotune", dynamic=False, fullgraph=True)


make = TorchCompile
