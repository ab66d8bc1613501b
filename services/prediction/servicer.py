"""The door of the prediction service: wire in, one handler, wire out."""

import time
from functools import partial
from typing import Any

import grpc

from mangrove.prediction.v1 import prediction_pb2, prediction_pb2_grpc
from services.access import Caller
from services.grpc_gate import current_call
from services.prediction import wire
from services.prediction.handlers import predict
from services.prediction.metrics import SECONDS
from services.prediction.ports import Predicting
from services.prediction.workers import Workers

SERVICE = prediction_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class PredictionServicer(prediction_pb2_grpc.PredictionServiceServicer):
    """Answers sources. Masking, features and models keep a processor busy, so they run in threads."""

    def __init__(self, by: Predicting, workers: Workers) -> None:
        self._by = by
        self._workers = workers

    async def Predict(  # noqa: N802 - named by the proto
        self, request: prediction_pb2.PredictRequest, context: Context
    ) -> prediction_pb2.PredictResponse:
        """Say what comes next in a conversation."""
        with SECONDS.time():
            return await self._workers.run(partial(self._predict, request, current_call().caller, time.time_ns()))

    async def GetModels(  # noqa: N802
        self, request: prediction_pb2.GetModelsRequest, context: Context
    ) -> prediction_pb2.GetModelsResponse:
        """Say which models answer."""
        return wire.models_to_proto(self._by.models.now())

    def _predict(
        self, request: prediction_pb2.PredictRequest, caller: Caller, now_ns: int
    ) -> prediction_pb2.PredictResponse:
        told = predict(wire.asked_from_proto(request), caller=caller, by=self._by, now_us=now_ns // 1000)
        return wire.told_to_proto(told)


def add_to_server(servicer: PredictionServicer, server: grpc.aio.Server) -> None:
    """Register the servicer on a server."""
    prediction_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
