"""ONNX Runtime: all optimisations, inputs and outputs bound to memory that stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime

from peers.onnx_programs import exported
from suites.case import Case


class OnnxRuntime:
    """Models exported from PyTorch."""

    def versions(self) -> dict[str, str]:
        """ONNX Runtime's."""
        return {"onnxruntime": onnxruntime.__version__}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Calls run with bound memory."""
        if case.workload.dtype == "bf16":
            raise NotImplementedError("its CPU kernels don't take bf16")
        model, names = exported(case)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        results = [onnxruntime.OrtValue.ortvalue_from_numpy(r) for r in self._results(session, names, case)]

        def bind(inputs: Sequence[Any]) -> Callable[[], Any]:
            binding = session.io_binding()
            for name, array in zip(names, inputs, strict=True):
                binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
            for output, value in zip(session.get_outputs(), results, strict=True):
                binding.bind_ortvalue_output(output.name, value)

            def call() -> Any:
                session.run_with_iobinding(binding)
                return results

            return call

        return bind

    def _results(self, session: Any, names: Sequence[str], case: Case) -> list[np.ndarray]:
        """Arrays of the results' shapes: those of a first run."""
        return session.run(None, dict(zip(names, case.workload.inputs(), strict=True)))

    def arrays(self, result: Any) -> list[np.ndarray]:
        """Their elements."""
        return [value.numpy() for value in result]


make = OnnxRuntime
