"""Ops that aren't lowered to gpu, and why."""

from powerfusion.passes.lowering.gpu.lowering import TARGET
from powerfusion.passes.lowering.registry import unsupported

unsupported("gir.extern", to=TARGET, why="libraries of the device aren't called yet", help="run gir-tile first")
unsupported("gir.insert", to=TARGET, why="a view at dram is stored by gir-tile", help="run gir-tile first")
unsupported("gir.pad", to=TARGET, why="gir-tile loads a clipped window instead", help="run gir-tile first")
