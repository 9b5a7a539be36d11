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

#include "races.h"

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
