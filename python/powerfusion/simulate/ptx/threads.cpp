// Threads of a simulated device: fibers in random order, barriers, exchanges
// within a warp, and how they fail.
#include "kernel.h"
#include "memory.h"
#include "races.h"
#include <random>
#include <sys/mman.h>
#include <ucontext.h>

enum class State { runs, at_barrier, in_warp, done };
static const size_t kStack = 1 << 20;

struct Block;
struct Thread : Context {
  Block *block;
  uint32_t number; // in the launch, from 1
  State state;
  ucontext_t context;
  int line; // where it waits
  Mode mode;
  uint32_t value, lane, clamp, mask; // of an exchange
  bool in_range;
};

struct Launch {
  uint32_t groups, threads;
  uint64_t shared_bytes, dynamic_at, sector;
  const uint8_t *parameters;
  std::vector<Buffer> buffers;
  std::mt19937 random;
  std::string fault;
  Kernel kernel;
  char *stacks;
};

struct Block {
  Launch *launch;
  uint32_t group, epoch = 1, warp_epochs[kMostThreads / kWarp] = {};
  std::vector<uint8_t> shared, written;
  std::vector<Cell> cells;
  std::vector<Thread> threads;
  ucontext_t scheduler;
  Requests requests;
};

static inline void wait(Thread &t) {
  swapcontext(&t.context, &t.block->scheduler);
}

[[noreturn]] static void fault(Thread &t, int line, const char *format, ...) {
  char what[400], all[500];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  snprintf(all, sizeof all, "%d|%s, in group %u, thread %u", line, what,
           t.block->group, t.id);
  if (t.block->launch->fault.empty())
    t.block->launch->fault = all;
  for (;;)
    wait(t);
}

// -- accesses
// ---------------------------------------------------------------------------------------

static inline Touch touch_of(Thread &t, Access access) {
  return {t.number, t.block->epoch, t.block->warp_epochs[t.id / kWarp],
          access == Access::update};
}

static inline void check_race(Thread &t, Cell *cells, uint32_t size,
                              Access access, int line, const char *name,
                              uint64_t offset) {
  bool writes = access != Access::read;
  Touch now = touch_of(t, access);
  auto complain = [&](uint32_t at, Touch other, const char *does) {
    fault(t, line,
          "data race: this %s byte %llu of %s, which thread %u of group %u %s",
          writes ? "writes" : "reads", (unsigned long long)(offset + at), name,
          (other.thread - 1) % kMostThreads, group_of(other.thread), does);
  };
  for (uint32_t at = 0; at < size; at++) {
    Cell &cell = cells[at];
    if (unordered(now, cell.write))
      complain(at, cell.write, "writes");
    if (writes && unordered_reads(now, cell))
      complain(at, cell.read, "reads");
    if (writes)
      cell.write = now;
    else
      note_read(now, cell);
  }
}

uint8_t *shared_at(Context &context, uint64_t at, uint32_t size, Access access,
                   int line) {
  Thread &t = static_cast<Thread &>(context);
  Block &b = *t.block;
  if (at % size)
    fault(t, line,
          "an access of %u bytes at byte %llu of the group's memory isn't "
          "aligned",
          size, (unsigned long long)at);
  if (at + size > b.shared.size())
    fault(t, line,
          "an access of %u bytes at byte %llu is out of the group's memory of "
          "%zu bytes",
          size, (unsigned long long)at, b.shared.size());
  for (uint32_t i = 0; i < size && access != Access::write; i++)
    if (!b.written[at + i])
      fault(t, line,
            "byte %llu of the group's memory is read, which nobody has written",
            (unsigned long long)(at + i));
  if (access != Access::read)
    memset(&b.written[at], 1, size);
  check_race(t, &b.cells[at], size, access, line, "the group's memory", at);
  return &b.shared[at];
}

uint8_t *global_at(Context &context, uint64_t at, uint32_t size, Access access,
                   int line, uint64_t turn) {
  Thread &t = static_cast<Thread &>(context);
  Launch &launch = *t.block->launch;
  if (at % size)
    fault(t, line, "an access of %u bytes at 0x%llx isn't aligned", size,
          (unsigned long long)at);
  for (uint32_t number = 0; number < launch.buffers.size(); number++) {
    Buffer &buffer = launch.buffers[number];
    if (at < buffer.address || at >= buffer.address + buffer.size)
      continue;
    uint64_t offset = at - buffer.address;
    if (offset + size > buffer.size)
      break;
    for (uint32_t i = 0; i < size && access != Access::write; i++)
      if (!buffer.written[offset + i])
        fault(t, line, "byte %llu of %s is read, which nobody has written",
              (unsigned long long)(offset + i), buffer.name);
    if (access != Access::read)
      memset(buffer.written + offset, 1, size);
    check_race(t, &buffer.cells[offset], size, access, line, buffer.name,
               offset);
    uint64_t key = (turn * 1000003 + uint64_t(line)) * (kMostThreads / kWarp) +
                   t.id / kWarp;
    if (access != Access::write)
      t.block->requests.add(key, number, false, offset, size);
    if (access != Access::read)
      t.block->requests.add(key, number, true, offset, size);
    return buffer.data + offset;
  }
  const Buffer *nearest = nullptr;
  for (const Buffer &buffer : launch.buffers)
    if (at >= buffer.address && (!nearest || buffer.address > nearest->address))
      nearest = &buffer;
  fault(t, line,
        "%s of %u bytes out of bounds, at byte %lld of %s, which has %llu",
        access == Access::read ? "a read" : "a write", size,
        nearest ? (long long)(at - nearest->address) : (long long)at,
        nearest ? nearest->name : "nothing",
        nearest ? (unsigned long long)nearest->size : 0ull);
}

