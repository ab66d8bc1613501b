"""What the report is told: the run's own numbers, the model's scores and the private answers."""

from dataclasses import dataclass

from spark_jobs.identity.evaluation import PairwiseScores


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of the run: its name, the rows it wrote (None if it writes none), the seconds it took."""

    name: str
    rows: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelScore:
    """How well a model or baseline predicts hand-overs of people it has not seen; log loss in nats."""

    name: str
    auc: float
    log_loss: float
    champion: bool = False


@dataclass(frozen=True, slots=True)
class CalibrationPoint:
    """Moments with about the same prediction: the mean prediction, the share handed over, how many."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True, slots=True)
class PrivateAnswer:
    """An answer that a partner got, with its guarantee.

    `lows` and `highs` bound the true value with probability 95 %. `k` and `l` are how many groups a person
    can be in and rows a person can have in each. `unit` says who is protected, `error_text` how exact it is,
    and `budget_left` what the partner can still spend.
    """

    title: str
    keys: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    epsilon: float
    delta: float
    rho: float
    k: int
    l: int  # noqa: E741 - the bound's name in the literature
    unit: str
    error_text: str
    budget_left: str = ""


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What the run itself knows. None means not measured; it is then left out.

    `planted` is how many written forms of personal data were looked for in the stored bytes, `planted_found`
    how many were found.
    """

    sent: int
    accepted: int
    duplicates: int
    refused_invalid: int
    refused_consent: int
    stages: tuple[StageRow, ...] = ()
    models: tuple[ModelScore, ...] = ()
    calibration: tuple[CalibrationPoint, ...] = ()
    identity: PairwiseScores | None = None
    planted: int | None = None
    planted_found: int | None = None
    made_at: str = ""
