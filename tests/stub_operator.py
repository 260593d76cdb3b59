"""A real gRPC server on a free port whose operator misbehaves on command. For the tests of what calls an operator."""

from __future__ import annotations

import base64
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
from grpc_status import rpc_status

from visop.errors import BadItems, FetchUnavailable, ImageDecodeError, VisopError
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.rpc.statuses import code_of
from visop.serving.convert import status_of

DIMENSION = 8


def vector_of(data: bytes) -> np.ndarray:
    """Another unit vector for every input."""
    vector = np.random.default_rng(zlib.crc32(data)).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


class StubOperator(rpc_pb2_grpc.OperatorServicer):
    """Inputs that begin with ``bad`` fail, and URLs that hold ``gone`` cannot be fetched. The rest is up to the test.

    Attributes:
        failures: raised by the next calls of Execute and the next streams, one each, before anything else.
        stream_lives: replies that the next streams send before they fail with what stands beside it.
        gate: Execute and ExecuteStream wait for it before each answer.
    """

    def __init__(self) -> None:
        self.identity = rpc_pb2.IdentityReply(
            name="stub", type="encoder", dimension=str(DIMENSION), metricType="L2", fingerprint="one"
        )
        self.healthy = "healthy"
        self.failures: deque[VisopError] = deque()
        self.stream_lives: deque[tuple[int, VisopError | None]] = deque()
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[rpc_pb2.ExecuteRequest] = []
        self.answered: list[bytes] = []
        self.streams = 0
        self.left = threading.Event()

    def Identity(self, request, context):
        return self.identity

    def Healthy(self, request, context):
        return rpc_pb2.HealthyReply(healthy=self.healthy)

    def Execute(self, request, context):
        with boundary(context):
            self._fail_if_told()
            return self._answer(request)

    def ExecuteStream(self, request_iterator, context):
        self.streams += 1
        context.add_callback(self.left.set)
        life, end = self.stream_lives.popleft() if self.stream_lives else (-1, None)
        with boundary(context):
            self._fail_if_told()
            for number, request in enumerate(request_iterator):
                if number == life:
                    if end is None:
                        return
                    raise end
                yield self._answer(request)

    def _fail_if_told(self):
        if self.failures:
            raise self.failures.popleft()

    def _answer(self, request):
        self.requests.append(request)
        self.gate.wait(30)
        inputs = named_inputs(request)
        results = {name: result_of(data) for name, data in inputs.items()}
        bad = {name: result for name, result in results.items() if isinstance(result, VisopError)}
        if bad and not request.partial:
            raise BadItems(bad)
        self.answered += inputs.values()
        return reply_of(list(results.values()), partial=request.partial)


def named_inputs(request) -> dict[str, bytes]:
    urls = {f"urls[{i}]": url.encode() for i, url in enumerate(request.urls)}
    datas = {f"datas[{i}]": base64.b64decode(data) for i, data in enumerate(request.datas)}
    return urls | datas | {f"images[{i}]": image for i, image in enumerate(request.images)}


def result_of(data: bytes) -> np.ndarray | VisopError:
    if data.startswith(b"bad"):
        return ImageDecodeError(f"not an image: {data.decode()}")
    return FetchUnavailable("cannot be reached") if b"gone" in data else vector_of(data)


def reply_of(results: list[np.ndarray | VisopError], *, partial: bool) -> rpc_pb2.ExecuteReply:
    reply = rpc_pb2.ExecuteReply(nums=len(results))
    for result in results:
        reply.vectors.add(element=[] if isinstance(result, VisopError) else result.tolist())
        if partial and isinstance(result, VisopError):
            reply.statuses.add(code=code_of(result).value[0], message=str(result))
        elif partial:
            reply.statuses.add()
    return reply


@contextmanager
def boundary(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except VisopError as error:
        context.abort_with_status(rpc_status.to_status(status_of(error)))


@contextmanager
def serving(operator: rpc_pb2_grpc.OperatorServicer, port: int = 0, max_bytes: int = -1) -> Iterator[int]:
    """Serve on loopback; yields the port."""
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_bytes)]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    rpc_pb2_grpc.add_OperatorServicer_to_server(operator, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(0).wait()
