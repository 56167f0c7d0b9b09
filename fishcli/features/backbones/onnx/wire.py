"""Protocol Buffers as they lie in a file: the few kinds of fields that an ONNX file is made of.

The encoding is described at protobuf.dev/programming-guides/encoding. Nothing is copied, so that weights cost
nothing to pass over.
"""

from collections.abc import Iterable, Iterator, Sequence

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of fields; 3 and 4 are groups, which ONNX has none of."""
LONGEST_VARINT = 10


def fields_of(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in their order: number, an int or bytes; of fixed width b"".

    Raises:
        ValueError: this is no message.
    """
    for number, value, _ in _parts_of(message):
        yield number, value


def _parts_of(message: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """The fields of a message, each with all of its bytes."""
    at, end = 0, len(message)
    while at < end:
        start = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        value: int | memoryview
        if kind == VARINT:
            value, at = _varint(message, at)
        else:
            if kind == BYTES:
                n_bytes, at = _varint(message, at)
            elif kind in (FIXED32, FIXED64):
                n_bytes = 4 if kind == FIXED32 else 8
            else:
                raise ValueError(f"a field of kind {kind}")
            if number == 0 or at + n_bytes > end:
                raise ValueError("a field that ends behind its message")
            value = message[at : at + n_bytes] if kind == BYTES else message[:0]
            at += n_bytes
        yield number, value, message[start:at]


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The fields of a number that are bytes: messages or text."""
    for found, value in fields_of(message):
        if found == number and isinstance(value, memoryview):
            yield value


def texts(message: memoryview, number: int) -> list[str]:
    """The fields of a number, as text; ValueError where they are none."""
    return [bytes(value).decode() for value in messages(message, number)]


def text(message: memoryview, number: int) -> str:
    """The last field of a number, as text, which is the one that counts; "" where there is none."""
    return (texts(message, number) or [""])[-1]


def ints(message: memoryview, number: int) -> list[int]:
    """The fields of a number, as signed integers, whether each has a field or all share one."""
    found: list[int] = []
    for each, value in fields_of(message):
        if each != number:
            continue
        if isinstance(value, int):
            found.append(_signed(value))
            continue
        at = 0
        while at < len(value):
            one, at = _varint(value, at)
            found.append(_signed(one))
    return found


def one_int(message: memoryview, number: int) -> int:
    """The last field of a number, as a signed integer; 0 where there is none."""
    return (ints(message, number) or [0])[-1]


def set_up(model: bytes, input_name: str, shape: Sequence[int], results: Iterable[str]) -> bytes:
    """An ONNX file's content for an input of one shape, and with other results.

    Args:
        model: as the file has it.
        input_name: the tensor that takes the image.
        shape: of that tensor.
        results: tensors of the graph, which become its results.
    """
    sides = b"".join(_field(1, bytes([1 << 3]) + _as_varint(side)) for side in shape)
    wanted = b"".join(_field(12, _field(1, name.encode())) for name in results)
    parts: list[bytes | memoryview] = []
    for number, value, whole in _parts_of(memoryview(model)):
        if number == 7 and isinstance(value, memoryview):
            parts.append(_field(7, b"".join([*_without_results(value, input_name, sides), wanted])))
        else:
            parts.append(whole)
    return b"".join(parts)


def _without_results(graph: memoryview, input_name: str, sides: bytes) -> Iterator[bytes | memoryview]:
    for number, value, whole in _parts_of(graph):
        if number == 11 and isinstance(value, memoryview) and text(value, 1) == input_name:
            tensor = next(messages(next(messages(value, 2)), 1))
            element = bytes([1 << 3]) + _as_varint(one_int(tensor, 1))
            typed = _field(1, element + _field(2, sides))
            yield _field(11, _field(1, input_name.encode()) + _field(2, typed))
        elif number != 12:
            yield whole


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | BYTES]) + _as_varint(len(content)) + content


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, least first, and where it ends."""
    value = 0
    for n in range(LONGEST_VARINT):
        if at >= len(message):
            raise ValueError("a number that ends behind its message")
        byte = message[at]
        at += 1
        value |= (byte & 127) << 7 * n
        if byte < 128:
            return value, at
    raise ValueError(f"a number of more than {LONGEST_VARINT} bytes")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
