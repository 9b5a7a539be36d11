"""Bad input: each gives an error of the taxonomy that says what is wrong, where, and what helps.

Sources: malformed MLIR, IR that doesn't verify, no public function, several, no function at all, a
declaration only, a missing file, garbage bytes. Programs that aren't taken: a result placed
at `d0 + d1`, `scf.while`, `linalg.pack`, complex and 4-bit elements, a memref argument, an op of an
unknown dialect. Calls: number, dtype, rank and sizes of the inputs, things that aren't arrays.
Targets that don't exist. The same through `pf`, whose exit code is 1, or 2 for wrong usage.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from programs.build import mapped

import powerfusion as pf
from powerfusion.errors import InputError, PowerFusionError, SourceError, UnsupportedError

GOOD = mapped("x:4x?xf32 y:4x8xf32", "4x8xf32", "%0 = arith.addf %a, %b : f32\n    linalg.yield %0 : f32")
IDENTITY = "func.func {}@{}(%x: tensor<4xf32>) -> tensor<4xf32> {{\n  return %x : tensor<4xf32>\n}}\n"

SOURCES = {
    "malformed": (
        "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %y : tensor<4xf32>\n}\n",
        "undeclared",
    ),
    "cut_off": ("func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n", ""),
    "does_not_verify": (
        "func.func @main(%x: tensor<4xf32>) -> tensor<5xf32> {\n  return %x : tensor<4xf32>\n}\n",
        "return",
    ),
    "empty_text": ("", "public function"),
    "no_public_function": (IDENTITY.format("private ", "main"), "public function"),
    "several_public_functions": (IDENTITY.format("", "first") + IDENTITY.format("", "second"), "second"),
    "declaration_only": ("func.func private @main(tensor<4xf32>) -> tensor<4xf32>\n", "public function"),
    "unknown_dialect": (
        'func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %r = "torch.aten.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>\n  return %r : tensor<4xf32>\n}\n',
        "dialect",
    ),
}

_CONVOLUTION = """func.func @main(%x: tensor<7xf32>, %k: tensor<3xf32>, %o: tensor<9xf32>) -> tensor<9xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0 + d1)>], iterator_types = ["parallel", "reduction"]} ins(%x, %k : tensor<7xf32>, tensor<3xf32>) outs(%o : tensor<9xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %u, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<9xf32>
  return %r : tensor<9xf32>
}
"""
_PACK = """func.func @main(%x: tensor<8x16xf32>, %d: tensor<2x4x4x4xf32>) -> tensor<2x4x4x4xf32> {
  %r = linalg.pack %x inner_dims_pos = [0, 1] inner_tiles = [4, 4] into %d : tensor<8x16xf32> -> tensor<2x4x4x4xf32>
  return %r : tensor<2x4x4x4xf32>
}
"""
_WHILE = """func.func @main(%x: tensor<5xf32>) -> tensor<5xf32> {
  %z = arith.constant 0 : index
  %n = arith.constant 3 : index
  %one = arith.constant 1 : index
  %r:2 = scf.while (%i = %z, %t = %x) : (index, tensor<5xf32>) -> (index, tensor<5xf32>) {
    %c = arith.cmpi slt, %i, %n : index
    scf.condition(%c) %i, %t : index, tensor<5xf32>
  } do {
  ^bb0(%i: index, %t: tensor<5xf32>):
    %j = arith.addi %i, %one : index
    %u = math.exp %t : tensor<5xf32>
    scf.yield %j, %u : index, tensor<5xf32>
  }
  return %r#1 : tensor<5xf32>
}
"""
_COMPLEX = """func.func @main(%x: tensor<5xcomplex<f32>>) -> tensor<5xcomplex<f32>> {
  return %x : tensor<5xcomplex<f32>>
}
"""
_I4 = mapped("x:5xi4 y:5xi4", "5xi4", "%0 = arith.addi %a, %b : i4\n    linalg.yield %0 : i4")
_MEMREF = "func.func @main(%x: memref<5xf32>) {\n  return\n}\n"
_UNRANKED = "func.func @main(%x: tensor<*xf32>) -> tensor<*xf32> {\n  return %x : tensor<*xf32>\n}\n"

# name: text, what the message names, and the text of the line that the location points at (or None).
UNSUPPORTED = {
    "results_that_add_up": (_CONVOLUTION, "linalg.generic", "%r = linalg.generic"),
    "pack": (_PACK, "linalg.pack", "%r = linalg.pack"),
    "while_loop": (_WHILE, "scf.while", "%r:2 = scf.while"),
    "complex": (_COMPLEX, "complex", None),
    "four_bits": (_I4, "i4", None),
    "memref_argument": (_MEMREF, "memref", None),
    "unranked": (_UNRANKED, r"tensor<\*xf32>", None),
}


@pytest.mark.parametrize("name", SOURCES)
def test_source(name: str) -> None:
    """A source that can't be read says so and names what is in the way."""
    text, mentioned = SOURCES[name]
    with pytest.raises(SourceError) as caught:
        pf.compile(text)
    assert mentioned in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    """A path that isn't there is named."""
    with pytest.raises(SourceError, match=r"absent\.mlir"):
        pf.compile(tmp_path / "absent.mlir")
    with pytest.raises(SourceError, match=r"absent\.mlir"):
        pf.compile(str(tmp_path / "absent.mlir"))


def test_folder_instead_of_file(tmp_path: Path) -> None:
    """A folder is no source."""
    with pytest.raises(SourceError):
        pf.compile(tmp_path)


