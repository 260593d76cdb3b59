"""The gRPC servicer of the function service: ``FxWatcher.Call`` of ``fxwatcher.proto``, with the same pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from visop.images.crops import CropOptions
from visop.rpc import fxwatcher_pb2, fxwatcher_pb2_grpc
from visop.serving.admission import CallAdmission
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.function_form import function_answer, picture_of
from visop.serving.grpc_call import is_late, logged, peer_of_call, send_request_id
from visop.serving.pipeline import Call
from visop.serving.request_log import RequestLog
from visop.serving.steps import found_in_one

WATCHER_NAME = "pb.FxWatcher"


class FxWatcherServicer(fxwatcher_pb2_grpc.FxWatcherServicer):
    """Finds what is in pictures.

    Args:
        pipeline: of a processor.
        calls: admits calls, of every service.
        labels: of the processor.
    """

    def __init__(self, pipeline: AnyPipeline, calls: CallAdmission, labels: Sequence[str]) -> None:
        self._pipeline, self._calls, self._labels = pipeline, calls, labels

    def Call(self, request: fxwatcher_pb2.Request, context: grpc.ServicerContext) -> fxwatcher_pb2.Reply:
        """What is in one picture, or the error of the call."""
        peer, late = peer_of_call(context), is_late(context, len(request.input))
        with (
            logged("Call", context) as log,
            self._calls.entered(late=late, peer=peer, at_end=context.add_callback),
        ):
            given, left_s = picture_of(request.input), context.time_remaining()
            call = self._pipeline.start([given], left_s, peer=peer, crops=CropOptions(omit=True))
            if not context.add_callback(call.cancel):
                call.cancel()  # the caller has left already
            reply = fxwatcher_pb2.Reply(Output=_answer(call, log, self._labels))
            send_request_id(context, log)
            return reply


def _answer(call: Call, log: RequestLog, labels: Sequence[str]) -> str:
    results = call.results()
    log.add(call, results)
    return function_answer(found_in_one(results), labels)
