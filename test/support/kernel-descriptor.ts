/** What the hardware is told of a kernel, from its descriptor (LLVM's "User Guide for AMDGPU Backend", Kernel Descriptor). */
export interface KernelDescriptor {
  readonly ldsBytes: number;
  readonly scratchBytes: number;
  readonly kernargBytes: number;
  /** Vector registers that a wave gets, accumulation registers included. */
  readonly allocatedVgprs: number;
}

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
/** CDNA gives out vector registers in groups of 8 (gfx90a and later). */
const VGPR_GRANULE = 8;

/** Reads the descriptor <symbol>.kd of a code object (64-bit little-endian ELF). */
export function readKernelDescriptor(code: Buffer, symbol: string): KernelDescriptor {
  const at = descriptorOffset(code, symbol);
  return {
    ldsBytes: code.readUInt32LE(at),
    scratchBytes: code.readUInt32LE(at + 4),
    kernargBytes: code.readUInt32LE(at + 8),
    allocatedVgprs: ((code.readUInt32LE(at + 48) & 0x3f) + 1) * VGPR_GRANULE,
  };
}

/** Where the descriptor is in the file. */
export function descriptorOffset(code: Buffer, symbol: string): number {
  return fileOffset(code, symbolAddress(code, `${symbol}.kd`));
}

function symbolAddress(code: Buffer, name: string): number {
  const headers = Number(code.readBigUInt64LE(40));
  const [size, count] = [code.readUInt16LE(58), code.readUInt16LE(60)];
  const section = (index: number) => {
    const at = headers + index * size;
    const long = (offset: number) => Number(code.readBigUInt64LE(at + offset));
    return {
      type: code.readUInt32LE(at + 4),
      offset: long(24),
      size: long(32),
      link: code.readUInt32LE(at + 40),
    };
  };
  for (let index = 0; index < count; index++) {
    const { type, offset, size: length, link } = section(index);
    if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
    const names = section(link).offset;
    for (let at = offset; at < offset + length; at += 24) {
      const start = names + code.readUInt32LE(at);
      if (code.toString("latin1", start, code.indexOf(0, start)) === name)
        return Number(code.readBigUInt64LE(at + 8));
    }
  }
  throw new Error(`no symbol ${name}`);
}

function fileOffset(code: Buffer, address: number): number {
  const headers = Number(code.readBigUInt64LE(32));
  const [size, count] = [code.readUInt16LE(54), code.readUInt16LE(56)];
  for (let index = 0; index < count; index++) {
    const at = headers + index * size;
    const long = (offset: number) => Number(code.readBigUInt64LE(at + offset));
    if (address >= long(16) && address < long(16) + long(32)) return address - long(16) + long(8);
  }
  throw new Error(`no segment at ${address}`);
}
