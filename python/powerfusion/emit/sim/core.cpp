// The functions of `core.h`, compiled once for all programs.
#include "core.h"

namespace pf_sim {

State &state() {
  static State one;
  return one;
}

void describe(const std::vector<Space> &spaces, int64_t group_size, const Times &times) {
  state().spaces = spaces;
  state().times = times;
  state().group_size = group_size;
}

void fail(const char *format, ...) {
  char text[600], whole[800];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  State &s = state();
  snprintf(whole, sizeof whole, "%lld\t%s: %s, in task %lld", (long long)s.line, s.call.c_str(), text, (long long)s.task);
  throw Fault{whole};
}

Space *space_of(const void *place) {
  for (Space &space : state().spaces)
    if ((const char *)place >= space.begin && (const char *)place < space.end)
      return &space;
  return nullptr;
}

Watched *memory_of(const void *place) {
  for (Watched &memory : state().memory)
    if ((const char *)place >= memory.begin && (const char *)place < memory.begin + memory.size)
      return &memory;
  return nullptr;
}

// -- checks ----------------------------------------------------------------------------------------

void check_flights(const char *place, int64_t size, bool writes) {
  for (Flight &flight : state().flights) {
    for (const Range &range : flight.results)
      if (range.meets(place, size))
        fail("touches what the copy of line %d writes and nobody has waited for (missing %s)", flight.line, flight.wait);
    for (const Range &range : flight.sources)
      if (writes && range.meets(place, size))
        fail("overwrites what the copy of line %d reads and nobody has waited for (missing %s)", flight.line, flight.wait);
  }
}

// Whether another task touched bytes that no barrier has come behind; one of another group did so at any time.
bool is_foreign(int32_t other, int32_t epoch) {
  State &s = state();
  if (!other || other == (int32_t)s.task + 1)
    return false;
  int64_t group = s.task / s.group_size;
  bool is_near = other > 0 ? (other - 1) / s.group_size == group : other == -2 - group;
  return epoch == s.epoch || !is_near;
}

void check_touches(Watched &memory, int64_t at, int64_t size, bool writes) {
  State &s = state();
  int32_t me = (int32_t)s.task + 1;
  for (int64_t i = at; i < at + size; ++i) {
    Touch &touch = memory.touches[i];
    if (is_foreign(touch.writer, touch.written))
      fail("byte %lld was written by task %d, and no barrier is between", (long long)i, touch.writer - 1);
    if (writes && is_foreign(touch.reader, touch.read))
      fail("byte %lld was read by another task, and no barrier is between", (long long)i);
    if (writes) {
      touch.writer = me;
      touch.written = s.epoch;
    } else {
      int32_t group = (int32_t)(-2 - s.task / s.group_size);
      if (!touch.reader || touch.reader == me)
        touch.reader = me;
      else if (touch.reader != group)
        touch.reader = touch.reader > 0 && (touch.reader - 1) / s.group_size == s.task / s.group_size ? group : -1;
      touch.read = s.epoch;
    }
  }
}

void check_watched(const char *place, int64_t size, bool writes) {
  Watched *memory = memory_of(place);
  if (!memory)
    fail("%lld bytes at an address that is in no memory that the program was given", (long long)size);
  int64_t at = place - memory->begin;
  if (at + size > memory->size)
    fail("out of bounds: bytes %lld to %lld of %lld", (long long)at, (long long)(at + size), (long long)memory->size);
  if (writes && !memory->may_write)
    fail("writes to an argument that is read only");
  if (memory->touches.empty())
    memory->touches.assign(memory->size, Touch());
  check_touches(*memory, at, size, writes);
}

// An operand: so many bytes in a space, or in the host's memory where the space is named so.
void check_operand(const void *where, int64_t size, const char *space, int64_t alignment, bool writes) {
  const char *place = (const char *)where;
  if (size <= 0)
    return;
  Space *found = space_of(place);
  if (strcmp(space, "")) {
    if (!found || strcmp(found->name, space))
      fail("an operand that must be in %s is in %s", space, found ? found->name : "memory");
    if (place + size > found->end)
      fail("out of bounds: bytes %lld to %lld of %s, of which the program has %lld", (long long)(place - found->begin),
           (long long)(place - found->begin + size), space, (long long)(found->end - found->begin));
    if ((place - found->begin) % alignment)
      fail("byte %lld of %s is no multiple of %lld", (long long)(place - found->begin), space, (long long)alignment);
    for (Watched &memory : state().shared)
      if (memory.begin == found->begin)
        check_touches(memory, place - found->begin, size, writes);
  } else {
    if (found)
      fail("an operand that must be in memory is in %s", found->name);
    check_watched(place, size, writes);
    if ((uintptr_t)place % (uintptr_t)alignment)
      fail("an address in memory is no multiple of %lld", (long long)alignment);
  }
  check_flights(place, size, writes);
}

void check_granule(int64_t bytes, int64_t granule) {
  if (bytes <= 0 || bytes % granule)
    fail("%lld bytes are no multiple of %lld", (long long)bytes, (long long)granule);
}

// Whether a word is the pattern of what was never written, or what arithmetic makes of it.
bool is_poison(const char *place) {
  uint32_t word;
  memcpy(&word, place, 4);
  return word == 0xFFB5FFB5u || word == 0xFFF5FFB5u || word == 0xFFF5FFF5u;
}

void check_written(const char *place, int64_t size) {
  for (int64_t at = 0; at + 4 <= size; at += 4)
    if (is_poison(place + at))
      fail("copies out what was never written, or was computed of that, at byte %lld of a row", (long long)at);
}

// -- time ------------------------------------------------------------------------------------------

static const char *VECTOR = "vector unit";
static const size_t MOST_EVENTS = 200000;

// A pipe is given something; when it has done it.
double take(const char *name, const char *pipe, double from_ns, double duration_ns) {
  State &s = state();
  Pipe &one = s.now->pipes[pipe];
  double start = fmax(one.free_ns, from_ns);
  one.free_ns = start + duration_ns;
  one.busy_ns += duration_ns;
  if (s.timed && s.events.size() < MOST_EVENTS)
    s.events.push_back({name, pipe, s.task, s.line, start, one.free_ns});
  return one.free_ns;
}

// The vector unit makes so many bytes; whether they are wanted.
bool computing(const char *name, int64_t bytes) {
  State &s = state();
  double end = take(name, VECTOR, s.now->now_ns, s.times.vector_issue_ns + bytes / s.times.vector_bytes_per_ns);
  if (!s.times.is_late)
    s.now->now_ns = end;
  return !s.timed;
}

// One step of a loop over elements, which reads what the vector unit made.
void step() {
  State &s = state();
  Task &task = *s.now;
  task.now_ns = fmax(task.now_ns, task.pipes[VECTOR].free_ns) + s.times.scalar_ns;
  task.pipes["elements"].busy_ns += s.times.scalar_ns;
}

// -- calls -----------------------------------------------------------------------------------------

void begin_call(const char *name, int line) {
  State &s = state();
  s.call = name;
  s.line = line;
  s.calls[name] += 1;
}

void computes(const void *place, int64_t size) { state().now->computed.push_back({(const char *)place, size}); }

void computed_is_done() {
  Task &task = *state().now;
  task.computed.clear();
  task.now_ns = fmax(task.now_ns, task.pipes[VECTOR].free_ns);
}

void copy(const Copy &how, void *dst, const void *src, int64_t bytes, int64_t rows, int64_t dst_stride,
                 int64_t src_stride, const std::function<void()> &body) {
  State &s = state();
  if (rows < 1)
    fail("%lld rows, expected at least one", (long long)rows);
  double from = how.after_compute ? s.now->now_ns : fmax(s.now->now_ns, s.now->pipes[VECTOR].free_ns);
  double end = take(how.link, how.wait ? how.wait : "copies", from, how.latency_ns + rows * bytes / how.bytes_per_ns);
  if (!how.wait)
    s.now->now_ns = end;
  s.bytes[how.link] += rows * bytes;
  if (s.timed)
    return;
  check_granule(bytes, how.granule);
  Flight flight{nullptr, how.wait, {}, {}, (int)s.line, s.task};
  for (int64_t row = 0; row < rows; ++row) {
    const char *from = (const char *)src + row * src_stride;
    char *to = (char *)dst + row * dst_stride;
    check_operand(from, bytes, how.from, how.alignment, false);
    check_operand(to, bytes, how.to, how.alignment, true);
    if (how.after_compute)
      for (const Range &range : s.now->computed)
        if (range.meets(from, bytes) || range.meets(to, bytes))
          fail("touches what is computed, and nobody has waited for that");
    if (!strcmp(how.to, ""))
      check_written(from, bytes);
    flight.sources.push_back({from, bytes});
    flight.results.push_back({to, bytes});
  }
  if (!how.wait) {
    body();
    return;
  }
  if (s.late)
    flight.run = body;
  else
    body();
  s.flights.push_back(flight);
}

// Does, of what is under way, what a wait waits for; the last copy first where they are done late.
void wait(const char *name) {
  State &s = state();
  s.now->now_ns = fmax(s.now->now_ns, s.now->pipes[name].free_ns);
  std::vector<Flight> kept;
  for (size_t at = s.flights.size(); at-- > 0;) {
    Flight &flight = s.flights[at];
    if (strcmp(flight.wait, name) || flight.task != s.task)
      kept.insert(kept.begin(), flight);
    else if (flight.run)
      flight.run();
  }
  s.flights.swap(kept);
}

// -- launches --------------------------------------------------------------------------------------

void poison(char *begin, char *end) {
  const unsigned char pattern[4] = {0xB5, 0xFF, 0xB5, 0xFF};
  for (char *place = begin; place < end; ++place)
    *place = (char)pattern[(place - begin) % 4];
}

// A tile begins in a task's own memory: what lies there belongs to nobody any more.
void fresh(const void *place, int64_t size, int line) {
  Space *space = space_of(place);
  if (!space || !space->is_private || state().timed)
    return;
  state().call = "a tile";
  state().line = line;
  check_flights((const char *)place, size, true);
  poison((char *)place, (char *)place + size);
}

void check_budgets() {
  for (Space &space : state().spaces)
    if (space.usable && space.end - space.begin > space.usable)
      fail("over budget: the program takes %lld bytes of %s, of which there are %lld",
           (long long)(space.end - space.begin), space.name, (long long)space.usable);
}

// Where one task of a group stops until the others have come as far.
void barrier(const char *name, int line) {
  begin_call(name, line);
  State &s = state();
  s.now->waits = true;
  swapcontext(&s.now->context, &s.scheduler);
  s.call = name;
  s.line = line;
}

// A task is done when all is that it has started.
static void note_time(Task &task) {
  State &s = state();
  for (auto &pipe : task.pipes) {
    task.now_ns = fmax(task.now_ns, pipe.second.free_ns);
    s.busy_ns[pipe.first] = fmax(s.busy_ns[pipe.first], pipe.second.busy_ns);
  }
  s.ended_ns = fmax(s.ended_ns, task.now_ns);
}

void run_task() {
  State &s = state();
  try {
    s.kernel();
    for (Flight &flight : s.flights)
      if (flight.task == s.task) {
        s.line = flight.line;
        fail("the task ends before this copy was waited for");
      }
  } catch (const Fault &fault) {
    s.fault = fault.message;
  }
  note_time(*s.now);
  s.now->is_done = true;
  swapcontext(&s.now->context, &s.scheduler);
}

// Lets one task go on, with its own memories in their places.
void resume(Task &task) {
  State &s = state();
  s.now = &task;
  s.task = task.number;
  bool is_new = task.stack.empty();
  size_t at = 0;
  for (Space &space : s.spaces)
    if (space.is_private) {
      if (s.timed)
        continue;
      else if (is_new)
        poison(space.begin, space.end);
      else
        memcpy(space.begin, task.memories[at++].data(), (size_t)(space.end - space.begin));
    }
  if (is_new) {
    task.stack.resize(1 << 18);
    getcontext(&task.context);
    task.context.uc_stack.ss_sp = task.stack.data();
    task.context.uc_stack.ss_size = task.stack.size();
    task.context.uc_link = nullptr;
    makecontext(&task.context, run_task, 0);
  }
  swapcontext(&s.scheduler, &task.context);
  task.memories.clear();
  for (Space &space : s.spaces)
    if (space.is_private && !s.timed)
      task.memories.emplace_back(space.begin, space.end);
}

// Runs the tasks of a group, each until it waits or ends, as long as there is something to do.
void run_group(int64_t first, int64_t count) {
  State &s = state();
  s.tasks_of_group = std::vector<Task>((size_t)count);
  s.shared.clear();
  for (Space &space : s.spaces)
    if (!space.is_private && space.end > space.begin && !s.timed) {
      poison(space.begin, space.end);
      int64_t size = space.end - space.begin;
      s.shared.push_back({space.begin, size, true, std::vector<Touch>((size_t)size)});
    }
  for (int64_t at = 0; at < count; ++at)
    s.tasks_of_group[at].number = first + (s.late ? count - 1 - at : at);
  for (Task &task : s.tasks_of_group)
    task.now_ns = s.launched_ns;
  for (;;) {
    int64_t done = 0;
    for (Task &task : s.tasks_of_group) {
      if (!task.is_done) {
        task.waits = false;
        resume(task);
      }
      if (!s.fault.empty())
        return;
      done += task.is_done;
    }
    if (done == count)
      return;
    if (done)
      fail("%lld of %lld tasks of a group ended while others wait for them", (long long)done, (long long)count);
    s.epoch += 1;
    double latest = 0;
    for (Task &task : s.tasks_of_group)
      latest = fmax(latest, task.now_ns);
    for (Task &task : s.tasks_of_group)
      task.now_ns = latest;
  }
}

void launch(const char *name, int64_t tasks, const std::function<void()> &kernel) {
  State &s = state();
  if (!s.fault.empty())
    return;
  s.tasks = tasks;
  s.call = name;
  s.line = 0;
  for (Watched &memory : s.memory)
    memory.touches.clear();
  try {
    check_budgets();
    s.kernel = kernel;
    int64_t groups = (tasks + s.group_size - 1) / s.group_size;
    for (int64_t at = 0; at < groups && s.fault.empty(); ++at)
      run_group((s.late ? groups - 1 - at : at) * s.group_size, s.group_size);
  } catch (const Fault &fault) {
    s.fault = fault.message;
  }
  s.flights.clear();
  s.launched_ns = s.ended_ns;
}

void watch(const void *place, int64_t size, bool may_write) {
  for (Watched &memory : state().memory)
    if (memory.begin == place && memory.size == size) {
      memory.may_write = memory.may_write || may_write;
      return;
    }
  state().memory.push_back({(char *)place, size, may_write, {}});
}

} // namespace pf_sim

