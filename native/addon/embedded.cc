#include "embedded.h"

#include <algorithm>
#include <cstdint>
#include <string>

#ifdef ROCM_ATTENTION_EMBED

// The list that native/addon/embed.cmake writes is read twice: for the bytes, in read-only data, and for
// their table.
#define EMBEDDED_FILE(number, name, path)                                                 \
  __asm__(".pushsection .rodata\n.balign 64\nembeddedBegin" #number ":\n.incbin \"" path  \
          "\"\nembeddedEnd" #number ":\n.popsection");                                    \
  extern "C" __attribute__((visibility("hidden"))) const uint8_t embeddedBegin##number[]; \
  extern "C" __attribute__((visibility("hidden"))) const uint8_t embeddedEnd##number[];
#include "embedded_files.inc"
#undef EMBEDDED_FILE

namespace addon {
namespace {

struct EmbeddedFile {
  const char* name;
  const uint8_t* begin;
  const uint8_t* end;
};

#define EMBEDDED_FILE(number, name, path) {name, embeddedBegin##number, embeddedEnd##number},
const EmbeddedFile files[] = {
#include "embedded_files.inc"
};
#undef EMBEDDED_FILE

Napi::Value embeddedFile(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString();
  for (const EmbeddedFile& file : files) {
    if (name != file.name) continue;
    Napi::Uint8Array copy = Napi::Uint8Array::New(info.Env(), file.end - file.begin);
    std::copy(file.begin, file.end, copy.Data());
    return copy;
  }
  return info.Env().Null();
}

Napi::Value embeddedNames(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const EmbeddedFile& file : files) names[names.Length()] = Napi::String::New(info.Env(), file.name);
  return names;
}

}  // namespace

void exportEmbeddedFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("embeddedNames", Napi::Function::New<embeddedNames>(env));
  exports.Set("embeddedFile", Napi::Function::New<embeddedFile>(env));
}

}  // namespace addon

#else

void addon::exportEmbeddedFiles(Napi::Env, Napi::Object) {}

#endif
