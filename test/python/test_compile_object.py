"""`pf compile -o kernel.o`: programs for callers in C, without Python, built by clang and gcc and compared to NumPy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import powerfusion as pf
from powerfusion import knobs
from powerfusion.cli.main import main
from powerfusion.core.toolchain import openmp_library
from powerfusion.emit.c_header import names_of, prototype
from powerfusion.errors import ToolError, UnsupportedError

ROOT = Path(__file__).resolve().parents[2]
COMPILERS = ("clang", "gcc")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
DOCUMENTED = re.compile(r"```c\n(// program\.c.*?)```", re.DOTALL)


def compiler_of(name: str) -> str:
    """A compiler; LLVM's clang is the one that everything else is from."""
    found = shutil.which(name) if name == "gcc" else str(knobs.llvm_prefix() / "bin" / name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def built(folder: Path, compiler: str, source: str, *files: str) -> Path:
    """A program in C with what `pf compile` wrote beside it."""
    (folder / "program.c").write_text(source)
    rpath = f"-Wl,-rpath,$ORIGIN:{openmp_library().parent}"
    command = [compiler_of(compiler), *STRICT, "program.c", *files, f"-L{openmp_library().parent}", rpath]
    command += ["-lomp", "-lm", "-o", "program"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "program"


def ran(program: Path, given: bytes = b"") -> bytes:
    """What a program writes; it has no Python to find."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [program], input=given, cwd=program.parent, capture_output=True, check=False, timeout=60, env=environment
    )
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout


def compiled(folder: Path, text: str, name: str) -> None:
    """Runs `pf compile`."""
    (folder / "in.mlir").write_text(text)
    assert main(["compile", str(folder / "in.mlir"), "-o", str(folder / name)]) == 0


# -- the example of the guide ----------------------------------------------------------------------


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", ["causal_softmax.o", "libcausal_softmax.a", "libcausal_softmax.so"])
def test_the_guides_example(tmp_path: Path, compiler: str, name: str) -> None:
    """The program of docs/guide.md, as it stands there, on a program with parallel loops."""
    compiled(tmp_path, (ROOT / "examples" / "causal_softmax.mlir").read_text(), name)
    match = DOCUMENTED.search((ROOT / "docs" / "guide.md").read_text())
    assert match is not None
    program = built(tmp_path, compiler, match[1], name)
    scores = np.random.default_rng(3).standard_normal((2, 12, 64, 64)).astype(np.float32)
    weights = np.frombuffer(ran(program, scores.tobytes()), np.float32).reshape(scores.shape)
    seen = np.where(np.tri(64, dtype=bool), scores.astype(np.float64), -np.inf)
    expected = np.exp(seen - seen.max(-1, keepdims=True))
    np.testing.assert_allclose(weights, expected / expected.sum(-1, keepdims=True), rtol=1e-5, atol=1e-7)


# -- every kind of argument and result -------------------------------------------------------------

MIXED = """
func.func @mixed(%x: tensor<?x3xf32>, %n: i32, %b: bf16, %f: i1)
    -> (tensor<?x3xf32>, tensor<3xf32>, tensor<?xi8>, i32) {
  %c0 = arith.constant 0 : index
  %c0_i32 = arith.constant 0 : i32
  %positive = arith.cmpi sge, %n, %c0_i32 : i32
  cf.assert %positive, "n is \\22negative\\22, which */ nothing is"
  %weights = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %size = tensor.dim %x, %c0 : tensor<?x3xf32>
  %e = tensor.empty(%size) : tensor<?x3xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %weights : tensor<?x3xf32>, tensor<3xf32>) outs(%e : tensor<?x3xf32>) {
  ^bb0(%a: f32, %w: f32, %o: f32):
    %wide = arith.extf %b : bf16 to f32
    %p = arith.mulf %a, %w : f32
    %q = arith.mulf %p, %wide : f32
    linalg.yield %q : f32
  } -> tensor<?x3xf32>
  %zero = arith.constant 0.0 : f32
  %e3 = tensor.empty() : tensor<3xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<3xf32>) -> tensor<3xf32>
  %s = linalg.reduce ins(%x : tensor<?x3xf32>) outs(%z3 : tensor<3xf32>) dimensions = [0]
    (%a: f32, %acc: f32) { %t = arith.addf %a, %acc : f32  linalg.yield %t : f32 }
  %e8 = tensor.empty(%size) : tensor<?xi8>
  %byte = arith.extui %f : i1 to i8
  %k = linalg.fill ins(%byte : i8) outs(%e8 : tensor<?xi8>) -> tensor<?xi8>
  %twice = arith.addi %n, %n : i32
  return %y, %s, %k, %twice : tensor<?x3xf32>, tensor<3xf32>, tensor<?xi8>, i32
}
"""
MIXED_C = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mixed.h"

static int check(int holds, int line) {
  if (!holds)
    printf("line %d\n", line);
  return !holds;
}
#define CHECK(condition) wrong |= check(condition, __LINE__)

int main(void) {
  int wrong = 0;
  const float x[6] = {1, 2, 3, 4, 5, 6};
  const float expected[6] = {1.5f, 6, 13.5f, 6, 15, 27};
  float sums[3], held[6], *y = NULL;
  int8_t *k = NULL;
  int32_t twice = 0;
  int64_t y_sizes[2], k_sizes[1];

  /* The program makes the memory. */
  CHECK(mixed(x, 2, 21, 0x3fc0, 1, &y, y_sizes, sums, &k, k_sizes, &twice) == 0);
  CHECK(y_sizes[0] == 2 && y_sizes[1] == 3 && k_sizes[0] == 2 && twice == 42);
  CHECK(!memcmp(y, expected, sizeof expected) && k[0] == 1 && k[1] == 1);
  CHECK(sums[0] == 5 && sums[1] == 7 && sums[2] == 9 && (uintptr_t)y % 64 == 0);

  /* The caller has some, of the right sizes. */
  float *mine = held;
  CHECK(mixed(x, 2, 21, 0x3fc0, 0, &mine, y_sizes, sums, &k, k_sizes, &twice) == 0);
  CHECK(mine == held && !memcmp(held, expected, sizeof expected) && k[1] == 0);

  /* Of other sizes: nothing is written there, and the right ones are told. */
  memset(held, 0, sizeof held);
  int64_t status = mixed(x, 1, 21, 0x3fc0, 0, &mine, y_sizes, sums, &k, k_sizes, &twice);
  CHECK(status == -2 && y_sizes[0] == 1 && y_sizes[1] == 3 && held[0] == 0 && mine == held);
  CHECK(strstr(mixed_message(status), "other sizes") != NULL);

  /* An assertion. */
  float *none = NULL;
  status = mixed(x, 2, -1, 0x3fc0, 0, &none, y_sizes, sums, &k, k_sizes, &twice);
  CHECK(status > 0 && none == NULL);
  CHECK(!strcmp(mixed_message(status), "n is \"negative\", which */ nothing is"));
  CHECK(!strcmp(mixed_message(0), "success") && mixed_message(1000) != NULL && mixed_message(-1) != NULL);

  mixed_free(y);
  mixed_free(k);
  mixed_free(NULL);
  return wrong;
}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", ["mixed.o", "libmixed.so"])
def test_numbers_open_sizes_several_results_and_failures(tmp_path: Path, compiler: str, name: str) -> None:
    """All that an interface may have, constants among it, in a program that looks at every status."""
    compiled(tmp_path, MIXED, name)
    assert ran(built(tmp_path, compiler, MIXED_C, name)) == b""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_target_c_has_the_same_interface(tmp_path: Path, compiler: str) -> None:
    """The same caller, but that memory is the C library's."""
    (tmp_path / "in.mlir").write_text(MIXED)
    assert main(["compile", str(tmp_path / "in.mlir"), "--target", "c", "-o", str(tmp_path / "mixed.c")]) == 0
    source = MIXED_C.replace("mixed_free(", "free(").replace("(uintptr_t)y % 64 == 0", "1")
    (tmp_path / "program.c").write_text(source)
    command = [compiler_of(compiler), "-std=c99", "-O1", "mixed.c", "program.c", "-lm", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert ran(tmp_path / "program") == b""


@pytest.mark.parametrize("name", ["bert_masked_softmax", "shufflenet_block", "relu_add", "bert_residual_layernorm"])
def test_one_description(name: str) -> None:
    """The prototype that the header of machine code has is the one that the text of target c has."""
    path = ROOT / "examples" / f"{name}.mlir"
    source = pf.compile(path, target="c").c_source
    declaration = prototype(source.name, pf.compile(path).signature)
    assert f"\n{declaration};\n" in source.header
    assert f"\n{declaration} {{\n" in source.code


def test_names_of_parameters() -> None:
    """As they stand in the declaration."""
    assert names_of("int64_t f(const float* arg0, int64_t arg0_size1, double* result0)") == [
        "arg0",
        "arg0_size1",
        "result0",
    ]
    assert names_of("int64_t f(void)") == []


def test_programs_side_by_side(tmp_path: Path) -> None:
    """Two objects in one program: nothing of theirs but what their headers declare can be seen."""
    for number, name in enumerate(("one", "two"), 1):
        kind = "tensor<4xf32>"
        text = f"""func.func @{name}() -> {kind} {{
          %c = arith.constant dense<[{number}.0, 0.0, 0.0, 1.0]> : {kind}
          %e = tensor.empty() : {kind}
          %r = linalg.add ins(%c, %c : {kind}, {kind}) outs(%e : {kind}) -> {kind}
          return %r : {kind}
        }}"""
        compiled(tmp_path, text, f"{name}.o")
    source = """
    #include "one.h"
    #include "two.h"
    int main(void) {
      float a[4], b[4];
      return one(a) || two(b) || a[0] != 2 || b[0] != 4 || a[3] != 2;
    }"""
    assert ran(built(tmp_path, "clang", source, "one.o", "two.o")) == b""
    shown = subprocess.run(
        [knobs.llvm_prefix() / "bin" / "llvm-nm", "--defined-only", "--extern-only", "one.o"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[-1] for line in shown.stdout.splitlines()] == ["one", "one_message"]


def test_cxx_includes_the_header(tmp_path: Path) -> None:
    """Names aren't mangled there."""
    compiled(tmp_path, MIXED, "mixed.o")
    (tmp_path / "program.cpp").write_text('#include "mixed.h"\nint main() { return mixed_message(0) == nullptr; }\n')
    compiler = str(knobs.llvm_prefix() / "bin" / "clang")
    library = openmp_library().parent
    command = [compiler, "-Wall", "-Werror", "program.cpp", "mixed.o", f"-L{library}", "-lomp", "-lm", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert ran(tmp_path / "program") == b""


def test_the_header_says_how_to_link(tmp_path: Path) -> None:
    """libomp only where loops are parallel."""
    serial = "func.func @s(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"
    compiled(tmp_path, serial, "s.o")
    assert "cc program.c s.o -lm\n" in (tmp_path / "s.h").read_text()
    compiled(tmp_path, MIXED, "libm.a")
    assert "cc program.c libm.a -lomp -lm\n" in (tmp_path / "m.h").read_text()


def test_the_bytes_are_the_same_each_time() -> None:
    """Neither the time nor the place is in the file."""
    for name in ("mixed.o", "libmixed.a", "libmixed.so"):
        assert pf.compile(MIXED).c_library(name) == pf.compile(MIXED).c_library(name)


def test_constants_are_within(tmp_path: Path) -> None:
    """As bits and as bytes."""
    numbers = np.arange(1000, dtype=np.float32).astype(ml_dtypes.bfloat16)
    given = ", ".join(str(float(n)) for n in numbers)
    text = f"""func.func @lookup(%i: index) -> (bf16, i1) {{
      %c = arith.constant dense<[{given}]> : tensor<1000xbf16>
      %b = arith.constant dense<[true, false, true]> : tensor<3xi1>
      %c1 = arith.constant 1 : index
      %r = tensor.extract %c[%i] : tensor<1000xbf16>
      %s = tensor.extract %b[%c1] : tensor<3xi1>
      return %r, %s : bf16, i1
    }}"""
    compiled(tmp_path, text, "lookup.o")
    source = """
    #include "lookup.h"
    int main(void) {
      uint16_t r;
      uint8_t s = 1;
      return lookup(999, &r, &s) != 0 || r != 0x447a || s != 0;
    }"""
    assert ran(built(tmp_path, "clang", source, "lookup.o")) == b""


# -- what can go wrong -----------------------------------------------------------------------------


def test_another_suffix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The known ones are named."""
    with pytest.raises(SystemExit):
        main(["compile", "in.mlir", "-o", str(tmp_path / "kernel.obj")])
    assert (
        "expected a name that ends in .mlir or .pfx or .o or .a or .so or .c or .ptx or .s, got"
        in capsys.readouterr().err
    )
    with pytest.raises(UnsupportedError, match=r"expected a name that ends in \.o, \.a, \.so, got 'kernel\.dll'"):
        pf.compile(MIXED).c_library("kernel.dll")


def test_another_target(capsys: pytest.CaptureFixture[str]) -> None:
    """Objects are for the CPU."""
    with pytest.raises(SystemExit):
        main(["compile", "in.mlir", "--target", "c", "-o", "kernel.o"])
    assert "expected a name that ends in .mlir or .c, got 'kernel.o'" in capsys.readouterr().err
    with pytest.raises(UnsupportedError, match="expected a program for cpu, got one for c"):
        pf.compile(MIXED, target="c").c_library("kernel.o")


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so before it compiles, of the file and of the header."""
    (tmp_path / "in.mlir").write_text(MIXED)
    assert main(["compile", str(tmp_path / "in.mlir"), "-o", str(tmp_path / "absent" / "kernel.o")]) == 1
    assert "kernel.o can't be written: no such file or directory" in capsys.readouterr().err
    (tmp_path / "kernel.h").mkdir()
    assert main(["compile", str(tmp_path / "in.mlir"), "-o", str(tmp_path / "kernel.o")]) == 1
    assert "kernel.h is a folder" in capsys.readouterr().err
    assert not (tmp_path / "kernel.o").exists()


def test_missing_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LLVM's clang it says what it lacks."""
    executable: Any = pf.compile("func.func @s(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }")
    from powerfusion.emit import host_object

    monkeypatch.setattr(host_object.knobs, "llvm_prefix", lambda: tmp_path)
    monkeypatch.setattr(host_object, "openmp_library", lambda: tmp_path)
    monkeypatch.setattr(host_object, "object_code", lambda *_: b"")
    with pytest.raises(ToolError, match="clang can't be run"):
        executable.c_library("kernel.o")
