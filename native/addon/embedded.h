#pragma once

#include <napi.h>

namespace addon {

/// Exports `embeddedFile(name)`, a copy of a file of kernels ("gfx942/manifest.json") or null, and the list
/// `embeddedNames()` of all, from an addon that the build has put such files into.
void exportEmbeddedFiles(Napi::Env env, Napi::Object exports);

}  // namespace addon
