"""Arriving bytes: what of the issued comes from memory itself, and not from a cache.

placeholder
"""

from __future__ import annotations

from powerfusion.passes.analysis.ledger_record import Record, Recorder
from powerfusion.symbolic import Count


def arriving_bytes(recorder: Recorder) -> dict[Record, Count]:
    """The arriving bytes of each record."""
    return {record: record.figures.issued for record in recorder.records}
