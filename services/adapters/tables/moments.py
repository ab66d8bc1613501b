"""Reads when something happened: ISO 8601, a form of strptime, or seconds or milliseconds of the Unix epoch."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.adapters.tables.cells import Cell, CellUnfit, number_of, text_of

Ambiguous = Literal["refuse", "earlier", "later"]
"""What becomes of a local time that the clock showed twice, when summer time ended."""

ReadMoment = Callable[[Cell], int]
"""Turns a cell that holds something into nanoseconds since the Unix epoch, or raises `CellUnfit`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS_NS = {"unix_s": 10**9, "unix_ms": 10**6}
_TRIED = datetime(2026, 11, 23, 22, 47, 58, tzinfo=UTC)
_BEYOND_NS = 2**63


def moments(form: str, zone_name: str, ambiguous: Ambiguous) -> ReadMoment:
    """Return how moments of a form are read.

    Args:
        form: "iso", "unix_s", "unix_ms", or a format of strptime.
        zone_name: The time zone of local times, such as Asia/Shanghai; empty if every moment carries its offset.
        ambiguous: What becomes of a local time that the clock showed twice.

    Raises:
        ValueError: with a sentence, if the form or the zone is no good.
    """
    if form in _UNITS_NS:
        if zone_name:
            raise ValueError("time_zone: Unix times have none; leave it out")
        return _unix(_UNITS_NS[form])
    zone = _zone(zone_name) if zone_name else None
    if form == "iso":
        return lambda cell: _nanoseconds(_read(datetime.fromisoformat, cell), zone, ambiguous)
    _try_form(form)
    if zone is None and "%z" not in form:
        raise ValueError("time_zone: name the zone of these local times, such as Asia/Shanghai")
    return lambda cell: _nanoseconds(_read(lambda text: datetime.strptime(text, form), cell), zone, ambiguous)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("time_zone: there is no such zone; write one such as Asia/Shanghai") from None


def _try_form(form: str) -> None:
    """Refuse a form that cannot read the day that it has written."""
    try:
        day = datetime.strptime(_TRIED.strftime(form), form).date()
    except ValueError:
        day = None
    if day != _TRIED.date():
        raise ValueError("format: write iso, unix_s, unix_ms or a format of strptime that holds a whole date")


def _unix(unit_ns: int) -> ReadMoment:
    def read(cell: Cell) -> int:
        return _in_range(number_of(cell) * unit_ns)

    return read


def _read(parse: Callable[[str], datetime], cell: Cell) -> datetime:
    try:
        return parse(text_of(cell).strip())
    except ValueError:
        raise CellUnfit("NOT_A_TIME") from None


def _nanoseconds(moment: datetime, zone: ZoneInfo | None, ambiguous: Ambiguous) -> int:
    if moment.tzinfo is None:
        if zone is None:
            raise CellUnfit("TIME_ZONE_MISSING")
        moment = moment.replace(tzinfo=zone, fold=ambiguous == "later")
    try:
        if moment.tzinfo is zone and zone is not None:
            _check_local(moment, zone, ambiguous)
        return _in_range(Decimal((moment - _EPOCH) // _MICROSECOND * 1000))
    except OverflowError:  # the first or last day that Python's calendar has
        raise CellUnfit("RANGE") from None


def _check_local(moment: datetime, zone: ZoneInfo, ambiguous: Ambiguous) -> None:
    """Refuse a local time that no clock showed, or that it showed twice if that is to be refused."""
    other = moment.replace(fold=1 - moment.fold)
    if moment.utcoffset() == other.utcoffset():
        return
    back = moment.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None, fold=0) != moment.replace(tzinfo=None, fold=0):
        raise CellUnfit("TIME_SKIPPED")
    if ambiguous == "refuse":
        raise CellUnfit("TIME_AMBIGUOUS")


def _in_range(nanoseconds: Decimal) -> int:
    """Round down to a whole nanosecond that the schema's type can hold; whether it makes sense, the collector says."""
    if not 0 <= nanoseconds < _BEYOND_NS:
        raise CellUnfit("RANGE")
    return int(nanoseconds)
