#include "runtime/worker_pool.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace emulator {

struct WorkerPool::Job {
  const std::function<void(uint64_t)>& body;
  uint64_t count;
  unsigned threads;
  uint64_t next = 0;
  unsigned active = 0;
  std::condition_variable finished{};
};

WorkerPool& WorkerPool::instance() {
  static WorkerPool* pool = new WorkerPool;  // never destroyed: its threads may work when the process exits
  return *pool;
}

void WorkerPool::forEach(uint64_t count, unsigned threads, const std::function<void(uint64_t)>& body) {
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  Job job{body, count, threads ? threads : processors};
  if (count <= 1 || job.threads == 1) {
    for (uint64_t i = 0; i < count; i++) body(i);
    return;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  startWorkers(job.threads - 1);
  jobs_.push_back(&job);
  wake_.notify_all();
  runJob(job, lock);
  job.finished.wait(lock, [&] { return job.active == 0; });
  jobs_.remove(&job);
}

void WorkerPool::startWorkers(unsigned count) {
  try {
    for (; workers_ < count; workers_++) std::thread([this] { work(); }).detach();
  } catch (const std::system_error&) {
    // The process may have no more threads: those that there are do the work.
  }
}

void WorkerPool::work() {
  lowerThreadPriority();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), [](const Job* row) {
      return row->next < row->count && row->active < row->threads;
    });
    if (job == jobs_.end()) {
      wake_.wait(lock);
      continue;
    }
    Job* chosen = *job;
    jobs_.splice(jobs_.end(), jobs_, job);  // the next free worker takes another launch
    runJob(*chosen, lock);
  }
}

void WorkerPool::runJob(Job& job, std::unique_lock<std::mutex>& lock) {
  job.active++;
  while (job.next < job.count) {
    const uint64_t index = job.next++;
    lock.unlock();
    job.body(index);
    lock.lock();
  }
  if (--job.active == 0) job.finished.notify_all();
}

void lowerThreadPriority() {
  // Linux gives every thread a nice value of its own. It may fail where limits forbid it: then all are equal.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 5);
}

}  // namespace emulator
