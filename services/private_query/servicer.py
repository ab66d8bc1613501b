"""The door of the private query service: wire in, one handler, wire out."""

import asyncio
from typing import Any

import grpc

from mangrove.query.v1 import query_pb2, query_pb2_grpc
from services.grpc_gate import current_call
from services.private_query import handlers, wire
from services.private_query.code import code_version
from services.private_query.moments import held
from services.private_query.ports import Ports
from services.private_query.published import Published

SERVICE = query_pb2.DESCRIPTOR.services_by_name["PrivateQueryService"].full_name
REUSED = "mangrove-reused"

Context = grpc.aio.ServicerContext[Any, Any]


class PrivateQueryServicer(query_pb2_grpc.PrivateQueryServiceServicer):
    """Answers partners. Ledger and engine block, so handlers run in threads."""

    def __init__(self, ports: Ports, published: Published) -> None:
        self._ports = ports
        self._published = published

    async def ListDatasets(  # noqa: N802 - named by the proto
        self, request: query_pb2.ListDatasetsRequest, context: Context
    ) -> query_pb2.ListDatasetsResponse:
        """List what the partner may ask about."""
        return wire.list_to_proto(self._ports.catalogue.of(current_call().caller.name))

    async def DescribeDataset(  # noqa: N802
        self, request: query_pb2.DescribeDatasetRequest, context: Context
    ) -> query_pb2.DescribeDatasetResponse:
        """Describe one dataset."""
        return wire.dataset_to_proto(self._ports.catalogue.get(request.dataset, current_call().caller.name))

    async def PreviewQuery(  # noqa: N802
        self, request: query_pb2.PreviewQueryRequest, context: Context
    ) -> query_pb2.PreviewQueryResponse:
        """Say what a question would cost."""
        question = wire.question_from_proto(request.question)
        partner = current_call().caller.name
        preview = await asyncio.to_thread(handlers.preview_query, question, partner=partner, ports=self._ports)
        return wire.preview_to_proto(preview)

    async def RunQuery(  # noqa: N802
        self, request: query_pb2.RunQueryRequest, context: Context
    ) -> query_pb2.RunQueryResponse:
        """Answer a question, at one of the declared moments."""
        question = wire.question_from_proto(request.question)
        partner = current_call().caller.name
        work = asyncio.to_thread(handlers.run_query, question, partner=partner, ports=self._ports)
        answered = await held(work, self._ports.catalogue.answer_after_ms)
        context.set_trailing_metadata(((REUSED, str(answered.reused).lower()),))
        return wire.answer_from_bytes(answered.answer)

    async def GetBudget(  # noqa: N802
        self, request: query_pb2.GetBudgetRequest, context: Context
    ) -> query_pb2.GetBudgetResponse:
        """Say what the partner has spent."""
        partner = current_call().caller.name
        budget = await asyncio.to_thread(handlers.get_budget, request.dataset, partner=partner, ports=self._ports)
        return wire.budget_to_proto(budget)

    async def GetAudit(  # noqa: N802
        self, request: query_pb2.GetAuditRequest, context: Context
    ) -> query_pb2.GetAuditResponse:
        """Say what was measured last of the noise, beside the claim."""
        last = await asyncio.to_thread(self._published.last)
        return wire.measurement_to_proto(last, code_version())


def add_to_server(servicer: PrivateQueryServicer, server: grpc.aio.Server) -> None:
    """Register the servicer on a server."""
    query_pb2_grpc.add_PrivateQueryServiceServicer_to_server(servicer, server)
