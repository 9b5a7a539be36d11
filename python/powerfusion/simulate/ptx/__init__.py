"""NVIDIA's GPUs: PTX text becomes checked C++, a fiber per thread.

- `source` reads PTX; what it doesn't know it refuses, and so does everything after it
- `instructions` is the table of what each instruction means, as C++; `arithmetic`, `conversions`, `accesses` fill it
- `translate` writes a module; `kernel.h` and `threads.cpp` are what it stands on
- `device` compiles and runs it, as a device of `powerfusion.runtime.launches`
"""
