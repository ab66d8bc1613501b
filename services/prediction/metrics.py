"""Every metric of the prediction service; labels are names of models and words of the code, nothing of a request.

Calls by reason and their seconds are counted for every server in `services.grpc_gate`.
"""

from collections.abc import Iterable

from prometheus_client import Gauge, Histogram, Metric
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.prediction.ports import MODELS, Models

WAITING = Gauge("mangrove_prediction_requests", "Requests that are worked on or wait for it.")
SECONDS = Histogram(
    "mangrove_prediction_seconds",
    "Time from a request's arrival to its predictions, in seconds.",
    buckets=(0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)


class ModelMetrics(Collector):
    """Which models answer, looked up at each scrape.

    Args:
        models: Which models answer.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    def describe(self) -> Iterable[Metric]:
        """Return the families without samples."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Return the version of each model, 0 for none, and the champion's version that could not be loaded."""
        lineup = self._models.now()
        versions, failed = self._families()
        for name in MODELS:
            model = lineup.loaded.get(name)
            versions.add_metric([name], 0 if model is None else model.version)
            failed.add_metric([name], lineup.failed.get(name, 0))
        return versions, failed

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily(
                "mangrove_prediction_model_version", "The version that answers; 0 for none.", labels=["model"]
            ),
            GaugeMetricFamily(
                "mangrove_prediction_model_failed_version",
                "The champion's version that could not be loaded; 0 if there is none such.",
                labels=["model"],
            ),
        )
