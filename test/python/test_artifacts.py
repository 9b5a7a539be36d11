"""Saving and loading programs: the same results, the same bytes, no MLIR; whole files or none."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from artifact_tools import MIXED, RELU, members_of

import powerfusion as pf
from powerfusion import knobs
from powerfusion._native._host import HostCode
from powerfusion.cli.main import main
from powerfusion.emit import host_object
from powerfusion.errors import ArtifactError, AssertionFailedError, InputError, ToolError
from powerfusion.runtime import archive, artifact
from powerfusion.runtime import shared_library as library
from powerfusion.runtime.artifact import Contents, HostContents, save_artifact
from powerfusion.runtime.manifest import MANIFEST, Manifest
from powerfusion.runtime.shared_library import ENTRY
from powerfusion.runtime.signature import DTYPES, Signature

EXAMPLES = ("relu_add", "bert_residual_layernorm", "bert_masked_softmax", "shufflenet_block")


@pytest.fixture(scope="module")
def relu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parallel program, saved."""
    path = tmp_path_factory.mktemp("relu") / "relu.pfx"
    pf.compile(RELU).save(path)
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A serial program with constants, saved."""
    path = tmp_path_factory.mktemp("mixed") / "mixed.pfx"
    pf.compile(MIXED).save(path)
    return path


def contents(code: bytes = b"code", **changed: Any) -> Contents:
    """What a made-up artifact holds."""
    fields: dict[str, Any] = {"constants": [], "assertions": [], **changed}
    host = HostContents(code, **fields)
    return Contents("0.1.0", Signature("f", (), ()), host)


def arguments(signature: Signature) -> list[np.ndarray[Any, Any]]:
    """Random arrays that fit a signature."""
    made = np.random.default_rng(0)
    return [
        made.integers(-2, 3, [size or 1 for size in spec.shape]).astype(DTYPES[spec.dtype])
        for spec in signature.arguments
    ]


def same_bits(left: Any, right: Any) -> bool:
    """Whether two results are the same array."""
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


@pytest.mark.parametrize("name", EXAMPLES)
def test_loaded_program_gives_the_same_bits(root: Path, tmp_path: Path, name: str) -> None:
    """What was saved computes what the executable computes, bit for bit."""
    executable = pf.compile(root / "examples" / f"{name}.mlir")
    executable.save(tmp_path / "m.pfx")
    loaded = pf.load(tmp_path / "m.pfx")
    assert (loaded.signature, loaded.target) == (executable.signature, executable.target)
    inputs = arguments(executable.signature)
    expected, got = executable(*inputs), loaded(*inputs)
    expected, got = (value if isinstance(value, tuple) else (value,) for value in (expected, got))
    assert all(same_bits(left, right) for left, right in zip(expected, got, strict=True))


def test_constants_numbers_and_several_results(mixed: Path) -> None:
    """Constants of every storage, bf16 as uint16 among them, come back as they were."""
    x = np.arange(4, dtype=np.float32)
    expected = pf.compile(MIXED)(x, 2.0)
    got = pf.load(mixed)(x, 2.0)
    assert all(same_bits(left, right) for left, right in zip(expected, got, strict=True))
    assert got[2].dtype == ml_dtypes.bfloat16
    stored = [name for name in members_of(mixed) if name.startswith("constants/")]
    assert stored == ["constants/0.npy", "constants/1.npy", "constants/2.npy"]


def test_calls_are_checked(mixed: Path, relu: Path) -> None:
    """A loaded program refuses wrong arrays, and its assertions hold."""
    with pytest.raises(AssertionFailedError, match="n is negative"):
        pf.load(mixed)(np.zeros(4, np.float32), -1.0)
    with pytest.raises(InputError, match="size 64 in dimension 1"):
        pf.load(relu)(np.zeros((3, 65), np.float32))


@pytest.mark.parametrize("rows", [0, 1, 33])
def test_sizes_stay_dynamic(relu: Path, rows: int) -> None:
    """A size that was open when the program was saved is still open."""
    x = np.random.default_rng(0).standard_normal((rows, 64)).astype(np.float32)
    assert same_bits(pf.load(relu)(x), np.maximum(x, np.float32(0)))


def test_bytes_are_the_same_each_time(tmp_path: Path, relu: Path, mixed: Path) -> None:
    """Neither the time nor the place nor the compiler's state is in the file."""
    for source, first in ((RELU, relu), (MIXED, mixed)):
        pf.compile(source).save(tmp_path / "again.pfx")
        assert (tmp_path / "again.pfx").read_bytes() == first.read_bytes()


