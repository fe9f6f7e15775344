// Disassembles as the emulator decodes: reads lines of hexadecimal dwords, one instruction each (more dwords
// may follow), and prints for each how many dwords it has and its text, or "0" where the encoding is unknown.
//
//   rocm_emulator_disassembler gfx942 < lines

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

extern "C" int rocmEmulatorDisassemble(const char* arch, const uint32_t* words, uint64_t count, char* text,
                                       size_t size);

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: rocm_emulator_disassembler <gfx target> < lines\n");
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream fields(line);
    std::vector<uint32_t> words;
    for (std::string field; fields >> field;)
      words.push_back(static_cast<uint32_t>(std::stoul(field, nullptr, 16)));
    char text[256] = "";
    const int dwords = rocmEmulatorDisassemble(arguments[1], words.data(), words.size(), text, sizeof text);
    std::printf(dwords ? "%d %s\n" : "%d\n", dwords, text);
  }
  return 0;
}