void *pf_device_allocate(int64_t count, int64_t size) {
  int64_t bytes = (count > 0 ? count : 0) * size;
  char *made = (char *)aligned_alloc(4096, (size_t)((bytes + 4096) / 4096 * 4096));
  if (!made)
    return nullptr;
  if (!pf_sim::state().timed)
    pf_sim::poison(made, made + bytes);
  pf_sim::watch(made, bytes, true);
  return made;
}

void pf_device_release(void *start) {
  std::vector<pf_sim::Watched> &memory = pf_sim::state().memory;
  for (size_t at = 0; at < memory.size(); ++at)
    if (memory[at].begin == start) {
      memory.erase(memory.begin() + (ptrdiff_t)at);
      break;
    }
  free(start);
}

void *pf_device_malloc(size_t size) {
  void *made = calloc(1, size); // the caller reads all of it, whatever a fault has left undone
  if (made)
    pf_sim::watch(made, (int64_t)size, true);
  return made;
}

void *pf_device_constant(const void *start, int64_t size) {
  pf_sim::watch(start, size, false);
  return (void *)start;
}

void pf_device_memory(const void *start, int64_t size, int64_t may_write) {
  pf_sim::watch(start, size, may_write != 0);
}

// -- what the caller asks --------------------------------------------------------------------------

