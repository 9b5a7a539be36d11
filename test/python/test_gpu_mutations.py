"""What the simulator would miss: barriers, guards, branches and masks of kernels, overruled one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from gpu_running import simulated, todays
from test_workloads import check as check_workload

from powerfusion.errors import SimulationError
from powerfusion.runtime.device_function import DeviceFunction
from powerfusion.simulate.ptx.device import PtxDevice
from workloads import Workload, find

# Memory of the group, columns, squares that are turned, layouts, rows in two passes.
NAMES = ("rope", "batchnorm_training", "transpose_add", "shuffle_nchw", "residual_layernorm_1000x1000")
# Elements that aren't there are loaded as zero, so that a sum doesn't miss the choice of its neutral element.
EXPLAINED = {"residual_layernorm_1000x1000": {"select": 3}}
SEEDS = range(3)


def passes(
    workload: Workload, function: DeviceFunction, inputs: Sequence[Any], device: PtxDevice, traffic: Any
) -> bool:
    """Whether a run has no fault, moves the same bytes as before, and gives what NumPy gives."""
    try:
        results = function.run_on(device, inputs)
        check_workload(workload, tuple(results) if len(results) > 1 else results[0], tuple(inputs), workload.name)
    except (SimulationError, AssertionError):
        return False
    return device.traffic == traffic


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", todays(NAMES, 3))
def test_what_decides_is_missed(name: str) -> None:
    """Every instruction is executed; each site that decides both ways, overruled either way, is found, or explained."""
    workload = find(name)
    function = simulated(workload.text("small")).device_function
    text, inputs = function.code.assembly, workload.inputs("small")
    device = PtxDevice(text, is_studied=True)
    function.run_on(device, inputs)
    assert all(device.executed().values())
    survivors: dict[str, int] = {}
    mutants = 0
    for number, (site, outcomes) in enumerate(zip(device.sites, device.outcomes(), strict=True)):
        for holds in (False, True):
            if not outcomes[not holds]:
                continue
            mutants += 1
            device.overrule(number, holds=holds)
            runs = (PtxDevice(text, seed, is_studied=True) for seed in SEEDS)
            if all(passes(workload, function, inputs, run, device.traffic) for run in runs):
                survivors[site.kind] = survivors.get(site.kind, 0) + 1
            device.overrule(None)
    assert mutants >= len(device.sites) / 2
    assert survivors == EXPLAINED.get(name, {})
