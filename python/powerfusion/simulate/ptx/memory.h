// Memory of a simulated device: exact bounds, alignment, what was never
// written, races, and a count of all accesses.
#pragma once
#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

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

// A buffer of the device. `written` has a byte per byte, not 0 where something
// has been written.
struct Buffer {
  const char *name;
  uint8_t *data;
  uint8_t *written;
  uint64_t address, size;
  std::vector<Cell> cells;
  uint64_t
      counts[4]; // bytes read, sectors read, bytes written, sectors written
};

// The accesses that lanes of one warp made at one instruction in one turn of
// its loops: they are one request, of which bytes and sectors count once.
struct Request {
  uint32_t buffer;
  bool writes;
  std::vector<std::pair<uint64_t, uint32_t>>
      pieces; // offset in the buffer, bytes
};

struct Requests {
  std::unordered_map<uint64_t, Request> open;

  void add(uint64_t key, uint32_t buffer, bool writes, uint64_t offset,
           uint32_t size) {
    Request &request = open[key * 2 + writes];
    request.buffer = buffer;
    request.writes = writes;
    request.pieces.emplace_back(offset, size);
  }
  void close(std::vector<Buffer> &buffers, uint64_t sector) {
    for (auto &[key, request] : open) {
      auto &pieces = request.pieces;
      std::sort(pieces.begin(), pieces.end());
      uint64_t end = 0, last = 0; // one beyond the last byte and the last
                                  // sector that were counted
      uint64_t *counts =
          buffers[request.buffer].counts + (request.writes ? 2 : 0);
      for (auto [offset, size] : pieces) {
        uint64_t stop = offset + size, first = std::max(offset, end);
        if (stop > first)
          counts[0] += stop - first;
        end = std::max(end, stop);
        uint64_t begin = std::max(offset / sector, last),
                 upto = (stop + sector - 1) / sector;
        if (upto > begin)
          counts[1] += upto - begin;
        last = std::max(last, upto);
      }
    }
    open.clear();
  }
};
