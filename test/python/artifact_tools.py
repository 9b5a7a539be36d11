"""Programs to save, and tools to break what was saved: reading, changing and resealing an artifact."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from powerfusion.runtime.manifest import MANIFEST, digest_of

RELU = """
func.func @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %empty = tensor.empty(%rows) : tensor<?x64xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x64xf32>) outs(%empty : tensor<?x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
"""

# Constants of three types, a number among the arguments, an assertion, several results; small enough for one thread.
MIXED = """
#same = affine_map<(i) -> (i)>
func.func @mixed(%x: tensor<4xf32>, %n: f32) -> (tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>) {
  %w = arith.constant dense<[1.0, -2.0, 3.5, 4.25]> : tensor<4xf32>
  %mask = arith.constant dense<[true, false, true, true]> : tensor<4xi1>
  %b = arith.constant dense<[1.0, -2.0, 3.5, 4.25]> : tensor<4xbf16>
  %zero = arith.constant 0.0 : f32
  %fine = arith.cmpf oge, %n, %zero : f32
  cf.assert %fine, "n is negative"
  %e0 = tensor.empty() : tensor<4xf32>
  %e1 = tensor.empty() : tensor<4xi1>
  %e2 = tensor.empty() : tensor<4xbf16>
  %r:3 = linalg.generic {
      indexing_maps = [#same, #same, #same, #same, #same, #same, #same], iterator_types = ["parallel"]}
      ins(%x, %w, %mask, %b : tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>)
      outs(%e0, %e1, %e2 : tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>) {
  ^bb0(%a: f32, %c: f32, %m: i1, %d: bf16, %o0: f32, %o1: i1, %o2: bf16):
    %scaled = arith.mulf %a, %c : f32
    %times = arith.mulf %scaled, %n : f32
    %chosen = arith.select %m, %times, %a : f32
    %wide = arith.extf %d : bf16 to f32
    %sum = arith.addf %chosen, %wide : f32
    linalg.yield %sum, %m, %d : f32, i1, bf16
  } -> (tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>)
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xi1>, tensor<4xbf16>
}
"""


def members_of(path: Path) -> dict[str, bytes]:
    """The contents of every member, in order."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes]) -> Path:
    """Writes an archive of members as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def reseal(path: Path, members: dict[str, bytes], edit: Callable[[dict[str, Any]], object] | None = None) -> Path:
    """Writes an archive whose hashes are right whatever was changed, so that only the change itself can be found."""
    manifest = json.loads(members[MANIFEST])
    for name, member in manifest["members"].items():
        if name in members:
            member["size_bytes"] = len(members[name])
            member["sha256"] = hashlib.sha256(members[name]).hexdigest()
    if edit:
        edit(manifest)
    if "digest" in manifest:
        manifest["digest"] = digest_of(manifest)
    return pack(path, {**members, MANIFEST: json.dumps(manifest).encode()})


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """An edit that sets `signature.arguments.0.dtype` to a value."""

    def edit(manifest: dict[str, Any]) -> None:
        found, last = _walk(manifest, key)
        found[last] = value

    return edit


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    """An edit that takes a key away."""

    def edit(manifest: dict[str, Any]) -> None:
        found, last = _walk(manifest, key)
        del found[last]

    return edit


def _walk(manifest: dict[str, Any], key: str) -> tuple[Any, Any]:
    """What holds a key, and the key in it; a member's own name has its dot written as a comma."""
    steps = [int(step) if step.isdigit() else step.replace(",", ".") for step in key.split(".")]
    found: Any = manifest
    for step in steps[:-1]:
        found = found[step]
    return found, steps[-1]
