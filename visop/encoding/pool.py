"""The encoders that a command works with: the operator in this process, or several running ones."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from visop.client import Client
from visop.contract import OperatorInfo
from visop.encoding.encoded import EncodedPicture, EncodesParts, PictureEncoder
from visop.encoding.parts import check_encodes_pictures, check_parts, settings_for
from visop.encoding.shared_work import Data, Item, Member, identities_of, work_on
from visop.errors import VisopError
from visop.part_scheme import of_pictures
from visop.same_encoder import check_same_encoder
from visop.settings import Settings

_BATCH = 16


@dataclass(frozen=True)
class Encoders:
    """One encoder or several that give the same vectors.

    Attributes:
        operator: what they are.
        max_image_bytes: what all of them accept.
        members: by name, for messages.
    """

    operator: OperatorInfo
    max_image_bytes: int
    members: Mapping[str, PictureEncoder]

    def encode(self, items: Iterable[Item]) -> Generator[tuple[Item, EncodedPicture | VisopError]]:
        """Turn pictures into vectors, each for itself, in bounded memory; the order is free with several encoders.

        Args:
            items: read as far ahead as the encoders have room for; with several encoders, in their threads, one at a
                time.

        Raises:
            VisopError: no encoder is left that works.
        """
        return work_on({name: _member(encoder) for name, encoder in self.members.items()}, items)


@contextmanager
def open_encoders(operators: Sequence[str], settings: Settings, parts: str | None = None) -> Iterator[Encoders]:
    """Open running operators, or the configured one in this process if none is named.

    Args:
        operators: HOST:PORT each.
        settings: of the operator in this process; a running one has its own.
        parts: the processor that pictures are taken apart by, as ``OP_PROCESSOR`` names it; ``none``: they are encoded
            whole alone. None is as the operators are, which must encode whole pictures in any case.

    Raises:
        OtherEncoder: they do not give the same vectors.
        UsageError: one is no encoder, makes other parts, or cannot be loaded.
        Unreachable: none of them answers; those that do not are left out, and the log says so.
    """
    with ExitStack() as stack:
        if operators:
            encoders = _running([stack.enter_context(Client(target)) for target in dict.fromkeys(operators)])
            check_parts(encoders.operator, parts, f"the operator {operators[0]}")
            yield encoders
        else:
            # Only encoding in this process needs Keras and its like.
            from visop.encoding.local import open_local_pictures

            encoder = stack.enter_context(open_local_pictures(settings_for(parts, settings)))
            yield Encoders(encoder.info, settings.max_image_bytes, {"the operator": encoder})


def _running(clients: Sequence[Client]) -> Encoders:
    identities = identities_of(clients)
    first = next(iter(identities))
    for identity in identities.values():
        check_encodes_pictures(identity.operator)
    told = {target: of_pictures(identity.operator) for target, identity in identities.items()}
    operator = told[first]
    for target, other in told.items():
        check_same_encoder(operator, other, f"the operator {first}", f"the operator {target}")
    smallest = min(identity.limits.max_image_bytes for identity in identities.values())
    there = [client for client in clients if client.target in identities]
    members = {client.target: EncodesParts(client) if operator.parts else client for client in there}
    return Encoders(operator, smallest, members)


def _member(encoder: PictureEncoder) -> Member[EncodedPicture]:
    def work(inputs: Iterator[Data]) -> Iterator[EncodedPicture | VisopError]:
        for result in encoder.encode_stream(inputs, batch=_BATCH):
            yield EncodedPicture(result) if isinstance(result, np.ndarray) else result

    return Member(encoder, work)
