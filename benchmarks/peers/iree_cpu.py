"""IREE: the same linalg, compiled for this processor at its highest level."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import iree.compiler
import iree.runtime
import numpy as np

from suites.case import Case

FLAGS = ("--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3")


class Iree:
    """Programs through its own pipeline."""

    def __init__(self) -> None:
        threads = int(os.environ["OMP_NUM_THREADS"])
        self._driver = "local-sync" if threads == 1 else "local-task"
        if threads > 1:
            iree.runtime.flags.parse_flags(f"--task_topology_group_count={threads}")

    def versions(self) -> dict[str, str]:
        """The compiler's."""
        return {"iree": version("iree-base-compiler"), "driver": self._driver}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Calls pass device arrays and wait."""
        flat = iree.compiler.compile_str(case.workload.text(), target_backends=["llvm-cpu"], extra_args=list(FLAGS))
        config = iree.runtime.Config(self._driver)
        module = iree.runtime.load_vm_flatbuffer(flat, driver=self._driver)
        device = config.device

        def bind(inputs: Sequence[Any]) -> Callable[[], Any]:
            arrays = [iree.runtime.asdevicearray(device, a) for a in inputs]
            return lambda: module.main(*arrays)

        return bind

    def arrays(self, result: Any) -> list[np.ndarray]:
        """Their elements."""
        return [np.asarray(r) for r in (result if isinstance(result, tuple) else (result,))]


make = Iree
