#include "runtime/device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "runtime/environment.h"
#include "runtime/stream.h"

namespace emulator {
namespace {

/// HBM of MI250X (one die), MI300X and MI355X.
uint64_t realMemoryBytes(Target target) {
  constexpr uint64_t gibibyte = uint64_t{1} << 30;
  return target == Target::gfx90a   ? 64 * gibibyte
         : target == Target::gfx942 ? 192 * gibibyte
                                    : 288 * gibibyte;
}

bool isMi308x(Target target, int computeUnits) {
  return target == Target::gfx942 && computeUnits == 80;  // 20 on each of its four chiplets
}

/// The chiplets of a whole accelerator, and of a part of one with fewer compute units.
int xcdsOf(Target target, int computeUnits) {
  if (isMi308x(target, computeUnits)) return 4;
  const auto [units, xcds] = std::pair<int, int>(traits(target).computeUnits, traits(target).xcds);
  return std::min(xcds, (computeUnits * xcds + units - 1) / units);
}

/// The PCI ids of MI250X, MI308X, MI300X and MI355X.
int chipIdOf(Target target, int computeUnits) {
  if (isMi308x(target, computeUnits)) return 0x74a2;
  return target == Target::gfx90a ? 0x740c : target == Target::gfx942 ? 0x74a1 : 0x75a3;
}

uint64_t environmentNumber(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : 0;
}

}  // namespace

Device::Device(int ordinal, Target target, int computeUnits, uint64_t memoryBytes)
    : ordinal(ordinal),
      target(target),
      computeUnits(computeUnits ? computeUnits : static_cast<int>(traits(target).computeUnits)),
      xcds(xcdsOf(target, this->computeUnits)),
      chipId(chipIdOf(target, this->computeUnits)),
      memoryBytes(memoryBytes ? memoryBytes : realMemoryBytes(target)) {}

bool Device::reserve(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bytes > memoryBytes - reserved_) return false;
  reserved_ += bytes;
  return true;
}

void Device::giveBack(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  reserved_ -= bytes;
}

uint64_t Device::freeBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return memoryBytes - reserved_;
}

void Device::fail(Status status, const std::string& report) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status_ != hipSuccess) return;
  report_ = report;
  status_ = status;
}

const char* Device::report() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return report_.c_str();  // written once, before status_
}

void Device::keepCounters(std::string counters) {
  constexpr size_t kMost = 256;
  const std::lock_guard<std::mutex> lock(mutex_);
  counters_.push_back(std::move(counters));
  if (counters_.size() > kMost) counters_.pop_front();
}

std::string Device::takeCounters() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text = "[";
  for (const std::string& launch : counters_) text += (text.size() > 1 ? "," : "") + launch;
  counters_.clear();
  return text + "]";
}

void Device::add(const std::shared_ptr<Stream>& stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  streams_.erase(
      std::remove_if(streams_.begin(), streams_.end(), [](const auto& row) { return row.expired(); }),
      streams_.end());
  streams_.push_back(stream);
}

std::shared_ptr<Stream> Device::nullStream() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (nullStream_) return nullStream_;
  }
  auto stream = std::make_shared<Stream>(Devices::instance().get(ordinal));
  add(stream);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!nullStream_) nullStream_ = stream;
  return nullStream_;
}

std::vector<std::shared_ptr<Stream>> Device::liveStreams() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<Stream>> streams;
  for (const auto& row : streams_) {
    if (auto stream = row.lock()) streams.push_back(std::move(stream));
  }
  return streams;
}

void Device::synchronize() {
  for (const auto& stream : liveStreams()) stream->synchronize();
}

void Device::cancel() {
  cancelled_ = true;
  synchronize();
  for (const auto& stream : liveStreams()) stream->close();
  const std::lock_guard<std::mutex> lock(mutex_);
  nullStream_.reset();
}

Devices::Devices() {
  // Loaded as libamdhip64 by a program that knows nothing of emulators, the library has the device that it is
  // told to.
  const char* name = std::getenv("ROCM_EMULATOR_ARCH");
  if (!name) return;
  Target target;
  if (!environmentMistake().empty()) {
    std::fprintf(stderr, "rocm_emulator: no device: %s\n", environmentMistake().c_str());
    return;
  }
  parseTarget(name, &target);
  devices_.push_back(
      std::make_shared<Device>(0, target, static_cast<int>(environmentNumber("ROCM_EMULATOR_COMPUTE_UNITS")),
                               environmentNumber("ROCM_EMULATOR_MEMORY")));
}

Devices& Devices::instance() {
  static Devices* devices = new Devices;  // never destroyed: streams may still run when the process exits
  return *devices;
}

std::shared_ptr<Device> Devices::create(Target target, int computeUnits, uint64_t memoryBytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  devices_.push_back(
      std::make_shared<Device>(static_cast<int>(devices_.size()), target, computeUnits, memoryBytes));
  return devices_.back();
}

std::shared_ptr<Device> Devices::get(int ordinal) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ordinal >= 0 && static_cast<size_t>(ordinal) < devices_.size()
             ? devices_[static_cast<size_t>(ordinal)]
             : nullptr;
}

std::shared_ptr<Device> Devices::remove(int ordinal) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ordinal < 0 || static_cast<size_t>(ordinal) >= devices_.size()) return nullptr;
  return std::move(devices_[static_cast<size_t>(ordinal)]);
}

int Devices::count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(devices_.size());
}

}  // namespace emulator
