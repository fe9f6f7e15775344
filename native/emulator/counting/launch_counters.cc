#include "counting/launch_counters.h"

#include <cinttypes>
#include <cstdio>
#include <map>

#include "decode/engine.h"

namespace emulator {
namespace {

constexpr const char* kClassNames[kInstructionClasses] = {
    "scalar",       "vector", "transcendental", "matrix",  "lds",  "vectorMemory",
    "scalarMemory", "branch", "wait",           "barrier", "other"};

/// The text as a JSON string. A code object may call its kernels what it likes.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') result += '\\';
    result += static_cast<unsigned char>(character) < 32 ? '?' : character;
  }
  return result + '"';
}

/// Builds a JSON object. Keys need no escapes.
class Json {
 public:
  Json& number(const char* key, uint64_t value) { return raw(key, std::to_string(value)); }
  Json& text(const char* key, const std::string& value) { return raw(key, quoted(value)); }
  Json& raw(const char* key, const std::string& value) {
    text_ += (text_.empty() ? "{\"" : ",\"") + std::string(key) + "\":" + value;
    return *this;
  }
  template <class Values>
  Json& list(const char* key, const Values& values, size_t count) {
    std::string items;
    for (size_t i = 0; i < count; i++) items += (i ? "," : "") + std::to_string(values[i]);
    return raw(key, "[" + items + "]");
  }
  std::string end() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

void add(Json& json, const MemoryCounts& counts) {
  json.number("bytesRead", counts.bytesRead)
      .number("bytesWritten", counts.bytesWritten)
      .number("lines", counts.lines)
      .number("scalarBytesRead", counts.scalarBytesRead)
      .number("scratchBytes", counts.scratchBytes)
      .number("ldsBytes", counts.ldsBytes)
      .number("ldsClocks", counts.ldsClocks)
      .number("ldsConflictClocks", counts.ldsConflictClocks);
}

/// A checksum of what the lines that a launch has written hold now (FNV-1a): it differs where two runs of the
/// launch have left different bytes.
std::string checksumOfWritten(const Launch& launch, const Tally& tally) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint64_t line : tally.linesWritten.numbers()) {
    const uint64_t first = line * kLineBytes;
    const bool whole = launch.memory->find(first, kLineBytes);
    for (uint64_t address = first; address < first + kLineBytes; address++) {
      // An allocation may begin or end within the line.
      if (!whole && !launch.memory->find(address, 1)) continue;
      hash = (hash ^ *reinterpret_cast<const uint8_t*>(address)) * 0x100000001b3;
    }
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, hash);
  return text;
}

/// The lines of each allocation that was touched, by its address.
std::string allocationsText(const Launch& launch, const Tally& tally) {
  struct Lines {
    LineCounts read, written;
  };
  std::map<uint64_t, std::pair<const Allocation*, Lines>> found;
  const auto sort = [&](const LineSet& set, LineCounts Lines::*kind) {
    set.forEachBlock([&](uint64_t line, const LineCounts& counts) {
      // 64 lines are two pages, and an allocation begins with one of them.
      const Allocation* allocation = launch.memory->find(line * kLineBytes, 0);
      if (!allocation) allocation = launch.memory->find((line + 32) * kLineBytes, 0);
      if (!allocation) return;
      auto& row = found[allocation->base];
      row.first = allocation;
      row.second.*kind += counts;
    });
  };
  sort(tally.linesRead, &Lines::read);
  sort(tally.linesWritten, &Lines::written);
  std::string rows;
  for (const auto& [base, row] : found) {
    const auto& [allocation, lines] = row;
    Json json;
    json.number("address", base)
        .number("bytes", allocation->bytes)
        .number("linesRead", lines.read.lines)
        .number("linesReadShared", lines.read.shared)
        .number("linesReadByXcds", lines.read.manyXcds)
        .number("linesWritten", lines.written.lines)
        .number("linesWrittenShared", lines.written.shared);
    rows += (rows.empty() ? "" : ",") + json.end();
  }
  return "[" + rows + "]";
}

std::string workgroupsText(const Tally& tally) {
  std::string rows;
  for (const WorkgroupCounts& counts : tally.workgroups) {
    char latencies[32];
    std::snprintf(latencies, sizeof latencies, "%.9g", counts.loadLatencies);
    Json json;
    json.number("number", counts.number)
        .number("matrixClocks", counts.matrixClocks)
        .number("vectorClocks", counts.vectorClocks)
        .number("transcendentalClocks", counts.transcendentalClocks)
        .number("ldsClocks", counts.ldsClocks)
        .number("issueClocks", counts.issueClocks)
        .number("lines", counts.lines)
        .number("linesRead", counts.linesRead)
        .number("linesWritten", counts.linesWritten)
        .number("loadBytes", counts.loadBytes)
        .raw("loadLatencies", latencies);
    rows += (rows.empty() ? "" : ",") + json.end();
  }
  return "[" + rows + "]";
}

