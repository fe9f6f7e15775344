const MAX_DEPTH = 32;

/**
 * Reads one MessagePack value: nil, booleans, numbers, strings, arrays, and maps with string keys (as objects without
 * prototype). Throws on anything else and on data that ends early.
 */
export function readMessagePack(view: DataView): unknown {
  let offset = 0;
  const text = new TextDecoder();

  function take(bytes: number): number {
    const at = offset;
    offset += bytes;
    if (offset > view.byteLength) throw new Error("the data ends early");
    return at;
  }

  function string(length: number): string {
    const at = take(length);
    return text.decode(new Uint8Array(view.buffer, view.byteOffset + at, length));
  }

  function array(length: number, depth: number): unknown[] {
    const values: unknown[] = [];
    for (let index = 0; index < length; index++) values.push(value(depth));
    return values;
  }

  function map(length: number, depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = Object.create(null);
    for (let index = 0; index < length; index++) {
      const key = value(depth);
      if (typeof key !== "string") throw new Error("a map key that is no string");
      result[key] = value(depth);
    }
    return result;
  }

  function value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new Error("nested too deeply");
    const type = view.getUint8(take(1));
    if (type < 0x80) return type;
    if (type < 0x90) return map(type & 15, depth + 1);
    if (type < 0xa0) return array(type & 15, depth + 1);
    if (type < 0xc0) return string(type & 31);
    if (type >= 0xe0) return type - 256;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return view.getFloat32(take(4));
      case 0xcb:
        return view.getFloat64(take(8));
      case 0xcc:
        return view.getUint8(take(1));
      case 0xcd:
        return view.getUint16(take(2));
      case 0xce:
        return view.getUint32(take(4));
      case 0xcf:
        return Number(view.getBigUint64(take(8)));
      case 0xd0:
        return view.getInt8(take(1));
      case 0xd1:
        return view.getInt16(take(2));
      case 0xd2:
        return view.getInt32(take(4));
      case 0xd3:
        return Number(view.getBigInt64(take(8)));
      case 0xd9:
        return string(view.getUint8(take(1)));
      case 0xda:
        return string(view.getUint16(take(2)));
      case 0xdb:
        return string(view.getUint32(take(4)));
      case 0xdc:
        return array(view.getUint16(take(2)), depth + 1);
      case 0xdd:
        return array(view.getUint32(take(4)), depth + 1);
      case 0xde:
        return map(view.getUint16(take(2)), depth + 1);
      case 0xdf:
        return map(view.getUint32(take(4)), depth + 1);
      default:
        throw new Error(`unknown type 0x${type.toString(16)}`);
    }
  }

  return value(0);
}
