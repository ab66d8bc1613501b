"""A sending process that tests kill, interrupt or let run out: python client_process.py KIND ADDRESS SPILL-FOLDER.

It prints the ids of the events for which its client has promised something, one flush a line.
"""

import os
import sys
from pathlib import Path

from services.clients.collector import CollectorClient
from services.clients.spill import Spill
from tests.generated import an_event


def main(kind: str, address: str, folder: str) -> None:
    spill = Spill(Path(folder), key="env:SPILL_KEY", after_s=0.05) if folder else None
    client = CollectorClient(address, "key", spill=spill, batch_events=5, linger_s=60, give_up_after_s=5)
    match kind:
        case "flushes":
            while True:
                tell_after(client, [an_event() for _ in range(7)])
        case "interrupted":
            with client:
                while True:
                    event = an_event()
                    client.send(event)
                    print(event.event_id, flush=True)
        case "runs out":
            for _ in range(23):
                event = an_event()
                client.send(event)
                print(event.event_id, flush=True)
        case "forks":
            client.send_all([an_event()])
            client.send(an_event())
            if os.fork() == 0:
                try:
                    client.send(an_event())
                except Exception as error:  # noqa: BLE001 - its type is what is asked for
                    print(type(error).__name__, flush=True)
                sys.exit(0)
            os.wait()


def tell_after(client: CollectorClient, events: list) -> None:  # type: ignore[type-arg]
    client.send_all(events)
    print(" ".join(event.event_id for event in events), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
