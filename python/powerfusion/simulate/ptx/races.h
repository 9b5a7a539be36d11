// Which accesses of a byte nothing orders: barriers of a group order its
// threads, barriers of a warp its lanes, and nothing orders groups.
#pragma once
#include "kernel.h"

static const uint32_t kMostThreads = 1024;

// Who touched a byte last: a thread's number in the launch from 1, its group's
// and its warp's count of barriers then; and whether it was an update.
struct Touch {
  uint32_t thread = 0, epoch = 0, warp_epoch = 0;
  bool atomic = false;
};
// Which others have read it as well: other groups, at any time; other warps of
// the last reader's group, since its barrier; other lanes of its warp.
struct Cell {
  Touch write, read;
  bool by_groups = false, by_warps = false, by_lanes = false;
};

static inline uint32_t group_of(uint32_t number) {
  return (number - 1) / kMostThreads;
}
static inline uint32_t warp_of(uint32_t number) {
  return (number - 1) % kMostThreads / kWarp;
}
// Whether nothing orders what was done before what is done now.
static inline bool unordered(Touch now, Touch before) {
  if (!before.thread || before.thread == now.thread ||
      (before.atomic && now.atomic))
    return false;
  if (group_of(before.thread) != group_of(now.thread))
    return true;
  return before.epoch == now.epoch &&
         (warp_of(before.thread) != warp_of(now.thread) ||
          before.warp_epoch == now.warp_epoch);
}

// The same of all readers; the last one, and what is known of the others.
static inline bool unordered_reads(Touch now, const Cell &cell) {
  Touch last = cell.read;
  if (unordered(now, last))
    return true;
  if (!last.thread || last.atomic)
    return false;
  bool same_epoch = last.epoch == now.epoch;
  return cell.by_groups || (same_epoch && cell.by_warps) ||
         (same_epoch && last.warp_epoch == now.warp_epoch && cell.by_lanes);
}

static inline void note_read(Touch now, Cell &cell) {
  Touch last = cell.read;
  cell.read = now;
  if (!last.thread)
    return;
  bool same_group = group_of(last.thread) == group_of(now.thread),
       same_epoch = same_group && last.epoch == now.epoch,
       same_warp = same_epoch && warp_of(last.thread) == warp_of(now.thread);
  cell.by_groups |= !same_group;
  cell.by_warps = same_epoch && (cell.by_warps || !same_warp);
  cell.by_lanes = same_warp && last.warp_epoch == now.warp_epoch &&
                  (cell.by_lanes || last.thread != now.thread);
}