// -- barriers and exchanges
// ---------------------------------------------------------------------------

void endless(Context &context, uint32_t turns, int line) {
  fault(static_cast<Thread &>(context), line, "loops come round %u times",
        turns);
}
void barrier(Context &context, int line) {
  Thread &t = static_cast<Thread &>(context);
  t.line = line;
  t.state = State::at_barrier;
  wait(t);
}
void warp_barrier(Context &context, uint32_t mask, int line) {
  if (mask != ~0u)
    fault(static_cast<Thread &>(context), line,
          "a barrier of some lanes of a warp isn't known");
  exchange(context, Mode::none, 0, 0, 0, mask, nullptr, line);
}
uint32_t exchange(Context &context, Mode mode, uint32_t value, uint32_t lane,
                  uint32_t clamp, uint32_t mask, bool *in_range, int line) {
  Thread &t = static_cast<Thread &>(context);
  if (!(mask >> (t.id % kWarp) & 1))
    fault(t, line, "a lane isn't in the mask of its own exchange");
  t.mode = mode, t.value = value, t.lane = lane, t.clamp = clamp, t.mask = mask,
  t.line = line;
  t.state = State::in_warp;
  wait(t);
  if (in_range)
    *in_range = t.in_range;
  return t.value;
}

// Does the exchange of a warp whose lanes have all come to one; gives whether
// it did.
static bool exchanged(Block &b, uint32_t first, uint32_t end) {
  Thread *some = nullptr;
  for (uint32_t at = first; at < end; at++)
    if (b.threads[at].state == State::in_warp)
      some = &b.threads[at];
  if (!some)
    return false;
  uint32_t values[kWarp];
  for (uint32_t lane = 0; lane < kWarp; lane++) {
    if (!(some->mask >> lane & 1))
      continue;
    if (first + lane >= end)
      return false;
    Thread &other = b.threads[first + lane];
    if (other.state != State::in_warp || other.line != some->line ||
        other.mask != some->mask)
      return false;
    values[lane] = other.value;
  }
  int line = some->line;
  uint32_t mask = some->mask;
  for (uint32_t lane = 0; lane < kWarp; lane++) {
    if (!(mask >> lane & 1))
      continue;
    Thread &t = b.threads[first + lane];
    int by = int(t.lane & 31), clamp = int(t.clamp & 31),
        segment = int(t.clamp >> 8 & 31), own = int(lane);
    int most = (own & segment) | (clamp & ~segment), least = own & segment,
        from = own;
    switch (t.mode) {
    case Mode::up:
      from = own - by;
      t.in_range = from >= most;
      break;
    case Mode::down:
      from = own + by;
      t.in_range = from <= most;
      break;
    case Mode::butterfly:
      from = own ^ by;
      t.in_range = from <= most;
      break;
    case Mode::none:
      t.in_range = true;
      break;
    case Mode::indexed:
      from = least | (by & ~segment);
      t.in_range = from <= most;
      break;
    }
    if (!t.in_range)
      from = own;
    if (!(mask >> from & 1)) {
      char all[200];
      snprintf(all, sizeof all,
               "%d|an exchange reads lane %d, which isn't in its mask, in "
               "group %u, thread %u",
               line, from, b.group, t.id);
      b.launch->fault = all;
      return false;
    }
    t.value = values[from];
  }
  if (some->mode == Mode::none)
    b.warp_epochs[first / kWarp]++;
  for (uint32_t at = first; at < end; at++)
    if (mask >> (at - first) & 1)
      b.threads[at].state = State::runs;
  return true;
}

static void begin(unsigned high, unsigned low) {
  Thread *t = (Thread *)((uint64_t(high) << 32) | low);
  t->block->launch->kernel(*t);
  t->state = State::done;
  wait(*t);
}

