"""Measuring the machine that this runs on, by programs that go through the compiler as any other does.

    probes ── compiled ── interleaved rounds ── a figure and its spread each ── links, caches, rates of `cpu`
                                                                                  │
                                       <user's cache>/powerfusion/machines/CPU-CORES-VERSION.toml

- `programs` writes the programs: streams of operators, and loops in tile form that stay in a cache or in registers;
- `probes` says which there are for a machine, and prepares them;
- `measure` times them, knows no programs;
- `figures` turns times into numbers, and a machine with unknown numbers into one with these.

`powerfusion.machines.calibrated` keeps the file and finds it; nothing of this is imported for that.
"""
