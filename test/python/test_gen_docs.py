"""tools/gen_docs.py: pages are what the code says, and a stale one is noticed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def gen_docs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, writing to a folder of its own."""
    monkeypatch.syspath_prepend(str(root / "tools"))
    spec = importlib.util.spec_from_file_location("gen_docs", root / "tools" / "gen_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gen_docs", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAGES", tmp_path)
    monkeypatch.setattr(module, "ROOT", root)
    return module


def test_pages(gen_docs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing and edited pages are stale; what was just written isn't; each op and each pass has its place."""
    assert [path.name for path in gen_docs.stale()] == list(gen_docs.MAKERS)
    for name, make in gen_docs.MAKERS.items():
        (tmp_path / name).write_text(make(), encoding="utf-8")
    assert not gen_docs.stale()
    with (tmp_path / "passes.md").open("a") as page:
        page.write("edited\n")
    assert [path.name for path in gen_docs.stale()] == ["passes.md"]
    assert "## `gir-tile`" in (tmp_path / "passes-tiling.md").read_text()


def test_every_op_has_a_meaning(gen_docs: ModuleType) -> None:
    """The page shows a function of NumPy for each op but those that only end a region."""
    page = "".join(gen_docs.ops_page(group) for group in gen_docs.GROUPS)
    ops = [part for part in page.split("\n## `gir.")[1:] if part.partition("`")[0] not in ("return", "yield")]
    without = [op.partition("`")[0] for op in ops if "**Meaning:**" not in op]
    assert len(ops) > 20
    assert not without