// Before a run: nothing was counted, nothing is known of memory. With copies done early (0) or late (1), or none (2).
extern "C" void pf_sim_begin(int64_t how) {
  pf_sim::State &s = pf_sim::state();
  s.memory.clear();
  s.flights.clear();
  s.bytes.clear();
  s.calls.clear();
  s.fault.clear();
  s.late = how == 1;
  s.timed = how == 2;
  s.launched_ns = s.ended_ns = 0;
  s.busy_ns.clear();
  s.events.clear();
}

// After a run: lines `fault`, `bytes LINK N`, `calls NAME N`, `time N`, `busy PIPE N`, `event ..`, with tabs.
extern "C" const char *pf_sim_report(void) {
  static std::string text;
  pf_sim::State &s = pf_sim::state();
  text = s.fault.empty() ? "" : "fault\t" + s.fault + "\n";
  for (const auto &one : s.bytes)
    text += "bytes\t" + one.first + "\t" + std::to_string(one.second) + "\n";
  for (const auto &one : s.calls)
    text += "calls\t" + one.first + "\t" + std::to_string(one.second) + "\n";
  text += "time\tns\t" + std::to_string(s.ended_ns) + "\n";
  for (const auto &one : s.busy_ns)
    text += "busy\t" + one.first + "\t" + std::to_string(one.second) + "\n";
  for (const auto &one : s.events)
    text += "event\t" + one.name + "\t" + one.pipe + "\t" + std::to_string(one.task) + "\t" + std::to_string(one.line) +
            "\t" + std::to_string(one.start_ns) + "\t" + std::to_string(one.end_ns) + "\n";
  return text.c_str();
}
