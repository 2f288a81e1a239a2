#!/usr/bin/env python3
"""Makes isal-vectors.json with Intel's ISA-L (https://github.com/intel/isa-l), an implementation that shares nothing with this package.

P and Q come from its pq_gen; the coefficients of recovery from its inversion of the survivors' matrix (gf_invert_matrix), and they are
applied by its ec_encode_data and compared with the data before they are written down. Needs libisal.so.2 (Debian: libisal2).

    python3 packages/raid456/golden/generate.py > packages/raid456/golden/isal-vectors.json
    npx biome format --write packages/raid456/golden
"""

import ctypes
import json
import random

isal = ctypes.CDLL("libisal.so.2")
isal.pq_gen.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p)]
isal.gf_mul.restype = ctypes.c_ubyte


class Blocks:
    """Blocks of equal length at addresses that are multiples of 64, as pq_gen wants them."""

    def __init__(self, count, length):
        self.count, self.length = count, length
        self.buffer = ctypes.create_string_buffer(count * length + 64)
        self.base = (ctypes.addressof(self.buffer) + 63) & ~63
        self.pointers = (ctypes.c_void_p * count)(*(self.base + i * length for i in range(count)))

    def put(self, i, content):
        ctypes.memmove(self.pointers[i], content, self.length)

    def get(self, i):
        return ctypes.string_at(self.pointers[i], self.length)


def generate(data, length):
    """P and Q of the data blocks."""
    blocks = Blocks(len(data) + 2, length)
    for i, content in enumerate(data):
        blocks.put(i, content)
    assert isal.pq_gen(len(data) + 2, length, blocks.pointers) == 0
    return blocks.get(len(data)), blocks.get(len(data) + 1)


def power_of_two(n):
    value = 1
    for _ in range(n):
        value = isal.gf_mul(2, value)
    return value


def recover(data, p, q, x, y, length):
    """Coefficients that give block y from the others in order, P and Q; checked for x and y."""
    k = len(data)
    kept = [i for i in range(k) if i not in (x, y)]
    rows = [[1 if j == i else 0 for j in range(k)] for i in kept]
    rows.append([1] * k)
    rows.append([power_of_two(j) for j in range(k)])
    matrix = (ctypes.c_ubyte * (k * k))(*sum(rows, []))
    inverse = (ctypes.c_ubyte * (k * k))()
    assert isal.gf_invert_matrix(matrix, inverse, k) == 0
    coefficients = bytes(list(inverse[x * k : (x + 1) * k]) + list(inverse[y * k : (y + 1) * k]))
    tables = ctypes.create_string_buffer(32 * k * 2)
    isal.ec_init_tables(k, 2, coefficients, tables)
    sources, targets = Blocks(k, length), Blocks(2, length)
    for i, content in enumerate([data[i] for i in kept] + [p, q]):
        sources.put(i, content)
    isal.ec_encode_data(length, k, 2, tables, sources.pointers, targets.pointers)
    assert (targets.get(0), targets.get(1)) == (data[x], data[y])
    return coefficients[k:].hex()


def main():
    dice = random.Random(20150513)
    vectors = []
    for disks, length in [(2, 32), (3, 64), (4, 96), (5, 32), (6, 64), (8, 32), (10, 32), (16, 32), (30, 32), (253, 32)]:
        data = [dice.randbytes(length) for _ in range(disks)]
        p, q = generate(data, length)
        pairs = [(x, y) for y in range(disks) for x in range(y)]
        chosen = pairs if len(pairs) <= 15 else sorted(dice.sample(pairs, 15 if disks < 100 else 3))
        vectors.append(
            {
                "data": [content.hex() for content in data],
                "p": p.hex(),
                "q": q.hex(),
                "recovery": [
                    {"x": x, "y": y, "coefsOfY": recover(data, p, q, x, y, length)} for x, y in chosen
                ],
            }
        )
    print(json.dumps(vectors, indent=1))


main()
