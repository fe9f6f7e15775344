#include "launch/trace.h"

#include <cinttypes>
#include <cmath>
#include <cstring>

#include "decode/engine.h"

namespace emulator {
namespace {

constexpr int kLanesPerRow = 8;

/// The name of an operand code that is a register; null where it is a constant or follows from others.
const char* scalarName(int code, char (&text)[8]) {
  switch (code) {
    case reg::vccLo:
      return "vcc_lo";
    case reg::vccHi:
      return "vcc_hi";
    case reg::m0:
      return "m0";
    case reg::execLo:
      return "exec_lo";
    case reg::execHi:
      return "exec_hi";
    case reg::scc:
      return "scc";
    default:
      if (code >= reg::flatScratchLo) return nullptr;
      std::snprintf(text, sizeof text, "s%d", code);
      return text;
  }
}

/// The bits, the integer, and the f32 where it is one that somebody may have meant.
void writeValue(std::FILE* file, uint32_t value) {
  float number;
  std::memcpy(&number, &value, sizeof number);
  std::fprintf(file, "0x%08x  (%d", value, static_cast<int>(value));
  if (std::fabs(number) > 1e-9f && std::fabs(number) < 1e9f) {
    std::fprintf(file, ", %gf", static_cast<double>(number));
  }
  std::fprintf(file, ")");
}

void writeVector(std::FILE* file, const char* name, const uint32_t* before, const uint32_t* after) {
  bool uniform = true;
  for (int lane = 1; lane < kLanes; lane++) uniform = uniform && after[lane] == after[0];
  if (uniform) {
    std::fprintf(file, "          %-8s = ", name);
    writeValue(file, after[0]);
    std::fprintf(file, " in all lanes\n");
    return;
  }
  for (int row = 0; row < kLanes; row += kLanesPerRow) {
    if (std::memcmp(before + row, after + row, kLanesPerRow * sizeof *after) == 0) continue;
    std::fprintf(file, "          %-8s = ", name);
    for (int lane = row; lane < row + kLanesPerRow; lane++) std::fprintf(file, "%08x ", after[lane]);
    std::fprintf(file, " lanes %d-%d\n", row, row + kLanesPerRow - 1);
  }
}

}  // namespace

struct WaveTrace::Registers {
  uint32_t vector[512][kLanes];
  uint32_t scalar[256];
};

std::unique_ptr<WaveTrace> WaveTrace::of(const Launch& launch, uint64_t number) {
  const TraceRequest* request = launch.options.trace.get();
  if (!request || request->workgroup != number) return nullptr;
  if (launch.kernel.descriptor->name.find(request->kernel) == std::string::npos) return nullptr;
  return std::unique_ptr<WaveTrace>(new WaveTrace(launch, request->wave));
}

WaveTrace::WaveTrace(const Launch& launch, uint32_t wave)
    : launch_(launch), wave_(wave), before_(std::make_unique<Registers>()) {
  const std::string& path = launch.options.traceFile;
  file_ = path.empty() ? nullptr : std::fopen(path.c_str(), "a");
  if (!file_) file_ = stderr;
  std::fprintf(file_, "kernel %s, workgroup %" PRIu64 ", wave %u\n", launch.kernel.descriptor->name.c_str(),
               launch.options.trace->workgroup, wave);
}

WaveTrace::~WaveTrace() {
  if (file_ != stderr) std::fclose(file_);
}

uint64_t WaveTrace::step(Wave& wave, uint64_t* counts) {
  std::memcpy(before_->vector, wave.vector, sizeof before_->vector);
  std::memcpy(before_->scalar, wave.scalar, sizeof before_->scalar);
  const uint64_t index = wave.pc;
  const uint64_t ran = engine().run(wave, 1, counts);
  if (!ran) return 0;
  char text[256];
  engine().disassemble(wave.code[index], text, sizeof text);
  const auto offset = static_cast<int64_t>(wave.codeBase + 4 * index - launch_.kernel.entry);
  std::fprintf(file_, "%c0x%04" PRIx64 "  %s\n", offset < 0 ? '-' : '+',
               static_cast<uint64_t>(offset < 0 ? -offset : offset), text);
  writeChanges(wave);
  return ran;
}

void WaveTrace::writeChanges(const Wave& wave) {
  char name[8];
  for (int code = 0; code < 256; code++) {
    if (before_->scalar[code] == wave.scalar[code] || !scalarName(code, name)) continue;
    std::fprintf(file_, "          %-8s = ", scalarName(code, name));
    writeValue(file_, wave.scalar[code]);
    std::fprintf(file_, "\n");
  }
  for (int i = 0; i < 512; i++) {
    if (std::memcmp(before_->vector[i], wave.vector[i], sizeof wave.vector[i]) == 0) continue;
    std::snprintf(name, sizeof name, "%c%d", i < 256 ? 'v' : 'a', i % 256);
    writeVector(file_, name, before_->vector[i], wave.vector[i]);
  }
}

}  // namespace emulator
