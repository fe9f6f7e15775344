#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>

namespace emulator {

/// The host threads that run workgroups, one pool per process. Launches of several streams share it in turns.
class WorkerPool {
 public:
  static WorkerPool& instance();
  /// Calls `body(i)` for every i below `count`, on the calling thread and on up to `threads - 1` others (0:
  /// one per processor); returns when all calls have returned.
  void forEach(uint64_t count, unsigned threads, const std::function<void(uint64_t)>& body);

 private:
  struct Job;
  void startWorkers(unsigned count);
  void work();
  void runJob(Job& job, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Job*> jobs_;
  unsigned workers_ = 0;
};

/// Makes the calling thread give way to the process's other threads.
void lowerThreadPriority();

}  // namespace emulator
