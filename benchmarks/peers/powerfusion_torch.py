"""PowerFusion as a backend of `torch.compile`: whole models, products with ATen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import powerfusion as pf
from peers.torch_eager import TorchEager
from powerfusion.frontend import dynamo


class PowerFusionTorch(TorchEager):
    """Models through `torch.compile(backend="powerfusion")`."""

    def versions(self) -> dict[str, str]:
        """PowerFusion's and PyTorch's."""
        return {"powerfusion": pf.__version__, **super().versions()}

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compiled with the first call, for its shapes."""
        torch.compiler.reset()
        return torch.compile(lambda *tensors: function(*tensors), backend=dynamo.backend, dynamic=False)


make = PowerFusionTorch
