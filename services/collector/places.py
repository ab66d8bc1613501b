"""Finds the events in a request's bytes without building them: counts and sizes come before anything costs."""

from google.protobuf.message import DecodeError

Place = tuple[int, int, int]
"""Where an event stands in a request: its tag's place, its first byte, and the place behind its last."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


def places_of(data: bytes, field: int, most: int) -> list[Place] | None:
    """Return where the events stand, None if there are more than `most`.

    Args:
        data: A serialised message (Protocol Buffers encoding) whose events are one repeated field.
        field: That field's number, below 16.
        most: How many there may be, of other fields too.

    Raises:
        DecodeError: if the bytes are no message.
    """
    found: list[Place] = []
    wanted, at, fields = field << 3 | _LENGTH, 0, 0
    while at < len(data):
        tag, start = _varint(data, at)
        fields += 1
        kind = tag & 7
        if kind == _LENGTH:
            size, start = _varint(data, start)
            end = start + size
        elif kind == _VARINT:
            _, end = _varint(data, start)
        elif kind in (_FIXED64, _FIXED32):
            end = start + (8 if kind == _FIXED64 else 4)
        else:
            raise DecodeError
        if end > len(data):
            raise DecodeError
        if tag == wanted:
            found.append((at, start, end))
        if len(found) > most or fields - len(found) > most:
            return None
        at = end
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number in base 128 and the place behind it."""
    value = shift = 0
    for place in range(at, min(at + _LONGEST_VARINT, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise DecodeError
