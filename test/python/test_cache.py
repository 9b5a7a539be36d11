"""Programs of the cache: like those that were just compiled, found however they are spelled, never another's."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_tools import MIXED, RELU

import powerfusion as pf
from powerfusion import executable as compiler
from powerfusion.cache import key as cache_key
from powerfusion.cache.files import CacheWarning, Files
from powerfusion.compiled import was_stopped
from powerfusion.core._mlir import bytecode
from powerfusion.errors import AssertionFailedError
from powerfusion.executable import Executable, compile_source
from powerfusion.frontend.source import read_module
from powerfusion.passes.placement import place, search
from powerfusion.runtime.signature import DTYPES

EXAMPLES = ("relu_add", "bert_masked_softmax", "bert_residual_layernorm")


@dataclasses.dataclass
class Cache:
    """A folder of compiled programs, and how often phases were run."""

    folder: Path
    runs: int = 0

    @property
    def entries(self) -> list[Path]:
        """The files."""
        return sorted(self.folder.iterdir()) if self.folder.exists() else []

    def hits(self, make: Callable[[], Any]) -> Any:
        """What is made, which must not be compiled."""
        before = self.runs
        made = make()
        assert self.runs == before, "it was compiled"
        return made

    def misses(self, make: Callable[[], Any]) -> Any:
        """What is made, which must be compiled, once."""
        before = self.runs
        made = make()
        assert self.runs == before + 1, "it was taken from the cache"
        return made


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cache]:
    """An empty cache that is switched on."""
    found = Cache(tmp_path / "cache")
    run = compiler.run_phases

    def counted(*arguments: Any) -> Any:
        found.runs += 1
        return run(*arguments)

    monkeypatch.setattr(compiler, "run_phases", counted)
    monkeypatch.setenv("PF_CACHE", str(found.folder))
    cache_key.environment.cache_clear()
    yield found
    cache_key.environment.cache_clear()


def arguments(executable: Executable) -> list[Any]:
    """Random arrays that fit, and numbers that are positive."""
    made = np.random.default_rng(0)
    specs = executable.signature.arguments
    return [
        made.integers(1 if spec.scalar else -2, 3, [size or 3 for size in spec.shape]).astype(DTYPES[spec.dtype])
        for spec in specs
    ]


def bits(results: Any) -> list[tuple[Any, ...]]:
    """Results as what can be compared exactly."""
    found = results if isinstance(results, tuple) else (results,)
    return [(array.dtype, array.shape, array.tobytes()) for array in found]


def assert_same(got: Executable, expected: Executable) -> None:
    """All that can be asked of a program is the same."""
    assert (got.signature, got.target, got.phases) == (expected.signature, expected.target, expected.phases)
    inputs = arguments(expected)
    assert bits(got(*inputs)) == bits(expected(*inputs))
    for phase in expected.phases:
        assert got.ir(phase) == expected.ir(phase)
        assert got.module(phase).operation.get_asm(enable_debug_info=True) == (
            expected.module(phase).operation.get_asm(enable_debug_info=True)
        )
    assert got.report().to_json() == expected.report().to_json()
    assert got.phase_reports() == expected.phase_reports()
    assert got.remarks == expected.remarks


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_hit_is_like_a_miss(root: Path, tmp_path: Path, cache: Cache, name: str) -> None:
    """Results, IR after each phase, reports, statistics, remarks, the artifact, the object for C."""
    make = partial(compile_source, root / "examples" / f"{name}.mlir", remarks=True, cache=True)
    plain = compile_source(root / "examples" / f"{name}.mlir", remarks=True)
    first, again = cache.misses(make), cache.hits(make)
    assert len(cache.entries) == 1
    assert plain.remarks
    for place_, executable in enumerate((first, again)):
        assert_same(executable, plain)
        executable.save(tmp_path / f"{place_}.pfx")
    assert (tmp_path / "0.pfx").read_bytes() == (tmp_path / "1.pfx").read_bytes()
    assert first.c_library("kernel.o") == again.c_library("kernel.o")


@pytest.mark.parametrize("text", [RELU, MIXED])
def test_constants_assertions_and_open_sizes(cache: Cache, text: str) -> None:
    """Hidden arguments and messages come from the entry."""
    cache.misses(partial(pf.compile, text))
    found = cache.hits(partial(pf.compile, text))
    assert_same(found, pf.compile(text, cache=False))
    if text == MIXED:
        with pytest.raises(AssertionFailedError, match="n is negative"):
            found(np.zeros(4, np.float32), -1.0)


def respelled(text: str) -> dict[str, Any]:
    """The same program with other names, blanks and comments, as bytecode, as a module, in the generic form."""
    module = read_module(text)
    return {
        "names": re.sub(r"%(\w+)", r"%renamed_\1", text),
        "comments": "// something else\n\n" + text.replace("\n", "  // here as well\n"),
        "bytecode": bytecode(module.operation),
        "module": module,
        "generic": module.operation.get_asm(print_generic_op_form=True),
    }


def test_other_spellings_hit(cache: Cache, tmp_path: Path) -> None:
    """What names places of the source is the new source's own all the same."""
    cache.misses(partial(pf.compile, MIXED))
    for how, source in respelled(MIXED).items():
        found = cache.hits(partial(pf.compile, source))
        assert len(cache.entries) == 1, how
        assert_same(found, pf.compile(source, cache=False))
    path = tmp_path / "elsewhere.mlir"
    path.write_text("\n\n" + MIXED)
    found = cache.hits(partial(pf.compile, path))
    located = {move.location for kernel in found.report().kernels for move in kernel.movements}
    line = path.read_text().splitlines().index("  %r:3 = linalg.generic {") + 1
    assert located == {f"{path}:{line}:10"}


