// What a simulated module of PTX looks like from outside: one function that runs a launch.
#pragma once

// Gives null, or "line|what went wrong". Counts are four per buffer: bytes and sectors read, bytes and sectors written.
extern "C" const char *pf_launch(const char *name, uint32_t groups, uint32_t threads, uint64_t static_shared, uint64_t dynamic_shared,
                                 uint64_t sector, const uint8_t *parameters, uint32_t buffer_count, const char **names, uint8_t **data,
                                 uint8_t **written, const uint64_t *addresses, const uint64_t *sizes, uint64_t *counts, uint32_t seed) {
  static std::string fault;
  Launch launch;
  launch.groups = groups, launch.threads = threads, launch.sector = sector, launch.parameters = parameters;
  launch.dynamic_at = (static_shared + 15) / 16 * 16;
  launch.shared_bytes = launch.dynamic_at + dynamic_shared;
  launch.random.seed(seed);
  launch.kernel = find(name);
  if (!launch.kernel) return "0|there is no kernel of that name";
  if (threads == 0 || threads > kMostThreads) return "0|a group has from 1 to 1024 threads";
  for (uint32_t at = 0; at < buffer_count; at++)
    launch.buffers.push_back({names[at], data[at], written[at], addresses[at], sizes[at], std::vector<Cell>(sizes[at]), {}});
  fault = run_launch(launch);
  for (uint32_t at = 0; at < buffer_count; at++) memcpy(counts + 4 * at, launch.buffers[at].counts, sizeof launch.buffers[at].counts);
  return fault.empty() ? nullptr : fault.c_str();
}
