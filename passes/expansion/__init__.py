"""Expand: other ways to the same results, beside the one that was written down.

Takes simplified graph form; gives `gir.alternatives` at function level: the first region holds kernels as they were,
further ones hold other kernels with the same results, such as cascaded reductions as one. `gir-place` takes one each.
"""
