"""The baseline: serve VGG in one file as the operators that visop replaces do.

Per image: base64 -> temporary file -> ``load_img`` (Pillow's nearest neighbour) -> ``preprocess_input`` ->
``model.predict`` of one image -> divide by the norm, in a gRPC server with ten threads and no batching across calls.
This is the structure of github.com/zilliztech/phantoscope, operators/vgg16-encoder, with Keras 3 on current TensorFlow
instead of Keras 2.3 on TensorFlow 1. As there, files are not deleted before the end; its defects that cost no time
(errors are swallowed, the caller chooses the file's extension) are not reproduced.
"""

from __future__ import annotations

import base64
import os
import signal
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from visop.models.registry import find_model
from visop.rpc import rpc_pb2, rpc_pb2_grpc

_MESSAGE_BYTES = 100 * 1024 * 1024
_THREADS = 10


class OriginalOperator(rpc_pb2_grpc.OperatorServicer):
    """The model and its servicer."""

    def __init__(self, model: str, weights: str, folder: Path) -> None:
        import keras

        spec = find_model(model)
        build = getattr(keras.applications, spec.constructor)
        self._size = (spec.height, spec.width)
        self._model = build(weights=weights, include_top=False, pooling="avg", input_shape=(*self._size, 3))
        self._preprocess_input = _preprocessing_of(build)
        self._folder, self._load_img, self._img_to_array = folder, keras.utils.load_img, keras.utils.img_to_array
        self._model.predict(np.zeros((1, *self._size, 3)), verbose=0)

    def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:  # noqa: N802
        """Encode the pictures in ``datas`` one at a time."""
        vectors = [rpc_pb2.Vector(element=self._execute(data)) for data in request.datas]
        return rpc_pb2.ExecuteReply(nums=len(vectors), vectors=vectors)

    def _execute(self, data: str) -> list[float]:
        path = self._folder / f"{uuid.uuid4()}.jpg"
        path.write_bytes(base64.b64decode(data))
        image = self._img_to_array(self._load_img(path, target_size=self._size))
        feature = self._model.predict(self._preprocess_input(np.expand_dims(image, 0)), verbose=0)[0]
        vector: list[float] = (feature / np.linalg.norm(feature)).tolist()
        return vector


def _preprocessing_of(build: Any) -> Any:
    """Find ``preprocess_input``, which is in the same module as the constructor: that of the model family."""
    import keras

    families = (getattr(keras.applications, name) for name in dir(keras.applications))
    return next(
        family.preprocess_input
        for family in families
        if getattr(family, build.__name__, None) is build and hasattr(family, "preprocess_input")
    )


def main() -> None:
    """Serve MODEL with the weights in FILE (the two arguments) on OP_ENDPOINT until SIGTERM."""
    model, weights = sys.argv[1:]
    options = [("grpc.max_send_message_length", _MESSAGE_BYTES), ("grpc.max_receive_message_length", _MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    with tempfile.TemporaryDirectory() as folder:
        operator = OriginalOperator(model, weights, Path(folder))  # type: ignore[abstract]  # only Execute is called
        rpc_pb2_grpc.add_OperatorServicer_to_server(operator, server)
        server.add_insecure_port(os.environ["OP_ENDPOINT"])
        server.start()
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        server.stop(0).wait()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
