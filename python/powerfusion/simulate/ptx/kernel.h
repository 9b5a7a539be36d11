// What a kernel of PTX, as C++, stands on: who the thread is, accesses that are
// checked, barriers, exchanges.
#pragma once
#include "numbers.h"

#ifndef PF_MOST_TURNS
#define PF_MOST_TURNS (1 << 24)
#endif
static const uint32_t kWarp = 32, kMostTurns = PF_MOST_TURNS;
enum class Mode { butterfly, up, down, indexed, none };
enum class Access { read, write, update }; // an update does both in one step

struct Context {
  uint32_t id, group, threads,
      groups; // in its group; the group; threads of a group; groups
  uint64_t
      dynamic_at; // where the group's memory begins whose size the launch says
  const uint8_t *parameters;
  uint32_t turns;       // of all loops
  uint32_t visits[256]; // of the headers of loops, since the loop around was
                        // entered anew
};
using Kernel = void (*)(Context &);

// Each gives where the bytes are, or ends the launch: `line` is where the
// access stands in the text, `turn` how often the loops around it have come
// round.
uint8_t *shared_at(Context &t, uint64_t at, uint32_t size, Access access,
                   int line);
uint8_t *global_at(Context &t, uint64_t at, uint32_t size, Access access,
                   int line, uint64_t turn);
void endless(Context &t, uint32_t turns, int line);
void barrier(Context &t, int line);
void warp_barrier(Context &t, uint32_t mask, int line);
uint32_t exchange(Context &t, Mode mode, uint32_t value, uint32_t lane,
                  uint32_t clamp, uint32_t mask, bool *in_range, int line);
