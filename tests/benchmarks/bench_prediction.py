"""Predictions while conversations run beside MLflow's own serving function, as JSON lines.

A real server over loopback with champions of full size, four next actions and satisfaction, answers a conversation so
far of 12 events, which differs from call to call: masking, features, five models, gRPC. First one client, then eight
at once. The peer is what MLflow loads to serve a model (`mlflow.pyfunc`), in this very process, on the features of the
same moments, once for each of the four next actions: no network, no masking, no features, no satisfaction. At the end,
what each step of a call takes, and at the beginning how long a fixed piece of work takes at all: what other programs
take from this machine.

Example: OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_prediction --calls 2000
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import polars as pl

from mangrove.prediction.v1 import prediction_pb2
from ml.next_action.features import COLUMNS
from ml.satisfaction.running import felt
from privacy.masking import Masker
from services.clients.prediction import PredictionClient
from services.demo.servers import free_port, running
from services.installation import api_key_of, install
from services.prediction import wire
from services.prediction.moment import events_frame, in_order, inputs, present_moment, turns_so_far
from services.prediction.ports import foretell
from services.prediction.texts import masked_texts
from services.prediction.trial import prepared
from services.settings import Home
from tests.unit.prediction.registered import registered
from tests.unit.prediction.talks import LATE_US, TALK, a_request, a_talk, models, satisfaction_model

P99_MS = 20.0
EVENTS, TALKS, CLIENTS = 12, 1500, 8


def requests(count: int) -> Iterator[prediction_pb2.PredictRequest]:
    """Give requests, each with words of its own: nothing can be remembered of a text."""
    rng = random.Random(7)
    for number in range(count):
        events = a_talk(EVENTS)
        for event in events:
            event.message.text += f" {rng.randrange(10**9)} {number}"
        yield a_request(*events)


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds work took."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def told(name: str, spent: list[float], **more: object) -> float:
    """Print a line, and return the 99th of 100."""
    ordered = sorted(spent)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    line = {"what": name, "calls": len(spent), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}
    print(json.dumps(line | more), flush=True)
    return p99


def over_loopback(home: Home, clients: int, calls: int) -> list[float]:
    """Return how long each call took that clients made, all at once."""
    spent: list[float] = []
    asked = list(requests(calls))
    address, key = home.settings.prediction.address, api_key_of(home, "web")

    def ask(own: list[prediction_pb2.PredictRequest]) -> None:
        with PredictionClient(address, key, timeout_s=30) as client:
            client.predict(TALK, own[0].events)
            for request in own:
                spent.append(timed(lambda events=request.events: client.predict(TALK, events)))

    threads = [threading.Thread(target=ask, args=(asked[number::clients],)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent


def steps(calls: int) -> None:
    """Time each step of a call by itself, in this process."""
    masker, quick = Masker.default(), [prepared(model) for model in models(TALKS).values()]
    names = ("reading", "masking", "events", "features", "four next actions", "satisfaction")
    spent: dict[str, list[float]] = {name: [] for name in names}
    for request in requests(calls):
        kept: dict[str, Any] = {}

        def step(name: str, work: Callable[[], Any], own: dict[str, Any] = kept) -> Any:
            spent[name].append(timed(lambda: own.update({name: work()})))
            return own[name]

        asked = step("reading", lambda one=request: wire.asked_from_proto(one))
        in_time = in_order(asked.events, LATE_US)
        texts = step("masking", lambda one=in_time: masked_texts([event for _, event in one], masker, "web"))
        events = step("events", lambda one=in_time, said=texts: events_frame(one, said))
        moment = step("features", lambda one=events: present_moment(one, TALK))
        step("four next actions", lambda one=moment: [foretell(model, inputs(one)) for model in quick])
        turns = turns_so_far(in_time, texts, TALK)
        step("satisfaction", lambda one=turns: felt(satisfaction_model(TALKS), one))
    for name, values in spent.items():
        told(f"a call's {name}, in process", values)


def peer(mlflow_folder: Path, calls: int) -> list[float]:
    """Return how long MLflow's serving functions take for all four models, on the features of the same moments."""
    mlflow.set_tracking_uri(f"sqlite:///{mlflow_folder / 'mlflow.db'}")
    loaded = [mlflow.pyfunc.load_model(f"models:/{name}@champion") for name in models(TALKS)]
    rows = [moment_of(request).select(COLUMNS.names).to_pandas() for request in requests(calls)]
    return [timed(lambda one=row: [model.predict(one) for model in loaded]) for row in rows]


def moment_of(request: prediction_pb2.PredictRequest) -> pl.DataFrame:
    """Return the moment of a request."""
    in_time = in_order(wire.asked_from_proto(request).events, LATE_US)
    return present_moment(events_frame(in_time, [event.text for _, event in in_time]), TALK)


def noise(calls: int) -> None:
    """Time the same counting again and again: only other programs make it take longer at times."""
    told("counting to 200,000, in process", [timed(lambda: sum(range(200_000))) for _ in range(calls)])


def main() -> int:
    """Run, and return 0 when the figure was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "home"
        home = install(folder, source="web", prediction_port=free_port()).home
        learners = {name: model.learner for name, model in models(TALKS).items()}
        for action, model in models(TALKS).items():
            registered(home.path("mlflow"), action, model)
        registered(home.path("mlflow"), "satisfaction", satisfaction_model(TALKS))
        noise(arguments.calls)
        with running(home, "prediction", "serve", address=home.settings.prediction.address):
            one = told("one client", over_loopback(home, 1, arguments.calls), at_most={"p99_ms": P99_MS})
            started = time.perf_counter()
            spent = over_loopback(home, CLIENTS, arguments.calls)
            rate = round(len(spent) / (time.perf_counter() - started))
            told(f"{CLIENTS} clients at once", spent, calls_per_s=rate)
        told("mlflow.pyfunc, four models, in process", peer(home.path("mlflow"), arguments.calls // 10))
        steps(arguments.calls // 10)
    print(json.dumps({"reached": one <= P99_MS, "events": EVENTS, "learners": sorted(set(learners.values()))}))
    return 0 if one <= P99_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
