// What every simulated machine has: memories of exact size, memory of the host's under watch, copies under way, tasks.
//
// A program is compiled as C++ with this in front. Its variables in a space lie in a section of their own, whose begin
// and end are known. Before a task runs, they are filled with a pattern that is no number in f32, f16 and bf16, and
// arithmetic on it gives no number either: what was never written can't be copied out unseen. Copies that aren't waited
// for are done as early as possible in one run, and as late as possible in another; both must come to the same.
#pragma once
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#define restrict __restrict__

namespace pf_sim {

// A memory of the machine, in which variables of a program lie.
struct Space {
  const char *name;
  char *begin, *end;
  int64_t usable;  // bytes that a program may take, 0 for any
  bool is_private; // whether each task has one of its own; else the tasks of a group share one
};

// Who touched a byte last, and between which barriers: task + 1, 0 for nobody, -2 - g for several of group g, -1 for
// tasks of several groups.
struct Touch {
  int32_t writer = 0, reader = 0;
  int32_t written = 0, read = 0;
};

// Memory that several tasks may touch: exact bounds, and who touched which byte in this launch.
struct Watched {
  char *begin;
  int64_t size;
  bool may_write;
  std::vector<Touch> touches;
};

struct Range {
  const char *begin;
  int64_t size;
  bool meets(const char *other, int64_t bytes) const { return begin < other + bytes && other < begin + size; }
};

// What does things one after the other: copies that are waited for together, the vector unit.
struct Pipe {
  double free_ns = 0, busy_ns = 0; // when it has done what it was given, and how long it has worked
};

// What is under way in the model of time, for its trace.
struct Event {
  std::string name, pipe;
  int64_t task, line;
  double start_ns, end_ns;
};

// What computation takes.
struct Times {
  double vector_bytes_per_ns, vector_issue_ns, scalar_ns;
  bool is_late; // whether the vector unit goes on while the next thing is started
};

// One of the tasks of a group: where it stands, and what is in its own memories while others run.
struct Task {
  int64_t number = 0;
  ucontext_t context;
  std::vector<char> stack;
  std::vector<std::vector<char>> memories;
  std::vector<Range> computed; // what the last computation behind the last wait for it touched
  bool is_done = false, waits = false;
  double now_ns = 0;
  std::map<std::string, Pipe> pipes;
};

// A copy that nobody has waited for yet.
struct Flight {
  std::function<void()> run; // empty where it is done already
  const char *wait;
  std::vector<Range> sources, results;
  int line;
  int64_t task;
};

struct Fault {
  std::string message;
};

struct State {
  std::vector<Space> spaces;
  std::vector<Watched> memory;
  std::vector<void *> owned;
  std::vector<Flight> flights;
  std::vector<Task> tasks_of_group;
  Task *now = nullptr;
  ucontext_t scheduler;
  std::vector<Watched> shared; // the memories that a group shares
  std::function<void()> kernel;
  int32_t epoch = 1;
  std::map<std::string, int64_t> bytes, calls;
  std::string fault, call;
  int64_t task = 0, tasks = 1, line = 0, group_size = 1;
  bool late = false, timed = false; // timed: nothing is moved, computed or checked
  Times times;
  double launched_ns = 0, ended_ns = 0;
  std::map<std::string, double> busy_ns; // of the task that was busiest
  std::vector<Event> events;
};

// What a call that copies asks for.
struct Copy {
  const char *link, *from, *to, *wait; // spaces, "" for memory; no wait where it is done when it returns
  int64_t alignment, granule;
  bool after_compute; // whether what computed must have been waited for
  double bytes_per_ns, latency_ns;
};

State &state();
void describe(const std::vector<Space> &spaces, int64_t group_size, const Times &times);
[[noreturn]] void fail(const char *format, ...);
Space *space_of(const void *place);
Watched *memory_of(const void *place);
void check_flights(const char *place, int64_t size, bool writes);
bool is_foreign(int32_t other, int32_t epoch);
void check_touches(Watched &memory, int64_t at, int64_t size, bool writes);
void check_watched(const char *place, int64_t size, bool writes);
void check_operand(const void *where, int64_t size, const char *space, int64_t alignment, bool writes);
void check_granule(int64_t bytes, int64_t granule);
bool is_poison(const char *place);
void check_written(const char *place, int64_t size);
void begin_call(const char *name, int line);
void computes(const void *place, int64_t size);
void computed_is_done();
double take(const char *name, const char *pipe, double from_ns, double duration_ns);
bool computing(const char *name, int64_t bytes);
void step();
void copy(const Copy &how, void *dst, const void *src, int64_t bytes, int64_t rows, int64_t dst_stride,
          int64_t src_stride, const std::function<void()> &body);
void wait(const char *name);
void poison(char *begin, char *end);
void fresh(const void *place, int64_t size, int line = __builtin_LINE());
void check_budgets();
void barrier(const char *name, int line);
void run_task();
void resume(Task &task);
void run_group(int64_t first, int64_t count);
void launch(const char *name, int64_t tasks, const std::function<void()> &kernel);
void watch(const void *place, int64_t size, bool may_write);

} // namespace pf_sim

#define PF_LAUNCH(kernel, tasks, ...) pf_sim::launch(#kernel, tasks, [&]() { kernel(__VA_ARGS__); })
#define PF_LAUNCH_GROUPS PF_LAUNCH

void *pf_device_allocate(int64_t count, int64_t size);
void pf_device_release(void *start);
void *pf_device_malloc(size_t size);
void *pf_device_constant(const void *start, int64_t size);
void pf_device_memory(const void *start, int64_t size, int64_t may_write);