std::string memoryText(const Launch& launch, const Tally& tally) {
  MemoryCounts sum{};
  for (const MemoryCounts& counts : tally.memory) sum += counts;
  LineSet touched;
  touched.add(tally.linesRead);
  touched.add(tally.linesWritten);
  Json json;
  add(json, sum);
  json.number("linesRead", tally.linesRead.lines())
      .number("linesWritten", tally.linesWritten.lines())
      .text("writtenChecksum", checksumOfWritten(launch, tally))
      .list("linesByXcd", touched.linesByXcd(), launch.xcds)
      .raw("allocations", allocationsText(launch, tally));
  return json.end();
}

std::string profileText(const Launch& launch, const Tally& tally) {
  const Program& program = *launch.kernel.program;
  std::string rows;
  for (uint64_t index = 0; index < program.codeDwords(); index++) {
    if (!tally.executed[index]) continue;
    const Instruction& instruction = program.entries()[index];
    char text[256];
    engine().disassemble(instruction, text, sizeof text);
    Json json;
    json.raw("pc", std::to_string(static_cast<int64_t>(program.codeBase() + 4 * index - launch.kernel.entry)))
        .text("text", text)
        .text("class", kClassNames[static_cast<int>(instruction.opcode->cls)])
        .number("executed", tally.executed[index])
        .number("clocks", tally.executed[index] * engine().clocks(launch.kernel.target, instruction));
    add(json, tally.memory[index]);
    rows += (rows.empty() ? "" : ",") + json.end();
  }
  return "[" + rows + "]";
}

}  // namespace

std::string countersText(const Launch& launch) {
  const Tally tally = launch.tallies->total();
  const Program& program = *launch.kernel.program;
  const KernelDescriptor& kernel = *launch.kernel.descriptor;
  uint64_t executed[kInstructionClasses] = {}, clocks[kInstructionClasses] = {};
  for (uint64_t index = 0; index < program.codeDwords(); index++) {
    if (!tally.executed[index]) continue;
    const Instruction& instruction = program.entries()[index];
    const auto cls = static_cast<int>(instruction.opcode->cls);
    executed[cls] += tally.executed[index];
    clocks[cls] += tally.executed[index] * engine().clocks(launch.kernel.target, instruction);
  }
  Json instructions, simdClocks;
  for (int cls = 0; cls < kInstructionClasses; cls++) instructions.number(kClassNames[cls], executed[cls]);
  for (const InstructionClass cls :
       {InstructionClass::vector, InstructionClass::transcendental, InstructionClass::matrix}) {
    simdClocks.number(kClassNames[static_cast<int>(cls)], clocks[static_cast<int>(cls)]);
  }

  const Geometry& shape = launch.geometry;
  const uint64_t wavesPerGroup = (shape.blockSize() + kLanes - 1) / kLanes;
  const uint64_t ldsBytes = kernel.ldsBytes + shape.dynamicLdsBytes;
  const uint32_t workgroupsPerUnit =
      workgroupsPerComputeUnit(kernel, launch.kernel.target, shape.blockSize(), ldsBytes);
  char wavesPerSimd[16];
  std::snprintf(wavesPerSimd, sizeof wavesPerSimd, "%g",
                static_cast<double>(wavesPerGroup * workgroupsPerUnit) / 4);
  Json json;
  json.text("kernel", kernel.name)
      .list("grid", shape.grid, 3)
      .list("block", shape.block, 3)
      .number("waves", wavesPerGroup * shape.workgroups())
      .number("vectorRegisters", kernel.vectorRegisters)
      .number("ldsBytes", ldsBytes)
      .raw("wavesPerSimd", wavesPerSimd)
      .number("workgroupsPerComputeUnit", workgroupsPerUnit)
      .raw("instructions", instructions.end())
      .raw("clocks", simdClocks.end());
  if (launch.options.counters == Counting::full) {
    json.raw("memory", memoryText(launch, tally))
        .raw("workgroups", workgroupsText(tally))
        .raw("profile", profileText(launch, tally));
  }
  return json.end();
}

}  // namespace emulator
