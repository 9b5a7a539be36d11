"""NVIDIA's GPUs: PTX text becomes checked C++, a fiber per thread.

- `source` reads PTX; what it doesn't know it refuses, and so does everything after it
- `instructions` has the meaning of each instruction, as C++
- `translate` writes a module; `kernel.h` and `threads.cpp` are what it stands on
- `device` compiles and runs it, as a device of `powerfusion.runtime.launches`
"""
