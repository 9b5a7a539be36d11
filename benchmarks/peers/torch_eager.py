"""PyTorch, operator by operator."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from peers.torch_programs import array, program, tensor
from suites.case import Case

PROFILED_CALLS = 3
PRODUCTS = (
    *("aten::addmm", "aten::baddbmm", "aten::bmm", "aten::convolution", "aten::dot", "aten::mm", "aten::mv"),
    *("mkl::_mkl_linear", "mkldnn::_convolution_pointwise", "mkldnn::_linear_pointwise"),
)
"""Operators as the profiler calls them, of which none calls another."""


class TorchEager:
    """Programs as they are written."""

    def __init__(self) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def versions(self) -> dict[str, str]:
        """PyTorch's."""
        return {"torch": torch.__version__}

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """What is called."""
        return function

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Calls pass tensors, without gradients."""
        function = self.compiled(program(case.operation, case.workload.dtype))

        def bind(inputs: Sequence[Any]) -> Callable[[], Any]:
            tensors = [tensor(a) for a in inputs]

            def call() -> Any:
                with torch.inference_mode():
                    return function(*tensors)

            return call

        return bind

    def arrays(self, result: Any) -> list[np.ndarray]:
        """Their elements."""
        return [array(r) for r in (result if isinstance(result, tuple) else (result,))]

    def seconds_in_products(self, call: Callable[[], Any]) -> float:
        """What a call spends in products and convolutions of a library."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            for _ in range(PROFILED_CALLS):
                call()
        spent = sum(each.cpu_time_total for each in profile.key_averages() if each.key in PRODUCTS)
        return spent * 1e-6 / PROFILED_CALLS


make = TorchEager
