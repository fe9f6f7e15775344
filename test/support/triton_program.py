"""A Triton program as anybody would write it, on whatever HIP library TRITON_LIBHIP_PATH names: compiled and launched by
Triton's own runtime, with a driver of few lines in place of torch. Prints as JSON the largest error of each case,
relative to the sum of the magnitudes of its terms, against sums in binary64; of cases that may fail, the emulator's
report. Arguments: the cases to run."""

import ctypes
import json
import math
import os
import random
import struct
import sys
from array import array

import triton
import triton.language as tl
from triton.backends.amd.driver import HIPDriver, HIPLauncher, HIPUtils

hip = ctypes.CDLL(os.environ["TRITON_LIBHIP_PATH"])
TO_DEVICE, TO_HOST = 1, 2


def check(status):
    if status != 0:
        hip.hipGetErrorString.restype = ctypes.c_char_p
        raise RuntimeError(hip.hipGetErrorString(status).decode())


class Driver(HIPDriver):
    """Triton's driver, which takes the current device and stream from torch: here they are the first ones."""

    def __init__(self):
        self.utils = HIPUtils()
        self.launcher_cls = HIPLauncher

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


triton.runtime.driver.set_active(Driver())


class Buffer:
    """Device memory that Triton takes for a tensor."""

    TYPES = {"f": tl.float32, "B": tl.uint8, "i": tl.int32, "H": tl.float16}

    def __init__(self, typecode, values):
        self.host = array(typecode, values)
        self.dtype = self.TYPES[typecode]
        self.pointer = ctypes.c_void_p()
        self.bytes = len(self.host) * self.host.itemsize
        check(hip.hipMalloc(ctypes.byref(self.pointer), ctypes.c_size_t(self.bytes)))
        self.copy(self.pointer, self.address(), TO_DEVICE)

    def address(self):
        return ctypes.c_void_p(self.host.buffer_info()[0])

    def copy(self, to, source, kind):
        check(hip.hipMemcpyAsync(to, source, ctypes.c_size_t(self.bytes), kind, None))
        check(hip.hipStreamSynchronize(None))

    def data_ptr(self):
        return self.pointer.value

    def read(self):
        self.copy(self.address(), self.pointer, TO_HOST)
        return self.host


def half(value):
    return struct.unpack("<H", struct.pack("<e", value))[0]


def largest_error(actual, expected):
    """`expected` holds a sum and the magnitudes of its terms for each value."""
    return max(abs(a - value) / magnitude for a, (value, magnitude) in zip(actual, expected))


@triton.jit
def softmax_kernel(x, out, columns, BLOCK: tl.constexpr):
    row, column = tl.program_id(0), tl.arange(0, BLOCK)
    values = tl.load(x + row * columns + column, mask=column < columns, other=float("-inf"))
    weights = tl.exp(values - tl.max(values, 0))
    tl.store(out + row * columns + column, weights / tl.sum(weights, 0), mask=column < columns)


def softmax():
    rows, columns = 7, 100
    x = Buffer("f", [random.gauss(0, 2) for _ in range(rows * columns)])
    out = Buffer("f", [0.0] * (rows * columns))
    softmax_kernel[(rows,)](x, out, columns, BLOCK=128)
    expected = []
    for row in range(rows):
        weights = [math.exp(value) for value in x.host[row * columns : (row + 1) * columns]]
        expected += [(weight / sum(weights),) * 2 for weight in weights]
    return largest_error(out.read(), expected)


