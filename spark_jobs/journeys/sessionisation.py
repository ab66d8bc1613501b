"""Where sessions and journeys begin, and the rows of gold.sessions."""

from datetime import timedelta

import numpy as np
import polars as pl

from spark_jobs.journeys import rules
from spark_jobs.journeys.marks import PAID
from spark_jobs.journeys.runs import Events, Marks, Runs, changed


def micros(time: timedelta) -> int:
    """A time in microseconds."""
    return time // timedelta(microseconds=1)


_PAUSES = np.array([micros(rules.PAUSE_OF_CHANNEL[channel]) for channel in rules.CHANNELS])
_CHANNEL_LISTS = pl.Series(
    [[c for place, c in enumerate(rules.CHANNELS) if mask >> place & 1] for mask in range(1 << len(rules.CHANNELS))],
    dtype=pl.List(pl.String),
)


def sessions_of(events: Events) -> Runs:
    """A person's events without a pause: from one channel to another the shorter pause of both parts them."""
    opens = changed(events.person)
    pause = _PAUSES[events.channel]
    opens[1:] |= np.diff(events.at) >= np.minimum(pause[1:], pause[:-1])
    return Runs.opened(opens)


def journeys_of(events: Events, sessions: Runs) -> Runs:
    """A person's sessions towards one need: 72 hours of nothing end it, and so does the session of a purchase."""
    opens = changed(events.person[sessions.first])
    pause = events.at[sessions.first[1:]] - events.at[sessions.last[:-1]]
    paid = sessions.any_of(events.marks) & PAID > 0
    opens[1:] |= (pause >= micros(rules.PAUSE)) | paid[:-1]
    at_events = np.zeros(len(events.at), dtype=np.bool_)
    at_events[sessions.first[opens]] = True
    return Runs.opened(at_events)


def channel_bits(channel: Marks) -> Marks:
    """A bit for each channel."""
    return np.left_shift(np.uint16(1), channel)


def session_rows(events: Events, sessions: Runs) -> pl.DataFrame:
    """The rows of gold.sessions."""
    first, last = sessions.first, sessions.last
    channels = sessions.any_of(channel_bits(events.channel))
    return pl.DataFrame(
        {
            "session_id": events.named("session", first),
            "person_id": events.whose(first),
            "started_at": events.moments(first),
            "ended_at": events.moments(last),
            "channels": _CHANNEL_LISTS.gather(pl.Series(channels)),
            "events": last - first + 1,
            "first_channel": named(rules.CHANNELS, events.channel[first]),
            "last_channel": named(rules.CHANNELS, events.channel[last]),
        }
    )


def named(names: tuple[str, ...], places: Marks) -> pl.Series:
    """The names at places."""
    return pl.Series(names).gather(pl.Series(places))