def test_other_programs_miss(cache: Cache) -> None:
    """A number, a name or a type that differs."""
    for text in (MIXED, MIXED.replace("4.25", "4.5"), MIXED.replace("@mixed", "@other"), MIXED.replace("oge", "ogt")):
        cache.misses(partial(pf.compile, text))
    assert len(cache.entries) == 4


def test_other_settings_miss(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of passes, where the pipeline begins, the level of optimisation, the machine, the versions, a file."""
    simplified = pf.compile(RELU).ir("simplify")
    cache.misses(partial(compile_source, RELU, remarks=True, cache=True))
    cache.misses(partial(compile_source, simplified, cache=True))
    cache.misses(partial(compile_source, simplified, after="simplify", cache=True))
    machine = dataclasses.replace(cache_key.host(), title="another")
    changes: list[tuple[Any, str, Any]] = [
        (compiler, "OPTIMIZATION_LEVEL", 1),
        (cache_key, "host", lambda: machine),
        (cache_key._host, "processor", lambda: "another"),
        (cache_key, "__version__", "another"),
        (cache_key._pf, "LLVM_VERSION", "another"),
        (cache_key, "FILES", (*cache_key.FILES, "another.py 1 1")),
    ]
    for where, name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            cache_key.environment.cache_clear()
            cache.misses(partial(pf.compile, RELU))
        cache_key.environment.cache_clear()
        cache.hits(partial(pf.compile, RELU))
    assert len(cache.entries) == 4 + len(changes)


def test_files_of_the_compiler(tmp_path: Path) -> None:
    """A changed file is seen, behind links too; what Python makes of files isn't looked at."""
    (tmp_path / "real").mkdir()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "passes").symlink_to(tmp_path / "real")
    for name in ("real/a.py", "package/native.so.1", "package/memory.c", "package/a.pyc"):
        (tmp_path / name).write_text("1")
    before = list(cache_key._files(str(tmp_path / "package")))
    assert [line.split()[0] for line in before] == ["memory.c", "native.so.1", "passes/a.py"]
    os.utime(tmp_path / "real/a.py", (0, 0))
    assert list(cache_key._files(str(tmp_path / "package"))) != before
    own = {line.split()[0] for line in cache_key.FILES}
    assert {"executable.py", "passes/placement/search.py", "emit/memory.c"} < own
    assert any(name.startswith("_native/libGIR.so") for name in own)


