"""Gathers and scatters ask for rows: the granules of each, whatever was loaded, in every form and on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from test_ledger_interpreter import check, odd_machine, static_figures
from test_placed_tiling import tiled

from powerfusion.core._mlir import walk_numbered
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir

IDS = np.array([3, 0, 11, 3, 7, 7, 1, 20, -1, 5, 2, 10], np.int64)  # Two of them are in no table.

GATHER = """
func.func @main(%t: tensor<12x{width}x{type}>, %ids: tensor<12xi64>) -> tensor<{shape}x{type}> {{
  %y = gir.kernel "lookup" (%a = %t : tensor<12x{width}x{type}>, %b = %ids : tensor<12xi64>){nest}
      -> (tensor<{shape}x{type}>) {{
    %c0 = arith.constant 0 : index
    {view}
    %0 = gir.move %b{r} : tensor<12xi64, #gir.at<dram>> -> tensor<12xi64, #gir.at<reg>>
    %1 = arith.index_cast %0 : tensor<12xi64, #gir.at<reg>> to tensor<12xindex, #gir.at<reg>>
    %i = gir.broadcast %1 dims [{new}] : tensor<12xindex, #gir.at<reg>> -> tensor<{shape}xindex, #gir.at<reg>>
    %j = gir.iota dim {new} : tensor<{shape}xindex, #gir.at<reg>>
    %g = gir.gather {table}, #gir.at<dram>>[tensor<{shape}xindex, #gir.at<reg>>,
        tensor<{shape}xindex, #gir.at<reg>>] -> tensor<{shape}x{type}, #gir.at<reg>>
    %2 = gir.move %g{rc} : tensor<{shape}x{type}, #gir.at<reg>> -> tensor<{shape}x{type}, #gir.at<dram>>
    gir.return %2 : tensor<{shape}x{type}, #gir.at<dram>>
  }}
  return %y : tensor<{shape}x{type}>
}}
"""
PLAIN = "%a[%i, %j] : tensor<12x{width}x{type}"
TURNED = (
    "%v = gir.permute %a [1, 0] : tensor<12x{width}x{type}, #gir.at<dram>> -> tensor<{width}x12x{type}, #gir.at<dram>>",
    "%v[%j, %i] : tensor<{width}x12x{type}",
)
NESTS = {
    "": "",
    "rows": " nest <[r = 12 : 5 : 2 : 2, c = {width} : {width} : {width} : {width}]>",
    "parts": " nest <[r = 12 : 12 : 12 : 3, c = {width} : 5 : 3 : 2]>",
}


def gather(width: int, type_: str, nest: str = "", *, columns: bool = False, turned: bool = False) -> str:
    """A lookup of rows of a table; `columns`: rows of the result are the table's columns, `turned`: by a view of it."""
    names = {"r": ' over ["r"]', "rc": ' over ["c", "r"]' if columns else ' over ["r", "c"]'}
    view, table = TURNED if turned else ("", PLAIN)
    sizes = {"width": width, "type": type_}
    return GATHER.format(
        **sizes,
        nest=NESTS[nest].format(**sizes),
        shape=f"{width}x12" if columns else f"12x{width}",
        new=0 if columns else 1,
        view=view.format(**sizes),
        table=table.format(**sizes),
        **(names if nest else {"r": "", "rc": ""}),
    )


SCATTER = """
func.func @main(%x: tensor<12x{width}xf32>, %ids: tensor<12xi64>, %d: tensor<12x{width}xf32>)
    -> tensor<12x{width}xf32> {{
  %y = gir.kernel "put" (%v = %x : tensor<12x{width}xf32>, %b = %ids : tensor<12xi64>, %a = %d : tensor<12x{width}xf32>)
      -> (tensor<12x{width}xf32>) {{
    %0 = gir.move %b : tensor<12xi64, #gir.at<dram>> -> tensor<12xi64, #gir.at<reg>>
    %1 = arith.index_cast %0 : tensor<12xi64, #gir.at<reg>> to tensor<12xindex, #gir.at<reg>>
    %i = gir.broadcast %1 dims [1] : tensor<12xindex, #gir.at<reg>> -> tensor<12x{width}xindex, #gir.at<reg>>
    %j = gir.iota dim 1 : tensor<12x{width}xindex, #gir.at<reg>>
    %2 = gir.move %v : tensor<12x{width}xf32, #gir.at<dram>> -> tensor<12x{width}xf32, #gir.at<reg>>
    %3 = gir.scatter %2 into %a[%i, %j] kind <add> : tensor<12x{width}xf32, #gir.at<reg>>
        into tensor<12x{width}xf32, #gir.at<dram>>[tensor<12x{width}xindex, #gir.at<reg>>,
        tensor<12x{width}xindex, #gir.at<reg>>] -> tensor<12x{width}xf32, #gir.at<dram>>
    gir.return %3 : tensor<12x{width}xf32, #gir.at<dram>>
  }}
  return %y : tensor<12x{width}xf32>
}}
"""