@pytest.mark.parametrize("data", [b"\x00\xff\xfe garbage", b"ML\xefR\x01cut off"], ids=["garbage", "bytecode_cut_off"])
def test_bytes(data: bytes) -> None:
    """Bytes that are neither text nor bytecode."""
    with pytest.raises(SourceError):
        pf.compile(data)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported(name: str) -> None:
    """What the first path doesn't take is named, with the line where it stands and what would help."""
    text, mentioned, marker = UNSUPPORTED[name]
    with pytest.raises(UnsupportedError, match=mentioned) as caught:
        pf.compile(text)
    assert caught.value.help
    if marker is not None:
        line = next(n for n, content in enumerate(text.splitlines(), 1) if marker in content)
        assert f":{line}:" in str(caught.value.location)


@pytest.mark.parametrize("target", ["", "gpu9000", "cpu:", "file:absent.toml"])
def test_target(target: str) -> None:
    """A target that doesn't exist is an error before anything is compiled."""
    with pytest.raises(PowerFusionError):
        pf.compile(GOOD, target=target)


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is the user's leaves no files behind."""
    monkeypatch.chdir(tmp_path)
    for text in (SOURCES["malformed"][0], _PACK):
        with pytest.raises(PowerFusionError):
            pf.compile(text)
    assert not list(tmp_path.iterdir())


def _array(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.ones(shape, dtype)


CALLS = {
    "none": ((), "2"),
    "too_few": ((_array(4, 8),), "2"),
    "too_many": ((_array(4, 8), _array(4, 8), _array(4, 8)), "3"),
    "float64": ((_array(4, 8), _array(4, 8, dtype="float64")), "float64"),
    "int32": ((_array(4, 8, dtype="int32"), _array(4, 8)), "int32"),
    "big_endian": ((_array(4, 8, dtype=">f4"), _array(4, 8)), "f"),
    "rank_too_low": ((_array(8), _array(4, 8)), "rank|dimension"),
    "rank_too_high": ((_array(4, 8, 1), _array(4, 8)), "rank|dimension"),
    "rank_zero": ((np.float32(1), _array(4, 8)), "rank|dimension|array"),
    "static_size": ((_array(5, 8), _array(4, 8)), "5"),
    "second_static_size": ((_array(4, 8), _array(4, 9)), "9"),
    "text": (("abc", _array(4, 8)), "str|array"),
    "nothing": ((None, _array(4, 8)), "None|array"),
    "objects": ((np.empty((4, 8), object), _array(4, 8)), "object|dtype"),
}


@pytest.fixture(scope="module")
def executable() -> object:
    """One program of two inputs, the first with a dynamic size."""
    return pf.compile(GOOD)


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str, executable: object) -> None:
    """Arrays that don't fit the signature are refused before anything runs, and the next call works."""
    arrays, mentioned = CALLS[name]
    with pytest.raises(InputError, match=mentioned):
        executable(*arrays)  # type: ignore[operator]
    good = executable(_array(4, 8), _array(4, 8))  # type: ignore[operator]
    np.testing.assert_array_equal(good, np.full((4, 8), 2, np.float32))


def _pf(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "pf"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "mentioned"),
    [
        (("compile", "absent.mlir", "-o", "out.pfx"), 1, "absent.mlir"),
        (("compile", "malformed.mlir", "-o", "out.pfx"), 1, "malformed.mlir"),
        (("compile", "pack.mlir", "-o", "out.pfx"), 1, "linalg.pack"),
        (("explain", "several.mlir"), 1, "public function"),
        (("run", "good.mlir"), 1, "2"),
        (("run", "good.mlir", "--input", "absent.npy", "--input", "absent.npy"), 1, "absent.npy"),
        (("explain", "good.mlir", "--target", "gpu9000"), 1, "gpu9000"),
        (("explain", "good.mlir", "--no-such-flag"), 2, "no-such-flag"),
        (("frobnicate",), 2, "frobnicate"),
        (("compile",), 2, ""),
    ],
    ids=["missing", "malformed", "unsupported", "several", "inputs", "no_array", "target", "flag", "command", "usage"],
)
def test_command_line(arguments: tuple[str, ...], code: int, mentioned: str, tmp_path: Path) -> None:
    """`pf` prints one clear error on stderr, no traceback, and leaves nothing half written."""
    texts = {
        "malformed": SOURCES["malformed"][0],
        "pack": _PACK,
        "several": SOURCES["several_public_functions"][0],
        "good": GOOD,
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.mlir").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    done = _pf(*arguments, folder=tmp_path)
    assert done.returncode == code, done.stderr
    assert mentioned in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


_WRONG = """  %{0} = gir.kernel "k" (%a = %x : tensor<256x64xf32>) -> (tensor<256xf32>) {{
    %zero = arith.constant dense<0.0> : tensor<256xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<256x64xf32, #gir.at<dram>> -> tensor<256x64xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %zero dims [64] kinds [#vector.kind<add>] : tensor<256x64xf32, #gir.at<reg>> into tensor<256xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<256xf32, #gir.at<reg>> -> tensor<256xf32, #gir.at<dram>>
    gir.return %2 : tensor<256xf32, #gir.at<dram>>
  }}
"""


def test_errors_in_several_kernels() -> None:
    """Kernels of several functions are wrong: the first error is told, and no thread waits for another.

    With MLIR's threads, this hangs within some hundred rounds.
    """
    body = "".join(_WRONG.format(name) for name in "bcd")
    functions = (f"func.func @f{i}(%x: tensor<256x64xf32>) {{\n{body}  return\n}}\n" for i in range(4))
    text = "".join(functions)
    for _ in range(500):
        with pytest.raises(SourceError, match=r"gir\.reduce"):
            pf.compile(text)
