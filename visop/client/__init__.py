"""A typed client for one operator. It needs gRPC and NumPy only.

with Client("127.0.0.1:50051") as client:
    vectors = client.encode(images=[path.read_bytes() for path in paths])
"""

from visop.client.backoff import Backoff
from visop.client.client import HEALTHY, Client
from visop.client.identity import Identity, Limits
from visop.client.parts import FoundPart
from visop.errors import Unreachable

__all__ = ["HEALTHY", "Backoff", "Client", "FoundPart", "Identity", "Limits", "Unreachable"]
