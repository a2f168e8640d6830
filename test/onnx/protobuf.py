# protobuf.py - fields of protobuf messages, written byte by byte for tests.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception


def varint(value):
    value &= 2**64 - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    """A number, a text or bytes under a field's number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content
