"""Target c: programs become C99 that compilers have nothing to warn of, and run as NumPy says."""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_tile_combining
import test_tile_memory
import test_tile_structure
from hypothesis import HealthCheck, given, note, seed, settings
from programs import programs
from programs.check import FULL, check_program
from programs.program import Program
from programs.randomised import random_programs
from test_workloads import check as check_workload

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import AssertionFailedError, InputError, UnsupportedError
from powerfusion.executable import Executable
from powerfusion.passes.lowering.registry import lowered_ops
from workloads import find

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.mlir"))
TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
EACH_DAY = 16  # one program in so many, another one tomorrow
SOFTMAX = find("softmax_4096x1009").text("small")
FLAGS = ("-std=c99", "-Wall", "-Werror", "-fopenmp", "-O1")


def compiled(source: Any) -> Executable:
    """A program for target c."""
    return pf.compile(source, target="c")


def todays() -> list[Any]:
    """Some of the programs; all of them in the long form."""
    found = [program for program in programs() if FULL or not program.full]
    chosen = found if FULL else found[TODAY % EACH_DAY :: EACH_DAY]
    return [pytest.param(program, id=program.name) for program in chosen]


@pytest.mark.parametrize("program", todays())
def test_program(program: Program) -> None:
    """What the CPU's tests run, by way of C."""
    if not program.fails:
        check_program(program, compiled)
        return
    with pytest.raises(AssertionFailedError, match=program.fails):
        compiled(program.text)(*program.inputs)


@pytest.mark.timeout(3600 if FULL else 120)
@seed(TODAY)
@settings(max_examples=400 if FULL else 12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=random_programs())
def test_random_program(program: Program) -> None:
    """Whatever was drawn computes what NumPy computes."""
    note(f"PF_TEST_SEED={TODAY}\n{program.text}")
    check_program(program, compiled)


@pytest.mark.parametrize(
    "name", ["residual_layernorm_1000x1000", "attention_causal", "log_softmax_nll", "stencil7_2_steps"]
)
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_workload(name: str, dtype: str) -> None:
    """Several passes with what they keep in scratch memory, contractions with a payload, windows."""
    workload = find(name, dtype)
    inputs = workload.inputs("small")
    check_workload(workload, compiled(workload.text("small"))(*inputs), inputs, name)


TILE_FORM: dict[str, Callable[[], None]] = {
    "combiner in order": test_tile_structure.test_all_reduce_combiner_in_order,
    "clusters": test_tile_structure.test_cluster_collective,
    "loops and branches": test_tile_structure.test_meeting_in_a_loop_and_a_branch,
    "split softmax": test_tile_structure.test_split_softmax,
    "nested scopes": test_tile_structure.test_nested_scopes,
    "assertions": test_tile_structure.test_assert_counts_valid_elements,
    "launches": test_tile_structure.test_launch,
    "tokens": lambda: test_tile_memory.test_double_buffering("f16"),
    "memory of units": lambda: test_tile_memory.test_stage_and_alloc("bf16"),
    "sync": lambda: test_tile_structure.test_sync("i8"),
    "payload": lambda: test_tile_combining.test_payload("f32"),
}


