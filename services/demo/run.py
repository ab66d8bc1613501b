"""The whole of Mangrove once: simulated customers, collector, lander, Spark, model, private answers, report."""

import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console

from ml.next_action.task import HandOver
from ml.registry import Registry
from ml.score import score
from ml.tasks import TASKS
from ml.train import Training, train_each
from privacy.errors import MangroveError
from privacy.pseudonyms import Pseudonymiser
from services.clients.collector import Tally
from services.clients.query import QueryClient
from services.collector.journals.chosen import journal_states
from services.demo.evaluate import pairwise_scores
from services.demo.questions import ask_all
from services.demo.report import ModelScore, PrivateAnswer, ReportSummary, write_report
from services.demo.scan import Needles, scan
from services.demo.servers import free_port, running
from services.demo.stages import Stages
from services.demo.summary import print_summary
from services.installation import api_key_of, install
from services.keys import key_provider
from services.private_query.merged import follow_people
from services.settings import Home
from services.simulator.commands import send_world
from services.simulator.truth import write_truth
from services.simulator.world import World
from spark_jobs.identity.evaluation import PairwiseScores
from spark_jobs.identity.people_of_events import with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Lake
from spark_jobs.pipeline import Done
from spark_jobs.pipeline import run as run_jobs
from spark_jobs.session import spark_session

SOURCE, PARTNER = "demo", "partner"
_LANDING_S = 120.0
_POLL_S = 0.1


class LandingTooSlow(MangroveError):
    """The lander did not empty the journal in time."""

    reason = "LANDING_TOO_SLOW"

    def __init__(self) -> None:
        super().__init__(
            f"The lander did not land everything within {_LANDING_S:.0f} s. See logs/lander.log in the home folder."
        )


def run_demo(folder: Path, people: int, seed: int, console: Console) -> Path:
    """Run everything in a home folder and return the report's path. Running it again adds nothing twice.

    Args:
        folder: The home folder; it is made if it is not there.
        people: How many people are simulated.
        seed: The same seed gives the same events.
        console: Where progress and the summary are shown.
    """
    stages = Stages(console)
    with stages.stage("init"):
        home = install(folder, source=SOURCE, partner=PARTNER, collector_port=free_port(), query_port=free_port()).home
    with stages.stage("simulate") as stage:
        world = World.generate(seed, people)
        stage.rows = len(world.sent)
        truth_path = home.path("simulator/truth.json")
        truth_path.parent.mkdir(exist_ok=True)
        write_truth(world, truth_path)
    tally = _collect_and_land(home, world, stages)
    identity, trainings = _refine_and_learn(home, truth_path, stages)
    answers = _ask(home, stages)
    with stages.stage("scan for leaks") as stage:
        stage.rows = len(world.planted)
        found = set().union(*scan(home.folder, Needles(world.planted)).values())
    summary = ReportSummary(
        sent=len(world.sent),
        accepted=tally.accepted,
        duplicates=tally.verdicts["DUPLICATE"],
        refused_invalid=tally.verdicts["REFUSED_INVALID"],
        refused_consent=tally.verdicts["REFUSED_CONSENT"],
        stages=tuple(stages.rows),
        models=_model_scores(trainings),
        identity=identity,
        planted=len(world.planted),
        planted_found=len(found),
        made_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
    report = home.path("report.html")
    write_report(home.lake_root, report, summary=summary, answers=answers)
    print_summary(console, summary, trainings, answers)
    return report


def _collect_and_land(home: Home, world: World, stages: Stages) -> Tally:
    address = home.settings.collector.address
    with running(home, "lander", "run"), running(home, "collector", "serve", address=address):
        with stages.stage("collect") as stage:
            tally = send_world(
                world, address, api_key_of(home, SOURCE), lambda sent: stage.tell(f"{sent:,} of {len(world.sent):,}")
            )
            stage.rows = tally.accepted
        with stages.stage("land") as stage:
            _await_landing(home)
            stage.rows = tally.accepted
    return tally


def _await_landing(home: Home) -> None:
    deadline = time.monotonic() + _LANDING_S
    while any(journal.waiting_events for journal in journal_states(home)):
        if time.monotonic() > deadline:
            raise LandingTooSlow
        time.sleep(_POLL_S)


def _refine_and_learn(home: Home, truth_path: Path, stages: Stages) -> tuple[PairwiseScores, list[Training]]:
    with stages.stage("start Spark"):
        spark = spark_session("mangrove-demo")
    try:
        lake = Lake(spark, home.lake_root)
        _run_jobs(lake, stages)
        follow_people(home)
        mlflow = home.path(home.settings.mlflow)
        with stages.stage("train"):
            trainings = [one for _, one in train_each(TASKS.values(), home.lake_root, mlflow)]
        with stages.stage("score") as stage:
            # Too few people may give no model that beats the baselines; then nothing scores, and the gate says why.
            has_one = any(Registry(mlflow, name).champion_version() is not None for name in TASKS)
            stage.rows = sum(one.rows for one in score(lake, mlflow)) if has_one else 0
        with stages.stage("check identity") as stage:
            identity = _identity_scores(lake, home, truth_path)
            stage.rows = identity.items
    finally:
        spark.stop()
    return identity, [one for one in trainings if isinstance(one, Training)]


def _run_jobs(lake: Lake, stages: Stages) -> None:
    def note(done: Done) -> None:
        stages.add(done.job, done.rows, done.seconds)

    run_jobs(["all"], lake, note)


def _identity_scores(lake: Lake, home: Home, truth_path: Path) -> PairwiseScores:
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(lake.read(tables.IDENTITY_PEOPLE)))
    token = Pseudonymiser(key_provider(home)).token
    people = orjson.loads(truth_path.read_bytes())["people"]
    return pairwise_scores(
        events.select("event_id", "person_id").toPandas(), people, lambda raw: token("event", raw) or ""
    )


def _ask(home: Home, stages: Stages) -> list[PrivateAnswer]:
    address = home.settings.query.address
    with running(home, "query", "serve", address=address), stages.stage("ask privately") as stage:
        with QueryClient(address, api_key_of(home, PARTNER)) as client:
            answers = ask_all(client)
        stage.rows = sum(len(answer.keys) for answer in answers)
    return answers


def _model_scores(trainings: list[Training]) -> tuple[ModelScore, ...]:
    training = next((one for one in trainings if one.task == HandOver.name), None)
    if training is None:
        return ()
    own = training.metrics
    scores = [ModelScore("model", own["auc"], own["log_loss"], champion=training.promoted)]
    scores += [ModelScore(name, rival["auc"], rival["log_loss"]) for name, rival in training.rivals.items()]
    return tuple(scores)