static void report_stuck(Block &b) {
  uint32_t waits = 0, done = 0, in_warp = 0;
  int line = 0, other = 0;
  for (Thread &t : b.threads) {
    waits += t.state == State::at_barrier, done += t.state == State::done,
        in_warp += t.state == State::in_warp;
    if (t.state == State::at_barrier)
      line = t.line;
    if (t.state == State::in_warp)
      other = t.line;
  }
  char all[400];
  snprintf(all, sizeof all,
           "%d|not all threads of group %u come to the same place: %u wait at "
           "barriers, %u in exchanges within a warp (line %d), %u have ended",
           line ? line : other, b.group, waits, in_warp, other, done);
  b.launch->fault = all;
}

static void run_group(Launch &launch, uint32_t group) {
  Block b;
  b.launch = &launch, b.group = group;
  b.shared.assign(launch.shared_bytes, 0xA5),
      b.written.assign(launch.shared_bytes, 0),
      b.cells.assign(launch.shared_bytes, Cell());
  b.threads.resize(launch.threads);
  std::vector<uint32_t> order(launch.threads);
  for (uint32_t id = 0; id < launch.threads; id++) {
    Thread &t = b.threads[id];
    order[id] = id;
    t.block = &b, t.number = group * kMostThreads + id + 1,
    t.state = State::runs;
    t.id = id, t.group = group, t.threads = launch.threads,
    t.groups = launch.groups;
    t.dynamic_at = launch.dynamic_at, t.parameters = launch.parameters;
    t.turns = 0, memset(t.visits, 0, sizeof t.visits);
    getcontext(&t.context);
    t.context.uc_stack.ss_sp = launch.stacks + id * kStack,
    t.context.uc_stack.ss_size = kStack, t.context.uc_link = nullptr;
    makecontext(&t.context, (void (*)())begin, 2, unsigned(uint64_t(&t) >> 32),
                unsigned(uint64_t(&t)));
  }
  for (;;) {
    std::shuffle(order.begin(), order.end(), launch.random);
    for (uint32_t id : order) {
      if (b.threads[id].state != State::runs)
        continue;
      swapcontext(&b.scheduler, &b.threads[id].context);
      if (!launch.fault.empty())
        return;
    }
    bool moved = false;
    for (uint32_t first = 0; first < launch.threads; first += kWarp)
      moved |= exchanged(b, first, std::min(first + kWarp, launch.threads));
    if (!launch.fault.empty())
      return;
    if (moved)
      continue;
    uint32_t waits = 0, done = 0;
    bool apart = false;
    int line = 0;
    for (Thread &t : b.threads) {
      done += t.state == State::done;
      if (t.state != State::at_barrier)
        continue;
      apart |= line && line != t.line;
      waits++, line = t.line;
    }
    if (done == launch.threads)
      break;
    if (waits < launch.threads || apart)
      return report_stuck(b);
    for (Thread &t : b.threads)
      t.state = State::runs;
    b.epoch++;
  }
  b.requests.close(launch.buffers, launch.sector);
}

static std::string run_launch(Launch &launch) {
  launch.stacks =
      (char *)mmap(nullptr, launch.threads * kStack, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (launch.stacks == MAP_FAILED)
    return "0|there is no memory for the threads of a group";
  std::vector<uint32_t> groups(launch.groups);
  for (uint32_t at = 0; at < launch.groups; at++)
    groups[at] = at;
  std::shuffle(groups.begin(), groups.end(), launch.random);
  for (uint32_t group : groups) {
    run_group(launch, group);
    if (!launch.fault.empty())
      break;
  }
  munmap(launch.stacks, launch.threads * kStack);
  return launch.fault;
}

// Gives null, or "line|what went wrong". Counts are four per buffer: bytes and
// sectors read, bytes and sectors written.
extern "C" const char *
pf_launch(Kernel kernel, uint32_t groups, uint32_t threads,
          uint64_t static_shared, uint64_t dynamic_shared, uint64_t sector,
          const uint8_t *parameters, uint32_t buffer_count, const char **names,
          uint8_t **data, uint8_t **written, const uint64_t *addresses,
          const uint64_t *sizes, uint64_t *counts, uint32_t seed) {
  static std::string fault;
  Launch launch;
  launch.groups = groups, launch.threads = threads, launch.sector = sector,
  launch.parameters = parameters;
  launch.dynamic_at = (static_shared + 15) / 16 * 16;
  launch.shared_bytes = launch.dynamic_at + dynamic_shared;
  launch.random.seed(seed);
  launch.kernel = kernel;
  if (threads == 0 || threads > kMostThreads)
    return "0|a group has from 1 to 1024 threads";
  for (uint32_t at = 0; at < buffer_count; at++)
    launch.buffers.push_back({names[at],
                              data[at],
                              written[at],
                              addresses[at],
                              sizes[at],
                              std::vector<Cell>(sizes[at]),
                              {}});
  fault = run_launch(launch);
  for (uint32_t at = 0; at < buffer_count; at++)
    memcpy(counts + 4 * at, launch.buffers[at].counts,
           sizeof launch.buffers[at].counts);
  return fault.empty() ? nullptr : fault.c_str();
}
