"""The suites' programs as ONNX models, exported from PyTorch."""

from __future__ import annotations

import io
from typing import Any

import torch

from peers.torch_programs import program, tensor
from suites.case import Case

OPSET = 20


class _Module(torch.nn.Module):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self._program = program(case.operation, case.workload.dtype)

    def forward(self, *tensors: torch.Tensor) -> Any:
        return self._program(*tensors)


def exported(case: Case) -> tuple[bytes, list[str]]:
    """A model of fixed shapes, and its inputs' names."""
    tensors = tuple(tensor(a) for a in case.workload.inputs())
    names = [f"x{k}" for k in range(len(tensors))]
    stream = io.BytesIO()
    torch.onnx.export(_Module(case), tensors, stream, input_names=names, opset_version=OPSET, dynamo=False)
    return stream.getvalue(), names
