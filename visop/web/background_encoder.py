"""The running operator as an encoder for work in the background, which hardly delays other requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from visop.contract import Vector
from visop.encoding.encoded import EncodedPicture
from visop.encoding.local import LocalEncoder, LocalPictures
from visop.errors import VisopError

# Pictures per call. LocalEncoder has three calls under way, which fill one batch of the model and have the next one
# ready. A picture that somebody searches with waits for no more than those.
_BATCH = 2


class BackgroundEncoder:
    """The running operator, with few pictures under way, so that indexing hardly delays other requests."""

    def __init__(self, encoder: LocalEncoder | LocalPictures) -> None:
        self._encoder = encoder

    def health(self) -> str:
        """As ``LocalEncoder``."""
        return self._encoder.health()

    def encode_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[Vector | EncodedPicture | VisopError]:
        """As ``LocalEncoder``, with at most two pictures a call."""
        return self._encoder.encode_stream(inputs, batch=min(batch, _BATCH))