def test_what_is_not_cached(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What isn't compiled to the end, what is for others, and whoever doesn't want it."""
    for _ in range(2):
        cache.misses(partial(compile_source, RELU, until="tile", cache=True))
        cache.misses(partial(compile_source, RELU, target="c", cache=True))
        cache.misses(partial(pf.compile, RELU, cache=False))
    monkeypatch.setenv("PF_CACHE", "off")
    cache.misses(partial(pf.compile, RELU))
    assert not cache.entries


def test_a_search_that_was_stopped_is_not_kept(root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more time, or on an idle machine, it finds more."""
    source = root / "examples" / "bert_masked_softmax.mlir"
    with monkeypatch.context() as patch:
        patch.setattr(place, "search", partial(search.search, safety_s=-1))
        for _ in range(2):
            stopped = cache.misses(partial(pf.compile, source))
    assert not cache.entries
    assert was_stopped(stopped._snapshots.values())
    assert stopped.phase_reports()[-2].statistics["gir-place"]["searches stopped by time"] == 1
    finished = cache.misses(partial(pf.compile, source))
    cache.hits(partial(pf.compile, source))
    inputs = arguments(finished)
    np.testing.assert_allclose(stopped(*inputs), finished(*inputs), rtol=1e-5)


def test_a_damaged_entry_is_compiled_anew(cache: Cache) -> None:
    """And is whole again."""
    expected = bits(pf.compile(RELU)(np.ones((2, 64), np.float32)))
    (place_,) = cache.entries
    whole = place_.read_bytes()
    for at in (0, 20, 60, len(whole) // 2, len(whole) - 1):
        place_.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        found = cache.misses(partial(pf.compile, RELU))
        assert bits(found(np.ones((2, 64), np.float32))) == expected
        assert place_.read_bytes() == whole
    place_.write_bytes(whole[: len(whole) // 2])
    cache.misses(partial(pf.compile, RELU))
    cache.hits(partial(pf.compile, RELU))


def test_without_room_it_compiles(cache: Cache) -> None:
    """One warning, and a program like any other."""
    cache.folder.touch()
    with pytest.warns(CacheWarning, match="compiled programs can't be kept") as heard:
        found = pf.compile(RELU)
    assert len(heard) == 1
    assert_same(found, pf.compile(RELU, cache=False))


def test_many_snapshots_are_left_out(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say is worked out when it is asked for."""
    monkeypatch.setattr("powerfusion.cache.entry.LARGEST_SNAPSHOTS_BYTES", 100)
    cache.misses(partial(pf.compile, MIXED))
    found = cache.hits(partial(pf.compile, MIXED))
    cache.hits(partial(found, np.zeros(4, np.float32), 1.0))
    assert_same(found, pf.compile(MIXED, cache=False))


WORKER = """
import sys
import numpy as np
import powerfusion as pf

sys.stdin.readline()
x = np.arange(128, dtype=np.float32).reshape(2, 64) - 64
assert np.array_equal(pf.compile(sys.argv[1])(x), np.maximum(x, 0))
"""


def test_processes_that_compile_the_same_at_once(cache: Cache) -> None:
    """All of them succeed, one entry is left, and it is whole."""
    command = [sys.executable, "-W", "error", "-c", "import powerfusion.executable" + WORKER, RELU]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=120)
        assert worker.returncode == 0
    assert len(cache.entries) == 1
    cache.hits(partial(pf.compile, RELU))


def test_a_hit_is_quick(root: Path, cache: Cache) -> None:
    """From text to what can be called within 20 ms, on a machine that does other things meanwhile."""
    text = (root / "examples" / "bert_masked_softmax.mlir").read_text()
    inputs = arguments(pf.compile(text))
    pf.compile(text)(*inputs)
    times: list[float] = []
    for _ in range(20):
        start = time.perf_counter()
        found = pf.compile(text)
        assert found._function
        times.append(time.perf_counter() - start)
    assert min(times) < 0.020, times


def test_entries_are_touched_by_use(cache: Cache) -> None:
    """So that they are the last to go."""
    pf.compile(RELU)
    os.utime(cache.entries[0], (1, 1))
    cache.hits(partial(pf.compile, RELU))
    (entry,) = Files(cache.folder, 1).entries()
    assert time.time() - entry.used_s < 60