@triton.jit
def matmul_kernel(a, b, out, M, N, K, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    sums = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        left = tl.load(a + m[:, None] * K + k[None, :], mask=(m[:, None] < M) & (k[None, :] < K), other=0.0)
        right = tl.load(b + k[:, None] * N + n[None, :], mask=(k[:, None] < K) & (n[None, :] < N), other=0.0)
        sums += tl.dot(left, right)
    tl.store(out + m[:, None] * N + n[None, :], sums, mask=(m[:, None] < M) & (n[None, :] < N))


def product(left, right, M, N, K):
    """Sums and magnitudes of left[m][k] * right[k][n], row after row."""
    terms = ([left[m * K + k] * right[k * N + n] for k in range(K)] for m in range(M) for n in range(N))
    return [(math.fsum(row), math.fsum(map(abs, row)) or 1) for row in terms]


def matmul():
    M, N, K = 70, 40, 90
    left = [struct.unpack("<e", struct.pack("<e", random.gauss(0, 1)))[0] for _ in range(M * K)]
    right = [struct.unpack("<e", struct.pack("<e", random.gauss(0, 1)))[0] for _ in range(K * N)]
    out = Buffer("f", [0.0] * (M * N))
    a, b = Buffer("H", map(half, left)), Buffer("H", map(half, right))
    matmul_kernel[(3, 2)](a, b, out, M, N, K, BLOCK_M=32, BLOCK_N=32, BLOCK_K=32)
    return largest_error(out.read(), product(left, right, M, N, K))


@triton.jit
def histogram_kernel(x, counts, length, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < length
    tl.atomic_add(counts + tl.load(x + at, mask=inside, other=0), 1, mask=inside)


def atomics():
    x = Buffer("i", [random.randrange(16) for _ in range(1000)])
    counts = Buffer("i", [0] * 16)
    histogram_kernel[(4,)](x, counts, 1000, BLOCK=256)
    return largest_error(counts.read(), [(list(x.host).count(value), 1) for value in range(16)])


@triton.jit
def rotate_kernel(x, out, arrived, count):
    """Each program passes its value to the next, behind a barrier of the whole grid."""
    program = tl.program_id(0)
    tl.store(x + program, program * 3)
    tl.debug_barrier()
    tl.atomic_add(arrived, 1)
    while tl.atomic_add(arrived, 0) < count:
        pass
    tl.store(out + program, tl.load(x + (program + 1) % count, volatile=True))


def cooperative():
    count = 12
    x, out, arrived = (Buffer("i", [0] * size) for size in (count, count, 1))
    rotate_kernel[(count,)](x, out, arrived, count, launch_cooperative_grid=True)
    return largest_error(out.read(), [((program + 1) % count * 3, 1) for program in range(count)])


@triton.jit
def dot_scaled_kernel(a, a_scale, b, b_scale, out, A: tl.constexpr, B: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
                      K: tl.constexpr, PACK_A: tl.constexpr, PACK_B: tl.constexpr):
    m, n, block = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K // 32)
    ka, kb = tl.arange(0, K // PACK_A), tl.arange(0, K // PACK_B)
    left = tl.load(a + m[:, None] * (K // PACK_A) + ka[None, :])
    right = tl.load(b + kb[:, None] * N + n[None, :])
    left_scale = tl.load(a_scale + m[:, None] * (K // 32) + block[None, :])
    right_scale = tl.load(b_scale + n[:, None] * (K // 32) + block[None, :])
    sums = tl.dot_scaled(left, left_scale, A, right, right_scale, B)
    tl.store(out + m[:, None] * N + n[None, :], sums)


FORMATS = {"e4m3": (4, 3, 7), "e5m2": (5, 2, 15), "e2m1": (2, 1, 1)}


def decode(code, exponent_bits, mantissa_bits, bias):
    fraction = code & ((1 << mantissa_bits) - 1)
    exponent = code >> mantissa_bits & ((1 << exponent_bits) - 1)
    magnitude = (fraction / 2**mantissa_bits + (exponent > 0)) * 2.0 ** (max(exponent, 1) - bias)
    return -magnitude if code >> (exponent_bits + mantissa_bits) else magnitude


def random_codes(name, count):
    """Codes of finite numbers of moderate size."""
    exponent_bits, mantissa_bits, _ = FORMATS[name]
    most = (1 << exponent_bits + mantissa_bits) - (1 if name == "e2m1" else 1 << exponent_bits + mantissa_bits - 2)
    sign = 1 << exponent_bits + mantissa_bits
    return [random.randrange(most) | random.choice((0, sign)) for _ in range(count)]


def dot_scaled(first, second):
    M, N, K = 64, 32, 128
    left_codes, right_codes = random_codes(first, M * K), random_codes(second, K * N)
    left_scale, right_scale = ([random.randrange(124, 131) for _ in range(size * K // 32)] for size in (M, N))
    # Of two codes of four bits in a byte, the first along the depth lies low.
    packed_left, packed_right = left_codes, right_codes
    if first == "e2m1":
        packed_left = [low | high << 4 for low, high in zip(left_codes[::2], left_codes[1::2])]
    if second == "e2m1":
        packed_right = [
            right_codes[2 * k * N + n] | right_codes[(2 * k + 1) * N + n] << 4 for k in range(K // 2) for n in range(N)
        ]
    left = [
        decode(code, *FORMATS[first]) * 2.0 ** (left_scale[i // K * (K // 32) + i % K // 32] - 127)
        for i, code in enumerate(left_codes)
    ]
    right = [
        decode(code, *FORMATS[second]) * 2.0 ** (right_scale[i % N * (K // 32) + i // N // 32] - 127)
        for i, code in enumerate(right_codes)
    ]
    expected = product(left, right, M, N, K)
    buffers = [Buffer("B", codes) for codes in (packed_left, left_scale, packed_right, right_scale)]
    pack = {"e2m1": 2}
    errors = []
    for rows in (16, 32):
        out = Buffer("f", [0.0] * (M * N))
        kernel = dot_scaled_kernel[(1,)](
            *buffers,
            out,
            A=first,
            B=second,
            M=M,
            N=N,
            K=K,
            PACK_A=pack.get(first, 1),
            PACK_B=pack.get(second, 1),
            matrix_instr_nonkdim=rows,
        )
        assert f"v_mfma_scale_f32_{rows}x{rows}x" in kernel.asm["amdgcn"]
        errors.append(largest_error(out.read(), expected))
    return max(errors)


@triton.jit
def printing_kernel(x):
    tl.device_print("value", tl.load(x + tl.program_id(0)))


@triton.jit
def asserting_kernel(x, expected):
    tl.device_assert(tl.load(x) == expected, "another value was expected")


def report_of(launch):
    launch()
    hip.rocmEmulatorLastFault.restype = ctypes.c_char_p
    return hip.rocmEmulatorLastFault(0).decode() if hip.hipDeviceSynchronize() else ""


def printing():
    x = Buffer("i", [1, 2])
    return report_of(lambda: printing_kernel[(2,)](x))


def asserting(expected):
    x = Buffer("i", [1, 2])
    return report_of(lambda: asserting_kernel[(1,)](x, expected, debug=True))


CASES = {
    "printf": printing,
    "assertion": lambda: asserting(2),
    "assertion that holds": lambda: asserting(1),
    "softmax": softmax,
    "matmul": matmul,
    "atomics": atomics,
    "cooperative": cooperative,
    **{
        f"dot_scaled {first} {second}": (lambda first=first, second=second: dot_scaled(first, second))
        for first in FORMATS
        for second in FORMATS
    },
}

random.seed(1)
print(json.dumps({name: CASES[name]() for name in sys.argv[1:]}))