def issued(module: ir.Module, arrays: list[np.ndarray], machine: Machine, name: str) -> int:
    """Bytes of DRAM that ops of a name ask for, both ways."""
    names = dict(walk_numbered(module.operation))
    dram = machine.space_of("dram").name
    counts = static_figures(module, arrays, machine).counts
    return sum(each for (number, space, _), (_, each) in counts.items() if names[number].name == name and space == dram)


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize(("columns", "turned"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(("width", "type_"), [(32, "f32"), (7, "f32"), (33, "f16")])
def test_rows_are_counted_alike(width: int, type_: str, columns: bool, turned: bool, nest: str) -> None:
    """The ledger knows what the interpreter finds, in graph form, in a nest and tiled."""
    text = gather(width, type_, nest, columns=columns, turned=turned)
    arrays = [np.ones((12, width), np.float32 if type_ == "f32" else np.float16), np.abs(IDS) % 12]
    forms = [read_module(text), *([tiled(text)[0]] if nest else [])]
    for machine in (host(), odd_machine(), find("mlu372")):
        for form in forms:
            check(form, arrays, machine)
        assert len({issued(form, arrays, machine, "gir.gather") for form in forms}) == 1


@pytest.mark.parametrize(
    ("width", "type_", "row"),
    [
        pytest.param(32, "f32", 128, id="whole granules"),
        pytest.param(8, "f32", 64, id="half a granule, wherever it is"),
        pytest.param(7, "f32", 2 * 64, id="28 bytes at multiples of 4 may lie in two"),
        pytest.param(24, "f16", 2 * 64, id="48 bytes at multiples of 16 may lie in two"),
    ],
)
def test_a_row_asks_for_its_granules(width: int, type_: str, row: int) -> None:
    """Of granules of 64 bytes, so many as a row may lie in."""
    machine = find("mlu372")
    assert machine.space_of("dram").granule_bytes == 64
    arrays = [np.ones((12, width), np.float32 if type_ == "f32" else np.float16), np.abs(IDS) % 12]
    assert issued(read_module(gather(width, type_)), arrays, machine, "gir.gather") == 12 * row


@pytest.mark.parametrize("width", [16, 7])
def test_scatters_put_rows(width: int) -> None:
    """A scatter that combines reads a row and writes it."""
    arrays = [np.ones((12, width), np.float32), np.abs(IDS) % 12, np.zeros((12, width), np.float32)]
    module = read_module(SCATTER.format(width=width))
    for machine in (odd_machine(), find("mlu372")):
        check(module, arrays, machine)
    assert issued(module, arrays, find("mlu372"), "gir.scatter") == 2 * 12 * 64 * (1 if width == 16 else 2)


def test_computed_indices_ask_one_by_one() -> None:
    """An index that is computed from counting may point anywhere: each element is asked for alone."""
    text = gather(32, "f32").replace(
        "%j = gir.iota dim 1 : tensor<12x32xindex, #gir.at<reg>>",
        "%k = gir.iota dim 1 : tensor<12x32xindex, #gir.at<reg>>\n"
        "    %n = arith.constant dense<31> : tensor<12x32xindex, #gir.at<reg>>\n"
        "    %j = arith.subi %n, %k : tensor<12x32xindex, #gir.at<reg>>",
    )
    arrays = [np.ones((12, 32), np.float32), np.abs(IDS) % 12]
    check(read_module(text), arrays, find("mlu372"))
    assert issued(read_module(text), arrays, find("mlu372"), "gir.gather") == 12 * 32 * 64
