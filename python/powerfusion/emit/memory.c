// Memory of compiled programs: for results, and for what kernels hand to one
// another.
//
// Large blocks that were given back are kept and handed out again, since a
// fresh page costs more than a kernel takes to fill it: 64 MB, 11 ms. They are
// aligned to a cache line and lie on huge pages. What is small comes from the C
// library.
//
//     | header: capacity | 64 bytes further: what callers see ... |
//
// A thread that finds the store in use doesn't wait: it asks the system. So
// nothing hangs in a process that was forked while another thread was in here.

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  LINE = 64,
  SLOTS = 64,
  SMALL = 256 << 10,
  PAGE = 4 << 10,
  HUGE_PAGE = 2 << 20,
};

struct header {
  size_t capacity; // Of the whole block; 0 for one of the C library.
  char rest[LINE - sizeof(size_t)];
};

static struct {
  atomic_flag busy;
  size_t bytes, limit;
  int count;
  struct header *blocks[SLOTS]; // The longest kept first.
} kept = {.busy = ATOMIC_FLAG_INIT};

static int enter(void) {
  return !atomic_flag_test_and_set_explicit(&kept.busy, memory_order_acquire);
}

static void leave(void) {
  atomic_flag_clear_explicit(&kept.busy, memory_order_release);
}

// An eighth of the machine's memory.
static size_t limit(void) {
  if (!kept.limit)
    kept.limit = (size_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 8;
  return kept.limit;
}

static struct header *take(int at) {
  struct header *block = kept.blocks[at];
  kept.bytes -= block->capacity;
  for (--kept.count; at < kept.count; ++at)
    kept.blocks[at] = kept.blocks[at + 1];
  return block;
}

// Of what pages a block of some size is made.
static size_t unit_of(size_t size) {
  return size < HUGE_PAGE ? PAGE : HUGE_PAGE;
}

// A block's size in whole pages.
static size_t whole(size_t size) {
  size_t unit = unit_of(size);
  return (size + unit - 1) / unit * unit;
}

// The smallest block that is kept and large enough, but by no more than a
// quarter of what a fresh one would have.
static struct header *again(size_t size) {
  int best = -1;
  size_t most = whole(size) + size / 4;
  for (int at = 0; at < kept.count; ++at) {
    size_t capacity = kept.blocks[at]->capacity;
    if (capacity >= size && capacity <= most &&
        (best < 0 || capacity < kept.blocks[best]->capacity))
      best = at;
  }
  return best < 0 ? NULL : take(best);
}

static void unmap(struct header *block) { munmap(block, block->capacity); }

// A fresh block of the system's, on huge pages where it is as large as one.
static struct header *map(size_t size) {
  if (size > SIZE_MAX - 2 * HUGE_PAGE)
    return NULL;
  size_t unit = unit_of(size), capacity = whole(size);
  size_t slack = unit - PAGE;
  char *begin = mmap(NULL, capacity + slack, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED)
    return NULL;
  char *block = (char *)(((uintptr_t)begin + unit - 1) / unit * unit);
  size_t before = block - begin;
  if (before)
    munmap(begin, before);
  if (slack - before)
    munmap(block + capacity, slack - before);
  if (unit == HUGE_PAGE)
    madvise(block, capacity, MADV_HUGEPAGE);
  ((struct header *)block)->capacity = capacity;
  return (struct header *)block;
}

static void drop(void) {
  while (kept.count)
    unmap(take(0));
}

// Gives what is kept back to the system.
void _pf_release_memory(void) {
  if (enter()) {
    drop();
    leave();
  }
}

void *_mlir_memref_to_llvm_alloc(size_t size) {
  struct header *block = NULL;
  if (size > SIZE_MAX - 2 * LINE)
    return NULL;
  size += sizeof(struct header);
  if (size < SMALL) {
    block = aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);
    if (block)
      block->capacity = 0;
    return block ? block + 1 : NULL;
  }
  if (enter()) {
    block = again(size);
    leave();
  }
  if (!block)
    block = map(size);
  if (!block) {
    _pf_release_memory();
    block = map(size);
  }
  return block ? block + 1 : NULL;
}

void _mlir_memref_to_llvm_free(void *memory) {
  struct header *block = (struct header *)memory - 1;
  if (!memory)
    return;
  if (!block->capacity) {
    free(block);
    return;
  }
  if (!enter()) {
    unmap(block);
    return;
  }
  if (block->capacity > limit()) {
    leave();
    unmap(block);
    return;
  }
  while (kept.count == SLOTS || kept.bytes + block->capacity > limit())
    unmap(take(0));
  kept.blocks[kept.count++] = block;
  kept.bytes += block->capacity;
  leave();
}
