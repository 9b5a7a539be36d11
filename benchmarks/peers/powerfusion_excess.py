"""PowerFusion with excess precision alone."""

from __future__ import annotations

from functools import partial

from peers.powerfusion_cpu import PowerFusion

make = partial(PowerFusion, excess_precision=True)
