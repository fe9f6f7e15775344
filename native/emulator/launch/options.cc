#include "launch/options.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "decode/engine.h"

namespace emulator {
namespace {

bool parseNumber(const std::string& text, uint64_t* out) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || text.size() > 19)
    return false;
  *out = std::strtoull(text.c_str(), nullptr, 10);
  return true;
}

/// barrier | turn | turn:N | reverse | seed:N
bool parseSchedule(const std::string& text, Schedule* out) {
  Schedule schedule;
  if (text == "turn") {
    schedule.turn = 1;
  } else if (text.rfind("turn:", 0) == 0) {
    if (!parseNumber(text.substr(5), &schedule.turn) || schedule.turn == 0) return false;
  } else if (text == "reverse") {
    schedule.order = Schedule::Order::reverse;
  } else if (text.rfind("seed:", 0) == 0) {
    schedule.order = Schedule::Order::seeded;
    if (!parseNumber(text.substr(5), &schedule.seed)) return false;
  } else if (text != "barrier") {
    return false;
  }
  *out = schedule;
  return true;
}

bool parseChoice(const std::string& text, const char* no, const char* yes, bool* out) {
  if (text != no && text != yes) return false;
  *out = text == yes;
  return true;
}

/// off | basic | full | sample:N
bool parseCounting(const std::string& text, Options* out) {
  uint64_t sample = 0;
  if (text.rfind("sample:", 0) == 0) {
    if (!parseNumber(text.substr(7), &sample) || sample == 0) return false;
    out->counters = Counting::full;
  } else if (text == "off") {
    out->counters = Counting::off;
  } else if (text == "basic") {
    out->counters = Counting::basic;
  } else if (text == "full") {
    out->counters = Counting::full;
  } else {
    return false;
  }
  out->sample = sample;
  return true;
}

/// off | KERNEL:WORKGROUP:WAVE
bool parseTrace(const std::string& text, std::shared_ptr<const TraceRequest>* out) {
  if (text == "off") {
    out->reset();
    return true;
  }
  const size_t last = text.rfind(':');
  const size_t first = last == std::string::npos || last == 0 ? std::string::npos : text.rfind(':', last - 1);
  uint64_t workgroup, wave;
  if (first == std::string::npos || !parseNumber(text.substr(first + 1, last - first - 1), &workgroup) ||
      !parseNumber(text.substr(last + 1), &wave) || wave > 15) {
    return false;
  }
  *out = std::make_shared<TraceRequest>(
      TraceRequest{text.substr(0, first), workgroup, static_cast<uint32_t>(wave)});
  return true;
}

bool parseTraceFile(const std::string& path, std::string* out) {
  if (!path.empty()) {
    std::FILE* file = std::fopen(path.c_str(), "a");
    if (!file) return false;
    std::fclose(file);
  }
  *out = path;
  return true;
}

bool apply(const std::string& name, const std::string& value, Options* options) {
  uint64_t number;
  if (name == "SCHEDULE") return parseSchedule(value, &options->schedule);
  if (name == "DELIVERY") return parseChoice(value, "early", "late", &options->lateDelivery);
  if (name == "UNINITIALISED") return parseChoice(value, "allow", "report", &options->reportUninitialised);
  if (name == "PRELOAD") return parseChoice(value, "off", "on", &options->kernargPreload);
  if (name == "INSTRUCTION_LIMIT") return parseNumber(value, &options->instructionLimit);
  if (name == "COUNTERS") return parseCounting(value, options);
  if (name == "TRACE") return parseTrace(value, &options->trace);
  if (name == "TRACE_FILE") return parseTraceFile(value, &options->traceFile);
  if (name == "CPU") return selectEngine(value.c_str());
  if (name == "THREADS") {
    if (!parseNumber(value, &number) || number > 1024) return false;
    options->threads = static_cast<unsigned>(number);
    return true;
  }
  return false;
}

struct Shared {
  std::mutex mutex;
  Options options;

  Shared() {
    for (const char* name : {"SCHEDULE", "DELIVERY", "UNINITIALISED", "PRELOAD", "INSTRUCTION_LIMIT",
                             "COUNTERS", "TRACE", "TRACE_FILE", "THREADS"}) {
      const char* value = std::getenv((std::string("ROCM_EMULATOR_") + name).c_str());
      if (value) apply(name, value, &options);
    }
  }
};

Shared& shared() {
  static Shared* instance = new Shared;
  return *instance;
}

}  // namespace

Options currentOptions() {
  const std::lock_guard<std::mutex> lock(shared().mutex);
  return shared().options;
}

bool setOption(const std::string& name, const std::string& value) {
  const std::lock_guard<std::mutex> lock(shared().mutex);
  return apply(name, value, &shared().options);
}

bool isOption(const std::string& name, const std::string& value) {
  Options unused;
  return apply(name, value, &unused) && !unused.sample;
}

}  // namespace emulator
