"""Measuring a program's best placements, and keeping the quickest for whoever compiles it next.

    source ── candidates 0 .. N-1 of gir-place ── compiled ── rounds, each on its turn ── the quickest ── compile cache
                                                                  │
                                    <user's cache>/powerfusion/tuning/KEY.json, after every turn: to go on from there

- `contest` measures programs that compute the same against one another;
- `state` keeps what was measured so far;
- `tune` is the whole of it.
"""
