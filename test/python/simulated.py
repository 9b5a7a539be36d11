"""Programs on simulated machines, and what a changed text of one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import powerfusion as pf
from powerfusion.emit.device import build_simulation
from powerfusion.executable import Executable
from powerfusion.runtime.simulation import SimulatedFunction

ROOT = Path(__file__).resolve().parents[2]
DSP = ROOT / "examples/machines/dsp.toml"
MAP = "affine_map<(a, b) -> (a, b)>"
ADD_EXP = f"""
func.func @add_exp(%x: tensor<70x300xf32>, %y: tensor<70x300xf32>) -> tensor<70x300xf32> {{
  %e = tensor.empty() : tensor<70x300xf32>
  %0 = linalg.generic {{indexing_maps = [{MAP}, {MAP}, {MAP}], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %y : tensor<70x300xf32>, tensor<70x300xf32>) outs(%e : tensor<70x300xf32>) {{
  ^bb0(%a: f32, %b: f32, %c: f32):
    %1 = arith.addf %a, %b : f32
    %2 = math.exp %1 : f32
    linalg.yield %2 : f32
  }} -> tensor<70x300xf32>
  return %0 : tensor<70x300xf32>
}}
"""


def compiled(source: Any, target: str) -> Executable:
    """A program for a simulated machine."""
    return pf.compile(source, target=target, device="sim")


def moved(program: Executable) -> tuple[int, Any]:
    """Bytes that copies moved from and to memory in the last call, and what the ledger says."""
    assert program.simulation is not None
    memory = program.machine.space_of("dram").name
    counted = sum(size for link, size in program.simulation.bytes.items() if memory in link.split(" -> "))
    (scheduled,) = (report for report in program.phase_reports() if report.phase == "schedule")
    return counted, scheduled.at("dram", "useful")


def altered(program: Executable, change: Callable[[str], str]) -> SimulatedFunction:
    """A program whose text was changed; the change must be one."""
    given = program._device_source  # pyright: ignore[reportPrivateUsage]
    text = change(given.source.code)
    assert text != given.source.code, "the text has nothing to change"
    made = replace(given, source=replace(given.source, code=text))
    library = build_simulation(made, program.machine)
    return SimulatedFunction(library, made.source.name, program.signature, (), made.place_of)
