"""Asks the private query service in plain Python and gives the answers as data frames and pictures.

```python
with QueryClient("127.0.0.1:50052", api_key) as client:
    answer = client.ask(
        "conversations", ["count", ("mean", "wait_s")], group_by=["channel"], where={"language": "zh"},
        from_day="2026-01-01", until_day="2026-02-01", target_error=50,
    )
answer.frame
```
"""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import pandas as pd

from mangrove.query.v1 import query_pb2, query_pb2_grpc
from services.clients.answers import Answer, Budget, Column, Description, Preview, answer_from_proto, noise_from_proto
from services.clients.audits import PublishedAudit
from services.clients.connection import ClientTls, bearer, channel
from services.clients.questions import MeasureName, QueryRefused, question
from services.clients.refusals import refusal_of

__all__ = ["Answer", "Budget", "Column", "Description", "Preview", "PublishedAudit", "QueryClient"]

_TIMEOUT_S = 60.0
_LARGEST_ANSWER = 256 * 1024 * 1024
_RHO_NANO = (1000, 10_000_000_000)
"""What one question may cost, by the proto."""
_EXACT_TO = 1000


class QueryClient:
    """A partner's connection to the private query service; a context manager.

    Args:
        address: host:port.
        api_key: The partner's key.
        tls: How to reach it over TLS; None for plain text, which sends the key unprotected: only on this machine or
            inside a trusted network.

    Every method raises `QueryRefused` when the service does not answer.
    """

    def __init__(self, address: str, api_key: str, tls: ClientTls | None = None) -> None:
        self._channel = channel(address, tls, largest_answer=_LARGEST_ANSWER)
        self._stub = query_pb2_grpc.PrivateQueryServiceStub(self._channel)
        self._metadata = bearer(api_key)

    def datasets(self) -> dict[str, str]:
        """Give the names of the datasets there are for this partner, with their meanings."""
        response, _ = self._call(self._stub.ListDatasets, query_pb2.ListDatasetsRequest())
        return {d.name: d.meaning for d in response.datasets}

    def describe(self, dataset: str) -> Description:
        """Say what can be asked about a dataset."""
        request = query_pb2.DescribeDatasetRequest(dataset=dataset)
        response, _ = self._call(self._stub.DescribeDataset, request)
        columns = tuple(
            Column(
                c.name, _type_name(c.type), c.meaning, tuple(c.public_values), c.min, c.max, tuple(c.bins), c.unknown
            )
            for c in response.columns
        )
        bounds = (response.max_groups_per_person, response.max_rows_per_group)
        return Description(response.dataset, response.meaning, columns, *bounds, response.delta)

    def preview(self, dataset: str, measures: Sequence[MeasureName], **asked: Any) -> Preview:
        """Say what a question would cost; it takes the same arguments as `ask`, and costs nothing."""
        request = query_pb2.PreviewQueryRequest(question=question(dataset, measures, **asked))
        found, _ = self._call(self._stub.PreviewQuery, request)
        costs = (found.rho_nano / 1e9, found.epsilon, found.delta)
        left = (found.epsilon_after, found.threshold)
        return Preview(*costs, noise_from_proto(found.noise), found.groups, found.affordable, *left)

    def prices(
        self, dataset: str, measures: Sequence[MeasureName], target_errors: Sequence[float], **asked: Any
    ) -> pd.DataFrame:
        """Say what a question would cost at different target errors, and how often what is left would pay for it.

        Args:
            dataset: The dataset's name.
            measures: 1 to 4; the first is one whose error does not depend on the data.
            target_errors: Half widths of the first measure's 95 % interval.
            **asked: The other arguments of `question`, by name, but for the price.
        """
        left = self.budget(dataset).left
        previews = [self.preview(dataset, measures, target_error=error, **asked) for error in target_errors]
        return pd.DataFrame(
            {
                "target_error": list(target_errors),
                "rho": [preview.rho for preview in previews],
                "epsilon": [preview.epsilon for preview in previews],
                "questions_left": [int(left / preview.rho) for preview in previews],
            }
        )

    def rho_for(self, epsilon: float, dataset: str, measures: Sequence[MeasureName], **asked: Any) -> float:
        """Give the most that a question can cost so that its epsilon at the dataset's delta is at most so much.

        Args:
            epsilon: Above 0.
            dataset: The dataset's name.
            measures: 1 to 4, as in `question`.
            **asked: The other arguments of `question`, by name, but for the price.
        """

        def fits(rho_nano: int) -> bool:
            return self.preview(dataset, measures, rho=rho_nano / 1e9, **asked).epsilon <= epsilon

        least, most = _RHO_NANO
        if fits(most):
            return most / 1e9
        if not fits(least):
            raise QueryRefused("QUESTION_INVALID", "No answer is as cheap as that. Allow a larger epsilon.", ())
        while most - least > least / _EXACT_TO:
            middle = math.ceil(math.sqrt(least * most))
            least, most = (middle, most) if fits(middle) else (least, middle)
        return least / 1e9

    def ask(self, dataset: str, measures: Sequence[MeasureName], **asked: Any) -> Answer:
        """Ask a question and pay its price; asking the same again costs nothing.

        Args:
            dataset: The dataset's name.
            measures: 1 to 4, as in `question`.
            **asked: The other arguments of `question`, by name.
        """
        request = query_pb2.RunQueryRequest(question=question(dataset, measures, **asked))
        response, trailing = self._call(self._stub.RunQuery, request)
        return answer_from_proto(response, reused=trailing.get("mangrove-reused") == "true")

    def budget(self, dataset: str) -> Budget:
        """Say what this partner has spent on a dataset, and what is left."""
        response, _ = self._call(self._stub.GetBudget, query_pb2.GetBudgetRequest(dataset=dataset))
        amounts = (response.limit_rho_nano, response.spent_rho_nano, response.left_rho_nano)
        limit, spent, left = (amount / 1e9 for amount in amounts)
        told = (response.spent_epsilon, response.delta, response.renewed_on)
        return Budget(response.dataset, limit, spent, left, *told)

    def audit(self) -> PublishedAudit | None:
        """Give what the operator measured last of the noise, beside what is claimed; None if nothing was published."""
        response, _ = self._call(self._stub.GetAudit, query_pb2.GetAuditRequest())
        if not response.HasField("last"):
            return None
        return PublishedAudit.of(response.last.statement.encode(), response.last.signature, response.running_code)

    def close(self) -> None:
        """Release the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> tuple[Any, dict[str, Any]]:
        try:
            response, call = method.with_call(request, metadata=self._metadata, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            raise QueryRefused(refusal.reason, refusal.sentence, refusal.violations) from None
        return response, dict(call.trailing_metadata() or ())


def _type_name(number: Any) -> str:
    return query_pb2.ColumnType.Name(number).removeprefix("COLUMN_TYPE_").lower()
