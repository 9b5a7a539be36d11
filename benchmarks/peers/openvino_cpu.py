"""OpenVINO on the CPU: latency mode, f32 as asked for, tensors set before the clock starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino

from peers.onnx_programs import exported
from suites.case import Case


class OpenVino:
    """Models exported from PyTorch."""

    def versions(self) -> dict[str, str]:
        """OpenVINO's."""
        return {"openvino": openvino.__version__}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Calls infer with set tensors."""
        if case.workload.dtype == "bf16":
            raise NotImplementedError("bf16 inputs aren't measured")
        model, _ = exported(case)
        core = openvino.Core()
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": int(os.environ["OMP_NUM_THREADS"]),
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = core.compile_model(core.read_model(model), "CPU", options)

        def bind(inputs: Sequence[Any]) -> Callable[[], Any]:
            request = compiled.create_infer_request()
            for at, array in enumerate(inputs):
                request.set_input_tensor(at, openvino.Tensor(array, shared_memory=True))

            def call() -> Any:
                request.infer()
                return request

            return call

        return bind

    def arrays(self, result: Any) -> list[np.ndarray]:
        """Their elements."""
        return [tensor.data for tensor in result.output_tensors]


make = OpenVino