WITHOUT_MLIR = """
import sys
import numpy as np
import powerfusion as pf

program = pf.load(sys.argv[1])
x = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
assert np.array_equal(program(x), np.maximum(x, 0))
compiler = ("powerfusion.mlir", "powerfusion._native", "powerfusion.core")
assert not [name for name in sys.modules if name.startswith(compiler)]
maps = open("/proc/self/maps").read()
assert not any(word in maps for word in ("LLVM", "MLIR", "_mlir", "libGIR", "powerfusion/_native")), maps
print("ran")
"""


def test_runs_without_mlir(relu: Path, root: Path) -> None:
    """Loading and running imports no bindings, and maps no library of LLVM but its OpenMP runtime."""
    environment = {**os.environ, "PYTHONPATH": str(root / "python")}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MLIR, relu],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pf compile` writes what `pf run` runs."""
    (tmp_path / "relu.mlir").write_text(RELU)
    np.save(tmp_path / "x.npy", np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64))
    assert main(["compile", str(tmp_path / "relu.mlir"), "-o", str(tmp_path / "m.pfx")]) == 0
    command = ["run", str(tmp_path / "m.pfx"), "--input", str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy")]
    assert main(command) == 0, capsys.readouterr().err
    assert np.array_equal(np.load(tmp_path / "y.npy"), np.maximum(np.load(tmp_path / "x.npy"), 0))


def test_code_leaves_nothing_behind(relu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library lies in a private folder while it is mapped, and is gone when `load` returns."""
    seen: list[tuple[int, str]] = []
    whole = library.open_library

    def spy(place: Path, folder: Path) -> ctypes.CDLL:
        seen.append((folder.stat().st_mode & 0o777, folder.parent.name))
        return whole(place, folder)

    monkeypatch.setattr(library, "open_library", spy)
    monkeypatch.setattr(library.tempfile, "tempdir", str(tmp_path))
    program = pf.load(relu)
    assert seen == [(0o700, tmp_path.name)]
    assert not list(tmp_path.iterdir())
    assert program(np.zeros((1, 64), np.float32)).shape == (1, 64)


REPORT: dict[str, Any] = {
    "dram_bytes": None,
    "dram_bytes_formula": "7*s0",
    "least_dram_bytes": 7,
    "kernels": [
        {"name": "relu", "reads": {"dram": None}, "reads_formula": {"dram": "3*s0"}, "writes": {"dram": 4}},
    ],
}


def test_report_comes_from_the_manifest(tmp_path: Path, relu: Path) -> None:
    """A report is kept as plain data."""
    held = members_of(relu)
    spec = Manifest.from_bytes(held[MANIFEST])
    saved = Contents("0.1.0", spec.signature, HostContents(held["code/host.so"], [], [], REPORT))
    save_artifact(tmp_path / "m.pfx", saved)
    report = pf.load(tmp_path / "m.pfx").report()
    assert report.to_json() == REPORT
    assert [line.split() for line in str(report).splitlines()] == [
        ["kernel", "level", "bytes", "read", "bytes", "written", "least", "as", "written"],
        ["relu", "dram", "3*s0", "4"],
        [],
        ["bytes", "at", "dram", "7*s0"],
        ["least", "possible", "7"],
    ]


def test_report_is_the_compilers(relu: Path) -> None:
    """What `save` keeps is the report of open sizes, whatever the program was called on before."""
    assert pf.load(relu).report().to_json() == pf.compile(RELU).report().to_json()


# What the machine lacks.


def test_missing_openmp(relu: Path, mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a program with parallel loops needs libomp, and says so."""
    monkeypatch.setattr(library, "_openmp_files", lambda: iter(()))
    monkeypatch.setattr(library, "OPENMP_SONAME", "libabsent.so")
    with pytest.raises(ToolError, match=r"libomp isn't there\nhelp: install libomp"):
        pf.load(relu)
    assert pf.load(mixed)(np.zeros(4, np.float32), 1.0)[0].shape == (4,)


def test_folder_that_runs_no_code(relu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary folder that is mounted noexec is named, and what to do about it."""

    def refuse(name: str, mode: int = 0) -> ctypes.CDLL:
        raise OSError(f"{name}: failed to map segment from shared object")

    monkeypatch.setattr(library, "load_openmp", lambda: None)
    monkeypatch.setattr(library.ctypes, "CDLL", refuse)
    with pytest.raises(ToolError, match=r"host\.so: failed to map segment.*\nhelp: set TMPDIR"):
        pf.load(relu)


# Writing.


def test_save_follows_links_and_umask(tmp_path: Path) -> None:
    """A link stays one, and the file's mode is what the user's umask says."""
    (tmp_path / "link.pfx").symlink_to("real.pfx")
    before = os.umask(0o027)
    try:
        save_artifact(tmp_path / "link.pfx", contents())
    finally:
        os.umask(before)
    assert (tmp_path / "link.pfx").is_symlink()
    assert (tmp_path / "real.pfx").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["_write", "fsync"])
def test_save_writes_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, step: str
) -> None:
    """A full disk and Ctrl-C leave the old file as it was, and nothing beside it."""

    def fail(*_: object) -> None:
        raise error

    save_artifact(tmp_path / "m.pfx", contents(b"old"))
    old = (tmp_path / "m.pfx").read_bytes()
    monkeypatch.setattr(*((archive, "_write", fail) if step == "_write" else (archive.os, "fsync", fail)))
    expected = ArtifactError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="no space left on device" if expected is ArtifactError else None):
        save_artifact(tmp_path / "m.pfx", contents(b"new"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("m.pfx", old)]


def test_save_beyond_a_size_limit(tmp_path: Path) -> None:
    """A file that can't grow any more, for real."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(ArtifactError, match=r"can't be written into .*: file too large"):
            save_artifact(tmp_path / "m.pfx", contents(bytes(1 << 20)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_save_where_it_can_not(tmp_path: Path) -> None:
    """No folder, or a folder in its place."""
    with pytest.raises(ArtifactError, match="absent: no such file or directory"):
        save_artifact(tmp_path / "absent" / "m.pfx", contents())
    with pytest.raises(ArtifactError, match="is a folder"):
        save_artifact(tmp_path, contents())


def test_save_refuses_a_type_it_does_not_know(tmp_path: Path) -> None:
    """An array that the manifest has no name for is no constant."""
    with pytest.raises(ArtifactError, match="complex128 can't be saved"):
        save_artifact(tmp_path / "m.pfx", contents(constants=[np.zeros(2, np.complex128)]))


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 2)], ids=str)
def test_constants_of_every_type(name: str, shape: tuple[int, ...]) -> None:
    """Each element type, with no dimension, no element, and several."""
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(DTYPES[name])
    data = b"".join(map(bytes, artifact.npy_chunks(array)))
    assert same_bits(artifact.read_constant(data, artifact.Constant.of(array), "0.npy"), array)


# Linking.


def build_c(folder: Path, source: str) -> bytes:
    """Object code of a C function."""
    (folder / "c.c").write_text(source)
    command = [knobs.llvm_prefix() / "bin" / "clang", "-O1", "-fPIC", "-c", "c.c", "-o", "c.o"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return (folder / "c.o").read_bytes()


CONVERT = """
typedef __SIZE_TYPE__ size;
float __extendhfsf2(_Float16);
_Float16 __truncsfhf2(float);
_Float16 __truncdfhf2(double);
__bf16 __truncsfbf2(float);
__bf16 __truncdfbf2(double);
void pf_main(void **in) {
  size kind = (size)in[0], count = (size)in[1];
  for (size i = 0; i < count; ++i) switch (kind) {
    case 0: ((float *)in[3])[i] = __extendhfsf2(((_Float16 *)in[2])[i]); break;
    case 1: ((_Float16 *)in[3])[i] = __truncsfhf2(((float *)in[2])[i]); break;
    case 2: ((_Float16 *)in[3])[i] = __truncdfhf2(((double *)in[2])[i]); break;
    case 3: ((__bf16 *)in[3])[i] = __truncsfbf2(((float *)in[2])[i]); break;
    case 4: ((__bf16 *)in[3])[i] = __truncdfbf2(((double *)in[2])[i]); break;
  }
}
"""
NARROWINGS = (("f16", "f32"), ("f32", "f16"), ("f64", "f16"), ("f32", "bf16"), ("f64", "bf16"))


def doubles() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Every 16-bit float, the middles between neighbours, and what lies next to a middle."""
    patterns = np.arange(1 << 16, dtype=np.uint16)
    found = [np.linspace(-1, 1, 10_001), np.float64([5e-324, 1e-310, 1e300, -1e300])]
    for kind in (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)):
        values = patterns.view(kind).astype(np.float64)
        finite = np.sort(values[np.isfinite(values)])
        middles = (finite[1:] + finite[:-1]) / 2
        found += [values, middles, np.nextafter(middles, np.inf), np.nextafter(middles, -np.inf)]
    return np.concatenate(found)


def linked(code: bytes) -> tuple[int, object]:
    """The entry of object code in a library, and what keeps it."""
    held = library.load_library(host_object.link(code), ())
    return held.entry, held


def loaded(code: bytes) -> tuple[int, object]:
    """The entry of object code in this process, and what keeps it."""
    held = HostCode(code)
    return held.lookup(ENTRY), held


@pytest.mark.parametrize("bring", [linked, loaded])
def test_conversions_of_16_bit_floats(bring: Callable[[bytes], tuple[int, object]], tmp_path: Path) -> None:
    """Where the processor can't narrow, our own functions do, as NumPy and ml_dtypes do; NaN stays NaN.

    The C library's compiler need not have them: an old one has none for bf16.
    """
    entry, held = bring(build_c(tmp_path, CONVERT))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(entry)
    with np.errstate(all="ignore"):
        every = doubles()
        for kind, (source, result) in enumerate(NARROWINGS):
            given = np.ascontiguousarray(every.astype(DTYPES[source]))
            got = np.empty(given.shape, DTYPES[result])
            cells = (ctypes.c_void_p * 4)(kind, given.size, given.ctypes.data, got.ctypes.data)
            function(ctypes.addressof(cells))
            # ml_dtypes narrows f64 to bf16 through f32, rounding twice: what f32 can't hold is compared by hand below.
            exact = (
                (given == given.astype(np.float32)) | np.isnan(given) if (source, result) == ("f64", "bf16") else ...
            )
            expected = given.astype(DTYPES[result])
            wrong = (got.view(f"u{got.itemsize}") != expected.view(f"u{got.itemsize}"))[exact]
            wrong &= ~(np.isnan(got) & np.isnan(expected))[exact]
            assert not wrong.any(), (source, result, given[exact][wrong][:5])
            if exact is not ...:
                check_nearest(given[~exact], got[~exact])
    del held


def check_nearest(given: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> None:
    """No neighbour of a bf16 result is nearer to what was narrowed."""
    finite = np.isfinite(got.astype(np.float64)) & (got != 0)
    given, got = given[finite], got[finite]
    error = np.abs(got.astype(np.float64) - given)
    for step in (-1, 1):
        neighbour = (got.view(np.uint16) + np.uint16(step % (1 << 16))).view(ml_dtypes.bfloat16).astype(np.float64)
        assert (error <= np.abs(neighbour - given))[np.isfinite(neighbour)].all()


def test_unknown_symbol_is_found_when_linking(tmp_path: Path) -> None:
    """A call of something that no machine has fails when the program is saved, not when it is loaded."""
    code = build_c(tmp_path, "void absent(void); void pf_main(void **in) { absent(); }")
    with pytest.raises(pf.errors.CompileError, match=r"can't be linked: .*undefined symbol: absent"):
        host_object.link(code)


def test_missing_clang(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without LLVM's tools saving says what it lacks."""
    monkeypatch.setenv("PF_LLVM_PREFIX", str(tmp_path))
    with pytest.raises(ToolError, match="clang can't be run"):
        host_object.link(b"")
