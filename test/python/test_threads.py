"""Threads: little is done by one, by what it costs; no more run than there are processors, whoever calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import powerfusion as pf
from powerfusion import knobs
from powerfusion.machines.host import host
from powerfusion.passes.analysis.work import OPERATIONS_PER_BYTE, least_work
from powerfusion.runtime import threads
from powerfusion.runtime.threads import Threads, quota_of

FORK = "scf.parallel"


def elementwise(op: str, shape: str) -> str:
    """A program of one op on f32."""
    return f"func.func @main(%x: tensor<{shape}>) -> tensor<{shape}> {{\n%y = {op} %x : tensor<{shape}>\n" + (
        f"return %y : tensor<{shape}>\n}}"
    )


# -- what is worth it ------------------------------------------------------------------------------


def test_what_an_element_costs_decides() -> None:
    """As many elements are too few to negate on several threads, and enough to take e to their power of."""
    moved = 2 * 4 * OPERATIONS_PER_BYTE
    count = least_work(host()) // (moved + 2)
    assert FORK not in pf.compile(elementwise("arith.negf", f"{count}xf32")).ir("lower")
    assert FORK in pf.compile(elementwise("math.exp", f"{count}xf32")).ir("lower")
    assert FORK in pf.compile(elementwise("arith.negf", f"{2 * count}xf32")).ir("lower")


def test_products_count() -> None:
    """Few elements of which each meets many others are a lot to do."""
    matrices = ", ".join(f"%{name}: tensor<256x256xf32>" for name in "abc")
    text = f"""func.func @main({matrices}) -> tensor<256x256xf32> {{
      %0 = linalg.matmul ins(%a, %b : tensor<256x256xf32>, tensor<256x256xf32>)
                         outs(%c : tensor<256x256xf32>) -> tensor<256x256xf32>
      return %0 : tensor<256x256xf32>
    }}"""
    assert FORK in pf.compile(text).ir("lower")
    assert FORK not in pf.compile(text.replace("256", "32")).ir("lower")


COUNTING = """
import os
import numpy as np
import powerfusion as pf

def workers():
    return len(os.listdir("/proc/self/task"))

def run(program, *shape):
    result = program(np.full(shape, 2, np.float32))
    assert result.shape == shape and np.allclose(result, np.exp(2.0), rtol=1e-6)
    return workers() - before

few, many = (pf.compile(text) for text in {texts!r})
opened = pf.compile({opened!r})
before = workers()
print(run(few, 100, 50), run(opened, 10, 7), run(opened, 1, 0), run(opened, 1200, 500), run(many, 1200, 500))
"""


@pytest.mark.parametrize(("told", "most"), [("4", 3), ("1", 0)])
def test_forks_are_counted(told: str, most: int) -> None:
    """libomp's threads come with the first loop that is dealt out: of open sizes, the call's sizes decide."""
    texts = [elementwise("math.exp", shape) for shape in ("100x50xf32", "1200x500xf32")]
    script = COUNTING.format(texts=texts, opened=elementwise("math.exp", "?x?xf32"))
    environment = os.environ | {"OMP_NUM_THREADS": told}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["0", "0", "0", str(most), str(most)]


NESTED = r"""
#include <dirent.h>
#include <omp.h>
#include <stdio.h>
#include "many.h"

static float x[1200 * 500], y[4][1200 * 500];

int main(void) {
  int failed = 0, workers = -2; /* "." and ".." */
#pragma omp parallel num_threads(4) reduction(+ : failed)
  failed += many(x, y[omp_get_thread_num()]) != 0;
  DIR *tasks = opendir("/proc/self/task");
  while (readdir(tasks)) ++workers;
  printf("%d %d %g\n", failed, workers, y[3][0]);
  return 0;
}
"""


def test_a_callers_parallel_region_is_enough(tmp_path: Path) -> None:
    """Called by each thread of a parallel region of the same runtime, a program starts none of its own."""
    executable = pf.compile(elementwise("math.exp", "1200x500xf32").replace("@main", "@many"))
    library = executable.c_library("many.o")
    (tmp_path / "many.o").write_bytes(library.code)
    (tmp_path / "many.h").write_text(library.header)
    (tmp_path / "program.c").write_text(NESTED)
    prefix = knobs.llvm_prefix()
    command = [prefix / "bin" / "clang", "-O1", "-fopenmp", "program.c", "many.o", "-lm", "-o", "program"]
    subprocess.run([*command, f"-Wl,-rpath,{prefix / 'lib'}"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "4", "1"]


# -- shares ----------------------------------------------------------------------------------------


class Library:
    """What is called of libomp."""

    def __init__(self, most: int) -> None:
        self.most, self.told = most, list[str]()

    def omp_get_max_threads(self) -> int:
        """Of a loop."""
        return self.most

    def omp_set_num_threads(self, most: int) -> None:
        """Of the loops to come."""
        self.most = most

    def kmp_set_defaults(self, text: bytes) -> None:
        """Settings of all threads to come."""
        self.told.append(text.decode())


def test_calls_at_once_share_threads() -> None:
    """The first has all, the second half of them, the third a third; in the end everything is as it was."""
    libraries = [Library(8) for _ in range(3)]  # one per calling thread, as its numbers are its own
    calls = [Threads(library) for library in libraries]  # pyright: ignore[reportArgumentType]
    begun = [call.begin() for call in calls]
    assert [library.most for library in libraries] == [8, 4, 2]
    for call, before in zip(calls, begun, strict=True):
        call.end(before)
    assert [library.most for library in libraries] == [8, 8, 8]
    assert threads._running == 0


def test_a_child_doesnt_wait_for_its_parents_calls() -> None:
    """What runs in the parent while it forks doesn't run in the child."""
    call = Threads(Library(4))  # pyright: ignore[reportArgumentType]
    before = call.begin()
    child = os.fork()
    if child == 0:
        os._exit(threads._running)
    call.end(before)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("text", "processors"), [("200000 100000\n", 2), ("150000 100000\n", 2), ("max 100000\n", None), ("", None)]
)
def test_quotas(text: str, processors: int | None, tmp_path: Path) -> None:
    """Of a control group, in whole processors."""
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert quota_of(file) == processors
    assert quota_of(tmp_path / "absent") is None


def test_a_quota_counts_as_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user said how many threads there are to be."""
    file = tmp_path / "cpu.max"
    file.write_text("100000 100000\n")
    monkeypatch.setattr(threads, "QUOTA", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    library = Library(8)
    Threads(library)  # pyright: ignore[reportArgumentType]
    assert library.told == ["OMP_NUM_THREADS=1"]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    library = Library(3)
    Threads(library)  # pyright: ignore[reportArgumentType]
    assert not library.told


def test_results_dont_depend_on_how_many_there_are() -> None:
    """What one thread computes for open sizes is what several do."""
    opened = pf.compile(elementwise("math.exp", "?x?xf32"))
    x = np.linspace(-3, 3, 1200 * 500, dtype=np.float32).reshape(1200, 500)
    np.testing.assert_array_equal(opened(x)[:3], opened(np.ascontiguousarray(x[:3])))
