#include "runtime/environment.h"

#include <unistd.h>

#include "decode/engine.h"
#include "isa/target.h"
#include "launch/options.h"
#include "runtime/entry.h"

namespace emulator {
namespace {

bool isNumber(const std::string& value) {
  return !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
}

bool isValid(const std::string& name, const std::string& value) {
  Target target;
  if (name == "ARCH") return parseTarget(value.c_str(), &target);
  if (name == "COMPUTE_UNITS" || name == "MEMORY") return isNumber(value);
  return name == "FAIL" ? isInjectedFailure(value) : isOption(name, value);
}

std::string findMistake() {
  if (!hasEngine())
    return "the emulator was built for another processor than this one: npm run build:native builds it for "
           "all";
  const std::string prefix = "ROCM_EMULATOR_";
  for (char** row = environ; row && *row; row++) {
    const std::string variable = *row;
    const size_t equals = variable.find('=');
    if (variable.rfind(prefix, 0) != 0 || equals == std::string::npos) continue;
    const std::string name = variable.substr(prefix.size(), equals - prefix.size());
    const std::string value = variable.substr(equals + 1);
    if (isValid(name, value)) continue;
    if (name == "CPU" && isEngineBuilt(value.c_str())) return variable + " is more than this processor has";
    if (name == "CPU" && isEngineLevel(value.c_str()))
      return variable + " was left out when the emulator was built: npm run build:native builds all levels";
    return variable + " is no option of the emulator";
  }
  return "";
}

}  // namespace

const std::string& environmentMistake() {
  static const std::string* mistake = new std::string(findMistake());
  return *mistake;
}

}  // namespace emulator