@pytest.mark.parametrize("case", TILE_FORM)
def test_tile_form(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that no placing makes for this machine, by hand: units that meet, copies under way."""
    compile_ = pf.compile
    monkeypatch.setattr(pf, "compile", lambda source: compile_(source, target="c"))
    TILE_FORM[case]()


# -- the text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_compilers_have_nothing_to_warn_of(path: Path, tmp_path: Path) -> None:
    """Each example, with the header that its callers include."""
    source = compiled(path).c_source
    (tmp_path / "program.h").write_text(source.header)
    (tmp_path / "program.c").write_text(f'#include "program.h"\n{source.code}')
    for compiler in ("gcc", "clang"):
        command = [compiler_of(compiler), *FLAGS, "-c", "program.c", "-o", "program.o"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stderr == ""


def compiler_of(name: str) -> str:
    """A compiler; LLVM's is the one that everything else is from."""
    from powerfusion import knobs

    return name if name == "gcc" else str(knobs.llvm_prefix() / "bin" / "clang")


def test_the_text_says_what_it_does() -> None:
    """The ledger on top, a comment per tile with its space and bytes, names in place of numbers, and no marks."""
    source = compiled(find("softmax_4096x1024").text()).c_source
    head = source.code[: source.code.index("*/")]
    assert "bytes at dram" in head
    assert "least possible" in head
    assert "of f32 at sram: " in source.code
    assert "of f32 in registers: 128 bytes" in source.code
    assert "for (int64_t i = 0; i < " in source.code
    assert "float exp_ = pf_exp_f32(" in source.code
    assert "PF_OMP(omp parallel for schedule(static))" in source.code
    assert "//@" not in source.code


def test_the_text_is_the_same_each_time() -> None:
    """Nothing in it depends on addresses or on the order of sets."""
    assert compiled(SOFTMAX).c_source == compiled(SOFTMAX).c_source


@pytest.mark.parametrize("name", ["main", "double", "exp", "y1", "pf_exp_f32", "a.b$c", "int64_t"])
def test_names_that_mean_something_in_c(name: str) -> None:
    """A function may be called anything."""
    text = f'func.func @"{name}"(%x: tensor<4xf32>) -> tensor<4xf32> {{ return %x : tensor<4xf32> }}'
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(compiled(text)(x), x)


# -- how it is called ------------------------------------------------------------------------------


ADD = """
func.func @add(%x: tensor<?x4xf32>, %s: bf16) -> (tensor<?x4xf32>, tensor<4xbf16>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.add ins(%x, %x : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %f = tensor.empty() : tensor<4xbf16>
  %z = linalg.fill ins(%s : bf16) outs(%f : tensor<4xbf16>) -> tensor<4xbf16>
  return %y, %z : tensor<?x4xf32>, tensor<4xbf16>
}
"""


@pytest.mark.parametrize("rows", [0, 1, 7, 1000])
def test_open_sizes_and_numbers(rows: int) -> None:
    """A result of open size is memory of the program's own; a number passes by value."""
    x = np.arange(4 * rows, dtype=np.float32).reshape(rows, 4)
    y, z = compiled(ADD)(x, 1.5)
    np.testing.assert_array_equal(y, 2 * x)
    assert z.tolist() == [1.5] * 4


def test_arrays_that_do_not_fit() -> None:
    """As on the CPU: nothing is called."""
    with pytest.raises(InputError, match="expected argument 0 of size 4 in dimension 1"):
        compiled(ADD)(np.zeros((2, 3), np.float32), 1.0)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pf compile -o x.c` writes a file and a header that a program in C needs nothing else of."""
    source = tmp_path / "add.mlir"
    source.write_text(ADD)
    assert main(["compile", str(source), "--target", "c", "-o", str(tmp_path / "add.c")]) == 0
    assert "add.h" in capsys.readouterr().err
    (tmp_path / "caller.c").write_text("""
#include "add.h"
#include <stdlib.h>
int main(void) {
  const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  float *y = 0;
  int64_t sizes[2] = {0, 0};
  uint16_t z[4];
  int64_t status = add(x, 2, 0x3f80, &y, sizes, z);
  int wrong = status != 0 || sizes[0] != 2 || sizes[1] != 4 || y[7] != 16.0f || z[3] != 0x3f80;
  free(y);
  return wrong;
}
""")
    command = [compiler_of("clang"), *FLAGS, "add.c", "caller.c", "-o", "caller", "-lm"]
    subprocess.run([*(part for part in command if part != "-fopenmp")], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "caller"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "c", "-o", "x.pfx"], "expected a name that ends in .mlir or .c, got 'x.pfx'"),
        (["-o", "x.c"], "expected --target c with a name that ends in .c"),
    ],
)
def test_outputs_of_another_target(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """C is for c, artifacts are for the CPU."""
    with pytest.raises(SystemExit):
        main(["compile", str(EXAMPLES[0]), *arguments])
    assert said in capsys.readouterr().err


def test_no_artifact(tmp_path: Path) -> None:
    """Nor from Python."""
    with pytest.raises(UnsupportedError, match="expected a program for cpu, got one for c"):
        compiled(SOFTMAX).save(tmp_path / "x.pfx")
    with pytest.raises(UnsupportedError, match="expected a program for c, got one for cpu"):
        pf.compile(SOFTMAX).c_source  # noqa: B018


def test_every_op_of_the_cpu_is_lowered_or_says_why_not() -> None:
    """A hole is declared."""
    missing = {name for name, _ in lowered_ops("vector")} - {name for name, _ in lowered_ops("emitc")}
    assert missing == set()
    assert [name for name, how in lowered_ops("emitc") if how.startswith("Not lowered")] == ["gir.insert"]
    assert all(how for _, how in lowered_ops("emitc"))
